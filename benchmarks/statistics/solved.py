"""How soon searches solve their tasks."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from benchmarks.runs.grid import search_name
from benchmarks.runs.planned_runs import records
from benchmarks.runs.search_runs import result_of
from programmatic.search.objective import SOLVED

TIMES = (10, 60, 600)  # seconds
SOLVED_FRESH = 0.99
"""The return in fresh worlds from which on a search has solved its task; in its own it is 1."""


def solved_within(searches: pd.DataFrame, folder: Path) -> pd.DataFrame:
    """A row a task and method: how many seeds solve it, and how soon.

    Args:
        searches: The rows of searches.
        folder: Their folder.

    Returns:
        `env_id`; `algo`; `seeds`; `solved`, the share of seeds whose program has a return of 1 in
        the worlds of the search and of at least 0.99 in fresh ones; `solved_10_s`, `solved_60_s`,
        `solved_600_s`, the share of those that had found this program after so many seconds;
        `median_evaluations`, after how many programs the return in the worlds of the search was 1,
        infinite where it was in less than half of the searches. Of no searches, an empty table.
    """
    if searches.empty:
        return pd.DataFrame()
    runs = pd.DataFrame(
        {
            "env_id": row["env_id"],
            "algo": search_name(row["method"]),
            **_solved(row, folder),
        }
        for row in records(searches)
    )
    rows = []
    for (env_id, algo), group in runs.groupby(["env_id", "algo"], sort=False):
        rows.append(
            {
                "env_id": env_id,
                "algo": algo,
                "seeds": len(group),
                "solved": float(np.isfinite(group["seconds"]).mean()),
                **{f"solved_{t}_s": float((group["seconds"] <= t).mean()) for t in TIMES},
                "median_evaluations": float(np.median(group["evaluations"])),
            }
        )
    return pd.DataFrame(rows)


def _solved(row: dict[str, Any], folder: Path) -> dict[str, float]:
    """When a search had found its program, if that solves the task; and when one of return 1."""
    history = result_of(row, folder).history
    solves = row["search_return"] >= SOLVED and row["fresh_return"] >= SOLVED_FRESH
    first = next((entry for entry in history if entry["return"] >= SOLVED), None)
    return {
        "seconds": history[-1]["seconds"] if solves else float("inf"),
        "evaluations": float("inf") if first is None else first["evaluations"],
    }
