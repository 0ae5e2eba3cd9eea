"""Searches as a measurement: which there are to be, and a row of results each, none done twice.

A folder of searches has runs.csv, a row a search, and runs/, the run folder of each. A search that
was interrupted goes on from its checkpoint; one that has its row is not done again. They are told
apart by their task, seed, budget, options, device, and by what is in the model's file.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache, cached_property
from pathlib import Path
from typing import Any

import pandas as pd

from benchmarks.runs.backends import Workers
from benchmarks.runs.planned_runs import RUNS_FOLDER, Row, RowForm, do_planned
from karel_gym.registration import FRESH_SEED, plain_id, sample_worlds, task_of
from programmatic import Program, execute
from programmatic.horizon import PUBLISHED, Limits, limits_of
from programmatic.leaps.model.checkpoints import weights_path
from programmatic.leaps.model.vae import torch_device
from programmatic.runs import RunError, checkpoints
from programmatic.search import SearchResult, search
from programmatic.search.commands import FRESH_WORLDS
from programmatic.search.configs import SearchConfig, config_of
from programmatic.search.searching import RESULT_FILE, WITHOUT_MODEL

TASK_NAMES = ("StairClimber", "FourCorners", "TopOff", "Maze", "CleanHouse", "Harvester")
"""LEAPS's six."""
LARGE_SIDE, LARGE_WORLDS = 100, 10
LARGE_MAX_CALLS = 100 * LARGE_SIDE**2
"""Calls of a run in a large world, with the published horizon. In one of 8x8 the 10,000 of a search
are 156 a cell; a program that visits every cell of a large world once takes about five a cell, so
that 100 cut none short that gets anywhere."""
COMPILING_BUDGET = 100  # programs: enough for every method to come to all its kernels
COLUMNS = (
    "id",
    "method",
    "env_id",
    "seed",
    "model",
    "model_sha256",
    "device",
    "budget",
    "search_return",
    "fresh_return",
    "large_return",
    "iterations",
    "evaluations",
    "seconds",
    "program",
    "config",
    "run",
)
"""id, of all that tells searches apart; mean returns of the program found in the search's own
worlds, in 1000 fresh ones, and in 10 fresh ones of 100x100; the options as JSON; the run folder."""
NUMBERS = ("search_return", "fresh_return", "large_return", "seconds")
FORM = RowForm(COLUMNS, texts=("id", "model_sha256"), numbers=NUMBERS, counts=("budget",))


@dataclass(frozen=True)
class PlannedSearch:
    """A search that there is to be; see `programmatic.search.search` for the arguments."""

    method: str
    env_id: str
    seed: int
    model: str = "default"
    budget: int | None = None
    device: str = "auto"
    options: Mapping[str, Any] = field(default_factory=dict)

    @cached_property
    def config(self) -> SearchConfig:
        """All options.

        Raises:
            ValueError: The method or an option is unknown, or cannot be.
        """
        return config_of(self.method, self.env_id, self.options)

    @cached_property
    def identity(self) -> dict[str, Any]:
        """What tells it from others, as JSON values.

        Raises:
            RunError: The model's file is missing.
        """
        return {
            "method": self.method,
            "env_id": self.env_id,
            "seed": self.seed,
            "model_sha256": "" if self.method in WITHOUT_MODEL else file_digest(self.model),
            "device": torch_device(self.device).type,
            "budget": self.budget,
            "config": json.dumps(self.config.to_json(), sort_keys=True),
        }

    @cached_property
    def id(self) -> str:
        """A short form of `identity`."""
        text = json.dumps(self.identity, sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:12]

    @property
    def folder(self) -> str:
        """The run folder's place in the folder of searches."""
        return f"{RUNS_FOLDER}/{self.method}-{plain_id(self.env_id)}-{self.seed}-{self.id}"

    def run(self, folder: Path) -> Row:
        """Do the search, or what is left of it, and judge its program: a row of `COLUMNS`."""
        run = folder / self.folder
        compile_for(self.method, self.env_id, self.model)
        result = search(
            self.method,
            self.env_id,
            seed=self.seed,
            budget=self.budget,
            model=self.model,
            run_dir=run,
            resume=bool(checkpoints(run)),
            overwrite=True,
            device=self.device,
            **self.options,
        )
        size = self.config.height, self.config.width
        fresh = sample_worlds(self.env_id, FRESH_WORLDS, FRESH_SEED, *size)
        return {
            "id": self.id,
            "model": self.model,
            **self.identity,
            "search_return": result.mean_return,
            "fresh_return": float(
                execute([result.program], fresh, self.env_id, *result.limits).returns.mean()
            ),
            "large_return": large_return(result.program, self.env_id, self.config.horizon),
            "iterations": len(result.iterations),
            "evaluations": result.evaluations,
            "seconds": round(result.seconds, 3),
            "program": str(result.program),
            "run": self.folder,
        }

    def told(self, row: Row) -> str:
        """What is told of it when it is done."""
        return (
            f"{self.method}, {self.env_id}, seed {self.seed}: "
            f"return {row['search_return']:.3f}, in fresh worlds {row['fresh_return']:.3f}; "
            f"{row['evaluations']:,} programs, {row['seconds']:.1f} s"
        )


def run_searches(
    plans: Sequence[PlannedSearch], folder: Path, workers: Workers | None = None
) -> pd.DataFrame:
    """Do the searches that have no row yet.

    Args:
        plans: All that there are to be.
        folder: The folder of searches.
        workers: Who does them; None: this process.

    Returns:
        Their rows, those done before included, in the order of `plans`.

    Raises:
        RunError: The model's file is missing, or runs.csv is damaged.
        ValueError: A task, a method or an option is unknown or cannot be.
    """
    for plan in plans:  # all errors before any work
        task_of(plan.env_id)
        _ = plan.id
    return do_planned(plans, folder, FORM, workers)


@cache
def compile_for(method: str, env_id: str, model: str) -> None:
    """Compile what a method's searches need: their seconds are to be those of the search alone."""
    search(method, env_id, budget=COMPILING_BUDGET, model=model, progress=False)


def read_rows(path: Path) -> pd.DataFrame:
    """The rows of a runs.csv; none where there is no such file.

    Raises:
        RunError: It is damaged.
    """
    return FORM.read(path)


def result_of(row: Row, folder: Path) -> SearchResult:
    """The result of the search of a row, with its history."""
    return SearchResult.load(folder / row["run"] / RESULT_FILE)


def large_return(program: Program, env_id: str, horizon: str | int) -> float:
    """The mean return in fresh worlds of 100x100; NaN where the task has none of that size.

    Args:
        program: The program.
        env_id: The task's id.
        horizon: Of a run in worlds of the task's own size; the published one allows
            `LARGE_MAX_CALLS` here.
    """
    try:
        worlds = sample_worlds(env_id, LARGE_WORLDS, FRESH_SEED, LARGE_SIDE, LARGE_SIDE)
    except ValueError:
        return float("nan")
    limits = limits_of(horizon, task_of(env_id).horizon(*worlds.shape))
    if horizon == PUBLISHED:
        limits = Limits(LARGE_MAX_CALLS)
    return float(execute([program], worlds, env_id, *limits).returns.mean())


def file_digest(model: str) -> str:
    """The first 16 digits of the SHA-256 of the file of a model's weights.

    Raises:
        RunError: There is no such file.
    """
    path = weights_path(model)
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()[:16]
    except OSError as error:
        raise RunError(f"the weights {path} cannot be read: {error.strerror}") from None


def env_ids(tasks: Sequence[str], version: str = "v0") -> list[str]:
    """The ids of tasks that are given by a name, such as Maze, or an id.

    Tasks that LEAPS does not have are v0 by either version: their definition is that of v1.

    Raises:
        ValueError: There is no such task, or none is given.

    Example:
        >>> env_ids(["Maze", "DoorKey", "Karel-Maze-v0"], "v1")
        ['Karel-Maze-v1', 'Karel-DoorKey-v0', 'Karel-Maze-v0']
    """
    if not tasks:
        raise ValueError("name at least one task")
    ids = [
        task if "-" in task else f"Karel-{task}-{version if task in TASK_NAMES else 'v0'}"
        for task in tasks
    ]
    for env_id in ids:
        task_of(env_id)
    return list(dict.fromkeys(ids))


def seed_range(seeds: int) -> range:
    """The seeds 0 to `seeds` - 1.

    Raises:
        ValueError: `seeds` is below 1.
    """
    if seeds < 1:
        raise ValueError(f"seeds must be at least 1, got {seeds}")
    return range(seeds)
