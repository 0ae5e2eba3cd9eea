"""Published numbers are data, and say how far they can be trusted."""

from __future__ import annotations

import pytest

from benchmarks.statistics.published import (
    FILE,
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
    assert set(rows["verified"]) <= {"yes", "no"}
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
        ("HPRL-PPO", "Karel-Seeder-v0", "own", 0.58),
        ("LEAPS run again by HPRL", "Karel-OneStroke-v0", "own", 0.65),
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


def test_what_was_not_read_in_the_paper_is_marked() -> None:
    number = Published(0.5, "Somebody, 2020", "Table 1", 5.0, True, "")
    doubted = number._replace(value=0.125, verified=False, note="other worlds")
    assert [published_text(n) for n in (number, doubted, None)] == ["0.50", "0.125?", "-"]
    notes = published_notes([("a", number), ("b", number), ("a", number), ("c", doubted)])
    assert notes == (
        "Published: a, b: Somebody, 2020, Table 1. c: Somebody, 2020, Table 1 (other worlds). "
        "Numbers with a question mark were not read in the paper itself."
    )
    assert published_notes([("a", None)]) == ""
