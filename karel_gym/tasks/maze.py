"""Maze: find the marker in a random maze.

What the robot must do
    Reach the only marker of a maze without loops.
Start worlds
    A maze carved depth-first from the lower left corner, where the robot stands, facing east. The
    marker lies on a random free cell; in v1 never on the robot's.
Reward
    +1 for reaching the marker's cell; picking the marker up does not count. Dense: the progress in
    Manhattan distance, over the initial distance.
Termination
    The robot reaches the marker's cell.
Definition
    v0: LEAPS (Trivedi et al., NeurIPS 2021). v1: Carvalho et al. (ICLR 2024).
Reference program
    Turns right after each move. Return 1.000 in both definitions, also at 100x100.
    See `programs/maze.karel`.
"""

from __future__ import annotations

from typing import Any

from karel_gym.robot import EAST, Effect, ahead
from karel_gym.simulation.kernels import inner
from karel_gym.simulation.rng import below
from karel_gym.tasks.grid import bottom_row, distance, last_marker, on_border, progress
from karel_gym.tasks.looks import Look, Looks, no_looks, place
from karel_gym.tasks.task import Cells, Counters, Task
from karel_gym.world import WALL

GOAL, DISTANCE = 0, 1  # counters: the marker's position, its distance at the start
PARENT_SHIFT = 4  # the heading to a cell's parent, while the maze is carved
PARENT = 0x30


@inner
def carve(cells: Any, width: int, start: int, rng: Any) -> int:
    """Carve a maze by depth-first search on every other cell; returns the number of free cells."""
    cells[:] = WALL
    cells[start] = 0
    position, free = start, 1
    while True:
        headings = 0
        choice = -1
        for heading in range(4):
            between = ahead(position, heading, width)
            if on_border(cells, width, between):
                continue
            target = ahead(between, heading, width)
            if on_border(cells, width, target) or cells[target] != WALL:
                continue
            headings += 1
            if below(rng, headings) == 0:  # reservoir sampling: each way is equally likely
                choice = heading
        if headings == 0:
            if position == start:
                break
            back = (cells[position] & PARENT) >> PARENT_SHIFT
            position = ahead(ahead(position, back, width), back, width)
            continue
        position = ahead(position, choice, width)
        cells[position] = 0
        position = ahead(position, choice, width)
        cells[position] = (choice ^ 2) << PARENT_SHIFT
        free += 2
    for cell in range(cells.size):
        cells[cell] &= WALL
    return free


@inner
def put_on_free(cells: Any, free: int, avoid: int, rng: Any) -> None:
    """Put a marker on a random one of the `free` cells, not counting `avoid` (-1: none)."""
    skip = below(rng, free if avoid < 0 else free - 1)
    for position in range(cells.size):
        if cells[position] == 0 and position != avoid:
            if skip == 0:
                cells[position] = 1
                return
            skip -= 1


@inner
def generate_v0(cells: Any, width: int, rng: Any) -> tuple[int, int]:
    start = bottom_row(cells, width, 1)
    put_on_free(cells, carve(cells, width, start, rng), -1, rng)
    return start, EAST


@inner
def generate_v1(cells: Any, width: int, rng: Any) -> tuple[int, int]:
    start = bottom_row(cells, width, 1)
    put_on_free(cells, carve(cells, width, start, rng), start, rng)
    return start, EAST


@inner
def begin(cells: Any, width: int, position: int, counters: Any) -> None:
    counters[GOAL] = last_marker(cells)
    counters[DISTANCE] = distance(width, position, counters[GOAL])


@inner
def reward(cells: Any, width: int, effect: Effect, counters: Any, rng: Any) -> tuple[float, bool]:
    if effect.position == counters[GOAL]:
        return 1.0, True
    return 0.0, False


@inner
def dense(cells: Any, width: int, effect: Effect, counters: Any, rng: Any) -> tuple[float, bool]:
    gain, terminated = reward(cells, width, effect, counters, rng)
    if counters[DISTANCE] == 0:  # the robot began on the marker
        return gain, terminated
    return progress(width, effect, counters[GOAL], counters[DISTANCE]), terminated


def looks(cells: Cells, position: int, counters: Counters) -> Looks:
    chosen = no_looks(cells)
    place(chosen, Look.GOAL, counters[GOAL])
    return chosen


V0 = Task(__doc__, (8, 8), (4, 5), generate_v0, begin, reward, dense, looks=looks)
V1 = Task(__doc__, (8, 8), (4, 5), generate_v1, begin, reward, dense, looks=looks)
