"""Training of the deep RL baselines, in runs that can be resumed."""

from __future__ import annotations

import os
import sys
from contextlib import closing
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import numpy as np
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.callbacks import BaseCallback, ConvertCallback
from stable_baselines3.common.logger import KVWriter, Logger, TensorBoardOutputFormat
from stable_baselines3.common.off_policy_algorithm import OffPolicyAlgorithm
from stable_baselines3.common.type_aliases import MaybeCallback

from agents.drl.callbacks import (
    BEST_FILE,
    PROGRESS_FILE,
    Checkpoints,
    Evaluation,
    Figures,
    ProgressLog,
)
from agents.drl.models import build_model, load_model, restore, save_model
from agents.drl.progress import progress
from agents.drl.settings import DEFAULT_REWARD, TrainConfig, resolve
from agents.drl.tracking import tracker_of, trackers
from agents.drl.training_envs import training_env
from programmatic.runs import (
    CONFIG_FILE,
    RunError,
    begin_run,
    checkpoint_path,
    checkpoints,
    go_on_with_run,
    latest_checkpoint,
    occupying,
)
from programmatic.threads import torch_threads

FINAL_FILE = "final.zip"
FIGURES_ROWS = 200  # per training, about
EVALUATION_SEED = 2**40  # far from usual seeds


def train(
    algo: str,
    env_id: str,
    *,
    resume: bool = False,
    overwrite: bool = False,
    callback: MaybeCallback = None,
    **settings: Any,
) -> BaseAlgorithm:
    """Train an algorithm on a task and write a run folder.

    The folder holds config.json, checkpoints/step-N.zip, best.zip (the model of the best
    evaluation), final.zip, progress.csv and TensorBoard events (SB3's figures), and
    evaluations.csv. Ctrl-C writes a checkpoint and ends the training.

    Args:
        algo: The algorithm, such as "ppo"; see `programmatic.algorithms`.
        env_id: The task's id.
        resume: Resume the run in the run folder, if there is one with the same settings.
        overwrite: Remove the run in the run folder if there is one.
        callback: One or more callbacks, as in SB3's `learn`. If one returns False the training
            ends with its files complete; resuming goes on with it.
        settings: Fields of `TrainConfig`, such as `verbose`, `track` and `conf_file`; other names
            are hyperparameters.

    Returns:
        The model at the end of the training; `load(run_dir)` returns the best one. Its attribute
        `run_dir` is the run folder, `acts_deterministically` how to evaluate it.

    Raises:
        ValueError: The algorithm, the task, a setting or a hyperparameter is unknown or invalid.
        RunError: The folder holds a run already, or the run to resume is another or damaged.

    Example:
        >>> model = train("ppo", "Karel-Maze-v0", total_timesteps=100_000)  # doctest: +SKIP
    """
    known = {f.name for f in fields(TrainConfig)}
    hyperparameters = dict(settings.pop("hyperparameters", {}))
    hyperparameters |= {name: settings.pop(name) for name in set(settings) - known}
    config = TrainConfig(algo, env_id, **settings, hyperparameters=hyperparameters)
    return train_run(config, resume, overwrite, callback)


def train_run(
    config: TrainConfig,
    resume: bool = False,
    overwrite: bool = False,
    callback: MaybeCallback = None,
) -> BaseAlgorithm:
    """`train`, with its settings in a `TrainConfig`."""
    config = resolve(config)
    if resume and (config.run / CONFIG_FILE).exists():
        config.check_same(config.run)
        return resume_run(config, callback)
    tracker_of(config)
    model = build_model(config.to_json(), config.device)
    with occupying(config.run):
        begin_run(config.run, config.config_json(), overwrite)
        return _learn(model, config, callback)


def resume(
    run_dir: str | os.PathLike[str],
    total_timesteps: int | None = None,
    device: str | None = None,
    callback: MaybeCallback = None,
    verbose: int = 1,
    track: str | None = None,
) -> BaseAlgorithm:
    """Resume a run from its latest checkpoint.

    Weights, optimizer state, counters, schedules and logs continue. Unfinished episodes do not:
    new ones start, with random numbers of the seed and the checkpoint's step. So the weights at
    the end differ from those of an uninterrupted run; resuming twice from one checkpoint on a CPU
    gives the same weights. Checkpoints hold no replay buffer: dqn and qrdqn first act at random
    for `learning_starts` steps to fill a new one.

    Args:
        run_dir: The run folder.
        total_timesteps: The new end of the training; by default that of the run.
        device: "auto", "cpu" or "cuda"; by default that of the run.
        callback: See `train`.
        verbose: See `TrainConfig`.
        track: See `TrainConfig`; a run that is tracked already stays so.

    Raises:
        RunError: The folder is missing or holds no training, or a file in it is damaged.
    """
    config = TrainConfig.read(Path(run_dir))
    total = total_timesteps or config.total_timesteps
    device = device or config.device
    config = replace(config, total_timesteps=total, device=device, verbose=verbose, track=track)
    return resume_run(config, callback)


def resume_run(config: TrainConfig, callback: MaybeCallback = None) -> BaseAlgorithm:
    """`resume`, with the settings of the run in a `TrainConfig`; without a checkpoint, restart."""
    config.check()
    tracker_of(config)
    try:
        model = build_model(config.to_json(), config.device)
    except (TypeError, ValueError) as error:
        raise RunError(f"{config.run / CONFIG_FILE} is damaged: {error}") from None
    with occupying(config.run):
        if checkpoints(config.run):
            _restore(model, latest_checkpoint(config.run))
        go_on_with_run(config.run, config.config_json())
        return _learn(model, config, callback)


def load(path: str | os.PathLike[str], device: str = "auto") -> BaseAlgorithm:
    """The best model of a run folder, or its latest one if it has no best; or the model in a zip.

    Of files that karel-gym wrote, only weights and settings in JSON are read. Other zips can only
    be unpickled, which runs any code in them; a warning says so.

    Args:
        path: The run folder, or the zip.
        device: Device of the network: "auto", "cpu" or "cuda".

    Raises:
        RunError: There is no model, or it is damaged.
    """
    path = Path(path)
    if path.suffix == ".zip" and not path.is_dir():
        return load_model(path, device)
    TrainConfig.read(path)
    kept = [path / name for name in (BEST_FILE, FINAL_FILE) if (path / name).exists()]
    model = load_model(kept[0] if kept else latest_checkpoint(path), device)
    vars(model)["run_dir"] = str(path)
    return model


def _restore(model: BaseAlgorithm, checkpoint: Path) -> None:
    try:
        restore(model, checkpoint)
    except RunError as error:
        raise RunError(f"{error}; delete it to go on from the checkpoint before it") from None
    if isinstance(model, OffPolicyAlgorithm):
        model.learning_starts += model.num_timesteps


def _seed(model: BaseAlgorithm, seed: int) -> None:
    """Seed all random numbers, also by the step: a resumed run must not see old worlds again."""
    words = np.random.SeedSequence([seed, model.num_timesteps]).generate_state(2, np.uint64)
    model.set_random_seed(int(words[0] >> 32))
    env = model.get_env()
    assert env is not None
    env.seed(int(words[1] >> 1))


def _learn(model: BaseAlgorithm, config: TrainConfig, callback: MaybeCallback) -> BaseAlgorithm:
    """Train up to the configured number of steps, with logs, checkpoints and evaluations."""
    _seed(model, config.seed)
    run, step = config.run, model.num_timesteps
    total = config.total_timesteps or 0
    vars(model)["run_dir"] = str(run)
    if step >= total:
        if not (run / FINAL_FILE).exists():
            save_model(model, run / FINAL_FILE)
        return model
    listeners = [*progress(config.verbose, total), *trackers(config)]
    writers = [ProgressLog(run / PROGRESS_FILE, step), TensorBoardOutputFormat(str(run))]
    log = Logger(str(run), [*writers, *(e for e in listeners if isinstance(e, KVWriter))])
    model.set_logger(log)
    callbacks = [*_callbacks(config), *(e for e in listeners if isinstance(e, BaseCallback))]
    given = callback if isinstance(callback, list) else [callback]
    callbacks += [e if isinstance(e, BaseCallback) else ConvertCallback(e) for e in given]
    try:
        with closing(log), torch_threads(config.torch_threads):
            model.learn(
                total - step,
                callbacks,
                log_interval=None,  # type: ignore[arg-type]  # `Figures` does it
                reset_num_timesteps=step == 0,
            )
        save_model(model, run / FINAL_FILE)
    except KeyboardInterrupt:
        save_model(model, checkpoint_path(run, model.num_timesteps))
        print(
            f"interrupted at step {model.num_timesteps:,} of {total:,}; "
            f"to go on: karel-gym train --resume {run}",
            file=sys.stderr,
        )
        raise
    return model


def _callbacks(config: TrainConfig) -> list[BaseCallback]:
    assert config.eval_episodes is not None
    env = training_env(config.to_json(), config.eval_episodes, config.max_steps, DEFAULT_REWARD)
    assert config.checkpoint_every is not None
    assert config.eval_every is not None
    return [
        Evaluation(config.run, env, config.eval_every, EVALUATION_SEED, bool(config.deterministic)),
        Checkpoints(config.run, config.checkpoint_every),
        Figures(max((config.total_timesteps or 0) // FIGURES_ROWS, 1)),
    ]
