"""UpNDown: climb stairs up and down to a hundred goals.

What the robot must do
    Reach the goal, a marker on the stairs, which then appears elsewhere: lower after the first,
    third and every other odd time, else higher.
Start worlds
    A square world; its inner cells with row + column = H or H+1 are wall, those with H-1 or H-2 are
    the stairs. The robot is on (H-3, 2), facing east, the goal on (1, W-2).
Reward
    +1/100 for each action that ends on the goal, which then appears on a random cell of the stairs
    in a lower or higher row; -0.0001 for every action, and another -0.0005 for each one that ends
    off the stairs. Other markers do not count.
Termination
    The goal has been reached 100 times.
Definition
    v0: Karel-Long (HIPO, Lin et al., NeurIPS 2024).
Reference program
    Found by search; goes up and down all the stairs. Return 0.801. See `programs/upndown.karel`.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from karel_gym.robot import EAST, Effect
from karel_gym.simulation.kernels import inner
from karel_gym.simulation.rng import below
from karel_gym.tasks.grid import last_marker, open_room
from karel_gym.tasks.long.costs import ACTION_COST, long_task, set_markers
from karel_gym.tasks.looks import Look, Looks, place
from karel_gym.tasks.task import Cells, Counters
from karel_gym.world import MARKERS, WALL

GOALS = 100
FINE = 0.0005  # of an action that ends off the stairs
GOAL, REACHED = 0, 1  # counters: the goal's position, how often it was reached
NOWHERE = -1


@inner
def generate(cells: Any, width: int, rng: Any) -> tuple[int, int]:
    open_room(cells, width)
    for cell in range(cells.size):
        if cell // width + cell % width in (width, width + 1):
            cells[cell] = WALL
    cells[2 * width - 2] = 1
    return (width - 3) * width + 2, EAST


@inner
def begin(cells: Any, width: int, position: int, counters: Any) -> None:
    counters[GOAL] = last_marker(cells)


@inner
def random_stair(width: int, row: int, is_lower: bool, rng: Any) -> int:
    """A random cell of the stairs in a row below or above `row`; NOWHERE if there is none."""
    first = row + 1 if is_lower else 1
    n_cells = 2 * (width - 2 - row) - 1 if is_lower else 2 * (row - 1)
    if n_cells <= 0:
        return NOWHERE
    k = below(rng, n_cells)
    row = first + k // 2
    col = max(width - 2 - row + k % 2, 1)  # the lowest row has one
    return row * width + col


@inner
def reward(cells: Any, width: int, effect: Effect, counters: Any, rng: Any) -> tuple[float, bool]:
    position = effect.position
    gain = -ACTION_COST
    if position // width + position % width < width - 2:
        gain -= FINE
    if position != counters[GOAL]:
        return gain, False
    set_markers(cells, position, 0)
    counters[REACHED] += 1
    if counters[REACHED] < GOALS:
        goal = random_stair(width, position // width, counters[REACHED] % 2 == 1, rng)
        counters[GOAL] = goal
        if goal != NOWHERE and cells[goal] & MARKERS == 0:
            cells[goal] += 1
    return gain + 1 / GOALS, counters[REACHED] == GOALS


def looks(cells: Cells, position: int, counters: Counters) -> Looks:
    row_and_col = np.add(*np.indices(cells.shape))
    stairs = np.isin(row_and_col, (len(cells) - 2, len(cells) - 1)) & (cells & WALL == 0)
    chosen = np.where(stairs, Look.PATH, Look.NOTHING).astype(np.uint8)
    place(chosen, Look.GOAL, counters[GOAL])
    return chosen


V0 = long_task(
    __doc__,
    (8, 8),
    (5, 5),
    generate=generate,
    begin=begin,
    reward=reward,
    threshold=0.8,
    is_square=True,
    random_reward=True,
    looks=looks,
)
