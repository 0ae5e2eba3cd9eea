"""The rates of hill climbing are measured, with those of the plain interpreter beside them."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest

from benchmarks.settings import PROGRAM_SEARCH_TASKS, ProgramSearchSettings
from benchmarks.speed.program_search import program_search_rates
from karel_gym.cli import main
from karel_gym.registration import task_of

REFERENCE = "tests.reference"


def test_both_interpreters_are_measured_on_every_task() -> None:
    tasks = ("Harvester-v1", "Maze-v1")
    settings = ProgramSearchSettings(
        tasks=tasks, evaluations=2000, repeats=2, reference=REFERENCE, plain_seconds=0.01
    )
    rates = [plan.measure() for plan in program_search_rates(settings)]
    assert [rate["what"].partition(",")[0] for rate in rates] == [
        "hc",
        "plain Python interpreter",
    ] * 2
    assert {rate["unit"] for rate in rates} == {"programs"}
    for compiled, plain in zip(rates[::2], rates[1::2], strict=True):
        assert 0 < plain["per_second"] < compiled["slowest"] <= compiled["per_second"]


def test_the_plain_interpreter_needs_no_rate_of_climbing() -> None:
    settings = ProgramSearchSettings(
        tasks=("Maze-v1",), evaluations=200, reference=REFERENCE, plain_seconds=0.01
    )
    _, plain = program_search_rates(settings)
    assert plain.measure()["what"] == "plain Python interpreter, Karel-Maze-v1"


def test_a_task_must_be_named() -> None:
    with pytest.raises(ValueError, match="name at least one task"):
        list(program_search_rates(ProgramSearchSettings(tasks=())))


def test_the_tasks_are_there() -> None:
    assert len({task_of(f"Karel-{task}") for task in PROGRAM_SEARCH_TASKS}) == 12


def test_the_command_writes_the_rates(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["benchmark", "program_search", "--tasks", "Maze-v1", "--evaluations", "500"]
    arguments += ["--repeats", "1", "--run", str(tmp_path)]
    assert main(arguments) == 0
    assert "hc, Karel-Maze-v1, one thread" in capsys.readouterr().out
    assert pd.read_csv(tmp_path / "rates.csv")["what"].tolist()[0].startswith("hc, Karel-Maze-v1")
    assert json.loads((tmp_path / "config.json").read_text())["evaluations"] == 500
    before = (tmp_path / "rates.csv").read_text()
    assert main(arguments) == 0
    assert (tmp_path / "rates.csv").read_text() == before  # no time was taken again
