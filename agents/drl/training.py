"""Training of the deep RL baselines: one `train` for every algorithm, and runs that can go on."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import numpy as np
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.callbacks import BaseCallback, ProgressBarCallback
from stable_baselines3.common.logger import Logger, TensorBoardOutputFormat
from stable_baselines3.common.off_policy_algorithm import OffPolicyAlgorithm

from agents.drl.callbacks import (
    BEST_FILE,
    PROGRESS_FILE,
    Checkpoints,
    Evaluation,
    Figures,
    ProgressLog,
)
from agents.drl.models import build_model, load_model, restore, save_model
from agents.drl.settings import (
    DEFAULT_REWARD,
    TrainConfig,
    check_same,
    config_json,
    read_train_config,
    resolve,
)
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
FIGURES_ROWS = 200  # about so many a training
EVALUATION_SEED = 2**40  # far from the seeds that people give


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
        algo: The algorithm, such as "ppo"; see `programmatic.algorithms`.
        env_id: The task's id.
        resume: Go on with the run in the run folder, if one is there; its settings must be these.
        overwrite: Remove the run in the run folder, if one is there.
        settings: Those of `TrainConfig`; any other name is a hyperparameter's.

    Returns:
        The model as it is at the end; `load(run_dir)` gives the best one. Its attribute `run_dir`
        is the run folder, `acts_deterministically` how it is to be evaluated.

    Raises:
        ValueError: The algorithm, the task, a setting or a hyperparameter is unknown or cannot be.
        RunError: A run is in the folder already, or the one to be resumed is another or damaged.

    Example:
        >>> model = train("ppo", "Karel-Maze-v0", total_timesteps=100_000)  # doctest: +SKIP
    """
    known = {f.name for f in fields(TrainConfig)}
    hyperparameters = dict(settings.pop("hyperparameters", {}))
    hyperparameters |= {name: settings.pop(name) for name in set(settings) - known}
    config = TrainConfig(algo, env_id, **settings, hyperparameters=hyperparameters)
    return train_run(config, resume, overwrite)


def train_run(config: TrainConfig, resume: bool = False, overwrite: bool = False) -> BaseAlgorithm:
    """`train`, with its settings in a `TrainConfig`."""
    config = resolve(config)
    if resume and (config.run / CONFIG_FILE).exists():
        check_same(read_train_config(config.run), config)
        return _go_on(config)
    model = build_model(config.to_json(), config.device)
    with occupying(config.run):
        begin_run(config.run, config_json(config), overwrite)
        return _learn(model, config)


def resume(
    run_dir: str | os.PathLike[str],
    total_timesteps: int | None = None,
    progress: bool | None = None,
    device: str | None = None,
) -> BaseAlgorithm:
    """Go on with a run from its latest checkpoint.

    The weights, the optimiser's state, the counters and the schedules go on as they were; the logs
    continue. The episodes that were under way do not: new ones begin, and random numbers are drawn
    from the seed and the checkpoint's step. So a run that was interrupted ends with other weights
    than one that was not; resuming twice from one checkpoint on a CPU gives the same weights.

    Checkpoints hold no replay buffer. A dqn or qrdqn first fills a new one: for `learning_starts`
    steps it acts at random and learns nothing.

    Args:
        run_dir: The run folder.
        total_timesteps: The new end of the training; by default the one it had.
        progress: Whether to show a progress bar; by default on a terminal.
        device: "auto", "cpu" or "cuda"; by default what the run had.

    Raises:
        RunError: The folder is missing or no run's, or its configuration or checkpoint is damaged.
    """
    config = read_train_config(Path(run_dir))
    total = total_timesteps or config.total_timesteps
    device = device or config.device
    return _go_on(replace(config, total_timesteps=total, progress=progress, device=device))


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
    read_train_config(path)
    kept = [path / name for name in (BEST_FILE, FINAL_FILE) if (path / name).exists()]
    model = load_model(kept[0] if kept else latest_checkpoint(path), device)
    vars(model)["run_dir"] = str(path)
    return model


def _go_on(config: TrainConfig) -> BaseAlgorithm:
    """Train from the latest checkpoint on, or from the start if there is none."""
    try:
        model = build_model(config.to_json(), config.device)
    except (TypeError, ValueError) as error:
        raise RunError(f"{config.run / CONFIG_FILE} is damaged: {error}") from None
    with occupying(config.run):
        if checkpoints(config.run):
            _restore(model, latest_checkpoint(config.run))
        go_on_with_run(config.run, config_json(config))
        return _learn(model, config)


def _restore(model: BaseAlgorithm, checkpoint: Path) -> None:
    try:
        restore(model, checkpoint)
    except RunError as error:
        raise RunError(f"{error}; delete it to go on from the checkpoint before it") from None
    if isinstance(model, OffPolicyAlgorithm):
        model.learning_starts += model.num_timesteps


def _seed(model: BaseAlgorithm, seed: int) -> None:
    """Seed what is drawn from now on: by the step too, lest a resumed run see old worlds again."""
    words = np.random.SeedSequence([seed, model.num_timesteps]).generate_state(2, np.uint64)
    model.set_random_seed(int(words[0] >> 32))
    env = model.get_env()
    assert env is not None
    env.seed(int(words[1] >> 1))


def _learn(model: BaseAlgorithm, config: TrainConfig) -> BaseAlgorithm:
    """Train up to the configured number of steps, with logs, checkpoints and evaluations."""
    _seed(model, config.seed)
    run, step = config.run, model.num_timesteps
    remaining = (config.total_timesteps or 0) - step
    vars(model)["run_dir"] = str(run)
    if remaining <= 0:
        if not (run / FINAL_FILE).exists():
            save_model(model, run / FINAL_FILE)
        return model
    log = Logger(
        str(run), [ProgressLog(run / PROGRESS_FILE, step), TensorBoardOutputFormat(str(run))]
    )
    model.set_logger(log)
    try:
        with torch_threads(config.torch_threads), _progress_bar(config.progress) as bar:
            model.learn(
                remaining,
                [*_callbacks(config), *bar],
                log_interval=None,  # type: ignore[arg-type]  # `Figures` does it
                reset_num_timesteps=step == 0,
            )
        save_model(model, run / FINAL_FILE)
    except KeyboardInterrupt:
        save_model(model, checkpoint_path(run, model.num_timesteps))
        print(
            f"interrupted at step {model.num_timesteps:,} of {config.total_timesteps:,}; "
            f"to go on: karel-gym train --resume {run}",
            file=sys.stderr,
        )
        raise
    finally:
        log.close()
    return model


def _callbacks(config: TrainConfig) -> list[BaseCallback]:
    env = training_env(config.to_json(), config.eval_episodes, config.max_steps, DEFAULT_REWARD)
    assert config.checkpoint_every is not None
    assert config.eval_every is not None
    return [
        Evaluation(config.run, env, config.eval_every, EVALUATION_SEED, bool(config.deterministic)),
        Checkpoints(config.run, config.checkpoint_every),
        Figures(max((config.total_timesteps or 0) // FIGURES_ROWS, 1)),
    ]


@contextmanager
def _progress_bar(show: bool | None) -> Iterator[list[BaseCallback]]:
    bar = ProgressBarCallback()
    try:
        yield [bar] if (sys.stdout.isatty() if show is None else show) else []
    finally:
        if hasattr(bar, "pbar"):
            bar.pbar.close()  # an interrupted training leaves it open, and the cursor hidden
