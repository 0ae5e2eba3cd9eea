"""The grid: methods x tasks x seeds, searches and trainings alike, done once and judged alike.

A folder of results has searches/ and trainings/, each with runs.csv and its run folders.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any, Literal

import pandas as pd

from benchmarks.runs.backends import Workers
from benchmarks.runs.baselines import BASELINES, LITERATURE
from benchmarks.runs.search_runs import TASK_NAMES, PlannedSearch, env_ids, run_searches, seed_range
from benchmarks.runs.trainings import PlannedTraining, run_trainings
from programmatic.horizon import TASK
from programmatic.options import parse_options
from programmatic.search.configs import METHODS, RandomConfig, config_of

SEARCHES, TRAININGS = "searches", "trainings"
SEARCH_NAMES = {"LEAPS": "cem"}
"""The methods of searches that the literature's tables call by another name."""
QUICK: dict[str, Any] = {"seeds": 2, "steps": 10_000, "budget": 10_000}
QUICK_TASKS = ("Maze", "Harvester")
"""Those whose worlds are small."""


@dataclass(frozen=True)
class GridSettings:
    """Which runs there are to be, and where they are done."""

    methods: tuple[str, ...] = (*LITERATURE, "LEAPS", "cebs", "hc", "shc", "cghc", "random")
    """Which: deep RL baselines by their rows in the literature's tables, such as DRL, DRL-abs or
    DRL-action, or by their algorithm, such as A2C or QR-DQN, which observes percepts+action;
    searches by their method (see karel-gym search), LEAPS for cem."""
    tasks: tuple[str, ...] = TASK_NAMES
    """Tasks, by name or id."""
    env_version: Literal["v0", "v1"] = "v0"
    """Which definition of tasks that are given by name: v0 is LEAPS's."""
    seeds: int = 5
    """Runs of a method and task: those of the seeds from 0 up."""
    steps: float | None = None
    """Frames of a training; by default what hyperparams/ALGO.yml says."""
    budget: float = 1e6
    """Most programs that a search evaluates."""
    options: tuple[str, ...] = ()
    """Other options of the searches, of those that have it, or of one method: n_worlds=64 or
    hc.sideways=true."""
    horizon: str = TASK
    """The limit of a program's run: task, the task's own horizon, in which networks act; published,
    the 10,000 calls (actions and percepts) of the literature; or a number of actions."""
    model: str = "default"
    """The file of the model whose latent space is searched, or default."""
    jobs: int = 1
    """Runs at once, a core each; 1: one after the other, in this process."""
    backend: Literal["processes", "ray"] = "processes"
    """Who does them: processes of this machine, or the workers of a Ray cluster, which needs the
    extra [ray]."""
    address: str | None = None
    """The Ray cluster's address, HOST:PORT, ray://HOST:PORT or auto; the results' folder must be on
    a disk that its nodes share. By default a Ray of this process's own, of as many workers as there
    are jobs."""
    quick: bool = False
    """Two seeds, trainings of 10,000 frames and searches of 10,000 programs, on Maze and Harvester
    unless tasks are given; networks that are no tables are not judged in 100x100. Minutes in place
    of hours: it shows that everything runs, not what the methods reach."""
    out: Path = Path("results/returns")
    """Folder of the results; runs that are in it are not done again."""


@dataclass(frozen=True)
class GridRuns:
    """The rows of all runs of a grid, and the folder that they are in."""

    folder: Path
    searches: pd.DataFrame
    trainings: pd.DataFrame


def do_grid(settings: GridSettings) -> GridRuns:
    """Do the runs that are still to be done.

    Raises:
        ValueError: A method, a task or an option is unknown or cannot be.
        RunError: A runs.csv or a run folder is damaged.
        WorkerDiedError: A run has killed one worker after the other.
    """
    workers = Workers(settings.jobs, settings.backend, settings.address)
    searches, trainings = planned(settings)
    folder = settings.out
    return GridRuns(
        folder,
        run_searches(searches, folder / SEARCHES, workers),
        run_trainings(trainings, folder / TRAININGS, workers),
    )


def quickened(settings: Any) -> Any:
    """The settings of which those of `QUICK` stand for others, if they are to be quick."""
    if not settings.quick:
        return settings
    tasks = QUICK_TASKS if settings.tasks == TASK_NAMES else settings.tasks
    return replace(settings, **QUICK, tasks=tasks)


def planned(settings: GridSettings) -> tuple[list[PlannedSearch], list[PlannedTraining]]:
    """The runs of a grid.

    Raises:
        ValueError: A method, a task or an option is unknown or cannot be.
    """
    settings = quickened(settings)
    tasks, seeds = env_ids(settings.tasks, settings.env_version), seed_range(settings.seeds)
    for name in settings.methods:
        if name not in BASELINES and method_of(name) not in METHODS:
            known = ", ".join([*BASELINES, *map(search_name, METHODS)])
            raise ValueError(f"there is no method {name!r}; known are {known}")
    budget = int(settings.budget)
    steps = None if settings.steps is None else int(settings.steps)
    options = search_options(settings.methods, settings.options)
    searches, trainings = [], []
    for task in tasks:
        for name in dict.fromkeys(settings.methods):
            for seed in seeds:
                if name in BASELINES:
                    trainings.append(PlannedTraining(name, task, seed, steps, settings.quick))
                    continue
                method = method_of(name)
                own = {"horizon": settings.horizon} | spending(method, task, budget)
                own |= options[name]
                model = settings.model
                searches.append(
                    PlannedSearch(method, task, seed, model, budget, "cpu", options=own)
                )
    return searches, trainings


def search_options(names: Sequence[str], texts: Sequence[str]) -> dict[str, dict[str, Any]]:
    """The options of each search method.

    Args:
        names: Rows of the table; those of baselines have none.
        texts: Of the form name=value, for all methods that have this option, or METHOD.name=value.

    Raises:
        ValueError: A text has another form, or no method has such an option.

    Example:
        >>> search_options(["hc", "LEAPS"], ["n_worlds=8", "hc.sideways=true"])
        {'hc': {'n_worlds': 8, 'sideways': True}, 'LEAPS': {'n_worlds': 8}}
    """
    chosen: dict[str, dict[str, Any]] = {name: {} for name in names if name not in BASELINES}
    for text, (key, value) in zip(texts, parse_options(texts).items(), strict=True):
        of, dot, option = key.rpartition(".")
        having = [
            name
            for name in chosen
            if (not dot or of in (name, method_of(name)))
            and option in [field.name for field in fields(METHODS[method_of(name)])]
        ]
        if not having:
            raise ValueError(f"none of the searches has the option of {text!r}")
        for name in having:
            chosen[name][option] = value
    return chosen


def spending(method: str, env_id: str, budget: int) -> dict[str, Any]:
    """The options with which random search spends a budget; others do so by themselves, or, like
    LEAPS, end when their own iterations are done."""
    is_random = isinstance(config_of(method, env_id, {}), RandomConfig)
    return {"n_programs": budget} if is_random else {}


def method_of(name: str) -> str:
    """The search method of a row of the table."""
    return SEARCH_NAMES.get(name, name)


def search_name(method: str) -> str:
    """The row of the table that a search method is."""
    return next((name for name, known in SEARCH_NAMES.items() if known == method), method)
