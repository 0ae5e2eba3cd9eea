"""The grid of methods x tasks x seeds, in the folders searches/ and trainings/ of a run folder."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import pandas as pd

from benchmarks.runs.ledger import Columns, TableLedger, do_jobs
from benchmarks.runs.methods import BASELINES, search_name, search_of
from benchmarks.runs.methods import SEARCHES as NAMED_SEARCHES
from benchmarks.runs.searches import SEARCH_COLUMNS, SearchJob
from benchmarks.runs.trainings import TRAINING_COLUMNS, TrainingJob
from benchmarks.runs.workers import Workers
from benchmarks.settings import TASK_NAMES, ReturnsSettings, SearchesSettings
from karel_gym.registration import plain_id, task_of
from programmatic.options import unknown
from programmatic.search.configs import METHODS, CEMConfig, LatentRandomConfig, RandomConfig
from programmatic.search.run_settings import config_of

SEARCHES, TRAININGS = "searches", "trainings"


@dataclass(frozen=True)
class GridRuns:
    """The rows of all runs of a grid; `run` is relative to `folder`, `label` names the method."""

    folder: Path
    searches: pd.DataFrame
    trainings: pd.DataFrame


def do_grid(settings: ReturnsSettings) -> GridRuns:
    """Do the runs that are not done yet.

    Raises:
        ValueError: A method, a task or an option is unknown or invalid.
        RunError: A runs.csv or a run folder is damaged.
    """
    settings.check()
    searches, trainings = planned(settings)
    for job in [*searches, *trainings]:  # all errors before any work
        _ = job.id
    return GridRuns(
        settings.folder,
        do_runs(searches, SEARCH_COLUMNS, settings, settings.SEARCHES),
        do_runs(trainings, TRAINING_COLUMNS, settings, TRAININGS),
    )


def do_runs(
    jobs: Sequence[SearchJob] | Sequence[TrainingJob],
    columns: Columns,
    settings: SearchesSettings,
    place: str = "",
) -> pd.DataFrame:
    """Do the jobs that are not done yet; returns the rows of all, see `GridRuns`."""
    workers = Workers(settings.jobs, settings.backend, settings.address)
    found = do_jobs(jobs, TableLedger(settings.folder / place, columns), workers) if jobs else []
    labels, places = [job.label for job in jobs], [Path(place) / row["run"] for row in found]
    return columns.table(found).assign(label=labels, run=[path.as_posix() for path in places])


def planned(settings: ReturnsSettings) -> tuple[list[SearchJob], list[TrainingJob]]:
    """The runs of a grid.

    Raises:
        ValueError: A method, a task or an option is unknown or invalid.
    """
    known = dict.fromkeys([*BASELINES, *map(search_name, METHODS), *NAMED_SEARCHES])
    for name in settings.methods:
        if name not in known and name not in METHODS:
            raise ValueError(unknown("there is no method", name, known))
    steps, tasks = settings.steps, env_ids(settings.tasks, settings.env_version)
    trainings = [
        TrainingJob(name, task, seed, steps, settings.quick)
        for task in tasks
        for name in dict.fromkeys(settings.methods)
        if name in BASELINES
        for seed in range(settings.seeds)
    ]
    names = [name for name in settings.methods if name not in BASELINES]
    searches = planned_searches(settings, names, settings.model, settings.FILLS_BUDGET)
    return searches, trainings


def planned_searches(
    settings: SearchesSettings, names: Sequence[str], model: str, fills_budget: bool = False
) -> list[SearchJob]:
    """The searches with these names, on all tasks with all seeds."""
    chosen = search_options(names, settings.options)
    given: dict[str, Any] = {"horizon": settings.horizon}
    given |= {} if settings.worlds is None else {"n_worlds": settings.worlds}
    searches = []
    for task in env_ids(settings.tasks, settings.env_version):
        for name, own in chosen.items():
            method, options = search_of(name)
            options = given | dict(options) | own
            if isinstance(file := options.get("programs"), str):
                options["programs"] = file.replace("{task}", task_word(task))
            if settings.budget is not None:
                options = spending(method, task, settings.budget, fills_budget) | options
            searches += [
                SearchJob(
                    method, task, seed, model, settings.budget, settings.device, options, name
                )
                for seed in range(settings.seeds)
            ]
    return searches


def search_options(names: Sequence[str], options: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """The options of each named search; an option is for all methods that have it, or METHOD.name.

    Raises:
        ValueError: No method has such an option.

    Example:
        >>> search_options(["hc", "LEAPS"], {"n_worlds": 8, "hc.sideways": True})
        {'hc': {'n_worlds': 8, 'sideways': True}, 'LEAPS': {'n_worlds': 8}}
    """
    chosen: dict[str, dict[str, Any]] = {name: {} for name in names}
    known = {name: [f.name for f in fields(METHODS[search_of(name)[0]])] for name in names}
    for key, value in options.items():
        of, dot, option = key.rpartition(".")
        having = [
            name
            for name in chosen
            if (not dot or of in (name, search_of(name)[0])) and option in known[name]
        ]
        if not having:
            every = dict.fromkeys(option for own in known.values() for option in own)
            raise ValueError(unknown("none of the searches has the option", key, every))
        for name in having:
            chosen[name][option] = value
    return chosen


def spending(method: str, env_id: str, budget: int, fills: bool) -> dict[str, Any]:
    """The options with which a method spends a budget of programs; many do so without options.

    If `fills`, methods with a number of iterations get as many as the budget allows, so that the
    sigma of CEM has fallen to the end when the budget is spent.

    Raises:
        ValueError: The budget does not suffice for an iteration.

    Example:
        >>> spending("cem", "Karel-Maze-v0", 30_000, fills=True)  # 1,764 * (16 + 1) + 1 programs
        {'iterations': 1764}
    """
    config = config_of(method, env_id, {})
    if isinstance(config, RandomConfig):
        return {"n_programs": budget}
    if fills and isinstance(config, LatentRandomConfig):
        return {"n_latents": budget}
    if fills and isinstance(config, CEMConfig):
        # An iteration evaluates its mean too, and the last mean is evaluated by itself.
        iterations = (budget - 1) // (config.population_size + 1)
        if iterations < 1:
            raise ValueError(
                f"the budget must be at least {config.population_size + 2} for {method} on "
                f"{env_id}, got {budget}"
            )
        return {"iterations": iterations}
    return {}


def task_word(env_id: str) -> str:
    """A task's name without its version.

    Example:
        >>> task_word("Karel-DoorKey-v0")
        'DoorKey'
    """
    return plain_id(env_id).removeprefix("Karel-").rpartition("-")[0]


def env_ids(tasks: Sequence[str], version: str = "v0") -> list[str]:
    """The ids of tasks given by name or id; tasks that LEAPS does not have are always v0.

    Raises:
        ValueError: A task is unknown.

    Example:
        >>> env_ids(["Maze", "DoorKey", "Karel-Maze-v0"], "v1")
        ['Karel-Maze-v1', 'Karel-DoorKey-v0', 'Karel-Maze-v0']
    """
    ids = [
        task if "-" in task else f"Karel-{task}-{version if task in TASK_NAMES else 'v0'}"
        for task in tasks
    ]
    for env_id in ids:
        task_of(env_id)
    return list(dict.fromkeys(ids))
