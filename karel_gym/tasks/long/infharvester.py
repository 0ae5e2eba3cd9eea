"""InfHarvester: pick up markers that grow again.

What the robot must do
    Pick up twice as many markers as the room has cells; half of those picked are replaced.
Start worlds
    A room with one marker on every cell; the robot in the lower left corner, facing east.
Reward
    +1/(2 n) in a room of n cells for picking a marker that the robot did not put itself, after
    which one of the empty cells is drawn, and with probability 1/2 a marker appears there; -0.0001
    for every action.
Termination
    2 n markers have been picked. A room that is empty does not end the episode.
Definition
    v0: Karel-Long (HIPO, Lin et al., NeurIPS 2024).
Reference program
    Goes row by row once and puts a marker on each cell that it leaves, so that markers grow only
    where it stands. Return 0.901. See `programs/infharvester.karel`.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from karel_gym.robot import EAST, Effect
from karel_gym.simulation.kernels import index, inner
from karel_gym.simulation.rng import below
from karel_gym.tasks.grid import bottom_row
from karel_gym.tasks.harvester import fill
from karel_gym.tasks.long.costs import ACTION_COST, long_task
from karel_gym.tasks.looks import Look, Looks
from karel_gym.tasks.task import FLAG, Cells, Counters
from karel_gym.world import MARKERS, WALL

OWN = FLAG  # the bit of cells on which the robot put the lowest marker
PICKED, EMPTY = 0, 1  # counters: markers that paid, cells without one


@inner
def generate(cells: Any, width: int, rng: Any) -> tuple[int, int]:
    fill(cells, width)
    return bottom_row(cells, width, 1), EAST


@inner
def is_empty(cells: Any, cell: int) -> bool:
    return cells[index(cell)] & (WALL | MARKERS) == 0


@inner
def begin(cells: Any, width: int, position: int, counters: Any) -> None:
    for cell in range(cells.size):
        counters[EMPTY] += is_empty(cells, cell)


@inner
def grow(cells: Any, counters: Any, rng: Any) -> None:
    """Draw an empty cell, on which a marker appears with probability 1/2."""
    skip = below(rng, counters[EMPTY])
    cell = -1
    while skip >= 0:
        cell += 1
        skip -= is_empty(cells, cell)
    if below(rng, 2) == 1:
        cells[cell] = 1
        counters[EMPTY] -= 1


@inner
def reward(cells: Any, width: int, effect: Effect, counters: Any, rng: Any) -> tuple[float, bool]:
    here = effect.position
    markers = cells[here] & MARKERS
    if effect.change > 0 and markers == 1:
        cells[here] |= OWN
        counters[EMPTY] -= 1
    if effect.change >= 0 or markers > 0:
        return -ACTION_COST, False
    counters[EMPTY] += 1
    if cells[here] & OWN:
        cells[here] = 0
        return -ACTION_COST, False
    counters[PICKED] += 1
    grow(cells, counters, rng)
    goals = 2 * (cells.size // width - 2) * (width - 2)
    return 1 / goals - ACTION_COST, counters[PICKED] == goals


def looks(cells: Cells, position: int, counters: Counters) -> Looks:
    return np.where(cells & OWN, Look.WRONG, Look.NOTHING).astype(np.uint8)


V0 = long_task(
    __doc__,
    (16, 16),
    (3, 3),
    generate=generate,
    begin=begin,
    reward=reward,
    threshold=0.9,
    random_reward=True,
    looks=looks,
)
