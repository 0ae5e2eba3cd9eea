"""Published numbers are data, and say how far they can be trusted."""

from __future__ import annotations

import pytest

from benchmarks.runs.methods import BASELINES, PUBLISHED_ONLY
from benchmarks.statistics.published import (
    FILE,
    NOTES,
    Published,
    published_notes,
    published_number,
    published_returns,
    published_text,
)
from karel_gym.registration import spec_of


def test_every_row_is_whole_and_of_a_task_that_there_is() -> None:
    rows = published_returns()
    for column in ("source", "table", "method", "task", "worlds", "unit"):
        assert rows[column].ne("").all()
    assert set(rows["worlds"]) <= {"search", "own", "100x100"}
    assert rows.groupby(rows["read_in"] == NOTES)["read_in"].nunique().tolist() == [1, 1]
    by_authors = rows["source"].str.startswith(("Trivedi", "Liu", "Rajabpour"))
    assert (by_authors == (rows["read_in"] != NOTES)).all()
    assert not rows.duplicated(["method", "task", "worlds"]).any()
    for task in rows["task"].unique():
        assert spec_of(task).id == task
    karel = rows[rows["unit"] == "return"]
    assert karel["return"].between(-1, 1).all()
    assert FILE.read_text().endswith("\n")


@pytest.mark.parametrize(
    ("method", "task", "worlds", "value"),
    [
        ("HC", "Karel-Snake-v0", "search", 0.654),
        ("hc", "Karel-Maze-v1", "search", 1.0),
        ("cebs", "Karel-DoorKey-v0", "search", 0.501),
        ("HPRL", "Karel-Seeder-v0", "own", 0.58),
        ("HPRL-SAC", "Karel-Seeder-v0", "own", 0.27),
        ("LEAPS run again by HPRL", "Karel-OneStroke-v0", "own", 0.72),
        ("LEAPS", "Karel-OneStroke-v0", "own", 0.65),
        ("LEAPS-rand-64", "Karel-Maze-v0", "own", 0.58),
        ("Naïve", "Karel-TopOff-v0", "own", 0.26),
        ("DRL-abs", "Karel-TopOff-v0", "own", 0.63),
        ("DRL-abs-t", "Karel-TopOff-v0", "own", 0.17),
        ("HRL", "Karel-StairClimber-v0", "own", -0.51),
        ("HRL-abs", "Karel-Harvester-v0", "own", -0.03),
        ("VIPER", "Karel-Maze-v0", "own", 0.69),
        ("DRL-action", "Karel-Harvester-v0", "100x100", 0.04),
    ],
)
def test_numbers_are_found_by_method_task_and_worlds(
    method: str, task: str, worlds: str, value: float
) -> None:
    number = published_number(method, task, worlds)
    assert number is not None
    assert number.value == value
    assert published_number(method, "Karel-PathFollow-v0", worlds) is None


def test_medians_of_evaluations_are_kept() -> None:
    rows = published_returns()
    hc = rows[rows["method"] == "HC"].set_index("task")["evaluations"]
    assert hc["Karel-Maze-v1"] == 135
    assert hc["Karel-Seeder-v0"] == 17_058
    assert hc["Karel-DoorKey-v0"] != hc["Karel-DoorKey-v0"]


def test_the_row_without_memory_is_not_published() -> None:
    assert BASELINES["DRL-abs"].algo == "ppo_lstm"
    assert BASELINES["DRL-abs-MLP"].algo == "ppo"
    assert not {"DRL-abs-MLP", "DRL-FCN"} & set(published_returns()["method"])
    assert not set(PUBLISHED_ONLY) & set(BASELINES)


def test_what_is_from_notes_is_marked() -> None:
    number = Published(0.5, "Somebody, 2020", "Table 1", 5.0, "the paper", "")
    doubted = number._replace(value=0.125, read_in=NOTES, note="other worlds")
    assert [published_text(n) for n in (number, doubted, None)] == ["0.50", "0.125?", "-"]
    notes = published_notes([("a", number), ("b", number), ("a", number), ("c", doubted)])
    assert notes == (
        "Published: a, b: Somebody, 2020, Table 1. c: Somebody, 2020, Table 1 (other worlds). "
        "Numbers with a question mark are from notes; their source was not at hand."
    )
    assert published_notes([("a", None)]) == ""
