"""The results of MORL's experiments as rows of results.csv."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pandas as pd

from agents.morl.iteration_folder import ITERATION, OPTIMISED, REPAIRED
from benchmarks.experiments.morl_report import PAPER_ITERATIONS
from benchmarks.runs.ledger import PROVENANCE, RUNS_FOLDER, Record
from benchmarks.statistics.published import OWN_SIZE, SEARCH
from benchmarks.statistics.tidy import results_table
from karel_gym.registration import CARTPOLE
from programmatic.examples import PROGRAMS

UNKNOWN: Record = {
    **{"env_id": CARTPOLE, "seed": pd.NA, "worlds": OWN_SIZE},
    **{"frames": pd.NA, "evaluations": pd.NA, "seconds": float("nan")},
    **dict.fromkeys(PROVENANCE, ""),
}
"""The entries of a row that its experiment does not have."""


def morl_results(done: Mapping[str, Record]) -> pd.DataFrame:
    """The rows of experiments in the columns of `benchmarks.statistics.tidy.COLUMNS`.

    Programs, clones and policies of the paper's table have their names there. Policies take their
    most probable actions. A loop's returns are of the episodes that its best iteration was chosen
    by: their `worlds` are "search"; all others are fresh ones, "own".

    Args:
        done: The records of experiments by their names. Those of earlier versions have no commit
            and machine.
    """
    rows = [
        UNKNOWN | _common(row) | {"run": f"{RUNS_FOLDER}/{name}.json"} | reached
        for name, row in done.items()
        for reached in READERS[row["experiment"]["kind"]](name, row)
    ]
    return results_table(rows).astype({"seed": "Int64"})


def _common(row: Record) -> Record:
    """The entries that all experiments have."""
    known = {**row, **row["experiment"]}
    return {name: known[name] for name in ("env_id", "seed", *PROVENANCE) if name in known}


def _of_learning(name: str, row: Record) -> Iterator[Record]:
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


def _point(algo: str, point: Mapping[str, Any]) -> Record:
    """A point of a learning curve."""
    return {
        "algo": algo,
        "return": point["mean_return"],
        "frames": point["timesteps"],
        "seconds": point["seconds"],
    }


def _of_robust_clone(name: str, row: Record) -> Iterator[Record]:
    algo = f"MORL {PROGRAMS[-1]} robust clone"
    yield {"algo": algo, "return": row["mean_return"], "seconds": row["seconds"]}


def _of_repair(name: str, row: Record) -> Iterator[Record]:
    algo = f"MORL {row['experiment']['start']} repaired"
    yield {"algo": algo, "return": row["after"], "seconds": row["seconds"]}


def _of_loop(name: str, row: Record) -> Iterator[Record]:
    run = f"{RUNS_FOLDER}/{name}"
    same = {"worlds": SEARCH, "seconds": row["seconds"]}
    yield {"algo": "MORL program", "return": row["program_return"], "run": run, **same}
    run += f"/{_best_iteration(row)}/{OPTIMISED}"
    yield {"algo": "MORL policy", "return": row["policy_return"], "run": run, **same}


def _best_iteration(row: Record) -> str:
    """The folder of the iteration with a loop's program and policy."""
    best = row["proven"], row["program_return"], row["policy_return"]
    found = (
        each["iteration"]
        for each in row["iterations"]
        if (each["proven"], each[f"{REPAIRED}_return"], each[f"{OPTIMISED}_return"]) == best
    )
    return f"{ITERATION}{next(found):02d}"


READERS: dict[str, Callable[[str, Record], Iterator[Record]]] = {
    "learning": _of_learning,
    "robust clone": _of_robust_clone,
    "repair": _of_repair,
    "loop": _of_loop,
}
"""The functions that read the record of an experiment, by its kind."""
