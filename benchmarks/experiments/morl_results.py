"""What MORL's experiments reached, as rows of results.csv."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pandas as pd

from agents.morl.iteration_folder import ITERATION, OPTIMISED, REPAIRED
from benchmarks.experiments.morl_report import PAPER_ITERATIONS
from benchmarks.runs.planned_runs import PROVENANCE, RUNS_FOLDER, Row
from benchmarks.statistics.published import OWN_SIZE, SEARCH
from benchmarks.statistics.tidy import results_table
from karel_gym.registration import CARTPOLE
from programmatic.examples import PROGRAMS

UNKNOWN: Row = {
    **{"env_id": CARTPOLE, "seed": pd.NA, "worlds": OWN_SIZE},
    **{"frames": pd.NA, "evaluations": pd.NA, "seconds": float("nan")},
    **dict.fromkeys(PROVENANCE, ""),
}
"""What a row has where its experiment does not tell."""


def morl_results(done: Mapping[str, Row]) -> pd.DataFrame:
    """The rows of experiments in the columns of `benchmarks.statistics.tidy.COLUMNS`.

    Programs, clones and policies of the paper's table have their names there. Policies take their
    most probable actions. The episodes of a loop's returns are those that its best iteration was
    chosen by, so that their `worlds` are "search"; all others are fresh ones, "own".

    Args:
        done: What each experiment has shown, by its name; see `benchmarks.experiments.morl.done`.
            Rows that were written before they told of commit and machine have none.
    """
    rows = [
        UNKNOWN | _told(row) | {"run": f"{RUNS_FOLDER}/{name}.json"} | reached
        for name, row in done.items()
        for reached in READERS[row["experiment"]["kind"]](name, row)
    ]
    return results_table(rows).astype({"seed": "Int64"})


def _told(row: Row) -> Row:
    """What any experiment tells of itself."""
    known = {**row, **row["experiment"]}
    return {name: known[name] for name in ("env_id", "seed", *PROVENANCE) if name in known}


def _of_learning(name: str, row: Row) -> Iterator[Row]:
    start, curve = row["experiment"]["start"], row["learning"]
    if start in PROGRAMS:
        yield {"algo": f"MORL {start} program", "return": row["program_return"]}
        seconds = row["cloning"][-1]["seconds"]
        yield {"algo": f"MORL {start} clone", "return": row["clone_return"], "seconds": seconds}
        yield from (
            _point(f"MORL {start} optimised", point)
            for point in curve
            if point["iteration"] == PAPER_ITERATIONS
        )
    yield _point(f"TRPO from {start}", curve[-1])


def _point(algo: str, point: Mapping[str, Any]) -> Row:
    """A point of a curve of learning."""
    return {
        "algo": algo,
        "return": point["mean_return"],
        "frames": point["timesteps"],
        "seconds": point["seconds"],
    }


def _of_robust_clone(name: str, row: Row) -> Iterator[Row]:
    algo = f"MORL {PROGRAMS[-1]} robust clone"
    yield {"algo": algo, "return": row["mean_return"], "seconds": row["seconds"]}


def _of_repair(name: str, row: Row) -> Iterator[Row]:
    algo = f"MORL {row['experiment']['start']} repaired"
    yield {"algo": algo, "return": row["after"], "seconds": row["seconds"]}


def _of_loop(name: str, row: Row) -> Iterator[Row]:
    run = f"{RUNS_FOLDER}/{name}"
    same = {"worlds": SEARCH, "seconds": row["seconds"]}
    yield {"algo": "MORL program", "return": row["program_return"], "run": run, **same}
    run += f"/{_best_iteration(row)}/{OPTIMISED}"
    yield {"algo": "MORL policy", "return": row["policy_return"], "run": run, **same}


def _best_iteration(row: Row) -> str:
    """The folder of the iteration that a loop's program and policy are of."""
    best = row["proven"], row["program_return"], row["policy_return"]
    found = (
        each["iteration"]
        for each in row["iterations"]
        if (each["proven"], each[f"{REPAIRED}_return"], each[f"{OPTIMISED}_return"]) == best
    )
    return f"{ITERATION}{next(found):02d}"


READERS: dict[str, Callable[[str, Row], Iterator[Row]]] = {
    "learning": _of_learning,
    "robust clone": _of_robust_clone,
    "repair": _of_repair,
    "loop": _of_loop,
}
"""What reads the row of an experiment, by its kind."""
