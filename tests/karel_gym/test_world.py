from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from karel_gym import World, WorldBatch, WorldError
from karel_gym.world import MAX_MARKERS, MAX_SIDE, WALL
from tests.strategies import worlds

ROOM = {
    "walls": ["#####", "#...#", "#.#.#", "#####"],
    "markers": [[1, 2, 3], [2, 3, 10]],
    "agent": [2, 1, "S"],
    "random_state": 7,
}
MAP = "#####\n#.3.#\n#v#X#\n#####"


def world_like(**changes: Any) -> World:
    return World.from_json({**ROOM, **changes})


def test_the_parts_of_a_world() -> None:
    world = World.from_json(ROOM)
    assert world.shape == (4, 5)
    assert world.robot == (world.row, world.col, world.heading) == (2, 1, 2)
    assert world.random_state == 7
    assert world.walls.tolist() == [[glyph == "#" for glyph in row] for row in ROOM["walls"]]
    assert {(r, c): int(world.markers[r, c]) for r, c in np.argwhere(world.markers)} == {
        (1, 2): 3,
        (2, 3): 10,
    }
    assert str(world) == MAP


def test_from_parts_is_what_the_parts_say() -> None:
    world = World.from_json(ROOM)
    assert World.from_parts(world.walls, world.markers, world.robot, 7) == world
    assert World(world.cells, 2, 1, 2, 7) == world


@given(world=worlds())
def test_json_round_trip(world: World) -> None:
    again = World.from_json(json.loads(json.dumps(world.to_json())))
    assert again == world
    assert hash(again) == hash(world)


@given(world=worlds())
def test_text_round_trip(world: World) -> None:
    again = World.from_text(str(world))
    assert (again.robot, again.random_state) == (world.robot, 0)
    assert np.array_equal(again.cells, world.cells)
    assert World.from_text(f"\n   {world!s}\n\n".replace("\n", "\n   ")) == again


def test_markers_under_the_robot_are_told() -> None:
    text = f"{MAP}\nmarkers under the robot: 10"
    world = World.from_text(text)
    assert world.markers[2, 1] == 10
    assert str(world) == text


@pytest.mark.parametrize(
    "changes",
    [
        {"markers": [[1, 2, 4], [2, 3, 10]]},
        {"agent": [2, 1, "W"]},
        {"agent": [1, 1, "S"]},
        {"random_state": 8},
        {"walls": ["#####", "#...#", "#...#", "#####"]},
    ],
)
def test_worlds_that_differ_are_unequal(changes: dict[str, Any]) -> None:
    assert world_like() == world_like()
    assert world_like(**changes) != world_like()
    assert World.from_json(ROOM) != ROOM


def test_a_world_does_not_change() -> None:
    cells = World.from_json(ROOM).cells.copy()
    world = World(cells[:], 2, 1, 2)
    before = str(world)
    with pytest.raises(ValueError, match="read-only"):
        world.cells[1, 1] = 5
    cells[1, 1] = 5
    assert str(world) == before


FAULTS = {
    "not a dict": (3, "walls"),
    "a list": ([ROOM], "walls"),
    "no walls": ({k: v for k, v in ROOM.items() if k != "walls"}, "walls is missing"),
    "no markers": ({k: v for k, v in ROOM.items() if k != "markers"}, "markers is missing"),
    "no agent": ({k: v for k, v in ROOM.items() if k != "agent"}, "agent is missing"),
    "no rows": ({"walls": []}, "list of rows"),
    "one string": ({"walls": "#####"}, "list of rows"),
    "a number for rows": ({"walls": 5}, "list of rows"),
    "a row of numbers": ({"walls": ["#####", [1, 2], "#####"]}, "row 1"),
    "a ragged row": ({"walls": ["#####", "#...#", "#.#.", "#####"]}, "row 2.* 4 cells"),
    "a strange glyph": ({"walls": ["#####", "#...#", "#.#x#", "#####"]}, "row 2, column 3.*'x'"),
    "an open border": ({"walls": ["#####", "#...#", "#.#..", "#####"]}, "row 2, column 4"),
    "too low": ({"walls": ["#####", "#####"]}, "2x5"),
    "too narrow": ({"walls": ["##"] * 4}, "4x2"),
    "too high": ({"walls": ["###"] * (MAX_SIDE + 1)}, f"{MAX_SIDE + 1}x3"),
    "too wide": ({"walls": ["#" * (MAX_SIDE + 1)] * 3}, f"3x{MAX_SIDE + 1}"),
    "markers in a dict": ({"markers": {"1": 2}}, "markers must be a list"),
    "markers in a string": ({"markers": "12"}, "markers must be a list"),
    "no markers but null": ({"markers": None}, "markers must be a list"),
    "two numbers for three": ({"markers": [[1, 1, 1], [1, 2]]}, r"markers\[1\]"),
    "a fractional count": ({"markers": [[1, 1, 1.5]]}, r"markers\[0\]"),
    "a count that is true": ({"markers": [[1, 1, True]]}, r"markers\[0\]"),
    "a count in words": ({"markers": [[1, 1, "1"]]}, r"markers\[0\]"),
    "a negative count": ({"markers": [[1, 1, -1]]}, "row 1, column 1 holds -1"),
    "eleven markers": ({"markers": [[1, 1, 11]]}, "row 1, column 1 holds 11"),
    "a huge count": ({"markers": [[1, 1, 10**30]]}, r"markers\[0\]"),
    "an endless count": ({"markers": [[1, 1, 10**5000]]}, r"markers\[0\]"),
    "256 markers": ({"markers": [[1, 1, 256]]}, "row 1, column 1 holds 256"),
    "markers outside": ({"markers": [[1, 5, 1]]}, r"markers\[0\]: row 1, column 5"),
    "markers at -1": ({"markers": [[-1, 1, 1]]}, r"markers\[0\]: row -1, column 1"),
    "markers far away": ({"markers": [[10**30, 1, 1]]}, r"markers\[0\]"),
    "markers in a wall": ({"markers": [[2, 2, 1]]}, "wall at row 2, column 2"),
    "a cell named twice": ({"markers": [[1, 1, 1], [1, 1, 2]]}, r"markers\[1\]: row 1, column 1"),
    "no place of the robot": ({"agent": None}, "agent"),
    "half a robot": ({"agent": [1, 1]}, "agent"),
    "a robot in words": ({"agent": "11E"}, "agent"),
    "an unknown heading": ({"agent": [1, 1, "Q"]}, "'Q'"),
    "two headings": ({"agent": [1, 1, "NE"]}, "'NE'"),
    "no heading": ({"agent": [1, 1, ""]}, "heading"),
    "a heading's number": ({"agent": [1, 1, 1]}, "heading"),
    "a robot between cells": ({"agent": [1, 1.5, "E"]}, "agent"),
    "a robot in a wall": ({"agent": [2, 2, "E"]}, "wall at row 2, column 2"),
    "a robot in the border": ({"agent": [0, 1, "E"]}, "wall at row 0, column 1"),
    "a robot outside": ({"agent": [4, 1, "E"]}, "row 4, column 1 is outside"),
    "a robot at -1": ({"agent": [1, -1, "E"]}, "row 1, column -1 is outside"),
    "a robot far away": ({"agent": [10**30, 1, "E"]}, "agent"),
    "a random state below 0": ({"random_state": -1}, "random_state is -1"),
    "too large a random state": ({"random_state": 2**64}, "random_state"),
    "a random state in words": ({"random_state": "x"}, "random_state"),
    "no random state but null": ({"random_state": None}, "random_state"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_faulty_json_form_is_refused_with_the_place(fault: str) -> None:
    changes, place = FAULTS[fault]
    is_whole = not isinstance(changes, dict) or len(changes) > 1
    with pytest.raises(WorldError, match=place):
        World.from_json(changes if is_whole else {**ROOM, **changes})


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("", "rows"),
        ("####\n#..#\n####", "no robot"),
        ("#####\n#>.<#\n#####", "2 robots .row 1, column 1 and row 1, column 3"),
        ("####\n#>.#\n###", "row 2"),
        ("####\n#>a#\n####", "row 1, column 2.*'a'"),
        ("####\n#>0#\n####", "row 1, column 2.*'0'"),
        ("####\n#.>.\n####", "row 1, column 3"),
        (">###\n#..#\n####", "row 0, column 0"),
        ("####\n#>.#\n####\nmarkers under the robot: 11", "row 1, column 1 holds 11"),
        ("####\n#>.#\n####\nmarkers under the robot: -1", "'-1'"),
        ("####\n#>.#\n####\nmarkers under the robot: many", "'many'"),
        (f"####\n#>.#\n####\nmarkers under the robot: {'9' * 5000}", "row 1, column 1"),
        ("##\n#>", "2x2"),
    ],
)
def test_a_faulty_map_is_refused_with_the_place(text: str, place: str) -> None:
    with pytest.raises(WorldError, match=place):
        World.from_text(text)


def cells_with(row: int = 1, col: int = 1, value: int = 0) -> Any:
    cells = np.pad(np.zeros((2, 3), np.uint8), 1, constant_values=WALL)
    cells[row, col] = value
    return cells


@pytest.mark.parametrize(
    ("cells", "robot", "place"),
    [
        (cells_with(0, 2), (1, 1, 0), "row 0, column 2"),
        (cells_with(2, 2, 11), (1, 1, 0), "row 2, column 2"),
        (cells_with(2, 2, WALL), (2, 2, 0), "row 2, column 2"),
        (cells_with(), (3, 5, 0), "row 3, column 5 is outside"),
        (cells_with(), (1, 1, 4), "heading is 4"),
        (cells_with(), (1, 1, -1), "heading is -1"),
        (cells_with()[0], (1, 1, 0), "height, width"),
        (cells_with()[:2], (1, 1, 0), "2x5"),
        (cells_with(2, 3, 0x10), (1, 1, 0), "row 2, column 3"),
    ],
)
def test_faulty_cells_are_refused_with_the_place(
    cells: Any, robot: tuple[int, int, int], place: str
) -> None:
    with pytest.raises(WorldError, match=place):
        World(cells, *robot)


@pytest.mark.parametrize(
    ("markers", "place"),
    [
        (np.full((4, 5), 11), "row 0, column 0 holds 11 markers"),
        (np.full((4, 5), -1), "row 0, column 0 holds -1 markers"),
        ([[0]], "one shape"),
    ],
)
def test_from_parts_refuses_impossible_markers(markers: Any, place: str) -> None:
    with pytest.raises(WorldError, match=place):
        World.from_parts(cells_with() == WALL, markers, (1, 1, 0))


def test_walls_that_appeared_may_cover_markers() -> None:
    world = World(cells_with(2, 3, WALL | 4), 1, 1, 0)
    assert world.markers[2, 3] == 4
    assert world.walls[2, 3]
    assert world.to_json()["markers"] == [[2, 3, 4]]
    with pytest.raises(WorldError, match="wall at row 2, column 3"):
        World.from_json(world.to_json())


json_like = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text("#.NESW1"),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)


@given(
    data=json_like
    | st.fixed_dictionaries(
        {},
        optional={
            "walls": st.just(ROOM["walls"]) | st.lists(st.text("#."), max_size=5) | json_like,
            "markers": st.lists(st.tuples(*[st.integers(-1, MAX_MARKERS + 1)] * 3)) | json_like,
            "agent": st.tuples(*[st.integers(-1, 4)] * 2, st.sampled_from("NESW")) | json_like,
            "random_state": st.integers() | json_like,
        },
    )
)
def test_any_data_is_a_world_or_a_world_error(data: Any) -> None:
    try:
        world = World.from_json(data)
    except WorldError:
        return
    assert World.from_json(world.to_json()) == world


@given(text=st.text("#.>^v<19X\n ") | st.text())
def test_any_text_is_a_world_or_a_world_error(text: str) -> None:
    try:
        world = World.from_text(text)
    except WorldError:
        return
    assert World.from_text(str(world)) == world


@given(world=worlds())
def test_a_batch_is_its_worlds(world: World) -> None:
    turned = World(world.cells, world.row, world.col, (world.heading + 1) % 4, 5)
    bare = World(world.cells & WALL, *world.robot)
    batch = WorldBatch.from_worlds([world, turned, bare])
    assert len(batch) == 3
    assert batch.shape == world.shape
    assert list(batch) == [batch[0], batch[1], batch[2]] == [world, turned, bare]
    assert batch[-1] == bare
    assert np.array_equal(batch.markers, [w.markers for w in batch])
    assert np.array_equal(batch.walls, [w.walls for w in batch])


def test_a_batch_refuses_what_it_cannot_hold() -> None:
    small, large = World.from_text("####\n#>.#\n####"), World.from_json(ROOM)
    with pytest.raises(WorldError, match=r"worlds\[2\] is \(4, 5\)"):
        WorldBatch.from_worlds([small, small, large])
    with pytest.raises(WorldError, match="at least one"):
        WorldBatch.from_worlds([])
    batch = WorldBatch.from_worlds([small])
    for index in (1, -2):
        with pytest.raises(IndexError, match=f"world {index} of a batch of 1"):
            batch[index]


@pytest.mark.parametrize(
    ("part", "index", "value", "place"),
    [
        ("robots", (1, 0), 0, "world 1 of the batch: .*wall at row 0, column 1"),
        ("robots", (2, 0), 4, "world 2 of the batch: .*row 4, column 1 is outside"),
        ("robots", (0, 1), -1, "world 0 of the batch: .*column -1 is outside"),
        ("robots", (2, 2), 4, "world 2 of the batch: .*heading is 4"),
        ("cells", (1, 3, 2), 0, "world 1 of the batch: .*open at row 3, column 2"),
        ("cells", (1, 1, 2), 11, "world 1 of the batch: .*row 1, column 2"),
        ("cells", (0, 1, 2), 0x20, "world 0 of the batch: .*row 1, column 2"),
    ],
)
def test_a_batch_of_faulty_arrays_is_refused_with_the_place(
    part: str, index: tuple[int, ...], value: int, place: str
) -> None:
    batch = WorldBatch.from_worlds([World.from_json(ROOM)] * 3)
    arrays = {
        "cells": batch.cells.copy(),
        "robots": batch.robots.copy(),
        "random_states": batch.random_states,
    }
    assert list(WorldBatch(**arrays)) == list(batch)
    arrays[part][index] = value
    with pytest.raises(WorldError, match=place):
        WorldBatch(**arrays)
    with pytest.raises(WorldError, match=r"\(2, 4, 5\), \(3, 3\)"):
        WorldBatch(batch.cells[:2], batch.robots, batch.random_states)
