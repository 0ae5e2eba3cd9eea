"""The time to a solution of searches for programs that use several cores."""

from __future__ import annotations

from dataclasses import replace
from itertools import groupby

import pandas as pd

from benchmarks.experiments.returns import show_solved
from benchmarks.runs.ledger import RUNS_FILE
from benchmarks.runs.method_grid import do_runs, planned_searches
from benchmarks.runs.results import save_tables
from benchmarks.runs.searches import SEARCH_COLUMNS, SearchJob
from benchmarks.settings import TARGETS, SolutionTimeSettings
from benchmarks.statistics.solved import solved_within
from karel_gym.simulation.devices import most_threads
from programmatic.search.configs import HCConfig


def measure_solution_times(settings: SolutionTimeSettings) -> None:
    """Do the searches that are not done yet; write and print the table."""
    tables = []
    for _, group in groupby(jobs_of(settings), lambda job: (job.env_id, job.label)):
        jobs = list(group)
        rows = do_runs(jobs[: settings.trials], SEARCH_COLUMNS, settings)
        if solved_within(rows, settings.folder)["solved"].any():
            rows = do_runs(jobs, SEARCH_COLUMNS, settings)
        tables.append(rows)
    solved = solved_within(pd.concat(tables), settings.folder)
    save_tables(settings, {"solved": solved}, cores=most_threads())
    show_solved(solved, f"{most_threads()} cores")
    print(f"table: {settings.folder} (a row per search: {RUNS_FILE})")


def jobs_of(settings: SolutionTimeSettings) -> list[SearchJob]:
    """The searches of all seeds, task by task."""
    targets = {f"Karel-{name}-v0": target for name, target in TARGETS.items()}
    usual = {"members": HCConfig.members, "seconds": settings.seconds}
    return [
        replace(
            job,
            seed=settings.first_seed + job.seed,
            options={"target": targets.get(job.env_id), **usual, **job.options},
        )
        for job in planned_searches(settings, settings.methods, "default")
    ]
