"""PathFollow: collect the markers of a path without leaving it.

What the robot must do
    Pick up all markers of a path from the lower left to the upper right corner, and stay on the
    path or next to it.
Start worlds
    A room with markers along a random path of steps up and right from (H-2, 1), where the robot
    stands, facing north, to (1, W-2); all paths are equally likely.
Reward
    +1/n for picking one of n markers; -1 for putting one, and for a cell that is neither on the
    path nor one of the four neighbors of a cell of the path.
Termination
    No marker is left, or the first -1.
Definition
    v0: LLM-GS (Liu et al., ICLR 2025).
Reference program
    Return 1.000. See `programs/pathfollow.karel`.
"""

from __future__ import annotations

from typing import Any

from karel_gym.robot import NORTH, Effect
from karel_gym.simulation.kernels import inner
from karel_gym.simulation.rng import below
from karel_gym.tasks.grid import bottom_row, on_border, open_room
from karel_gym.tasks.harvester import count_markers, pick_all
from karel_gym.tasks.looks import path
from karel_gym.tasks.task import FLAG, Task
from karel_gym.world import MARKERS

# FLAG is set on the cells of the path and on those next to them.


@inner
def generate(cells: Any, width: int, rng: Any) -> tuple[int, int]:
    open_room(cells, width)
    start = bottom_row(cells, width, 1)
    row, col = start // width, 1
    cells[start] = 1
    while row > 1 or col < width - 2:
        ups, rights = row - 1, width - 2 - col
        if below(rng, ups + rights) < ups:  # each path is equally likely
            row -= 1
        else:
            col += 1
        cells[row * width + col] = 1
    return start, NORTH


@inner
def begin(cells: Any, width: int, position: int, counters: Any) -> None:
    count_markers(cells, width, position, counters)
    for cell in range(cells.size):
        if not on_border(cells, width, cell) and cells[cell] & MARKERS:
            for near in (cell, cell - width, cell + width, cell - 1, cell + 1):
                cells[near] |= FLAG


@inner
def reward(cells: Any, width: int, effect: Effect, counters: Any, rng: Any) -> tuple[float, bool]:
    if cells[effect.position] & FLAG == 0:
        return -1.0, True
    return pick_all(cells, width, effect, counters, rng)


V0 = Task(__doc__, (8, 8), (4, 4), generate, begin, reward, looks=path)
