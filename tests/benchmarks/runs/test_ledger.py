"""A row a run: none is lost, none is made twice, whoever does the runs."""

from __future__ import annotations

import importlib.util
import json
import os
import signal
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import pytest

from benchmarks.runs.ledger import (
    PROVENANCE,
    RUNS_FILE,
    Columns,
    Job,
    Record,
    TableLedger,
    do_jobs,
    records,
)
from benchmarks.runs.searches import SEARCH_COLUMNS, SearchJob
from benchmarks.runs.trainings import TRAINING_COLUMNS, TrainingJob
from benchmarks.runs.workers import Workers
from programmatic.runs import RunError

COLUMNS = Columns(("id", "number", "square"), texts=("id",), numbers=("square",))
RESULTS = Path(__file__).parents[3] / "benchmarks/results"
RAY = Workers(2, "ray")
TWO = [
    pytest.param(Workers(2), id="processes"),
    pytest.param(
        RAY,
        id="ray",
        marks=[
            pytest.mark.long,
            pytest.mark.skipif(
                importlib.util.find_spec("ray") is None, reason="needs the extra [ray]"
            ),
        ],
    ),
]


@dataclass(frozen=True)
class Square(Job):
    """A run that can be made to fail, or to kill its worker once, by a file."""

    number: int

    @property
    def id(self) -> str:  # type: ignore[override]
        return f"0{self.number}"

    @property
    def identity(self) -> Record:
        return {"number": self.number}

    def run(self, folder: Path) -> Record:
        with (folder / f"done-{self.number}").open("a") as file:
            file.write("x")
        if (folder / f"bad-{self.number}").exists():
            raise ValueError(f"{self.number} is bad")
        deadly = folder / f"deadly-{self.number}"
        if deadly.exists():
            deadly.unlink()
            os.kill(os.getpid(), signal.SIGKILL)
        return {"id": self.id, "number": self.number, "square": self.number**2.0}

    def summary(self, row: Record) -> str:
        return f"{self.number}: {row['square']}"


@dataclass(frozen=True)
class Kept(Job):
    """A job of a kept row."""

    settings: Record

    @property
    def identity(self) -> Record:
        return self.settings

    def run(self, folder: Path) -> Record:
        raise AssertionError

    def summary(self, record: Record) -> str:
        raise AssertionError


def done(jobs: list[Square], folder: Path, workers: Workers | None = None) -> pd.DataFrame:
    return COLUMNS.table(do_jobs(jobs, TableLedger(folder, COLUMNS), workers))


def times(folder: Path, number: int) -> int:
    file = folder / f"done-{number}"
    return len(file.read_text()) if file.exists() else 0


def test_rows_tell_the_code_and_the_machine(tmp_path: Path) -> None:
    rows = done([Square(3)], tmp_path)
    assert list(rows.columns) == ["id", "number", "square", *PROVENANCE]
    assert rows["commit"][0]
    assert "cores" in rows["machine"][0]
    pd.testing.assert_frame_equal(COLUMNS.read(tmp_path / RUNS_FILE), rows)


def test_files_without_these_columns_are_read_and_gone_on_with(tmp_path: Path) -> None:
    (tmp_path / RUNS_FILE).write_text("id,number,square\n03,3,9.0\n")
    rows = done([Square(3), Square(4)], tmp_path)
    assert rows["commit"].tolist()[0] == rows["machine"].tolist()[0] == ""
    assert rows["commit"].tolist()[1]
    assert (times(tmp_path, 3), times(tmp_path, 4)) == (0, 1)


@pytest.mark.parametrize(
    "file", sorted(RESULTS.glob("**/runs.csv")), ids=lambda f: str(f.parent.relative_to(RESULTS))
)
def test_kept_runs_are_recognised_as_finished(file: Path) -> None:
    """Their ids are those that a job with their settings has."""
    columns = TRAINING_COLUMNS if file.parent.name == "trainings" else SEARCH_COLUMNS
    settings = (
        ("baseline", "env_id", "seed", "algo", "obs", "steps", "config")
        if columns is TRAINING_COLUMNS
        else ("method", "env_id", "seed", "model_sha256", "device", "budget", "config")
    )

    rows = records(columns.read(file))
    assert len(rows) > 0
    ledger = TableLedger(file.parent, columns)
    for row in rows:
        job = Kept({name: None if pd.isna(row[name]) else row[name] for name in settings})
        found = ledger.find(job)
        assert found is not None
        assert found["run"] == row["run"]


def test_a_kept_search_has_the_id_of_its_job() -> None:
    for row in records(SEARCH_COLUMNS.read(RESULTS / "ablation" / RUNS_FILE)):
        search = [row[name] for name in ("method", "env_id", "seed")]
        options = json.loads(row["config"])
        assert SearchJob(*search, "", row["budget"], "cpu", options).id == row["id"]


def test_a_kept_training_has_the_id_of_its_job() -> None:
    rows = TRAINING_COLUMNS.read(RESULTS / "returns" / "trainings" / RUNS_FILE)
    for row in records(rows.drop_duplicates("baseline")):
        job = TrainingJob(row["baseline"], row["env_id"], row["seed"], row["steps"])
        assert job.id == row["id"]


@pytest.mark.parametrize("workers", [pytest.param(Workers(), id="in this process"), *TWO])
def test_what_was_done_before_an_error_is_kept(workers: Workers, tmp_path: Path) -> None:
    (tmp_path / "bad-2").touch()
    with pytest.raises(ValueError, match="2 is bad"):
        done([Square(1), Square(2)], tmp_path, workers)
    (tmp_path / "bad-2").unlink()
    before = times(tmp_path, 1) if len(COLUMNS.read(tmp_path / RUNS_FILE)) else None
    rows = done([Square(1), Square(2)], tmp_path, workers)
    assert rows["square"].tolist() == [1.0, 4.0]
    if before is not None:
        assert times(tmp_path, 1) == before


@pytest.mark.parametrize("workers", TWO)
def test_rows_are_in_the_order_of_the_plans_though_a_worker_died(
    workers: Workers, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "deadly-0").touch()
    rows = done([Square(number) for number in range(5)], tmp_path, workers)
    assert rows["number"].tolist() == [0, 1, 2, 3, 4]
    assert [times(tmp_path, number) for number in range(5)] == [2, 1, 1, 1, 1]
    lines = capsys.readouterr().out.splitlines()
    told = [line for line in lines if line.startswith("[")]  # Ray tells of the death too
    assert [line.partition("]")[0] for line in told] == [f"[{n} of 5" for n in range(1, 6)]


@pytest.mark.parametrize("workers", TWO)
def test_equal_seeds_give_equal_searches_whoever_does_them(
    workers: Workers, tmp_path: Path
) -> None:
    jobs = [SearchJob("hc", "Karel-Maze-v1", seed, budget=3_000) for seed in (0, 1)]
    here = do_jobs(jobs, TableLedger(tmp_path / "here", SEARCH_COLUMNS))
    there = do_jobs(jobs, TableLedger(tmp_path / "there", SEARCH_COLUMNS), workers)
    same = ["id", "search_return", "fresh_return", "evaluations", "program", "commit", "machine"]
    for one, other in zip(here, there, strict=True):
        assert [one[name] for name in same] == [other[name] for name in same]


def test_a_damaged_table_is_named(tmp_path: Path) -> None:
    (tmp_path / RUNS_FILE).write_text("id,square\n1,1\n")
    with pytest.raises(RunError, match=r"runs\.csv is damaged: 'it has no number'"):
        done([Square(1)], tmp_path)


def test_equal_plans_are_one_run(tmp_path: Path) -> None:
    rows = done([Square(1), Square(1)], tmp_path)
    assert rows["square"].tolist() == [1.0, 1.0]
    assert times(tmp_path, 1) == 1
