"""Training of the deep RL baselines: one `train` for every algorithm, and runs that can go on."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.callbacks import BaseCallback, ProgressBarCallback
from stable_baselines3.common.logger import Logger, TensorBoardOutputFormat

from agents.callbacks import BEST_FILE, PROGRESS_FILE, Checkpoints, Evaluation, ProgressLog
from agents.hyperparameters import HyperparameterError, check_names, read_hyperparameters
from agents.models import algorithm_class, build_model, load_model, restore, save_model
from agents.runs import (
    CONFIG_FILE,
    RunError,
    begin_run,
    checkpoint_path,
    latest_checkpoint,
    read_config,
    versions,
    write_json,
)
from karel_gym.sb3 import KarelSB3VecEnv

FINAL_FILE = "final.zip"
EVALUATION_SEED = 2**40  # far from the seeds that people give
MAY_CHANGE = ("total_timesteps", "run_dir", "device", "torch_threads", "progress")


@dataclass(frozen=True)
class TrainConfig:
    """The settings of a training. None stands for what the hyperparameters or the task say."""

    algo: str
    """The algorithm: ppo."""
    env_id: str
    """The task's id."""
    obs: str = "percepts"
    """What the policy observes: percepts or grid."""
    total_timesteps: int | None = None
    """Steps to train for, of all envs together; by default n_timesteps of the hyperparameters."""
    seed: int = 0
    """Of the network, the worlds and the actions; equal seeds give equal results on a CPU."""
    run_dir: Path | None = None
    """The run folder; by default runs/ALGO-TASK-OBS-SEED."""
    num_envs: int | None = None
    """Envs stepped at once; by default n_envs of the hyperparameters."""
    height: int | None = None
    """Height of the worlds in cells, walls included; by default the task's own."""
    width: int | None = None
    """Width of the worlds in cells, walls included; by default the task's own."""
    max_steps: int | None = None
    """Horizon of an episode in steps; by default 10 * (height-2) * (width-2)."""
    device: str = "auto"
    """Where the network runs: auto, cpu or cuda."""
    torch_threads: int | None = 1
    """CPU threads of the network; small ones are fastest with one. None: torch's own choice."""
    progress: bool | None = None
    """Whether to show a progress bar; by default on a terminal."""
    checkpoint_every: int | None = None
    """Steps between two checkpoints; by default a tenth of the training."""
    eval_every: int | None = None
    """Steps between two evaluations; by default a twentieth of the training."""
    eval_episodes: int = 100
    """Worlds of an evaluation, the same each time."""
    deterministic: bool = False
    """Whether the policy takes its most probable action when it is evaluated: a policy without
    memory must draw its actions to find a way out of a loop."""
    hyperparameters: Mapping[str, int | float | str | bool] = field(default_factory=dict)
    """Hyperparameters with other values than in agents/hyperparams/ALGO.yml."""


def train(
    algo: str,
    env_id: str,
    *,
    resume: bool = False,
    overwrite: bool = False,
    **settings: Any,
) -> BaseAlgorithm:
    """Train an algorithm on a task and leave a run folder.

    The folder has config.json, checkpoints/step-N.zip, best.zip (the best evaluation's), final.zip,
    progress.csv and TensorBoard events (SB3's figures), and evaluations.csv. Ctrl-C writes a
    checkpoint before it ends the training.

    Args:
        algo: The algorithm, "ppo".
        env_id: The task's id.
        resume: Go on with the run in the run folder, if one is there; its settings must be these.
        overwrite: Remove the run in the run folder, if one is there.
        settings: Those of `TrainConfig`; any other name is a hyperparameter's.

    Returns:
        The model as it is at the end; `load(run_dir)` gives the best one. Its attribute `run_dir`
        is the run folder, `acts_deterministically` how it is evaluated.

    Raises:
        ValueError: The algorithm, the task, a setting or a hyperparameter is unknown or cannot be.
        RunError: A run is in the folder already, or the one to be resumed is another or damaged.

    Example:
        >>> model = train("ppo", "Karel-Maze-v0", total_timesteps=100_000)  # doctest: +SKIP
    """
    known = {f.name for f in fields(TrainConfig)}
    overrides = dict(settings.pop("hyperparameters", {}))
    overrides |= {name: settings.pop(name) for name in set(settings) - known}
    config = TrainConfig(algo, env_id, **settings, hyperparameters=overrides)
    return train_run(config, resume=resume, overwrite=overwrite)


def train_run(
    config: TrainConfig, resume: bool = False, overwrite: bool = False
) -> BaseAlgorithm:
    """`train`, with its settings in a `TrainConfig`."""
    config, model = _prepare(config)
    run = _run_dir(config)
    if resume and (run / CONFIG_FILE).exists():
        earlier = _config_of(run)
        _check_same(earlier, config, run)
        return _continue(run, config, model)
    begin_run(run, _as_json(config), overwrite)
    _seed(model, config.seed, 0)
    return _learn(model, config, run)


def resume(
    run_dir: str | os.PathLike[str],
    total_timesteps: int | None = None,
    progress: bool | None = None,
    device: str | None = None,
) -> BaseAlgorithm:
    """Go on with a run from its latest checkpoint.

    The weights, the optimiser's state, the counters and the schedules go on as they were; the logs
    continue. The episodes that were under way are not: new ones begin, and the random numbers are
    drawn from the seed and the checkpoint's step. So a run that was interrupted ends with other
    weights than one that was not; resuming twice from one checkpoint gives the same weights.

    Args:
        run_dir: The run folder.
        total_timesteps: The new end of the training; by default the one it had.
        progress: Whether to show a progress bar; by default on a terminal.
        device: "auto", "cpu" or "cuda"; by default what the run had.

    Raises:
        RunError: The folder is missing or no run's, or its configuration or checkpoint is damaged.
    """
    run = Path(run_dir)
    config = _config_of(run)
    config = replace(
        config,
        total_timesteps=total_timesteps or config.total_timesteps,
        progress=progress,
        device=device or config.device,
    )
    try:
        config, model = _prepare(config)
    except (TypeError, ValueError) as error:
        raise RunError(f"{run / CONFIG_FILE} is damaged: {error}") from None
    return _continue(run, config, model)


def load(path: str | os.PathLike[str], device: str = "auto") -> BaseAlgorithm:
    """The model of a run folder, its best if it has one, else its latest; or the model in a zip.

    Of what karel-gym wrote only weights and settings in JSON are read. A zip that it did not write
    can only be unpickled, which runs any code that is in it; a warning says so.

    Args:
        path: The run folder, or the zip.
        device: Where the network runs: "auto", "cpu" or "cuda".

    Raises:
        RunError: There is no model, or it is damaged; the message says what, and where.
    """
    path = Path(path)
    if path.suffix == ".zip" and not path.is_dir():
        return load_model(path, device)
    _config_of(path)
    models = [file for name in (BEST_FILE, FINAL_FILE) if (file := path / name).exists()]
    model = load_model(models[0] if models else latest_checkpoint(path), device)
    vars(model)["run_dir"] = str(path)
    return model


def _prepare(config: TrainConfig) -> tuple[TrainConfig, BaseAlgorithm]:
    """The settings with every None and every hyperparameter filled in, and a model of them."""
    algo_class = algorithm_class(config.algo)
    _check_numbers(config)
    check_names(algo_class, config.hyperparameters)
    space = KarelSB3VecEnv(  # the first to complain about the task, its size and its observation
        config.env_id, 1, None, config.obs, config.height, config.width, config.max_steps
    ).envs
    env_id = config.env_id.rpartition(":")[2]
    values = read_hyperparameters(config.algo, env_id, config.obs) | dict(config.hyperparameters)
    values.pop("env_kwargs", None)
    n_envs, n_timesteps = int(values.pop("n_envs", 1)), int(values.pop("n_timesteps", 1_000_000))
    total = config.total_timesteps or n_timesteps
    config = replace(
        config,
        env_id=env_id,
        total_timesteps=total,
        num_envs=config.num_envs or n_envs,
        height=space.shape[0],
        width=space.shape[1],
        max_steps=space.episodes.max_steps,
        checkpoint_every=config.checkpoint_every or max(total // 10, 1),
        eval_every=config.eval_every or max(total // 20, 1),
        hyperparameters=values,
    )
    settings = _as_json(config)["settings"]
    return config, build_model(settings, config.device)


def _check_numbers(config: TrainConfig) -> None:
    for name in ("total_timesteps", "num_envs", "checkpoint_every", "eval_every", "eval_episodes"):
        value = getattr(config, name)
        if value is not None and (not isinstance(value, int) or value < 1):
            raise ValueError(f"{name} must be a whole number from 1 up, got {value!r}")


def _run_dir(config: TrainConfig) -> Path:
    name = f"{config.algo}-{config.env_id}-{config.obs}-{config.seed}"
    return Path(config.run_dir) if config.run_dir is not None else Path("runs") / name


def _as_json(config: TrainConfig) -> dict[str, Any]:
    settings = asdict(config) | {"run_dir": str(_run_dir(config))}
    try:
        write = {"command": "train", "settings": settings, "versions": versions()}
        import json

        json.dumps(write)
    except TypeError:
        raise HyperparameterError("...") from None
    return write


def _config_of(run: Path) -> TrainConfig:
    raise NotImplementedError


def _check_same(earlier: TrainConfig, config: TrainConfig, run: Path) -> None:
    raise NotImplementedError


def _continue(run: Path, config: TrainConfig, model: BaseAlgorithm) -> BaseAlgorithm:
    raise NotImplementedError
