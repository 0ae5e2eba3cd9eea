"""Results of every kind as one table: a row for each run and kind of worlds."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from benchmarks.runs.grid import SEARCHES, TRAININGS, GridRuns, search_name
from benchmarks.runs.planned_runs import Row, records
from benchmarks.statistics.published import LARGE, OWN_SIZE, SEARCH
from programmatic.runs import write_text

RESULTS_FILE = "results.csv"
WORLDS = (SEARCH, OWN_SIZE, LARGE)
"""The worlds that the search or training used; fresh ones of the task's own size; larger ones."""
COLUMNS = (
    *("algo", "env_id", "seed", "worlds", "return"),
    *("frames", "evaluations", "seconds", "commit", "machine", "run"),
)
"""The row of the literature's tables; the task's id; the seed; one of `WORLDS`; the mean return in
them; frames of a training, or programs that a search evaluated; wall time of the run, without that
of judging it; the code and the machine that it was done with; its folder."""


def tidy(runs: GridRuns) -> pd.DataFrame:
    """The rows of a grid's runs in the `COLUMNS`, searches first.

    A task without worlds of 100x100, or a policy that cannot act in them, has no row of them.
    """
    rows = [
        *_rows(runs.searches, _of_search, SEARCHES),
        *_rows(runs.trainings, _of_training, TRAININGS),
    ]
    return results_table(rows)


def results_table(rows: Sequence[Row]) -> pd.DataFrame:
    """Rows as a table with the `COLUMNS`; frames and evaluations may be missing."""
    table = pd.DataFrame(rows, columns=list(COLUMNS))
    return table.astype({"frames": "Int64", "evaluations": "Int64", "return": np.float64})


def write_results(results: pd.DataFrame, folder: Path) -> None:
    """Write results.csv."""
    folder.mkdir(parents=True, exist_ok=True)
    write_text(folder / RESULTS_FILE, results.to_csv(index=False))


def _rows(
    table: pd.DataFrame, read: Callable[[Row], tuple[Row, dict[str, float]]], folder: str
) -> list[Row]:
    rows = []
    for record in records(table):
        known, returns = read(record)
        same = {name: record[name] for name in ("env_id", "seed", "seconds", "commit", "machine")}
        same |= {"run": f"{folder}/{record['run']}", **known}
        rows += [
            {**same, "worlds": worlds, "return": value}
            for worlds, value in returns.items()
            if not np.isnan(value)
        ]
    return rows


def _of_search(row: Row) -> tuple[Row, dict[str, float]]:
    values = row["search_return"], row["fresh_return"], row["large_return"]
    return (
        {"algo": search_name(row["method"]), "frames": pd.NA, "evaluations": row["evaluations"]},
        dict(zip(WORLDS, values, strict=True)),
    )


def _of_training(row: Row) -> tuple[Row, dict[str, float]]:
    """Its policy acts as it does in its own evaluations: it draws, or is greedy."""
    way = "greedy" if json.loads(row["config"])["deterministic"] else "drawn"
    values = row["train_return"], row[way], row[f"large_{way}"]
    return (
        {"algo": row["baseline"], "frames": row["steps"], "evaluations": pd.NA},
        dict(zip(WORLDS, values, strict=True)),
    )
