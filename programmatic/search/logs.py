"""The log of a search: history.csv, one row per iteration, and TensorBoard events."""

from __future__ import annotations

import csv
from collections.abc import Iterable
from pathlib import Path
from typing import Any, TextIO

from programmatic.runs import RunError, replacing

HISTORY_FILE = "history.csv"
COLUMNS = (
    "iteration",  # from 0 up
    "evaluations",  # programs evaluated by its end
    "seconds",  # wall time by its end
    "best_return",  # of the best program
    "mean_program_return",  # of the mean's program (CEM)
    "population_return",  # mean over the population
    "elite_return",  # mean over the elites
    "sigma",  # standard deviation of the population
    "current_return",  # of a climb's current program
    "climbs",  # climbs begun
    "neighbours",  # number without a gain that ends a climb
)
"""Figures that a method does not have are empty."""
COUNTS = ("iteration", "evaluations", "climbs", "neighbours")
EVENTS_EVERY = 0.1
"""Least seconds between two rows of TensorBoard events, which can cost more than an iteration."""


class SearchLog:
    """The rows of a search, in memory and in the run folder if there is one.

    Rows of `iteration`, the next one, and of later ones are dropped from the files.

    Raises:
        RunError: history.csv is damaged.
    """

    def __init__(self, run: Path | None, iteration: int = 0) -> None:
        self.rows: list[dict[str, Any]] = []
        self._file: TextIO | None = None
        self._events: Any = None
        self._shown = -EVENTS_EVERY  # time of the last row in the events
        if run is None:
            return
        from torch.utils.tensorboard import SummaryWriter  # slow

        file = run / HISTORY_FILE
        if iteration:
            self.rows = [row for row in read_history(file) if row["iteration"] < iteration]
        with replacing(file) as temporary, temporary.open("w", newline="") as whole:
            _writer(whole).writerows([dict(zip(COLUMNS, COLUMNS, strict=True)), *self.rows])
        self._file = file.open("a", newline="")
        self._csv = _writer(self._file)
        self._events = SummaryWriter(str(run), purge_step=iteration or None)

    def add(self, row: dict[str, Any]) -> None:
        """Add the row of an iteration."""
        self.rows.append(row)
        if self._file is None:
            return
        self._csv.writerow(row)
        self._file.flush()
        if row["seconds"] - self._shown >= EVENTS_EVERY:
            self._add_events(row)

    def close(self) -> None:
        """Close the files."""
        if self._file is not None:
            if self.rows and self.rows[-1]["seconds"] > self._shown:
                self._add_events(self.rows[-1])
            self._file.close()
            self._events.close()

    def _add_events(self, row: dict[str, Any]) -> None:
        self._shown = row["seconds"]
        for name, value in row.items():
            if name != "iteration":
                self._events.add_scalar(f"search/{name}", value, row["iteration"])


def read_history(file: Path) -> list[dict[str, Any]]:
    """The rows of a history.csv, without empty figures.

    Raises:
        RunError: It is missing or damaged.
    """
    try:
        with file.open(newline="") as lines:
            return list(_rows(csv.DictReader(lines)))
    except OSError as error:
        raise RunError(f"{file} cannot be read: {error.strerror}") from None
    except (ValueError, KeyError, TypeError, csv.Error) as error:
        raise RunError(f"{file} is damaged: {error}") from None


def _rows(texts: Iterable[dict[str, str]]) -> Iterable[dict[str, Any]]:
    for row in texts:
        if None in row.values():
            return  # a line cut off when the machine stopped
        yield {
            name: int(row[name]) if name in COUNTS else float(row[name])
            for name in COLUMNS
            if row.get(name)
        }


def _writer(file: TextIO) -> csv.DictWriter[str]:
    return csv.DictWriter(file, COLUMNS, lineterminator="\n")
