"""Hyperparameters found by Optuna: trials that learn for a while, in a study that can go on."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import optuna
import pandas as pd
import yaml

from agents.drl.callbacks import EVALUATIONS_FILE
from agents.drl.hyperparameters import block_name, read_hyperparameters
from agents.drl.settings import TrainConfig, resolve
from agents.drl.training import train_run
from karel_gym.registration import obs_of
from programmatic.runs import (
    RunError,
    begin_run,
    occupying,
    read_config,
    usual_folder,
    versions,
    write_text,
)

COMMAND = "tune"
STUDY_FILE, BEST_BLOCK_FILE, TRIALS_FOLDER = "study.db", "best.yml", "trials"
EVALUATIONS = 10  # a trial
HORIZON = "max_steps"  # of env_kwargs; all others are of the algorithm
RESTED = ("trials", "run_dir", "device")  # what a study may go on with in another way
Draw = Callable[[optuna.Trial], Any]


def _choice(name: str, *values: Any) -> Draw:
    return lambda trial: trial.suggest_categorical(name, values)


def _number(name: str, low: float, high: float, log: bool = False) -> Draw:
    return lambda trial: trial.suggest_float(name, low, high, log=log)


DRAWS: dict[str, Draw] = {
    "learning_rate": _number("learning_rate", 2e-4, 5e-3, log=True),
    "gamma": _choice("gamma", 0.95, 0.97, 0.99, 0.995),
    "gae_lambda": _choice("gae_lambda", 0.9, 0.95, 0.98),
    "ent_coef": _number("ent_coef", 1e-4, 5e-2, log=True),
    "normalize_advantage": _choice("normalize_advantage", False, True),
    "n_epochs": _choice("n_epochs", 1, 2, 4, 8),
    "batch_size": _choice("batch_size", 256, 512, 1024),
    HORIZON: _choice(HORIZON, 50, 100, 200, 400),
}
"""What is drawn, by the names of hyperparameters: of these, those that are in the block that the
search starts from."""
VALUE_BASED_DRAWS: dict[str, Draw] = {
    "n_steps": _choice("n_steps", 1, 3, 5, 10),  # of the returns; PPO's n_steps are a rollout's
    "train_freq": _choice("train_freq", 1, 4, 16),
    "gradient_steps": _choice("gradient_steps", 1, 2, 4, 8),
    "exploration_fraction": _number("exploration_fraction", 0.1, 0.6),
    "exploration_final_eps": _number("exploration_final_eps", 0.01, 0.3, log=True),
    "target_update_interval": _choice("target_update_interval", 500, 2000, 8000),
}
"""What else is drawn for algorithms with a replay buffer, DQN and QR-DQN."""


@dataclass(frozen=True)
class TuneConfig:
    """The settings of a study."""

    algo: str
    """The algorithm."""
    env_id: str
    """The task's id."""
    obs: str = ""
    """What the policy observes: percepts, percepts+action or grid; by default what the id binds, or
    else percepts."""
    trials: int = 30
    """How many trainings, those done before included."""
    steps: int = 200_000
    """Frames of a training."""
    seed: int = 0
    """Of the draws, and of every training."""
    run_dir: Path | None = None
    """The folder; by default runs/tune-ALGO-TASK-OBS-SEED."""
    device: str = "auto"
    """Where the network runs: auto, cpu or cuda."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "obs", self.obs or obs_of(self.env_id) or "percepts")

    @property
    def run(self) -> Path:
        """The folder."""
        if self.run_dir is not None:
            return self.run_dir
        return usual_folder(COMMAND, self.algo, self.env_id, self.obs, self.seed)


def tune(config: TuneConfig, resume: bool = False, overwrite: bool = False) -> dict[str, Any]:
    """Look for better hyperparameters than those in hyperparams/ALGO.yml.

    A trial is a training with other values; its worth is the mean of its evaluations, so that
    learning soon counts as well as learning much. The folder has config.json, study.db (Optuna's),
    trials/N (the run folder of each) and best.yml (a block for hyperparams/ALGO.yml).

    Args:
        config: The settings.
        resume: Go on with the study in the folder.
        overwrite: Remove the study in the folder, if one is there.

    Returns:
        The best block.

    Raises:
        ValueError: A setting cannot be.
        RunError: A study is in the folder already, or the one to be resumed is another.
    """
    if config.trials < 1:
        raise ValueError(f"trials must be at least 1, got {config.trials}")
    resolve(_training(config, {}))  # all errors before any work
    stored = {name: value for name, value in asdict(config).items() if name not in RESTED}
    if resume:
        earlier = {name: read_config(config.run).get(name) for name in stored}
        if earlier != stored:
            raise RunError(f"the study in {config.run} is another: {earlier}, not {stored}")
    with occupying(config.run):
        if not resume:
            begin_run(config.run, {"command": COMMAND, **stored, "versions": versions()}, overwrite)
        return _optimize(_study(config), config)


def _optimize(study: optuna.Study, config: TuneConfig) -> dict[str, Any]:
    """Do the trials that are left; a trial that was interrupted is done again from its start."""
    for n_done in range(_finished(study), config.trials):
        # By the number of trials, so that a study that was interrupted draws what others do.
        study.sampler = optuna.samplers.TPESampler(seed=config.seed + 1000 * n_done)
        try:
            study.optimize(lambda trial: _worth(trial, config), n_trials=1)
        except KeyboardInterrupt:
            print("to go on with the study: give the command again with --resume", file=sys.stderr)
            raise
        last = study.trials[-1]
        print(
            f"trial {last.number}: {last.value:.3f}; best {study.best_value:.3f}, of trial "
            f"{study.best_trial.number}",
            flush=True,
        )
        _write_best(study, config)
    return _write_best(study, config)


def _write_best(study: optuna.Study, config: TuneConfig) -> dict[str, Any]:
    """Write the best block so far."""
    block = _block(config, study.best_params)
    text = yaml.safe_dump({block_name(config.env_id, config.obs): block}, sort_keys=False)
    write_text(config.run / BEST_BLOCK_FILE, text)
    return block


def _study(config: TuneConfig) -> optuna.Study:
    optuna.logging.set_verbosity(optuna.logging.ERROR)  # it warns of an interrupt, at length
    return optuna.create_study(
        storage=f"sqlite:///{config.run / STUDY_FILE}",
        study_name=COMMAND,
        direction="maximize",
        load_if_exists=True,
    )


def _finished(study: optuna.Study) -> int:
    return sum(trial.state == optuna.trial.TrialState.COMPLETE for trial in study.trials)


def _worth(trial: optuna.Trial, config: TuneConfig) -> float:
    """The mean of a training's evaluations."""
    drawn = {name: draw(trial) for name, draw in draws_of(config).items()}
    training = _training(config, drawn, config.run / TRIALS_FOLDER / str(trial.number))
    train_run(training, overwrite=True)
    evaluations = pd.read_csv(training.run / EVALUATIONS_FILE)
    return float(evaluations["mean_return"].mean())


def draws_of(config: TuneConfig) -> dict[str, Draw]:
    """What is drawn: what the block that the search starts from has, and the horizon."""
    block = read_hyperparameters(config.algo, config.env_id, config.obs)
    draws = DRAWS | (VALUE_BASED_DRAWS if "buffer_size" in block else {})
    return {name: draw for name, draw in draws.items() if name in block or name == HORIZON}


def _training(config: TuneConfig, drawn: Mapping[str, Any], run: Path | None = None) -> TrainConfig:
    """The training with hyperparameters that were drawn."""
    return TrainConfig(
        config.algo,
        config.env_id,
        obs=config.obs,
        total_timesteps=config.steps,
        seed=config.seed,
        run_dir=run,
        train_max_steps=drawn.get(HORIZON),
        device=config.device,
        progress=False,
        checkpoint_every=config.steps,
        eval_every=max(config.steps // EVALUATIONS, 1),
        hyperparameters={name: value for name, value in drawn.items() if name != HORIZON},
    )


def _block(config: TuneConfig, drawn: Mapping[str, Any]) -> dict[str, Any]:
    """The block of hyperparams/ALGO.yml with values that were drawn."""
    block = read_hyperparameters(config.algo, config.env_id, config.obs)
    own = {name: value for name, value in drawn.items() if name != HORIZON}
    return block | own | {"env_kwargs": block["env_kwargs"] | {HORIZON: drawn[HORIZON]}}
