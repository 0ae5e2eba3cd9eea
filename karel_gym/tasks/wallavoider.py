"""WallAvoider: put one marker on every cell that is not beside the border.

What the robot must do
    Put exactly one marker on each cell that is not beside the wall around the world.
Start worlds
    An empty room; the robot on a random cell with a random heading.
Reward
    +1/n for the first marker on one of the n cells not beside the border; -1 for a marker beside
    the border, for a second one on a cell, and for picking one.
Termination
    All n cells have a marker, or the first -1.
Definition
    v0: LLM-GS (Liu et al., ICLR 2025), where the robot could also start in the border.
Reference program
    Return 1.000. See `programs/wallavoider.karel`.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from karel_gym.robot import Effect
from karel_gym.simulation.kernels import inner
from karel_gym.simulation.rng import below
from karel_gym.tasks.grid import open_room, random_cell
from karel_gym.tasks.looks import Looks, marked_as
from karel_gym.tasks.task import Cells, Counters, Task
from karel_gym.world import MARKERS

CELLS, MARKED = 0, 1  # counters: cells not beside the border, those of them with a marker


@inner
def generate(cells: Any, width: int, rng: Any) -> tuple[int, int]:
    open_room(cells, width)
    return random_cell(cells, width, 1, width - 2, rng), below(rng, 4)


@inner
def is_inner(cells: Any, width: int, cell: int) -> bool:
    """Whether a cell is neither in the border nor beside it."""
    row, col = cell // width, cell % width
    return 1 < row < cells.size // width - 2 and 1 < col < width - 2


@inner
def begin(cells: Any, width: int, position: int, counters: Any) -> None:
    for cell in range(cells.size):
        if is_inner(cells, width, cell):
            counters[CELLS] += 1
            counters[MARKED] += cells[cell] & MARKERS > 0


@inner
def reward(cells: Any, width: int, effect: Effect, counters: Any, rng: Any) -> tuple[float, bool]:
    if effect.change == 0:
        return 0.0, False
    is_first = effect.change > 0 and cells[effect.position] & MARKERS == 1
    if not is_first or not is_inner(cells, width, effect.position):
        return -1.0, True
    counters[MARKED] += 1
    return 1 / counters[CELLS], counters[MARKED] == counters[CELLS]


def looks(cells: Cells, position: int, counters: Counters) -> Looks:
    wanted = np.zeros(cells.shape, np.uint8)
    wanted[2:-2, 2:-2] = 1
    return marked_as(cells, wanted)


V0 = Task(__doc__, (8, 5), (5, 5), generate, begin, reward, looks=looks)
