"""Jobs and ledgers: the results of finished jobs, which are not repeated."""

from __future__ import annotations

import hashlib
import json
import sys
from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from benchmarks.runs.workers import Workers, results_of
from programmatic.provenance import code_and_machine
from programmatic.runs import RunError, occupying, read_settings_file, write_json, write_text

RUNS_FILE, RUNS_FOLDER = "runs.csv", "runs"
PROVENANCE = ("commit", "machine")
"""The last columns of every ledger: the code and the machine that a job was done with."""
Record = dict[str, Any]


class Job(ABC):
    """A job with a record of results."""

    @property
    @abstractmethod
    def identity(self) -> Record:
        """All settings that distinguish the job from others, as JSON values."""

    @cached_property
    def id(self) -> str:
        """A short form of `identity`."""
        text = json.dumps(self.identity, sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:12]

    @abstractmethod
    def run(self, folder: Path) -> Record:
        """Do the job, or the rest of it, under `folder`; returns its record."""

    @abstractmethod
    def summary(self, record: Record) -> str:
        """The line that is printed when the job has ended."""


@dataclass(frozen=True)
class Columns:
    """The columns of a ledger."""

    names: tuple[str, ...]  # all of them, in their order
    texts: tuple[str, ...]  # columns of texts, which may look like numbers
    numbers: tuple[str, ...]  # columns of numbers, which may be missing
    counts: tuple[str, ...] = ()  # columns of whole numbers, which may be missing
    key: tuple[str, ...] = ("id",)  # the columns that identify a row
    added: tuple[str, ...] = PROVENANCE  # last columns: texts, empty in files of earlier versions

    def table(self, records: Iterable[Record]) -> pd.DataFrame:
        """Records as a table; a missing column is a KeyError."""
        names, unknown = (*self.names, *self.added), dict.fromkeys(self.added, "")
        listed = [unknown | record for record in records]
        for record in listed:
            if missing := [name for name in names if name not in record]:
                raise KeyError(f"it has no {', '.join(missing)}")
        types: Any = dict.fromkeys(self.counts, "Int64") | dict.fromkeys(self.numbers, np.float64)
        return pd.DataFrame(listed, columns=list(names)).astype(types)

    def read(self, file: Path) -> pd.DataFrame:
        """The table in a file; empty if there is no such file.

        Raises:
            RunError: The file is damaged.
        """
        if not file.exists():
            return self.table([])
        texts = (*self.texts, *self.added)
        types: Any = dict.fromkeys(texts, str) | dict.fromkeys(self.counts, "Int64")
        empty: Any = {name: [""] for name in (*self.numbers, *self.counts)}  # elsewhere a text
        try:
            table = pd.read_csv(file, dtype=types, keep_default_na=False, na_values=empty)
            return self.table(records(table))
        except (OSError, KeyError, ValueError) as error:
            raise RunError(f"{file} is damaged: {error}; delete it to do all runs again") from None


@dataclass(frozen=True)
class TableLedger:
    """A ledger in a CSV file, a row per job; with Ray, all nodes share its folder.

    Rows with other entries than `only` are ignored, and dropped with the next `add`.
    """

    folder: Path
    columns: Columns
    file: str = RUNS_FILE
    only: Record = field(default_factory=dict)

    @cached_property
    def rows(self) -> dict[tuple[Any, ...], Record]:
        """The rows by their key; read once."""
        return {
            tuple(row[name] for name in self.columns.key): row
            for row in records(self.columns.read(self.folder / self.file))
            if row.items() >= self.only.items()
        }

    def find(self, job: Any) -> Record | None:
        """The record of a job, None if there is none."""
        return self.rows.get(tuple(getattr(job, name) for name in self.columns.key))

    def add(self, job: Any, record: Record) -> None:
        """Write the record of a job."""
        self.rows[tuple(getattr(job, name) for name in self.columns.key)] = record
        table = self.columns.table(self.rows.values())
        write_text(self.folder / self.file, table.to_csv(index=False))


@dataclass(frozen=True)
class FileLedger:
    """A ledger of nested records, a file NAME.json per job; `experiment` identifies the job."""

    folder: Path

    def find(self, job: Any) -> Record | None:
        """The record of a job, None if there is none."""
        file = self.folder / f"{job.name}.json"
        record = read_settings_file(file) if file.exists() else {}
        return record if record.get("experiment") == job.identity else None

    def add(self, job: Any, record: Record) -> None:
        """Write the record of a job."""
        write_json(self.folder / f"{job.name}.json", record)


def do_jobs(
    jobs: Sequence[Job], ledger: TableLedger | FileLedger, workers: Workers | None = None
) -> list[Record]:
    """Do the jobs that the ledger lacks, and return the records of all jobs, in their order.

    Each record is written as soon as its job has ended. Errors in the settings of a job are raised
    before any work.

    Raises:
        RunError: The ledger is damaged, or another process works in its folder.
    """
    named = {job.id: job for job in jobs}
    with occupying(ledger.folder):
        known = {id_: ledger.find(job) for id_, job in named.items()}
        found = {id_: record for id_, record in known.items() if record is not None}
        left = [job for id_, job in named.items() if id_ not in found]
        work = partial(_run, folder=ledger.folder.resolve())
        done = len(named) - len(left)
        try:
            for number, (index, record) in enumerate(results_of(work, left, workers), done + 1):
                found[left[index].id] = record
                ledger.add(left[index], record)
                print(f"[{number} of {len(named)}] {left[index].summary(record)}", flush=True)
        except KeyboardInterrupt:
            print("interrupted; to go on, give the same command again", file=sys.stderr)
            raise
    return [found[job.id] for job in jobs]


def _run(job: Job, folder: Path) -> Record:
    origin = code_and_machine()  # looked up once per process, outside of the time of the job
    return job.run(folder) | origin


def records(table: pd.DataFrame) -> list[Record]:
    """The rows of a table as mappings from column to value."""
    return [{str(name): value for name, value in row.items()} for row in table.to_dict("records")]
