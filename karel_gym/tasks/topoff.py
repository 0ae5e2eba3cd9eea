"""TopOff: put a second marker on every marked cell of the bottom row.

What the robot must do
    Walk along the bottom row, put a second marker on every single one, and leave the other cells
    empty; in v0 also end at the right end of the row.
Start worlds
    An empty room; the robot in the lower left corner, facing east. v0: each cell of the bottom row
    but the last two has a marker with probability 1/4. v1: a random non-empty proper subset of the
    bottom row's cells but the first has one.
Reward
    v0: the change of the score: the number of consecutive right cells (two markers where one was,
    none where none was) from the left end of the bottom row to the robot's column, plus 1 if all
    are right and the robot stands at the right end, over their number plus 1. v1: the change of the
    share of marked cells that hold two; -1 for emptying one, for a third marker on one, and for a
    marker anywhere else.
Termination
    v0: the score is 1. v1: all marked cells hold two, or the first -1.
Definition
    v0: LEAPS (Trivedi et al., NeurIPS 2021). v1: Carvalho et al. (ICLR 2024).
Reference program
    Return 1.000 in both definitions, also at 100x100. See `programs/topoff.karel`.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from karel_gym.robot import EAST, Effect
from karel_gym.simulation.kernels import inner
from karel_gym.simulation.rng import below
from karel_gym.tasks.grid import bottom_row, open_room
from karel_gym.tasks.looks import Looks, marked_as
from karel_gym.tasks.task import FLAG, Cells, Counters, Task
from karel_gym.world import MARKERS

# FLAG is set on the cells that start with a marker.
RIGHT, SCORE = 0, 1  # counters of v0: right cells before the first wrong one, score * (W - 1)
MARKED, TOPPED = 0, 1  # counters of v1: cells that start with a marker, those that hold two


@inner
def generate_v0(cells: Any, width: int, rng: Any) -> tuple[int, int]:
    open_room(cells, width)
    for col in range(1, width - 2):
        if below(rng, 4) == 0:
            cells[bottom_row(cells, width, col)] = 1
    return bottom_row(cells, width, 1), EAST


@inner
def count_right(cells: Any, width: int, right: int) -> int:
    """The number of cells before the first wrong one; the first `right` are known to be right."""
    while right < width - 2:
        cell = cells[bottom_row(cells, width, right + 1)]
        if cell & MARKERS != (2 if cell & FLAG else 0):
            break
        right += 1
    return right


@inner
def begin_v0(cells: Any, width: int, position: int, counters: Any) -> None:
    for col in range(1, width - 1):
        cell = bottom_row(cells, width, col)
        if cells[cell] & MARKERS:
            cells[cell] |= FLAG
    counters[RIGHT] = count_right(cells, width, 0)


@inner
def reward_v0(
    cells: Any, width: int, effect: Effect, counters: Any, rng: Any
) -> tuple[float, bool]:
    col = effect.position - bottom_row(cells, width, 0)  # negative above the bottom row
    if effect.change and col > 0 and col <= counters[RIGHT] + 1:
        counters[RIGHT] = count_right(cells, width, min(counters[RIGHT], col - 1))
    score = min(counters[RIGHT], effect.position % width)
    if score == width - 2 and col == width - 2:
        score += 1
    change = score - counters[SCORE]
    counters[SCORE] = score
    return change / (width - 1), score == width - 1


@inner
def generate_v1(cells: Any, width: int, rng: Any) -> tuple[int, int]:
    open_room(cells, width)
    n_cells = width - 3
    while True:  # every subset is equally likely; the empty and the full one are drawn again
        marked = 0
        for col in range(2, width - 1):
            cell = bottom_row(cells, width, col)
            cells[cell] = below(rng, 2)
            marked += cells[cell]
        if 0 < marked < n_cells:
            return bottom_row(cells, width, 1), EAST


@inner
def begin_v1(cells: Any, width: int, position: int, counters: Any) -> None:
    for cell in range(cells.size):
        markers = cells[cell] & MARKERS
        if markers:
            cells[cell] |= FLAG
            counters[MARKED] += 1
            counters[TOPPED] += markers == 2


@inner
def reward_v1(
    cells: Any, width: int, effect: Effect, counters: Any, rng: Any
) -> tuple[float, bool]:
    if effect.change == 0:
        return 0.0, False
    markers = cells[effect.position] & MARKERS
    if cells[effect.position] & FLAG == 0 or markers == 0 or markers > 2:
        return -1.0, True
    counters[TOPPED] += effect.change
    return effect.change / counters[MARKED], counters[TOPPED] == counters[MARKED]


def looks(cells: Cells, position: int, counters: Counters) -> Looks:
    return marked_as(cells, np.where(cells & FLAG, 2, 0))


V0 = Task(__doc__, (12, 12), (4, 4), generate_v0, begin_v0, reward_v0, looks=looks)
V1 = Task(__doc__, (12, 12), (4, 5), generate_v1, begin_v1, reward_v1, looks=looks)
