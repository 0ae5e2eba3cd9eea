"""The settings of `karel-gym train` and `karel-gym tune`."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import tyro

from agents.hierarchy.actions import LISTED, PRIMITIVE, PROGRAM, check_kinds
from karel_gym.registration import obs_of, unbound_id
from programmatic.algorithms import algorithm_class
from programmatic.flags import Count, Options
from programmatic.options import check_choice, check_whole
from programmatic.runs import CONFIG_FILE, read_config, usual_folder
from programmatic.settings import DEVICES, RunSettings

if TYPE_CHECKING:
    from typing_extensions import Self  # in typing from Python 3.11 on

COUNTS = (
    "total_timesteps",
    "num_envs",
    "torch_threads",
    "checkpoint_every",
    "eval_every",
    "eval_episodes",
    "train_max_steps",
    "horizon",
    "option_calls",
    "max_markers",
)
OPTION_CALLS = 220  # HIPO's limit is 220 nodes of the program's syntax tree
TRACKERS = ("tensorboard", "wandb", "mlflow")
VALUE_BASED = ("dqn", "qrdqn")
DEFAULT = DEFAULT_REWARD = "default"
LEAST_EVAL_EVERY = 10_000  # steps: an evaluation of 100 long episodes is as many as 100,000
EVAL_EPISODES = 100


@dataclass(frozen=True)
class _LearningConfig(RunSettings):
    """The settings that trainings and studies share."""

    algo: Annotated[str, tyro.conf.Positional] = "ppo"
    """Algorithm: a2c, dqn, maskable_ppo, ppo, ppo_lstm (recurrent), qrdqn or trpo."""
    env_id: Annotated[str, tyro.conf.arg(name="env")] = ""
    """Task id, such as Karel-Maze-v0; karel-gym tasks lists them."""
    obs: Annotated[str, tyro.conf.arg(metavar="{percepts,percepts+action,grid,step}")] = ""
    """Observation of the policy; percepts+action includes the previous action, step is only the
    number of options or programs so far.
    By default that of the id, else percepts."""
    seed: int = 0
    """Seed of networks, worlds and actions. Equal seeds give equal results on a CPU."""
    run_dir: Annotated[Path | None, tyro.conf.arg(name="run")] = None
    """Run folder."""
    device: Annotated[str, tyro.conf.arg(metavar="{auto,cpu,cuda}")] = "auto"
    """Device of the network."""

    def with_obs(self) -> Self:
        """These settings; if they have no observation, with that of the id, else percepts."""
        return self if self.obs else replace(self, obs=obs_of(self.env_id) or "percepts")

    def check(self) -> None:
        """Raise a `ValueError` if a setting is invalid."""
        super().check()
        check_whole(self, "seed", least=0, most=2**32 - 1)
        check_choice(self, "device", DEVICES)


@dataclass(frozen=True)
class TrainConfig(_LearningConfig):
    """The settings of a training; None stands for the value of the hyperparameters or the task."""

    COMMAND = "train"
    MAY_DIFFER = (
        *("total_timesteps", "checkpoint_every", "eval_every", "device", "torch_threads"),
        *("verbose", "track"),
    )
    NOT_STORED = ("run_dir", "conf_file", "verbose", "track")
    ADDED = ("model", "options", "option_calls", "max_markers")

    run_dir: Annotated[Path | None, tyro.conf.arg(name="run")] = None
    """Run folder; by default runs/ALGO-TASK-OBS-SEED.
    For options and programs, runs/ALGO-TASK-OBS-ACTION-SEED."""
    action: Annotated[
        str, tyro.conf.arg(metavar="{primitive,option,option-length,program,options}")
    ] = PRIMITIVE
    """Action of the policy: an action of the robot (primitive), the latent of five of them
    (option, as in HRL), this latent and how many of the five to take (option-length), the latent of
    a LEAPS program (program, as in HPRL), or the number of a program (options, as in HIPO)."""
    options: Annotated[str, tyro.conf.arg(metavar="RUN")] = ""
    """The programs of --action options: the run folder of karel-gym search hipo, a file of
    programs, or their texts, one per line."""
    option_calls: int | None = None
    """Most calls of the run of a program that is an action; by default that of the hyperparameters.
    For --action options else that of the search for options, else 220."""
    model: Annotated[str, tyro.conf.arg(metavar="FILE")] = DEFAULT
    """The embedding of the programs that are actions: a file, or weights of this package.
    By default that of the hyperparameters, else default."""
    total_timesteps: Annotated[Count | None, tyro.conf.arg(name="steps")] = None
    """Steps to train for, over all envs; a step is an action of the policy.
    By default n_timesteps of the hyperparameters."""
    num_envs: int | None = None
    """Number of parallel envs; by default n_envs of the hyperparameters."""
    height: int | None = None
    """Height of the worlds in cells, walls included.
    By default that of the hyperparameters, else the task's."""
    width: int | None = None
    """Width of the worlds in cells, walls included; by default as for the height."""
    max_markers: int | None = None
    """Number of markers from which on a cell is full; by default as for the height."""
    max_steps: int | None = None
    """Horizon of an episode in actions of the robot; by default the task's."""
    horizon: Annotated[int | None, tyro.conf.arg(name="max-skills")] = None
    """Horizon of an episode in options or programs.
    By default that of the hyperparameters, else unlimited."""
    train_max_steps: int | None = None
    """Horizon of the training episodes in actions; shorter episodes start more often.
    By default max_steps of the hyperparameters."""
    reward: Annotated[str | None, tyro.conf.arg(metavar="{default,dense,sparse}")] = None
    """Reward of the training episodes; only Maze and StairClimber have a dense one.
    By default that of the hyperparameters. Evaluations use the default reward."""
    torch_threads: int | None = 1
    """CPU threads of the network; small networks are fastest with one."""
    checkpoint_every: Count | None = None
    """Steps between two checkpoints; by default a tenth of the training."""
    eval_every: Count | None = None
    """Steps between two evaluations; by default a tenth of the training, but at least 10,000."""
    eval_episodes: int | None = None
    """Number of worlds in each evaluation; they are the same each time.
    By default that of the hyperparameters, else 100."""
    deterministic: Annotated[bool | None, tyro.conf.FlagConversionOff] = None
    """Whether evaluated policies take their most probable action instead of drawing one.
    By default as the hyperparameters say, else only dqn and qrdqn do.
    A policy without memory needs drawn actions to leave a loop."""
    hyperparameters: Options = field(default_factory=dict)
    """Hyperparameters to change, such as gamma=0.97; by default as in hyperparams/ALGO.yml."""
    conf_file: Path | None = None
    """YAML file with hyperparameters in place of hyperparams/ALGO.yml; tune writes such a file.
    hprl-published is a file of this package: HPRL's settings, for --obs step --action program."""
    verbose: Annotated[int, tyro.conf.arg(metavar="{0,1,2}")] = 1
    """Prints nothing during the training (0), returns and lengths (1), or the tables of SB3 (2).
    1 is a progress bar on a terminal, else about 20 lines."""
    track: Annotated[str | None, tyro.conf.arg(metavar="{tensorboard,wandb,mlflow}")] = None
    """Experiment tracker: Weights & Biases (extra [wandb]), MLflow (extra [mlflow]) or TensorBoard.
    TensorBoard events are always written; this option prints the command that shows them."""

    @property
    def run(self) -> Path:
        """The run folder."""
        obs = self.with_obs().obs
        kind = obs if self.action == PRIMITIVE else f"{obs}-{self.action}"
        return Path(self.run_dir or usual_folder(self.algo, self.env_id, kind, self.seed))

    def check(self) -> None:
        """Raise a `ValueError` if a setting is invalid."""
        super().check()
        check_whole(self, *(name for name in COUNTS if getattr(self, name) is not None))
        check_whole(self, "verbose", least=0, most=2)
        if self.track is not None:
            check_choice(self, "track", TRACKERS)


def resolve(config: TrainConfig) -> TrainConfig:
    """The settings with the values of the hyperparameters and the task in place of None.

    Raises:
        ValueError: The algorithm, the task, a setting or a hyperparameter is unknown or invalid.
    """
    from agents.drl.hyperparameters import (  # torch and Stable-Baselines3 are slow to import
        OF_THE_RUN,
        HyperparameterError,
        check_names,
        read_hyperparameters,
    )
    from agents.drl.training_envs import training_env

    algo_class = algorithm_class(config.algo)
    config.check()
    config = config.with_obs()
    check_names(algo_class, config.hyperparameters)
    for name in OF_THE_RUN:
        if name in config.hyperparameters:
            raise HyperparameterError(
                f"{name} is set by num_envs, total_timesteps, deterministic, eval_episodes, or "
                "obs, height, width, max_markers, train_max_steps, horizon, model, option_calls "
                "and reward"
            )
    check_kinds(config.obs, config.action)
    stored = read_hyperparameters(
        config.algo, config.env_id, config.obs, config.action, config.conf_file
    )
    values = stored | dict(config.hyperparameters)
    of_env = values.get("env_kwargs", {})
    config = replace(
        config,
        env_id=unbound_id(config.env_id),
        height=config.height or of_env.get("height"),
        width=config.width or of_env.get("width"),
        horizon=config.horizon or of_env.get("horizon"),
        model=of_env.get("model", DEFAULT) if config.model == DEFAULT else config.model,
        option_calls=config.option_calls or of_env.get("option_calls"),
        max_markers=config.max_markers or of_env.get("max_markers"),
    )
    if config.action == LISTED:
        from agents.hierarchy.skills import read_options

        options, max_calls = read_options(config.options)
        config = replace(
            config, options=options, option_calls=config.option_calls or max_calls or OPTION_CALLS
        )
    elif config.options or (config.option_calls and config.action != PROGRAM):
        raise ValueError(f"options are for the action {LISTED!r}; the action is {config.action!r}")
    reward = config.reward or DEFAULT_REWARD
    env = training_env(asdict(config), 1, config.max_steps, reward).envs
    total = config.total_timesteps or int(values["n_timesteps"])
    max_steps = env.episodes.max_steps
    train_max_steps = config.train_max_steps or of_env.get("max_steps", max_steps)
    deterministic = values.get("deterministic", config.algo in VALUE_BASED)
    return replace(
        config,
        run_dir=config.run,
        total_timesteps=total,
        num_envs=config.num_envs or int(values["n_envs"]),
        height=env.shape[0],
        width=env.shape[1],
        max_steps=max_steps,
        train_max_steps=min(train_max_steps, config.max_steps or train_max_steps),
        reward=config.reward or of_env.get("reward", DEFAULT_REWARD),
        checkpoint_every=config.checkpoint_every or max(total // 10, 1),
        eval_every=config.eval_every or max(total // 10, LEAST_EVAL_EVERY),
        eval_episodes=config.eval_episodes or values.get("eval_episodes", EVAL_EPISODES),
        deterministic=deterministic if config.deterministic is None else config.deterministic,
        hyperparameters={name: v for name, v in values.items() if name not in OF_THE_RUN},
    )


def is_training(run: Path) -> bool:
    """Whether a folder is the run folder of a training."""
    return (run / CONFIG_FILE).exists() and read_config(run).get("command") == TrainConfig.COMMAND


@dataclass(frozen=True)
class TuneConfig(_LearningConfig):
    """The settings of a study of hyperparameters."""

    COMMAND = "tune"
    MAY_DIFFER = ("trials", "device")
    ADDED = ("trials", "device")
    NOT_STORED = ("run_dir",)

    run_dir: Annotated[Path | None, tyro.conf.arg(name="run")] = None
    """Run folder; by default runs/tune-ALGO-TASK-OBS-SEED."""
    trials: int = 30
    """Number of trainings, including those of a resumed study."""
    steps: Count = 200_000
    """Number of steps of each training."""

    @property
    def run(self) -> Path:
        """The run folder."""
        usual = usual_folder("tune", self.algo, self.env_id, self.with_obs().obs, self.seed)
        return self.run_dir or usual

    def check(self) -> None:
        """Raise a `ValueError` if a setting is invalid."""
        super().check()
        check_whole(self, "trials", "steps")
