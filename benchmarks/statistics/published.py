"""Published returns, as data: published.csv."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import NamedTuple

import pandas as pd

FILE = Path(__file__).parents[1] / "published.csv"
LEAPS = "LEAPS"
LEAPS_BY_HPRL = "LEAPS run again by HPRL"
SEARCH, OWN_SIZE, LARGE = "search", "own", "100x100"
"""Worlds in published.csv: those of the search, others of the task's own size, larger ones."""
NOTES = "notes, source not at hand"
"""The place of numbers that were taken from notes on a paper; see `Published.read_in`."""


class Published(NamedTuple):
    """A number from the literature."""

    value: float  # the mean return
    source: str  # authors, venue and year
    table: str  # the place in the paper, or another source
    seeds: float  # the number of runs; NaN if unknown
    read_in: str  # where it was read
    note: str  # differences from our evaluation

    @property
    def is_from_notes(self) -> bool:
        """Whether it was not read in its source."""
        return self.read_in == NOTES


@cache
def published_returns() -> pd.DataFrame:
    """The rows of published.csv; `evaluations` is the median number until a return of 1.00."""
    return pd.read_csv(FILE, keep_default_na=False, na_values={"seeds": "", "evaluations": ""})


def published_number(method: str, env_id: str, worlds: str = OWN_SIZE) -> Published | None:
    """The published return of a method (in any case) on a task; None if there is none."""
    rows = published_returns()
    same = rows["method"].str.casefold() == method.casefold()
    found = rows[same & (rows["task"] == env_id) & (rows["worlds"] == worlds)]
    if not len(found):
        return None
    row = found.iloc[0]
    return Published(
        float(row["return"]),
        str(row["source"]),
        str(row["table"]),
        float(row["seeds"]),
        str(row["read_in"]),
        str(row["note"]),
    )


def published_return(method: str, env_id: str, worlds: str = OWN_SIZE) -> float:
    """The published mean return of a method on a task; NaN if there is none.

    Example:
        >>> published_return(LEAPS, "Karel-TopOff-v0"), published_return(LEAPS, "Karel-TopOff-v1")
        (0.81, nan)
    """
    number = published_number(method, env_id, worlds)
    return float("nan") if number is None else number.value


def published_text(number: Published | None) -> str:
    """A cell of a table: the number, with a question mark if it is from notes; "-" for none."""
    if number is None:
        return "-"
    text = f"{number.value:.3f}".removesuffix("0")
    return f"{text}?" if number.is_from_notes else text


def published_notes(numbers: Iterable[tuple[str, Published | None]]) -> str:
    """Notes on the published numbers of methods in a table: their sources and their evaluation."""
    of: dict[tuple[str, str], list[str]] = {}
    from_notes = False
    for method, number in numbers:
        if number is not None:
            methods = of.setdefault((f"{number.source}, {number.table}", number.note), [])
            methods += [] if method in methods else [method]
            from_notes |= number.is_from_notes
    notes: dict[tuple[str, str], list[str]] = {}
    for (source, note), methods in of.items():
        notes.setdefault((", ".join(methods), source), []).extend([note] if note else [])
    said = [
        f"{methods}: {source}" + (f" ({'; '.join(differing)})." if differing else ".")
        for (methods, source), differing in notes.items()
    ]
    if from_notes:
        said.append("Numbers with a question mark are from notes; their source was not at hand.")
    return " ".join(["Published:", *said]) if said else ""
