"""Seeder: put one marker on every cell.

What the robot must do
    Put exactly one marker on each cell.
Start worlds
    An empty room; the robot on a random cell of the columns 2 to W-3, facing east.
Reward
    +1/n for the first marker on one of n cells; -1 for a second marker on a cell and for picking
    one.
Termination
    Every cell has a marker, or the first -1.
Definition
    v0: Carvalho et al. (ICLR 2024).
Reference program
    Return 1.000, also at 100x100. See `programs/seeder.karel`.
"""

from __future__ import annotations

from typing import Any

from karel_gym.robot import EAST, Effect, is_clear
from karel_gym.simulation.kernels import inner
from karel_gym.tasks.grid import open_room, random_cell
from karel_gym.tasks.task import Task
from karel_gym.world import MARKERS

CELLS, SEEDED = 0, 1  # counters: free cells, those with a marker


@inner
def generate(cells: Any, width: int, rng: Any) -> tuple[int, int]:
    open_room(cells, width)
    return random_cell(cells, width, 2, width - 4, rng), EAST


@inner
def begin(cells: Any, width: int, position: int, counters: Any) -> None:
    for cell in range(cells.size):
        counters[CELLS] += is_clear(cells, cell)
        counters[SEEDED] += cells[cell] & MARKERS > 0


@inner
def reward(cells: Any, width: int, effect: Effect, counters: Any, rng: Any) -> tuple[float, bool]:
    if effect.change == 0:
        return 0.0, False
    if effect.change < 0 or cells[effect.position] & MARKERS > 1:
        return -1.0, True
    counters[SEEDED] += 1
    return 1 / counters[CELLS], counters[SEEDED] == counters[CELLS]


V0 = Task(__doc__, (8, 8), (3, 5), generate, begin, reward)
