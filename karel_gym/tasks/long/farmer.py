"""Farmer: plant a field and harvest it, ten times.

What the robot must do
    Put a marker on every cell, then pick them all up, in each of ten seasons.
Start worlds
    A room with one marker in the upper right corner; the robot in the lower left corner, facing
    east.
Reward
    +1/(20 n) in a world of n cells for each marker planted on an empty cell and for each marker
    harvested; -0.0001 for every action. The robot plants at first: putMarker plants, and pickMarker
    does nothing until all but min(H-2, W-2) cells are planted. It then starts the harvest, in which
    pickMarker harvests and putMarker does nothing. When the field is empty, the season is over, and
    a sprout appears in the upper right corner. It looks like a marker, but its cell counts as
    empty, and any putMarker or pickMarker there removes it first.
Termination
    The field is empty for the tenth time.
Definition
    v0: Karel-Long (HIPO, Lin et al., NeurIPS 2024). A sprout that the robot removes ends a season
    if nothing else is planted.
Reference program
    Goes row by row from a corner. Return 0.831. See `programs/farmer.karel`.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from karel_gym.robot import EAST, PICK_MARKER, PUT_MARKER, Effect
from karel_gym.simulation.kernels import inner
from karel_gym.tasks.grid import bottom_row, open_room
from karel_gym.tasks.long.costs import ACTION_COST, long_task, set_markers, take_back
from karel_gym.tasks.looks import Look, Looks
from karel_gym.tasks.task import FLAG, Cells, Counters
from karel_gym.world import MARKERS, WALL

SEASONS = 10
SPROUT = FLAG  # the bit of the sprout's cell
# Counters: markers in the field; whether the robot harvests; markers planted or harvested in a row;
# seasons that are over.
PLANTED, HARVESTING, STREAK, DONE = 0, 1, 2, 3


@inner
def generate(cells: Any, width: int, rng: Any) -> tuple[int, int]:
    open_room(cells, width)
    cells[2 * width - 2] = 1
    return bottom_row(cells, width, 1), EAST


@inner
def begin(cells: Any, width: int, position: int, counters: Any) -> None:
    for cell in range(cells.size):
        counters[PLANTED] += cells[cell] & MARKERS
    counters[STREAK] = 1


@inner
def work(cells: Any, width: int, effect: Effect, counters: Any) -> bool:
    """Let the robot plant or harvest on its cell; return whether it did."""
    here = effect.position
    if cells[here] & SPROUT:
        cells[here] = 0
        counters[PLANTED] -= 1
    is_empty = cells[here] & MARKERS == 0
    if effect.action == PICK_MARKER and not counters[HARVESTING]:
        rows, cols = cells.size // width - 2, width - 2
        if counters[STREAK] < rows * cols - min(rows, cols):
            return False
        counters[HARVESTING], counters[STREAK] = 1, 0
    if is_empty != (effect.action == PUT_MARKER) or is_empty == counters[HARVESTING]:
        return False
    change = 1 if is_empty else -1
    cells[here] += change
    counters[PLANTED] += change
    counters[STREAK] += 1
    return True


@inner
def reward(cells: Any, width: int, effect: Effect, counters: Any, rng: Any) -> tuple[float, bool]:
    gain = -ACTION_COST
    if effect.action == PICK_MARKER or effect.action == PUT_MARKER:
        take_back(cells, effect)
        if work(cells, width, effect, counters):
            gain += 1 / (2 * SEASONS * (cells.size // width - 2) * (width - 2))
    if counters[PLANTED] > 0:
        return gain, False
    counters[DONE] += 1
    if counters[DONE] < SEASONS:
        set_markers(cells, 2 * width - 2, 1)
        cells[2 * width - 2] |= SPROUT
        counters[PLANTED], counters[HARVESTING], counters[STREAK] = 1, 0, 1
    return gain, counters[DONE] == SEASONS


def looks(cells: Cells, position: int, counters: Counters) -> Looks:
    is_to_do = (cells & (WALL | SPROUT) == 0) & (cells & MARKERS == counters[HARVESTING])
    return np.where(is_to_do, Look.TARGET, Look.NOTHING).astype(np.uint8)


V0 = long_task(
    __doc__,
    (8, 8),
    (3, 3),
    generate=generate,
    begin=begin,
    reward=reward,
    threshold=0.83,
    looks=looks,
)
