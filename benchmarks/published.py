"""Published returns, as data: published.csv."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import pandas as pd

FILE = Path(__file__).parent / "published.csv"
LEAPS = "LEAPS"
LEAPS_BY_HPRL = "LEAPS run again by HPRL"
OWN_SIZE, LARGE = "own", "100x100"  # sizes of worlds in published.csv


@cache
def published_returns() -> pd.DataFrame:
    """A row a number: source, table, method, task (an id), worlds (their size), return."""
    return pd.read_csv(FILE)


def published_return(method: str, env_id: str, worlds: str = OWN_SIZE) -> float:
    """The mean return that was published of a method on a task; NaN where none was.

    Args:
        method: As in published.csv.
        env_id: The task's id.
        worlds: "own" for worlds of the task's own size, or "100x100".

    Example:
        >>> published_return(LEAPS, "Karel-TopOff-v0"), published_return(LEAPS, "Karel-TopOff-v1")
        (0.81, nan)
    """
    rows = published_returns()
    found = rows[(rows.method == method) & (rows.task == env_id) & (rows.worlds == worlds)]
    return float(found["return"].iloc[0]) if len(found) else float("nan")
