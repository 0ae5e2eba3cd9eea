"""Experiment trackers of a training: Weights & Biases and MLflow."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from importlib.util import find_spec
from typing import Any

import numpy as np
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.logger import KVWriter

from agents.drl.settings import TrainConfig
from programmatic.runs import TRACKING_FILE, RunError, read_settings_file, write_json

PROJECT = "karel-gym"  # unless WANDB_PROJECT or MLFLOW_EXPERIMENT_NAME names another
OPEN = ("wandb", "mlflow")


class Tracker(KVWriter):
    """Passes the numbers of SB3's log on to `log(metrics, step=step)`, as SB3 recommends.

    `finish(status)` ends the tracked run; status 1 marks a failed or interrupted training.
    """

    def __init__(self, log: Callable[..., object], finish: Callable[[int], object]) -> None:
        self.log, self.finish = log, finish

    def write(self, key_values: dict[str, Any], key_excluded: object, step: int = 0) -> None:
        """Log the numbers of a row."""
        numbers = (int, float, np.number)
        metrics = {key: float(v) for key, v in key_values.items() if isinstance(v, numbers)}
        self.log(metrics, step=step)

    def close(self) -> None:
        """End the tracked run."""
        self.finish(int(sys.exc_info()[0] is not None))


def tracker_of(config: TrainConfig) -> tuple[str | None, str | None]:
    """The tracker of a run (None: TensorBoard alone), and the tracked run's id in its folder.

    A missing package raises a `ModuleNotFoundError`.
    """
    file = config.run / TRACKING_FILE
    known = read_settings_file(file) if file.exists() else {}
    name = config.track if config.track in OPEN else next(iter(known), None)
    if name is None:
        return None, None
    if find_spec(name) is None:
        message = f"tracking needs {name}: pip install 'karel-gym[{name}]'"
        raise ModuleNotFoundError(message, name=name)
    return name, known.get(name)


def trackers(config: TrainConfig) -> list[KVWriter | BaseCallback]:
    """Open the tracker of a run, or go on with the run that tracking.json names.

    Raises:
        RunError: The tracker cannot be used, for example because nobody is logged in.
    """
    name, run_id = tracker_of(config)
    if config.track == "tensorboard" and config.verbose:
        print(f"TensorBoard: tensorboard --logdir {config.run}")
    if name is None:
        return []
    try:
        run_id, *opened = (_wandb if name == "wandb" else _mlflow)(config, run_id)
    except Exception as error:  # each tracker has its own kinds
        reason = str(error).strip().partition("\n")[0]
        raise RunError(f"{name} does not track {config.run}: {reason}") from error
    write_json(config.run / TRACKING_FILE, {name: run_id})
    return opened


def _wandb(config: TrainConfig, run_id: str | None) -> tuple[Any, ...]:
    import wandb
    from wandb.integration.sb3 import WandbCallback

    # `sync_tensorboard` would log all figures twice: W&B copies the events into the run folder.
    run = wandb.init(
        project=os.environ.get("WANDB_PROJECT", PROJECT),
        name=config.run.name,
        dir=config.run,
        config=config.to_json(),
        id=run_id,
        resume="allow",
    )
    return run.id, WandbCallback(), Tracker(run.log, run.finish)


def _mlflow(config: TrainConfig, run_id: str | None) -> tuple[Any, ...]:
    import mlflow

    mlflow.set_experiment(os.environ.get("MLFLOW_EXPERIMENT_NAME", PROJECT))
    run = mlflow.start_run(run_id, run_name=config.run.name, nested=True)
    if run_id is None:
        settings = config.to_json()
        mlflow.log_params(settings | settings.pop("hyperparameters"))
    ends = ("FINISHED", "FAILED")
    return run.info.run_id, Tracker(mlflow.log_metrics, lambda status: mlflow.end_run(ends[status]))
