"""Trackers of trainings: TensorBoard, Weights & Biases and MLflow."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from importlib.util import find_spec
from typing import Any

import numpy as np
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.logger import KVWriter

from agents.drl.settings import TrainConfig
from programmatic.runs import TRACKING_FILE, RunError, read_settings_file, write_json

Listeners = list[KVWriter | BaseCallback]
PROJECT = "karel-gym"
"""The name of the project in Weights & Biases and of the experiment in MLflow, unless the variable
WANDB_PROJECT or MLFLOW_EXPERIMENT_NAME names another."""


def check_installed(config: TrainConfig) -> None:
    """Raise a `ModuleNotFoundError` if a tracker of the run is not installed."""
    for name in _trackers(config):
        if find_spec(name) is None:
            message = f"tracking needs {name}: pip install 'karel-gym[{name}]'"
            raise ModuleNotFoundError(message, name=name)


@contextmanager
def tracking(config: TrainConfig) -> Iterator[Listeners]:
    """Open the trackers of a run, and yield what passes figures on to them.

    tracking.json in the run folder has the tracked runs' ids, so that a resumed training goes on
    with them.

    Raises:
        RunError: A tracker cannot be used, for example because nobody is logged in.
    """
    trackers = _trackers(config)
    if config.track == "tensorboard" and config.verbose:
        print(f"TensorBoard: tensorboard --logdir {config.run}")
    listeners: Listeners = []
    with ExitStack() as stack:
        for name, run_id in trackers.items():
            opened = OPEN[name](config, run_id)
            try:
                found, trackers[name] = stack.enter_context(opened)
            except Exception as error:  # each tracker has its own kinds
                reason = str(error).strip().partition("\n")[0]
                raise RunError(f"{name} does not track {config.run}: {reason}") from error
            listeners += found
        if trackers:
            write_json(config.run / TRACKING_FILE, trackers)
        yield listeners


def _trackers(config: TrainConfig) -> dict[str, str | None]:
    """The trackers of a run, with the ids that its folder has of them."""
    file = config.run / TRACKING_FILE
    known = read_settings_file(file) if file.exists() else {}
    return ({config.track: None} if config.track in OPEN else {}) | known


@contextmanager
def _wandb(config: TrainConfig, run_id: str | None) -> Iterator[tuple[Listeners, str]]:
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
    status = 1
    try:
        yield [WandbCallback(), MetricsWriter(run.log)], run.id
        status = 0
    finally:
        run.finish(status)


@contextmanager
def _mlflow(config: TrainConfig, run_id: str | None) -> Iterator[tuple[Listeners, str]]:
    import mlflow

    mlflow.set_experiment(os.environ.get("MLFLOW_EXPERIMENT_NAME", PROJECT))
    with mlflow.start_run(run_id, run_name=config.run.name, nested=True) as run:
        if run_id is None:
            settings = config.to_json()
            mlflow.log_params(settings | settings.pop("hyperparameters"))
        yield [MetricsWriter(mlflow.log_metrics)], run.info.run_id


class MetricsWriter(KVWriter):
    """Passes the numbers of SB3's log on to `log(metrics, step=step)`.

    SB3's documentation recommends such a writer for MLflow.
    """

    def __init__(self, log: Callable[..., object]) -> None:
        self.log = log

    def write(
        self, key_values: dict[str, Any], key_excluded: dict[str, Any], step: int = 0
    ) -> None:
        """Log the numbers of a row."""
        numbers = (int, float, np.number)
        metrics = {key: float(v) for key, v in key_values.items() if isinstance(v, numbers)}
        self.log(metrics, step=step)

    def close(self) -> None:
        """Nothing to do: `tracking` ends the run."""


OPEN: dict[str, Callable[[TrainConfig, str | None], AbstractContextManager[Any]]]
OPEN = {"wandb": _wandb, "mlflow": _mlflow}
