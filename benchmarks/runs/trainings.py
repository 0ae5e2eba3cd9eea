"""Trainings as jobs: each has a run folder, and a record of the returns of its best policy."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import pandas as pd

from agents.drl.callbacks import PROGRESS_FILE
from agents.drl.learning_curve import elapsed_seconds
from agents.drl.settings import TrainConfig, resolve
from agents.drl.training import train_run
from agents.evaluation import evaluate_episodes
from agents.hierarchy.skills import read_options
from agents.policies import contestants
from benchmarks.runs.ledger import RUNS_FOLDER, Columns, Job, Record
from benchmarks.runs.methods import BASELINES
from benchmarks.runs.searches import LARGE_SIDE, LARGE_WORLDS
from karel_gym.registration import FRESH_SEED
from programmatic.options import unknown
from programmatic.runs import checkpoints
from programmatic.search import search

FRESH_EPISODES = 100
WAYS = {"drawn": False, "greedy": True}
"""The ways to act, and whether each takes the most probable action."""
NUMBERS = (
    "train_return",
    *("drawn", "drawn_solved", "greedy", "greedy_solved", "large_drawn", "large_greedy"),
)
TRAINING_COLUMNS = Columns(
    (
        *("id", "baseline", "env_id", "seed", "algo", "obs", "steps"),
        *NUMBERS,
        *("seconds", "config", "run"),
    ),
    texts=("id",),
    numbers=(*NUMBERS, "seconds"),
)
"""Returns of the training's best policy or of its tree in the worlds of the training, in 100 fresh
ones, and in 10 of 100x100. There, a network without a kernel takes minutes, so it acts only in
the way of its own evaluations."""


@dataclass(frozen=True)
class TrainingJob(Job):
    """A training of a baseline.

    An interrupted training goes on from its checkpoint; a finished one is only evaluated again.
    """

    baseline: str  # a name of `BASELINES`
    env_id: str  # the task's id
    seed: int  # seed of the training
    steps: int | None = None  # frames; None: those of the hyperparameters
    quick: bool = False  # whether networks without a kernel are not evaluated in 100x100

    @property
    def label(self) -> str:
        """The baseline's name in the tables."""
        return self.baseline

    @cached_property
    def config(self) -> TrainConfig:
        """All settings.

        Raises:
            ValueError: The baseline or the task is unknown, or a setting is invalid.
        """
        if self.baseline not in BASELINES:
            raise ValueError(unknown("there is no baseline", self.baseline, BASELINES))
        return resolve(BASELINES[self.baseline].config(self.env_id, self.seed, self.steps))

    @cached_property
    def identity(self) -> Record:
        """The settings as JSON values, without later additions that have their defaults."""
        stored = self.config.to_json()
        usual = {name: getattr(TrainConfig, name) for name in TrainConfig.ADDED}
        settings = {n: v for n, v in stored.items() if n not in usual or v != usual[n]}
        own = {name: settings.pop(name) for name in ("env_id", "seed", "algo", "obs")}
        steps = settings.pop("total_timesteps")
        searched = BASELINES[self.baseline].options_search
        settings |= {} if searched is None else {"options": dict(searched)}
        return {
            "baseline": self.baseline,
            **own,
            "steps": steps,
            "config": json.dumps(settings, sort_keys=True),
        }

    def run(self, folder: Path) -> Record:
        """Do the training and evaluate its best policy; returns a row of `TRAINING_COLUMNS`."""
        place = f"{RUNS_FOLDER}/{self.baseline}-{self.config.env_id}-{self.seed}-{self.id}"
        run, baseline = folder / place, BASELINES[self.baseline]
        options, seconds = self._options(folder / f"{place}-options")
        train_run(replace(self.config, options=options, run_dir=run, verbose=0), resume=True)
        return {
            "id": self.id,
            **self.identity,
            "train_return": baseline.best_return(run),
            **self._returns(baseline.policy(run)),
            "seconds": seconds + training_seconds(run),
            "run": place,
        }

    def _options(self, run: Path) -> tuple[str, float]:
        """The programs that the policy chooses, and the seconds of the search for them."""
        searched = BASELINES[self.baseline].options_search
        if searched is None:
            return self.config.options, 0.0
        result = search(
            "hipo",
            self.env_id,
            seed=self.seed,
            run_dir=run,
            resume=bool(checkpoints(run)),
            overwrite=True,
            progress=False,
            **searched,
        )
        return read_options(str(run))[0], result.seconds

    def _returns(self, policy: Path) -> Record:
        """The returns of a policy in fresh worlds, both ways to act."""
        (contestant,) = contestants(policy)
        found: Record = {}
        for way, greedy in WAYS.items():
            own = evaluate_episodes(
                policy, self.env_id, FRESH_EPISODES, FRESH_SEED, deterministic=greedy, compiled=True
            )
            found |= {way: own["return"].mean(), f"{way}_solved": own["solved"].mean()}
            found[f"large_{way}"] = float("nan")
            as_evaluated = greedy == self.config.deterministic
            if contestant.kernel(greedy) or (as_evaluated and not self.quick):
                found[f"large_{way}"] = large_return(policy, self.env_id, greedy)
        return found

    def summary(self, record: Record) -> str:
        """The line that is printed when the training has ended."""
        large = ", ".join(
            f"{record[f'large_{way}']:.3f} {way}"
            for way in WAYS
            if pd.notna(record[f"large_{way}"])
        )
        return (
            f"{self.baseline}, {self.env_id}, seed {self.seed}: return {record['drawn']:.3f} "
            f"drawn, {record['greedy']:.3f} greedy; {f'in 100x100 {large}; ' if large else ''}"
            f"{record['steps']:,} frames in {record['seconds']:.0f} s"
        )


def large_return(run: Path, env_id: str, greedy: bool) -> float:
    """The mean return of a run's best policy in fresh worlds of 100x100; NaN if it has none."""
    size = LARGE_SIDE, LARGE_SIDE
    try:
        episodes = evaluate_episodes(run, env_id, LARGE_WORLDS, FRESH_SEED, *size, greedy, True)
    except ValueError:
        return float("nan")
    return float(episodes["return"].mean())


def training_seconds(run: Path) -> float:
    """Wall time of a training, over all its parts if it was resumed."""
    return float(elapsed_seconds(pd.read_csv(run / PROGRESS_FILE))[-1])
