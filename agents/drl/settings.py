"""The settings of a training, and their way into and out of config.json."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from agents.drl.hyperparameters import (
    OF_THE_RUN,
    HyperparameterError,
    check_names,
    read_hyperparameters,
)
from agents.drl.training_envs import training_env
from agents.hierarchy.actions import PRIMITIVE, check_kinds
from karel_gym.registration import obs_of, unbound_id
from programmatic.algorithms import algorithm_class
from programmatic.options import check_types
from programmatic.runs import CONFIG_FILE, RunError, read_config, usual_folder, versions

COMMAND = "train"
NOT_STORED = ("run_dir", "progress")
MAY_DIFFER = ("total_timesteps", "checkpoint_every", "eval_every", "device", "torch_threads")
COUNTS = (
    "total_timesteps",
    "num_envs",
    "torch_threads",
    "checkpoint_every",
    "eval_every",
    "eval_episodes",
    "train_max_steps",
    "horizon",
)
VALUE_BASED = ("dqn", "qrdqn")
DEFAULT_REWARD = "default"
LEAST_EVAL_EVERY = 10_000  # steps: an evaluation of 100 long episodes is as many as 100,000


@dataclass(frozen=True)
class TrainConfig:
    """The settings of a training. None stands for what the hyperparameters or the task say."""

    algo: str
    """The algorithm: a2c, dqn, maskable_ppo, ppo, ppo_lstm (recurrent), qrdqn or trpo."""
    env_id: str
    """The task's id."""
    obs: str = ""
    """What the policy observes: percepts, percepts+action (the previous one) or grid; by default
    what the id binds, or else percepts."""
    action: str = PRIMITIVE
    """What an action of the policy is: primitive, one of the robot's; option, the latent of a fixed
    number of them (HRL); program, the latent of a program of LEAPS (HPRL)."""
    total_timesteps: int | None = None
    """Steps to train for, of all envs together; by default n_timesteps of the hyperparameters. A
    step is an action of the policy."""
    seed: int = 0
    """Of the network, the worlds and the actions; equal seeds give equal results on a CPU."""
    run_dir: Path | None = None
    """The run folder; by default runs/ALGO-TASK-OBS-SEED, with the action behind OBS unless it is
    primitive."""
    num_envs: int | None = None
    """Envs stepped at once; by default n_envs of the hyperparameters."""
    height: int | None = None
    """Height of the worlds in cells, walls included; by default that of env_kwargs in the
    hyperparameters, or else the task's own."""
    width: int | None = None
    """Width of the worlds in cells, walls included; by default as the height."""
    max_steps: int | None = None
    """Horizon of an episode in actions of the robot; by default 10 * (height-2) * (width-2)."""
    horizon: int | None = None
    """Skills an episode, where actions are options or programs; by default that of env_kwargs in
    the hyperparameters, or else any number."""
    train_max_steps: int | None = None
    """Horizon of the episodes that are trained on; by default max_steps of env_kwargs in the
    hyperparameters, but at most the other horizon. Shorter ones begin more often, and so show more
    of what comes before a mistake."""
    reward: str | None = None
    """The reward to train on: default, sparse or, in Maze and StairClimber, dense. By default that
    of env_kwargs in the hyperparameters, or else the default one, as in all evaluations."""
    device: str = "auto"
    """Where the network runs: auto, cpu or cuda."""
    torch_threads: int | None = 1
    """CPU threads of the network; small ones are fastest with one. None: torch's own choice."""
    progress: bool | None = None
    """Whether to show a progress bar; by default on a terminal."""
    checkpoint_every: int | None = None
    """Steps between two checkpoints; by default a tenth of the training."""
    eval_every: int | None = None
    """Steps between two evaluations; by default a tenth of the training, but at least 10,000."""
    eval_episodes: int = 100
    """Worlds of an evaluation, the same each time."""
    deterministic: bool | None = None
    """Whether the policy takes its most probable action when it is evaluated. By default what the
    hyperparameters say, or else dqn and qrdqn do; the others draw: a policy without memory needs
    that to find a way out of a loop."""
    hyperparameters: Mapping[str, int | float | bool | str] = field(default_factory=dict)
    """Hyperparameters with other values than in agents/drl/hyperparams/ALGO.yml."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "obs", self.obs or obs_of(self.env_id) or "percepts")

    @property
    def run(self) -> Path:
        """The run folder."""
        if self.run_dir is not None:
            return Path(self.run_dir)
        kind = self.obs if self.action == PRIMITIVE else f"{self.obs}-{self.action}"
        return usual_folder(self.algo, self.env_id, kind, self.seed)

    def to_json(self) -> dict[str, Any]:
        """The settings as JSON values, without those that are of no consequence later."""
        return {name: value for name, value in asdict(self).items() if name not in NOT_STORED}


def resolve(config: TrainConfig) -> TrainConfig:
    """The settings with every None and every hyperparameter filled in.

    Raises:
        ValueError: The algorithm, the task, a setting or a hyperparameter is unknown or cannot be.
    """
    algo_class = algorithm_class(config.algo)
    _check_numbers(config)
    check_names(algo_class, config.hyperparameters)
    for name in OF_THE_RUN:
        if name in config.hyperparameters:
            raise HyperparameterError(
                f"{name} is set by num_envs, total_timesteps, deterministic, or obs, height, "
                "width, train_max_steps, horizon and reward"
            )
    check_kinds(config.obs, config.action)
    stored = read_hyperparameters(config.algo, config.env_id, config.obs, config.action)
    values = stored | dict(config.hyperparameters)
    of_env = values.get("env_kwargs", {})
    config = replace(
        config,
        env_id=unbound_id(config.env_id),
        height=config.height or of_env.get("height"),
        width=config.width or of_env.get("width"),
        horizon=config.horizon or of_env.get("horizon"),
    )
    reward = config.reward or DEFAULT_REWARD
    env = training_env(asdict(config), 1, config.max_steps, reward).envs
    total = config.total_timesteps or int(values["n_timesteps"])
    num_envs = config.num_envs or int(values["n_envs"])
    max_steps = env.episodes.max_steps
    horizon = config.train_max_steps or of_env.get("max_steps", max_steps)
    deterministic = values.get("deterministic", config.algo in VALUE_BASED)
    for name in OF_THE_RUN:
        values.pop(name, None)
    return replace(
        config,
        run_dir=config.run,
        total_timesteps=total,
        num_envs=num_envs,
        height=env.shape[0],
        width=env.shape[1],
        max_steps=max_steps,
        train_max_steps=min(horizon, max_steps),
        reward=config.reward or of_env.get("reward", DEFAULT_REWARD),
        checkpoint_every=config.checkpoint_every or max(total // 10, 1),
        eval_every=config.eval_every or max(total // 10, LEAST_EVAL_EVERY),
        deterministic=deterministic if config.deterministic is None else config.deterministic,
        hyperparameters=values,
    )


def config_json(config: TrainConfig) -> dict[str, Any]:
    """What config.json of a training holds."""
    return {"command": COMMAND, **config.to_json(), "versions": versions()}


def read_train_config(run: Path) -> TrainConfig:
    """The settings of the training in a run folder.

    Raises:
        RunError: The folder is missing or no training's, or its configuration is damaged.
    """
    stored = read_config(run)
    if stored.get("command") != COMMAND:
        raise RunError(f"{run / CONFIG_FILE} is not of a training: its command is not {COMMAND!r}")
    names = [f.name for f in fields(TrainConfig) if f.name not in NOT_STORED]
    missing = [name for name in names if name not in stored]
    if missing:
        raise RunError(f"{run / CONFIG_FILE} is damaged: it lacks {', '.join(missing)}")
    config = TrainConfig(**{name: stored[name] for name in names}, run_dir=run)
    try:
        _check_numbers(config)
    except ValueError as error:
        raise RunError(f"{run / CONFIG_FILE} is damaged: {error}") from None
    return config


def is_training(run: Path) -> bool:
    """Whether a folder is the run folder of a training."""
    return (run / CONFIG_FILE).exists() and read_config(run).get("command") == COMMAND


def check_same(earlier: TrainConfig, config: TrainConfig) -> None:
    """Check that a run can go on with these settings.

    Raises:
        RunError: It was begun with others; the message lists them.
    """
    before, now = earlier.to_json(), config.to_json()
    differing = [name for name in now if name not in MAY_DIFFER and now[name] != before[name]]
    if differing:
        listed = "; ".join(f"{name} was {before[name]!r}, not {now[name]!r}" for name in differing)
        raise RunError(f"the run in {config.run} cannot go on with other settings: {listed}")


def _check_numbers(config: TrainConfig) -> None:
    check_types(config)
    for name in COUNTS:
        value = getattr(config, name)
        if value is not None and (not isinstance(value, int) or value < 1):
            raise ValueError(f"{name} must be a whole number from 1 up, got {value!r}")
    if not isinstance(config.seed, int) or not 0 <= config.seed < 2**32:
        raise ValueError(f"seed must be a whole number from 0 to 2**32 - 1, got {config.seed!r}")
    if not isinstance(config.hyperparameters, Mapping):
        raise ValueError(f"hyperparameters must be a table, got {config.hyperparameters!r}")
