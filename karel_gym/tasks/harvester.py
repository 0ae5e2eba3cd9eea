"""Harvester: pick up a marker on every cell.

What the robot must do
    Pick up all markers of a room that is full of them.
Start worlds
    A room with one marker on every cell; the robot in the bottom row, facing east. v0: in the lower
    left corner; v1: in a random column that is not next to a corner.
Reward
    v0: the change of the share of markers that are gone. v1: +1/n for picking one of n markers; -1
    for putting one.
Termination
    No marker is left. v1: also the first -1.
Definition
    v0: LEAPS (Trivedi et al., NeurIPS 2021). v1: Carvalho et al. (ICLR 2024).
Reference program
    Return 1.000 in both definitions, also at 100x100. See `programs/harvester.karel`.
"""

from __future__ import annotations

from typing import Any

from karel_gym.robot import EAST, Effect
from karel_gym.simulation.kernels import inner
from karel_gym.simulation.rng import below
from karel_gym.tasks.grid import bottom_row, open_room
from karel_gym.tasks.task import Task
from karel_gym.world import MARKERS

INITIAL, LEFT = 0, 1  # counters: markers at the start, markers now


@inner
def fill(cells: Any, width: int) -> None:
    """Write a room with one marker on every cell."""
    open_room(cells, width)
    for position in range(cells.size):
        if cells[position] == 0:
            cells[position] = 1


@inner
def generate_v0(cells: Any, width: int, rng: Any) -> tuple[int, int]:
    fill(cells, width)
    return bottom_row(cells, width, 1), EAST


@inner
def generate_v1(cells: Any, width: int, rng: Any) -> tuple[int, int]:
    fill(cells, width)
    return bottom_row(cells, width, 2 + below(rng, width - 4)), EAST


@inner
def count_markers(cells: Any, width: int, position: int, counters: Any) -> None:
    for cell in range(cells.size):
        counters[INITIAL] += cells[cell] & MARKERS
    counters[LEFT] = counters[INITIAL]


@inner
def reward_v0(
    cells: Any, width: int, effect: Effect, counters: Any, rng: Any
) -> tuple[float, bool]:
    if effect.change == 0:
        return 0.0, False
    counters[LEFT] += effect.change
    return -effect.change / max(counters[INITIAL], 1), counters[LEFT] == 0


@inner
def pick_all(cells: Any, width: int, effect: Effect, counters: Any, rng: Any) -> tuple[float, bool]:
    """The reward of v1: a share for each marker picked, none may be put."""
    if effect.change == 0:
        return 0.0, False
    counters[LEFT] += effect.change
    if effect.change > 0:
        return -1.0, True
    return 1 / counters[INITIAL], counters[LEFT] == 0


V0 = Task(__doc__, (8, 8), (3, 3), generate_v0, count_markers, reward_v0)
V1 = Task(__doc__, (8, 8), (3, 5), generate_v1, count_markers, pick_all)
