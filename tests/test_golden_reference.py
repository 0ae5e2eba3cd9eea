"""The reference reproduces every run that was recorded from the original systems."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from programmatic import Program
from tests.reference import NEWER, SIX, Run, run
from tests.reference_grid import Cell
from tests.reference_long import COIN, COST, LONG

DATA = Path(__file__).parent / "data"
LINES = {"v0": 435, "v1": 1289, "long": 788}


def recorded(definition: str) -> list[dict[str, Any]]:
    with gzip.open(DATA / f"karel_{definition}.jsonl.gz", "rt") as file:
        return [json.loads(line) for line in file]


def env_id(record: dict[str, Any]) -> str:
    """The recordings of newer tasks call their definition v1 or long; their ids end in v0."""
    version = "v0" if record["task"] in (*NEWER, *LONG) else record["definition"]
    return f"Karel-{record['task']}-{version}"


class Replay:
    """A Food that does what the random numbers of a recorded run did."""

    def __init__(self, spawns: list[list[int] | None]) -> None:
        self.spawns = iter(spawns)
        self.coin = COIN[0]

    def __call__(self, places: list[Cell]) -> Cell:
        if places == COIN:
            return self.coin
        spawn = next(self.spawns)
        self.coin = COIN[spawn is not None]  # InfHarvester's, which is tossed after the draw
        if spawn is None:
            return places[0]
        _, row, col = spawn
        assert (row, col) in places
        return row, col


def check(record: dict[str, Any], result: Run) -> None:
    assert result.total == pytest.approx(record["return"], abs=1e-5)
    assert result.actions == record["actions"] == len(result.rewards)
    assert result.terminated == record["terminated"]
    assert result.final == record["final"]
    if "calls" in record:
        assert result.calls == record["calls"]
    if "scores" in record:
        np.testing.assert_allclose(np.cumsum(result.rewards), record["scores"], atol=1e-5)
    if "rewards" in record:
        usual = -COST if record["definition"] == "long" else 0
        paid = [(i, r) for i, r in enumerate(result.rewards, 1) if abs(r - usual) > 1e-9]
        expected = [tuple(pair) for pair in record["rewards"]]
        assert [number for number, _ in paid] == [number for number, _ in expected]
        np.testing.assert_allclose(paid or 0, expected or 0, atol=1e-5)


@pytest.mark.parametrize(
    ("definition", "task"),
    [("v0", task) for task in SIX]
    + [("v1", task) for task in SIX + NEWER]
    + [("long", task) for task in LONG],
)
def test_recorded_runs_are_reproduced(definition: str, task: str) -> None:
    records = [record for record in recorded(definition) if record["task"] == task]
    assert records
    for record in records:
        program = Program.parse(record["program"])
        limit = record.get("action_limit")
        replay = Replay(record.get("spawns", []))
        result = run(program, record["world"], env_id(record), max_actions=limit, food=replay)
        check(record, result)
        assert not list(replay.spawns)


@pytest.mark.parametrize("definition", LINES)
def test_no_recorded_run_is_left_out(definition: str) -> None:
    records = recorded(definition)
    assert len(records) == LINES[definition]
    assert {record["definition"] for record in records} == {definition}
    assert {record["task"] for record in records} <= {*SIX, *NEWER, *LONG}
