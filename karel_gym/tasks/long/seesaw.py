"""Seesaw: pick up 64 markers that appear in two rooms by turns.

What the robot must do
    Walk between two rooms that a corridor joins, and pick up the marker that lies in one of them.
    putMarker does nothing.
Start worlds
    Rooms of four rows at the left and the right end, each a third of the width, and a corridor of
    two rows between their middle rows. The robot is at the left end of the lower one, facing east;
    the marker lies two rows higher, in column 3.
Reward
    +1/64 for picking a marker, after which a new one appears on a random cell of the other room;
    -0.0001 for every action.
Termination
    64 markers have been picked.
Definition
    v0: Karel-Long (HIPO, Lin et al., NeurIPS 2024).
Reference program
    Sweeps each room column by column from its far end. Return 0.741. See `programs/seesaw.karel`.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from karel_gym.robot import EAST, Effect
from karel_gym.simulation.kernels import inner
from karel_gym.simulation.rng import below
from karel_gym.tasks.long.costs import ACTION_COST, long_task, set_markers, take_back
from karel_gym.tasks.looks import Look, Looks
from karel_gym.tasks.task import Cells, Counters
from karel_gym.world import MARKERS, WALL

GOALS = 64
ROWS = 4  # of a room
PICKED = 0  # a counter: markers picked


@inner
def room_width(width: int) -> int:
    return (width - 2) // 3


@inner
def middle(cells: Any, width: int) -> int:
    """The lower row of the corridor, the third of the rooms."""
    return cells.size // width // 2


@inner
def generate(cells: Any, width: int, rng: Any) -> tuple[int, int]:
    row = middle(cells, width)
    for cell in range(cells.size):
        above, col = row - cell // width, cell % width
        is_room = col <= room_width(width) or col >= width - 1 - room_width(width)
        is_inside = 0 < col < width - 1 and (-1 <= above <= 2 if is_room else 0 <= above <= 1)
        cells[cell] = 0 if is_inside else WALL
    cells[(row - 2) * width + 3] = 1
    return row * width + 1, EAST


@inner
def begin(cells: Any, width: int, position: int, counters: Any) -> None:
    pass


@inner
def reward(cells: Any, width: int, effect: Effect, counters: Any, rng: Any) -> tuple[float, bool]:
    if effect.change >= 0:
        take_back(cells, effect)
        return -ACTION_COST, False
    counters[PICKED] += 1
    if counters[PICKED] < GOALS:
        n_cols = room_width(width)
        first_col = width - 1 - n_cols if effect.position % width <= n_cols else 1
        place = below(rng, ROWS * n_cols)
        row = middle(cells, width) - 2 + place // n_cols
        set_markers(cells, row * width + first_col + place % n_cols, 1)
    return 1 / GOALS - ACTION_COST, counters[PICKED] == GOALS


def looks(cells: Cells, position: int, counters: Counters) -> Looks:
    return np.where(cells & MARKERS, Look.GOAL, Look.NOTHING).astype(np.uint8)


V0 = long_task(
    __doc__,
    (16, 16),
    (6, 11),
    generate=generate,
    begin=begin,
    reward=reward,
    threshold=0.74,
    random_reward=True,
    looks=looks,
)
