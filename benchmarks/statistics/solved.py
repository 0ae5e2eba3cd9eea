"""The share of searches that solve their tasks, by time."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from benchmarks.runs.ledger import Record, records
from benchmarks.runs.searches import result_of
from programmatic.search.objective import SOLVED

TIMES = (10, 60, 600)  # seconds
FRESH_LOSS = 0.01
"""The most by which the return in fresh worlds of a search that has solved its task is below 1."""


def solved_within(searches: pd.DataFrame, folder: Path) -> pd.DataFrame:
    """A row per task and method: the share of seeds that solve it, by time.

    Returns:
        `solved`, the share of seeds whose program has a return of 1, or the search's `target`, in
        the worlds of the search, and at most 0.01 less in fresh ones; `solved_10_s`, `solved_60_s`,
        `solved_600_s`, the share that had found this program by then; `median_evaluations`, the
        number of programs until the return in the worlds of the search was that high, infinite if
        fewer than half of the searches reach it. Empty without searches.
    """
    if searches.empty:
        return pd.DataFrame()
    runs = pd.DataFrame(
        {"env_id": row["env_id"], "algo": row["label"], **_solved(row, folder)}
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


def _solved(row: Record, folder: Path) -> dict[str, float]:
    """Seconds until a search found its solution, and programs until its target; inf if never."""
    result = result_of(row, folder)
    history, goal = result.history, result.config.get("target") or SOLVED
    solves = row["search_return"] >= goal and row["fresh_return"] >= goal - FRESH_LOSS
    first = next((entry for entry in history if entry["return"] >= goal), None)
    return {
        "seconds": history[-1]["seconds"] if solves else float("inf"),
        "evaluations": float("inf") if first is None else first["evaluations"],
    }
