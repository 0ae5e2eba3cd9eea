"""Runs that there are to be, and a row of results each in runs.csv: none is done twice."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import pandas as pd

from benchmarks.runs.backends import Workers, results_of
from programmatic.provenance import code_and_machine
from programmatic.runs import RunError, occupying, write_text

RUNS_FILE, RUNS_FOLDER = "runs.csv", "runs"
PROVENANCE = ("commit", "machine")
"""The last columns of every runs.csv: the code that a run was done with, and where."""
Row = dict[str, Any]


class PlannedRun(Protocol):
    """A run that there is to be."""

    @property
    def id(self) -> str:
        """A short form of all that tells it from others; the row has it in its column `id`."""

    def run(self, folder: Path) -> Row:
        """Do the run, or what is left of it, under `folder`, and judge it."""

    def told(self, row: Row) -> str:
        """What is told of it when it is done."""


@dataclass(frozen=True)
class RowForm:
    """The columns of runs.csv, or of another table with a row for each thing done.

    Args:
        columns: Their names in their order; the first is `id`.
        texts: Those that hold texts, though they may look like numbers.
        numbers: Those that hold numbers, which may be missing.
        counts: Those that hold whole numbers, which may be missing.
        added: Those that follow: texts, empty in files that were written before there were any.
    """

    columns: tuple[str, ...]
    texts: tuple[str, ...]
    numbers: tuple[str, ...]
    counts: tuple[str, ...] = ()
    added: tuple[str, ...] = PROVENANCE

    def table(self, rows: Iterable[Row]) -> pd.DataFrame:
        """Rows as a table.

        Raises:
            KeyError: One lacks a column.
        """
        columns, unknown = (*self.columns, *self.added), dict.fromkeys(self.added, "")
        listed = [unknown | row for row in rows]
        for row in listed:
            if missing := [column for column in columns if column not in row]:
                raise KeyError(f"it has no {', '.join(missing)}")
        table = pd.DataFrame([{column: row[column] for column in columns} for row in listed])
        table = table.reindex(columns=list(columns))
        types: Any = dict.fromkeys(self.counts, "Int64") | dict.fromkeys(self.numbers, np.float64)
        return table.astype(types)

    def read(self, path: Path) -> pd.DataFrame:
        """The rows of a runs.csv; none where there is no such file.

        Raises:
            RunError: It is damaged.
        """
        if not path.exists():
            return self.table([])
        texts = (*self.texts, *self.added)
        types: Any = dict.fromkeys(texts, str) | dict.fromkeys(self.counts, "Int64")
        empty: Any = {name: [""] for name in (*self.numbers, *self.counts)}  # elsewhere a text
        try:
            rows = pd.read_csv(path, dtype=types, keep_default_na=False, na_values=empty)
            return self.table(records(rows))
        except (OSError, KeyError, ValueError) as error:
            raise RunError(f"{path} is damaged: {error}; delete it to do all runs again") from None


def do_planned(
    plans: Sequence[PlannedRun], folder: Path, form: RowForm, workers: Workers | None = None
) -> pd.DataFrame:
    """Do the runs that have no row yet; a row is written as soon as its run has ended.

    Args:
        plans: All that there are to be.
        folder: Where runs.csv is; with Ray, a place that all nodes share.
        form: Its columns.
        workers: Who does them; None: this process, one after the other.

    Returns:
        Their rows, those done before included, in the order of `plans`.

    Raises:
        RunError: runs.csv is damaged, or another process does runs in the folder.
        WorkerDiedError: A run has killed one worker after the other.
    """
    with occupying(folder):
        return _do_planned(plans, folder, form, workers)


def _do_planned(
    plans: Sequence[PlannedRun], folder: Path, form: RowForm, workers: Workers | None
) -> pd.DataFrame:
    rows = {row["id"]: row for row in records(form.read(folder / RUNS_FILE))}
    left = list({plan.id: plan for plan in plans if plan.id not in rows}.values())
    done = len({plan.id for plan in plans}) - len(left)
    work = partial(_run, folder=folder.resolve())
    try:
        for number, (place, row) in enumerate(results_of(work, left, workers), done + 1):
            rows[row["id"]] = row
            write_text(folder / RUNS_FILE, form.table(rows.values()).to_csv(index=False))
            print(f"[{number} of {done + len(left)}] {left[place].told(row)}", flush=True)
    except KeyboardInterrupt:
        print("interrupted; to go on, give the same command again", file=sys.stderr)
        raise
    return form.table(rows[plan.id] for plan in plans)


def _run(plan: PlannedRun, folder: Path) -> Row:
    """The row of a run, with where it comes from."""
    origin = code_and_machine()  # asked for once a process: not in the time of the run
    return plan.run(folder) | origin


def records(rows: pd.DataFrame) -> list[Row]:
    """The rows of a table as mappings from column to value."""
    return [{str(name): value for name, value in row.items()} for row in rows.to_dict("records")]
