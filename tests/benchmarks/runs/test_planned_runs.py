"""A row a run: none is lost, none is made twice, whoever does the runs."""

from __future__ import annotations

import importlib.util
import os
import signal
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import pytest

from benchmarks.runs.backends import Workers
from benchmarks.runs.planned_runs import PROVENANCE, RUNS_FILE, Row, RowForm, do_planned
from benchmarks.runs.search_runs import FORM as SEARCH_FORM
from benchmarks.runs.search_runs import PlannedSearch, run_searches
from programmatic.runs import RunError

FORM = RowForm(("id", "number", "square"), texts=("id",), numbers=("square",))
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
class Square:
    """A run that can be made to fail, or to kill its worker once, by a file."""

    number: int

    @property
    def id(self) -> str:
        return f"0{self.number}"

    def run(self, folder: Path) -> Row:
        with (folder / f"done-{self.number}").open("a") as file:
            file.write("x")
        if (folder / f"bad-{self.number}").exists():
            raise ValueError(f"{self.number} is bad")
        deadly = folder / f"deadly-{self.number}"
        if deadly.exists():
            deadly.unlink()
            os.kill(os.getpid(), signal.SIGKILL)
        return {"id": self.id, "number": self.number, "square": self.number**2.0}

    def told(self, row: Row) -> str:
        return f"{self.number}: {row['square']}"


def times(folder: Path, number: int) -> int:
    file = folder / f"done-{number}"
    return len(file.read_text()) if file.exists() else 0


def test_rows_tell_the_code_and_the_machine(tmp_path: Path) -> None:
    rows = do_planned([Square(3)], tmp_path, FORM)
    assert list(rows.columns) == ["id", "number", "square", *PROVENANCE]
    assert rows["commit"][0]
    assert "cores" in rows["machine"][0]
    pd.testing.assert_frame_equal(FORM.read(tmp_path / RUNS_FILE), rows)


def test_files_without_these_columns_are_read_and_gone_on_with(tmp_path: Path) -> None:
    (tmp_path / RUNS_FILE).write_text("id,number,square\n03,3,9.0\n")
    rows = do_planned([Square(3), Square(4)], tmp_path, FORM)
    assert rows["commit"].tolist()[0] == rows["machine"].tolist()[0] == ""
    assert rows["commit"].tolist()[1]
    assert (times(tmp_path, 3), times(tmp_path, 4)) == (0, 1)


@pytest.mark.parametrize("file", sorted(RESULTS.glob("*/runs.csv")), ids=lambda f: f.parent.name)
def test_kept_searches_are_read(file: Path) -> None:
    form = SEARCH_FORM
    if "method" not in file.open().readline():
        pytest.skip("it has trainings")
    rows = form.read(file)
    assert len(rows) > 0
    assert rows["fresh_return"].notna().all()


@pytest.mark.parametrize("workers", [pytest.param(Workers(), id="in this process"), *TWO])
def test_what_was_done_before_an_error_is_kept(workers: Workers, tmp_path: Path) -> None:
    (tmp_path / "bad-2").touch()
    with pytest.raises(ValueError, match="2 is bad"):
        do_planned([Square(1), Square(2)], tmp_path, FORM, workers)
    (tmp_path / "bad-2").unlink()
    before = times(tmp_path, 1) if len(FORM.read(tmp_path / RUNS_FILE)) else None
    rows = do_planned([Square(1), Square(2)], tmp_path, FORM, workers)
    assert rows["square"].tolist() == [1.0, 4.0]
    if before is not None:
        assert times(tmp_path, 1) == before


@pytest.mark.parametrize("workers", TWO)
def test_rows_are_in_the_order_of_the_plans_though_a_worker_died(
    workers: Workers, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "deadly-0").touch()
    rows = do_planned([Square(number) for number in range(5)], tmp_path, FORM, workers)
    assert rows["number"].tolist() == [0, 1, 2, 3, 4]
    assert [times(tmp_path, number) for number in range(5)] == [2, 1, 1, 1, 1]
    lines = capsys.readouterr().out.splitlines()
    told = [line for line in lines if line.startswith("[")]  # Ray tells of the death too
    assert [line.partition("]")[0] for line in told] == [f"[{n} of 5" for n in range(1, 6)]


@pytest.mark.parametrize("workers", TWO)
def test_equal_seeds_give_equal_searches_whoever_does_them(
    workers: Workers, tmp_path: Path
) -> None:
    plans = [PlannedSearch("hc", "Karel-Maze-v1", seed, budget=3_000) for seed in (0, 1)]
    here = run_searches(plans, tmp_path / "here")
    there = run_searches(plans, tmp_path / "there", workers)
    same = ["id", "search_return", "fresh_return", "evaluations", "program", "commit", "machine"]
    pd.testing.assert_frame_equal(here[same], there[same])


def test_a_damaged_table_is_named(tmp_path: Path) -> None:
    (tmp_path / RUNS_FILE).write_text("id,square\n1,1\n")
    with pytest.raises(RunError, match=r"runs\.csv is damaged: 'it has no number'"):
        do_planned([Square(1)], tmp_path, FORM)


def test_equal_plans_are_one_run(tmp_path: Path) -> None:
    rows = do_planned([Square(1), Square(1)], tmp_path, FORM)
    assert rows["square"].tolist() == [1.0, 1.0]
    assert times(tmp_path, 1) == 1
