"""Search for hyperparameters with Optuna, in studies that can be resumed."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import optuna
import pandas as pd
import yaml

from agents.drl.callbacks import EVALUATIONS_FILE
from agents.drl.hyperparameters import block_name, read_hyperparameters
from agents.drl.settings import TrainConfig, TuneConfig, resolve
from agents.drl.training import train_run
from programmatic.runs import begin_run, occupying, write_text

STUDY_FILE, BEST_BLOCK_FILE, TRIALS_FOLDER = "study.db", "best.yml", "trials"
EVALUATIONS = 10  # a trial
HORIZON = "max_steps"  # of env_kwargs; all others belong to the algorithm
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
"""How to draw each hyperparameter; only those in the initial block are drawn."""
VALUE_BASED_DRAWS: dict[str, Draw] = {
    "n_steps": _choice("n_steps", 1, 3, 5, 10),  # of returns, not of rollouts as in PPO
    "train_freq": _choice("train_freq", 1, 4, 16),
    "gradient_steps": _choice("gradient_steps", 1, 2, 4, 8),
    "exploration_fraction": _number("exploration_fraction", 0.1, 0.6),
    "exploration_final_eps": _number("exploration_final_eps", 0.01, 0.3, log=True),
    "target_update_interval": _choice("target_update_interval", 500, 2000, 8000),
}
"""Additional ones of algorithms with a replay buffer, DQN and QR-DQN."""


def tune(config: TuneConfig, resume: bool = False, overwrite: bool = False) -> dict[str, Any]:
    """Look for better hyperparameters than those in hyperparams/ALGO.yml; returns the best block.

    A trial is a training with drawn hyperparameters. Its score is the mean of all its evaluations,
    which rewards early learning too. The run folder holds config.json, study.db (Optuna's),
    trials/N (the run folder of each trial) and best.yml (a block for hyperparams/ALGO.yml).

    Args:
        config: The settings.
        resume: Resume the study in the run folder.
        overwrite: Remove the study in the run folder, if there is one.

    Raises:
        ValueError: A setting is invalid.
        RunError: The folder holds a study already, or the study to resume is another.
    """
    config.check()
    config = config.with_obs()
    resolve(_training(config, {}))  # all errors before any work
    if resume:
        config.check_same(config.run)
    with occupying(config.run):
        if not resume:
            begin_run(config.run, config.config_json(), overwrite)
        return _optimize(_study(config), config)


def _optimize(study: optuna.Study, config: TuneConfig) -> dict[str, Any]:
    """Run the remaining trials; an interrupted trial restarts from its beginning."""
    for n_done in range(_finished(study), config.trials):
        # Seeded by the number of trials: an interrupted study draws what others do.
        study.sampler = optuna.samplers.TPESampler(seed=config.seed + 1000 * n_done)
        try:
            study.optimize(lambda trial: _score(trial, config), n_trials=1)
        except KeyboardInterrupt:
            print(f"to go on: karel-gym tune --resume {config.run}", file=sys.stderr)
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
    optuna.logging.set_verbosity(optuna.logging.ERROR)  # its warning of an interrupt is long
    return optuna.create_study(
        storage=f"sqlite:///{config.run / STUDY_FILE}",
        study_name=config.COMMAND,
        direction="maximize",
        load_if_exists=True,
    )


def _finished(study: optuna.Study) -> int:
    return sum(trial.state == optuna.trial.TrialState.COMPLETE for trial in study.trials)


def _score(trial: optuna.Trial, config: TuneConfig) -> float:
    """The mean of a training's evaluations."""
    drawn = {name: draw(trial) for name, draw in draws_of(config).items()}
    training = _training(config, drawn, config.run / TRIALS_FOLDER / str(trial.number))
    train_run(training, overwrite=True)
    evaluations = pd.read_csv(training.run / EVALUATIONS_FILE)
    return float(evaluations["mean_return"].mean())


def draws_of(config: TuneConfig) -> dict[str, Draw]:
    """How to draw the horizon and each hyperparameter of the initial block."""
    block = read_hyperparameters(config.algo, config.env_id, config.obs)
    draws = DRAWS | (VALUE_BASED_DRAWS if "buffer_size" in block else {})
    return {name: draw for name, draw in draws.items() if name in block or name == HORIZON}


def _training(config: TuneConfig, drawn: Mapping[str, Any], run: Path | None = None) -> TrainConfig:
    """The training with drawn hyperparameters."""
    return TrainConfig(
        config.algo,
        config.env_id,
        obs=config.obs,
        total_timesteps=config.steps,
        seed=config.seed,
        run_dir=run,
        train_max_steps=drawn.get(HORIZON),
        device=config.device,
        verbose=0,
        checkpoint_every=config.steps,
        eval_every=max(config.steps // EVALUATIONS, 1),
        hyperparameters={name: value for name, value in drawn.items() if name != HORIZON},
    )


def _block(config: TuneConfig, drawn: Mapping[str, Any]) -> dict[str, Any]:
    """The block of hyperparams/ALGO.yml with drawn values."""
    block = read_hyperparameters(config.algo, config.env_id, config.obs)
    own = {name: value for name, value in drawn.items() if name != HORIZON}
    return block | own | {"env_kwargs": block["env_kwargs"] | {HORIZON: drawn[HORIZON]}}
