"""FourCorners: put one marker in each corner.

What the robot must do
    Put exactly one marker in each of the four corners, and none elsewhere.
Start worlds
    An empty room; the robot in the bottom row, facing east. v0: in the third column; v1: in a
    random column that is not next to a corner.
Reward
    v0: the change of the score: the share of corners with a marker, or 0 while a marker lies
    elsewhere (a second marker in a corner counts as elsewhere). v1: +1/4 for a corner's first
    marker, -1/4 for picking it up again; -1 for a marker anywhere else.
Termination
    v0: the score is 1. v1: all corners have a marker, or the first -1.
Definition
    v0: LEAPS (Trivedi et al., NeurIPS 2021). v1: Carvalho et al. (ICLR 2024).
Reference program
    Walks along the border. Return 1.000 in both definitions, also at 100x100.
    See `programs/fourcorners.karel`.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from karel_gym.robot import EAST, Effect
from karel_gym.simulation.kernels import inner
from karel_gym.simulation.rng import below
from karel_gym.tasks.grid import bottom_row, open_room
from karel_gym.tasks.looks import Looks, marked_as
from karel_gym.tasks.task import Cells, Counters, Task
from karel_gym.world import MARKERS

CORNERS, ELSEWHERE, SCORE = 0, 1, 2  # counters: corners with a marker, stray markers, 4 * score


@inner
def is_corner(cells: Any, width: int, position: int) -> bool:
    return (
        position == width + 1
        or position == 2 * width - 2
        or position == bottom_row(cells, width, 1)
        or position == bottom_row(cells, width, width - 2)
    )


@inner
def generate_v0(cells: Any, width: int, rng: Any) -> tuple[int, int]:
    open_room(cells, width)
    return bottom_row(cells, width, 2), EAST


@inner
def generate_v1(cells: Any, width: int, rng: Any) -> tuple[int, int]:
    open_room(cells, width)
    return bottom_row(cells, width, 2 + below(rng, width - 4)), EAST


@inner
def begin(cells: Any, width: int, position: int, counters: Any) -> None:
    for cell in range(cells.size):
        markers = cells[cell] & MARKERS
        if markers > 0 and is_corner(cells, width, cell):
            counters[CORNERS] += 1
            markers -= 1
        counters[ELSEWHERE] += markers


@inner
def count(cells: Any, width: int, effect: Effect, counters: Any) -> None:
    """Keep the counters right after a marker was put or picked."""
    markers = cells[effect.position] & MARKERS
    # The first marker of a corner came, or the last one went.
    if is_corner(cells, width, effect.position) and max(markers, markers - effect.change) == 1:
        counters[CORNERS] += effect.change
    else:
        counters[ELSEWHERE] += effect.change


@inner
def reward_v0(
    cells: Any, width: int, effect: Effect, counters: Any, rng: Any
) -> tuple[float, bool]:
    if effect.change:
        count(cells, width, effect, counters)
    score = counters[CORNERS] if counters[ELSEWHERE] == 0 else 0
    change = score - counters[SCORE]
    counters[SCORE] = score
    return change / 4, score == 4


@inner
def reward_v1(
    cells: Any, width: int, effect: Effect, counters: Any, rng: Any
) -> tuple[float, bool]:
    if effect.change == 0:
        return 0.0, False
    count(cells, width, effect, counters)
    if counters[ELSEWHERE] > 0:
        return -1.0, True
    return effect.change / 4, counters[CORNERS] == 4


def looks(cells: Cells, position: int, counters: Counters) -> Looks:
    wanted = np.zeros(cells.shape, np.uint8)
    wanted[np.ix_([1, -2], [1, -2])] = 1
    return marked_as(cells, wanted)


V0 = Task(__doc__, (12, 12), (4, 5), generate_v0, begin, reward_v0, looks=looks)
V1 = Task(__doc__, (12, 12), (4, 5), generate_v1, begin, reward_v1, looks=looks)
