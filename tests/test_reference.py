"""The reference where no recorded run goes: call limits, endless nests, and Snake's food."""

from __future__ import annotations

from typing import Any

import pytest

from programmatic import Program
from tests.reference import ENV_IDS, TASKS, Cell, run

ROOM = {
    "walls": ["#####", "#...#", "#...#", "#...#", "#####"],
    "markers": [[1, 3, 1]],
    "agent": [2, 1, "E"],
}


def test_every_id_has_a_task() -> None:
    assert len(ENV_IDS) == 23
    assert set(TASKS) == set(ENV_IDS)


def test_the_call_beyond_the_limit_is_not_made() -> None:
    spin = Program.parse("DEF run m( WHILE c( frontIsClear c) w( turnLeft turnLeft w) m)")
    result = run(spin, {**ROOM, "agent": [2, 2, "E"]}, "Karel-Maze-v0", max_calls=7)
    assert (result.calls, result.actions, result.terminated) == (7, 4, False)


def test_the_action_limit_stops_at_once() -> None:
    walk = Program.parse("DEF run m( WHILE c( frontIsClear c) w( move w) m)")
    result = run(walk, ROOM, "Karel-Maze-v0", max_actions=1)
    assert (result.calls, result.actions) == (2, 1)
    assert run(walk, ROOM, "Karel-Maze-v0", max_actions=0).calls == 0


@pytest.mark.parametrize(
    "inner", ["REPEAT R=0 r( move r)", "REPEAT R=19 r( REPEAT R=0 r( move r) r)"]
)
def test_nests_without_a_call_end(inner: str) -> None:
    nest = f"{'REPEAT R=19 r( ' * 10}{inner}{' r)' * 10}"
    result = run(Program.parse(f"DEF run m( {nest} turnLeft m)"), ROOM, "Karel-Maze-v0")
    assert (result.calls, result.actions) == (1, 1)


def test_a_run_without_actions_has_the_score_of_its_start() -> None:
    idle = Program.parse("DEF run m( IF c( markersPresent c) i( move i) m)")
    topoff = run(idle, {**ROOM, "agent": [3, 1, "E"]}, "Karel-TopOff-v0")
    assert (topoff.total, topoff.actions, topoff.calls) == (1 / 4, 0, 1)
    assert run(idle, ROOM, "Karel-Harvester-v0").total == 0


def snake(program: str, foods: list[Cell], world: dict[str, Any] = ROOM) -> tuple[Any, list[Any]]:
    offered = []

    def food(free: list[Cell]) -> Cell:
        offered.append(free)
        return foods.pop(0)

    return run(Program.parse(program), world, "Karel-Snake-v0", food=food), offered


def test_the_snake_grows_on_the_move_that_eats() -> None:
    #  ..1      robot (2, 1) E, food (1, 3)
    #  >..
    #  ...
    result, offered = snake("DEF run m( move move turnLeft move turnLeft move m)", [(3, 1)])
    assert result.rewards == pytest.approx([0, 0, 0, 1 / 20, 0, 0])
    assert offered == [[(1, 1), (1, 2), (2, 1), (3, 1), (3, 2), (3, 3)]]
    assert result.final["markers"] == [[1, 3, 1], [2, 3, 1], [3, 1, 1]]
    assert not result.terminated


def test_the_snake_ends_on_its_body_only() -> None:
    result, _ = snake("DEF run m( move turnLeft turnLeft move m)", [])
    assert result.rewards == [0, 0, 0, -1]
    assert result.terminated
    result, _ = snake("DEF run m( putMarker move move turnLeft turnLeft move m)", [])
    assert result.total == -1
    assert result.final["markers"] == [[1, 3, 1], [2, 1, 1], [2, 2, 1]]


def test_the_snake_ends_after_twenty_foods() -> None:
    big = {
        "walls": ["#" * 30, "#" + "." * 28 + "#", "#" * 30],
        "markers": [[1, 2, 1]],
        "agent": [1, 1, "E"],
    }
    foods = [(1, 3 + i) for i in range(19)]
    result, offered = snake("DEF run m( WHILE c( frontIsClear c) w( move w) m)", foods, big)
    assert result.terminated
    assert (result.actions, len(offered)) == (20, 19)
    assert result.total == pytest.approx(1)
    assert len(result.final["markers"]) == 20


def test_the_snake_lays_its_body_over_other_markers() -> None:
    result, _ = snake("DEF run m( move putMarker move m)", [])
    assert result.final["markers"] == [[1, 3, 1], [2, 2, 2]]
    result, _ = snake("DEF run m( move putMarker move turnLeft move m)", [(1, 1)])
    assert result.final["markers"] == [[1, 1, 1], [2, 2, 2], [2, 3, 1]]
