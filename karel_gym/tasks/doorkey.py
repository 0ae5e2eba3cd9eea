"""DoorKey: fetch the key, go through the door, mark the goal.

What the robot must do
    Pick up the key, a marker in the left room, which opens the door to the right room, and put a
    second marker on the goal marker there.
Start worlds
    Two rooms with a wall in column ceil(W/2) between them. The robot, facing east, and the key are
    on two random cells of the left room, the goal marker on a random cell of the right room.
Reward
    +1/2 for picking the key, which opens the cells of rows 2 and 3 in the wall; then +1/2 when the
    goal cell holds two markers. -1 for a marker anywhere else and for picking the goal marker.
Termination
    The goal cell holds two markers, or the first -1.
Definition
    v0: Carvalho et al. (ICLR 2024).
Reference program
    Return 1.000. See `programs/doorkey.karel`.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from karel_gym.robot import EAST, Effect
from karel_gym.simulation.kernels import inner
from karel_gym.tasks.grid import on_border, open_room, random_cell
from karel_gym.tasks.looks import Look, Looks, no_looks, place
from karel_gym.tasks.task import Cells, Counters, Task
from karel_gym.world import MARKERS, WALL

KEY, GOAL = 0, 1  # counters: positions; the key's is -1 once it is picked
DOOR_ROWS = (2, 3)


@inner
def door_column(width: int) -> int:
    return (width + 1) // 2


@inner
def generate(cells: Any, width: int, rng: Any) -> tuple[int, int]:
    open_room(cells, width)
    door = door_column(width)
    for row in range(cells.size // width):
        cells[row * width + door] = WALL
    robot = random_cell(cells, width, 1, door - 1, rng)
    key = robot
    while key == robot:
        key = random_cell(cells, width, 1, door - 1, rng)
    goal = random_cell(cells, width, door + 1, width - 2 - door, rng)
    cells[key] = 1
    cells[goal] = 1
    return robot, EAST


@inner
def begin(cells: Any, width: int, position: int, counters: Any) -> None:
    counters[KEY] = counters[GOAL] = -1
    for cell in range(cells.size):
        if cells[cell] & MARKERS:
            counters[KEY if cell % width < door_column(width) else GOAL] = cell


@inner
def reward(cells: Any, width: int, effect: Effect, counters: Any, rng: Any) -> tuple[float, bool]:
    if effect.change == 0:
        return 0.0, False
    markers = cells[effect.position] & MARKERS
    if counters[KEY] >= 0:
        if effect.position == counters[KEY] and markers == 0:
            counters[KEY] = -1
            for row in DOOR_ROWS:
                cell = row * width + door_column(width)
                if cell < cells.size and not on_border(cells, width, cell):
                    cells[cell] &= MARKERS
            return 0.5, False
    elif effect.position == counters[GOAL] and markers == 2:
        return 0.5, True
    return -1.0, True


def looks(cells: Cells, position: int, counters: Counters) -> Looks:
    chosen = no_looks(cells)
    door = list(DOOR_ROWS), door_column.py_func(cells.shape[1])
    chosen[door] = np.where(cells[door] & WALL, Look.CLOSED_DOOR, Look.OPEN_DOOR)
    place(chosen, Look.KEY, counters[KEY])
    place(chosen, Look.GOAL, counters[GOAL])
    return chosen


V0 = Task(__doc__, (8, 8), (5, 6), generate, begin, reward, looks=looks)
