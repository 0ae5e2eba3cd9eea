"""Trainings of the deep RL baselines as a measurement: a row of returns each, none done twice.

A folder of trainings has runs.csv, a row a training, and runs/, the run folder of each. A training
that was interrupted goes on from its checkpoint; a finished one whose row is missing is only judged
again.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd

from agents.drl.callbacks import PROGRESS_FILE
from agents.drl.learning_curve import elapsed_seconds
from agents.drl.settings import TrainConfig, resolve
from agents.drl.training import train_run
from agents.evaluation import evaluate_episodes
from agents.policies import contestants
from benchmarks.runs.backends import Workers
from benchmarks.runs.baselines import BASELINES
from benchmarks.runs.planned_runs import RUNS_FOLDER, Row, RowForm, do_planned
from benchmarks.runs.search_runs import LARGE_SIDE, LARGE_WORLDS
from karel_gym.registration import FRESH_SEED

FRESH_EPISODES = 100
WAYS = {"drawn": False, "greedy": True}
"""The ways to act, and whether each takes the most probable action."""
NUMBERS = (
    "train_return",
    *("drawn", "drawn_solved", "greedy", "greedy_solved", "large_drawn", "large_greedy"),
)
COLUMNS = (
    *("id", "baseline", "env_id", "seed", "algo", "obs", "steps"),
    *NUMBERS,
    *("seconds", "config", "run"),
)
"""id, of all that tells trainings apart; the mean return of the training's best policy, or of its
tree, in the worlds that it was chosen in; its mean returns in 100 fresh worlds, and the share of
them that it solved, when it draws its actions and when it takes the most probable ones; mean
returns in 10 fresh worlds of 100x100, of networks that have no kernel only as they act in their own
evaluations, for it takes minutes; wall time of the training; its settings as JSON; the run
folder."""
FORM = RowForm(COLUMNS, texts=("id",), numbers=(*NUMBERS, "seconds"))


@dataclass(frozen=True)
class PlannedTraining:
    """A training that there is to be.

    Args:
        baseline: A name of `BASELINES`.
        env_id: The task's id.
        seed: Of the training.
        steps: Frames; None: what the hyperparameters say.
        quick: Whether networks that have no kernel are not judged in 100x100.
    """

    baseline: str
    env_id: str
    seed: int
    steps: int | None = None
    quick: bool = False

    @cached_property
    def config(self) -> TrainConfig:
        """All settings.

        Raises:
            ValueError: There is no such baseline or task, or a setting cannot be.
        """
        if self.baseline not in BASELINES:
            raise ValueError(
                f"there is no baseline {self.baseline!r}; known are {', '.join(BASELINES)}"
            )
        return resolve(BASELINES[self.baseline].config(self.env_id, self.seed, self.steps))

    @cached_property
    def identity(self) -> dict[str, Any]:
        """What tells it from others, as JSON values."""
        settings = self.config.to_json()
        own = {name: settings.pop(name) for name in ("env_id", "seed", "algo", "obs")}
        steps = settings.pop("total_timesteps")
        return {
            "baseline": self.baseline,
            **own,
            "steps": steps,
            "config": json.dumps(settings, sort_keys=True),
        }

    @cached_property
    def id(self) -> str:
        """A short form of `identity`."""
        text = json.dumps(self.identity, sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:12]

    @property
    def folder(self) -> str:
        """The run folder's place in the folder of trainings."""
        return f"{RUNS_FOLDER}/{self.baseline}-{self.config.env_id}-{self.seed}-{self.id}"

    def run(self, folder: Path) -> Row:
        """Do the training, or what is left of it, and judge its best policy: a row of `COLUMNS`."""
        run = folder / self.folder
        train_run(replace(self.config, run_dir=run), resume=True)
        baseline = BASELINES[self.baseline]
        return {
            "id": self.id,
            **self.identity,
            "train_return": baseline.best_return(run),
            **self._judged(baseline.policy(run)),
            "seconds": training_seconds(run),
            "run": self.folder,
        }

    def _judged(self, policy: Path) -> Row:
        """What a policy reaches in fresh worlds, both ways to act."""
        (contestant,) = contestants(policy)
        row: Row = {}
        for way, greedy in WAYS.items():
            own = fresh_episodes(policy, self.env_id, greedy)
            row |= {way: own["return"].mean(), f"{way}_solved": own["solved"].mean()}
            row[f"large_{way}"] = float("nan")
            as_evaluated = greedy == self.config.deterministic
            if contestant.kernel(greedy) or (as_evaluated and not self.quick):
                row[f"large_{way}"] = large_return(policy, self.env_id, greedy)
        return row

    def told(self, row: Row) -> str:
        """What is told of it when it is done."""
        large = ", ".join(
            f"{row[f'large_{way}']:.3f} {way}" for way in WAYS if pd.notna(row[f"large_{way}"])
        )
        return (
            f"{self.baseline}, {self.env_id}, seed {self.seed}: return {row['drawn']:.3f} drawn, "
            f"{row['greedy']:.3f} greedy; {f'in 100x100 {large}; ' if large else ''}"
            f"{row['steps']:,} frames in {row['seconds']:.0f} s"
        )


def run_trainings(
    plans: Sequence[PlannedTraining], folder: Path, workers: Workers | None = None
) -> pd.DataFrame:
    """Do the trainings that have no row yet.

    Args:
        plans: All that there are to be.
        folder: The folder of trainings.
        workers: Who does them; None: this process.

    Returns:
        Their rows, those done before included, in the order of `plans`.

    Raises:
        RunError: A run folder or runs.csv is damaged.
        ValueError: There is no such baseline or task, or a setting cannot be.
    """
    for plan in plans:  # all errors before any work
        _ = plan.id
    return do_planned(plans, folder, FORM, workers)


def fresh_episodes(run: Path, env_id: str, greedy: bool) -> pd.DataFrame:
    """The episodes of a run's best policy in fresh worlds; see `evaluate_episodes`."""
    return evaluate_episodes(
        run, env_id, FRESH_EPISODES, FRESH_SEED, deterministic=greedy, compiled=True
    )


def large_return(run: Path, env_id: str, greedy: bool) -> float:
    """The mean return of a run's best policy in fresh worlds of 100x100.

    It is NaN where the task has none of that size, or the policy takes another size only.
    """
    size = LARGE_SIDE, LARGE_SIDE
    try:
        episodes = evaluate_episodes(run, env_id, LARGE_WORLDS, FRESH_SEED, *size, greedy, True)
    except ValueError:
        return float("nan")
    return float(episodes["return"].mean())


def training_seconds(run: Path) -> float:
    """Wall time of a training, that of every time it was gone on with."""
    return float(elapsed_seconds(pd.read_csv(run / PROGRESS_FILE))[-1])
