"""A rate is measured as it says, written at once, and not measured again."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import pytest

import benchmarks.speed.rates
from benchmarks.report.reading import read_all
from benchmarks.runs.ledger import PROVENANCE
from benchmarks.settings import BenchmarkSettings
from benchmarks.speed.rates import RATE_COLUMNS, RATES_FILE, PlannedRate, measure_rates
from programmatic.runs import RunError

RESULTS = Path(__file__).parents[3] / "benchmarks/results"


@dataclass(frozen=True, kw_only=True)
class Settings(BenchmarkSettings):
    COMMAND = "benchmark throughput"

    tasks: tuple[str, ...] = ("a", "b")
    size: int = 1


class Work:
    """Rates that count how often they were measured, of which one may fail."""

    def __init__(self) -> None:
        self.done: list[str] = []
        self.bad = ""

    def plans(self, settings: Settings) -> Iterator[PlannedRate]:
        for task in settings.tasks:
            yield PlannedRate(task, "steps", lambda task=task: self._do(task), repeats=1)

    def _do(self, task: str) -> int:
        if task == self.bad:
            raise KeyboardInterrupt
        self.done.append(task)
        return 10

    def measure(self, settings: Settings) -> list[str]:
        """Measure, and return what was done: each rate is done twice, once untimed."""
        self.done.clear()
        measure_rates(self.plans(settings), settings)
        return self.done[::2]


def rows_in(folder: Path) -> pd.DataFrame:
    return RATE_COLUMNS.read(folder / RATES_FILE)


def test_the_first_call_is_left_out_and_the_median_taken() -> None:
    pauses = iter([0.2, 0.01, 0.02, 0.04])

    def work() -> int:
        time.sleep(next(pauses))
        return 10

    rate = PlannedRate("sleeping", "naps", work, repeats=3).measure()
    assert rate["slowest"] < rate["per_second"] < rate["fastest"]
    assert 100 < rate["per_second"] <= 500


def test_what_is_prepared_takes_the_place_of_the_first_call() -> None:
    done: list[str] = []
    PlannedRate(
        "x", "y", lambda: done.append("do") or 1, 2, lambda: done.append("prepare")
    ).measure()
    assert done == ["prepare", "do", "do"]


def test_an_interrupted_measurement_goes_on(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    work, settings = Work(), Settings(run=tmp_path)
    work.bad = "b"
    with pytest.raises(KeyboardInterrupt):
        work.measure(settings)
    before = rows_in(tmp_path)
    assert before["what"].tolist() == ["a"]
    work.bad = ""
    assert work.measure(settings) == ["b"]
    after = rows_in(tmp_path)
    pd.testing.assert_frame_equal(after[:1], before)
    assert work.measure(settings) == []
    pd.testing.assert_frame_equal(rows_in(tmp_path), after)
    assert capsys.readouterr().out.count("steps") == 4  # tables of two rows each


def test_rates_tell_the_code_and_the_machine(tmp_path: Path) -> None:
    Work().measure(Settings(run=tmp_path))
    rows = rows_in(tmp_path)
    for column in PROVENANCE:
        assert rows[column].ne("").all()
    assert rows["versions"].str.startswith("python ").all()
    assert [json.loads(text) for text in rows["settings"]] == [{"size": 1}] * 2
    config = json.loads((tmp_path / "config.json").read_text())
    assert (config["command"], config["size"]) == ("benchmark throughput", 1)
    (rates,) = read_all([str(tmp_path)]).rates
    assert rates.table["what"].tolist() == ["a", "b"]
    assert rates.origin.commit == rows["commit"][0]
    assert rates.origin.machine == rows["machine"][0]


def test_fewer_tasks_leave_the_rates_of_the_others(tmp_path: Path) -> None:
    work = Work()
    work.measure(Settings(run=tmp_path))
    assert work.measure(Settings(run=tmp_path, tasks=("b", "c"))) == ["c"]
    assert rows_in(tmp_path)["what"].tolist() == ["a", "b", "c"]


def test_rates_of_another_state_are_measured_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    work = Work()
    work.measure(Settings(run=tmp_path))
    assert work.measure(Settings(run=tmp_path, size=2)) == ["a", "b"]
    other = {"commit": "abc1234", "machine": "another"}
    for name in other:
        now = benchmarks.speed.rates.code_and_machine()
        monkeypatch.setattr(benchmarks.speed.rates, "code_and_machine", lambda n=now: n)
        monkeypatch.setitem(now, name, other[name])
        assert work.measure(Settings(run=tmp_path, size=2)) == ["a", "b"]
    monkeypatch.setattr(benchmarks.speed.rates, "measured_versions", lambda: {"python": "4.0"})
    assert work.measure(Settings(run=tmp_path, size=2)) == ["a", "b"]
    assert rows_in(tmp_path)["versions"].tolist() == ["python 4.0"] * 2


def test_files_without_later_columns_are_read_and_measured_again(tmp_path: Path) -> None:
    kept = pd.read_csv(RESULTS / "program_search_rates" / RATES_FILE, dtype=str)
    first = ["what", "unit", "per_second", "slowest", "fastest"]
    kept.to_csv(tmp_path / RATES_FILE, index=False, columns=first)
    assert rows_in(tmp_path)["commit"].eq("").all()
    (rates,) = read_all([str(tmp_path)]).rates
    assert len(rates.table) == len(kept)
    assert Work().measure(Settings(run=tmp_path)) == ["a", "b"]
    assert rows_in(tmp_path)["what"].tolist() == ["a", "b"]


def test_a_damaged_table_is_named(tmp_path: Path) -> None:
    (tmp_path / RATES_FILE).write_text("what,unit\na,steps\n")
    with pytest.raises(RunError, match=r"rates\.csv is damaged"):
        Work().measure(Settings(run=tmp_path))
