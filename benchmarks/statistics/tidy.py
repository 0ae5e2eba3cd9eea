"""Results as one table: a row for each run and kind of worlds."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from benchmarks.runs.ledger import PROVENANCE, Record, records
from benchmarks.runs.method_grid import GridRuns
from benchmarks.statistics.published import LARGE, OWN_SIZE, SEARCH
from programmatic.runs import write_text

RESULTS_FILE = "results.csv"
WORLDS = (SEARCH, OWN_SIZE, LARGE)
"""The worlds that the search or training used; fresh ones of the task's own size; larger ones."""
COLUMNS = (
    *("algo", "env_id", "seed", "worlds", "return"),
    *("frames", "evaluations", "seconds", "commit", "machine", "run"),
)
"""`worlds` is one of `WORLDS`; `seconds` is the wall time without the final evaluation."""


def tidy(runs: GridRuns) -> pd.DataFrame:
    """The results of a grid's runs in the `COLUMNS`, searches first.

    A task without worlds of 100x100, or a policy that cannot act in them, has no row for them.
    """
    rows = []
    for run in [*records(runs.searches), *records(runs.trainings)]:
        costs, returns = _of_search(run) if "program" in run else _of_training(run)
        same = {name: run[name] for name in ("env_id", "seed", "seconds", *PROVENANCE, "run")}
        rows += [
            {"algo": run["label"], **same, **costs, "worlds": worlds, "return": value}
            for worlds, value in zip(WORLDS, returns, strict=True)
            if not np.isnan(value)
        ]
    return results_table(rows)


def _of_search(run: Record) -> tuple[Record, list[float]]:
    costs = {"frames": pd.NA, "evaluations": run["evaluations"]}
    return costs, [run[f"{name}_return"] for name in ("search", "fresh", "large")]


def _of_training(run: Record) -> tuple[Record, list[float]]:
    """The returns with the way to act of the training's own evaluations: drawn or greedy."""
    way = "greedy" if json.loads(run["config"])["deterministic"] else "drawn"
    costs = {"frames": run["steps"], "evaluations": pd.NA}
    return costs, [run["train_return"], run[way], run[f"large_{way}"]]


def results_table(rows: Sequence[Record]) -> pd.DataFrame:
    """Rows as a table with the `COLUMNS`; frames and evaluations may be missing."""
    table = pd.DataFrame(rows, columns=list(COLUMNS))
    return table.astype({"frames": "Int64", "evaluations": "Int64", "return": np.float64})


def write_results(results: pd.DataFrame, folder: Path) -> None:
    """Write results.csv."""
    folder.mkdir(parents=True, exist_ok=True)
    write_text(folder / RESULTS_FILE, results.to_csv(index=False))
