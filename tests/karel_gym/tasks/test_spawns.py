"""Markers that appear during an episode of Karel-Long: where, and how often."""

from __future__ import annotations

import numpy as np
import pytest

from karel_gym import World, WorldBatch, sample_worlds
from programmatic import Program, execute
from tests.karel_gym.tasks.start_worlds import is_uniform, marked_cells

N = 3_000


def finals(env_id: str, world: World, actions: str) -> list[World]:
    """The worlds after these actions, in N copies of a world with random streams of their own."""
    cells, robots = np.stack([world.cells] * N), np.array([world.robot] * N, np.int32)
    batch = WorldBatch(cells, robots, sample_worlds(env_id, N, 5).random_states)
    result = execute(Program.parse(f"DEF run m( {actions} m)"), batch, env_id)
    return [result.final_world(0, i) for i in range(N)]


@pytest.mark.parametrize(("col", "cols"), [(2, range(9, 12)), (10, range(1, 4))])
def test_seesaws_marker_appears_anywhere_in_the_other_room(col: int, cols: range) -> None:
    start = sample_worlds("Karel-Seesaw-v0", 1, 0, 7, 13)[0]
    markers = np.zeros(start.shape, int)
    markers[2, col] = 1
    world = World.from_parts(start.walls, markers, (2, col, 0))
    found = [marked_cells(final) for final in finals("Karel-Seesaw-v0", world, "pickMarker")]
    assert is_uniform([cell for (cell,) in found], [(r, c) for r in range(1, 5) for c in cols])


def test_upndowns_first_goal_appears_anywhere_below() -> None:
    start = sample_worlds("Karel-UpNDown-v0", 1, 0)[0]
    markers = np.zeros(start.shape, int)
    markers[3, 4] = 1
    world = World.from_parts(start.walls, markers, (3, 3, 1))
    found = [marked_cells(final) for final in finals("Karel-UpNDown-v0", world, "move")]
    assert is_uniform([cell for (cell,) in found], [(4, 2), (4, 3), (5, 1), (5, 2), (6, 1)])


def test_upndowns_second_goal_appears_anywhere_above() -> None:
    start = sample_worlds("Karel-UpNDown-v0", 1, 0)[0]
    markers = np.zeros(start.shape, int)
    markers[5, 2] = 1
    world = World.from_parts(start.walls, markers, (5, 1, 1))
    # The first goal is on (5, 2); the only cell of the stairs below is (6, 1).
    down = "move turnRight turnRight move turnLeft move"
    found = [marked_cells(final) for final in finals("Karel-UpNDown-v0", world, down)]
    stairs = [(r, c) for r in range(1, 6) for c in (6 - r, 7 - r)]
    assert is_uniform([cell for (cell,) in found], stairs)


def test_infharvesters_marker_appears_on_half_of_the_picks_on_any_empty_cell() -> None:
    start = sample_worlds("Karel-InfHarvester-v0", 1, 0, 6, 7)[0]
    markers = start.markers.astype(int)
    empty = [(2, 3), (3, 3), (4, 5), (1, 1)]
    markers[tuple(zip(*empty, strict=True))] = 0
    world = World.from_parts(start.walls, markers, (2, 2, 0))
    found = finals("Karel-InfHarvester-v0", world, "pickMarker")
    kept = set(marked_cells(world)) - {(2, 2)}
    new = [set(marked_cells(final)) - kept for final in found]
    assert is_uniform([len(cells) for cells in new], [0, 1])
    assert is_uniform([cell for cells in new for cell in cells], [*empty, (2, 2)])
