"""CleanHouse: pick up the litter of an apartment.

What the robot must do
    Pick up every marker beside the walls of an apartment with several rooms.
Start worlds
    One apartment of 14x22; the robot at (1, 13), facing south. Ten random cells beside a wall (v0:
    in columns below 13) hold a marker, but never the robot's cell or the passages (2, 12), (3, 10),
    (4, 11), (5, 11) and (6, 10). In addition, (2, 12) holds two markers in v0 and one in v1.
Reward
    v0: the change of the share of the ten cells that are empty. v1: +1/11 for picking a marker; -1
    for putting one.
Termination
    v0: the ten cells are empty. v1: no marker is left, or the first -1.
Definition
    v0: LEAPS (Trivedi et al., NeurIPS 2021). v1: Carvalho et al. (ICLR 2024).
Reference program
    Turns right before each move. Return 1.000 in both definitions. See `programs/cleanhouse.karel`.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from karel_gym.robot import SOUTH, Effect, is_clear
from karel_gym.simulation.kernels import inner
from karel_gym.simulation.rng import below
from karel_gym.tasks.grid import is_beside_wall, on_border
from karel_gym.tasks.harvester import count_markers, pick_all
from karel_gym.tasks.task import FLAG, Task
from karel_gym.world import MARKERS, WALL

APARTMENT = [
    "######################",
    "#..##########.#......#",
    "#..#..........#####.##",
    "##.#................##",
    "##........#.........##",
    "###.#.###.#..###.#.###",
    "#...#...#....#...#..##",
    "#...#...#....#...#...#",
    "#...#...#....#...##..#",
    "#...#...##..##...##.##",
    "#...#...##..##...#..##",
    "#...#...##..##...#..##",
    "#...#...##..##...#..##",
    "######################",
]
WIDTH, HEIGHT = len(APARTMENT[0]), len(APARTMENT)
CELLS = np.array([[WALL if c == "#" else 0 for c in row] for row in APARTMENT], np.uint8).ravel()
ROBOT = 1 * WIDTH + 13
HEAP = 2 * WIDTH + 12
PASSAGES = (ROBOT, HEAP, 3 * WIDTH + 10, 4 * WIDTH + 11, 5 * WIDTH + 11, 6 * WIDTH + 10)
N_LITTER = 10

TARGETS, FULL = 0, 1  # counters of v0: cells to empty, those of them with markers


@inner
def can_hold_litter(cells: Any, position: int, columns: int) -> bool:
    """Whether a cell may hold litter, if only the first `columns` columns may."""
    return (
        not on_border(cells, WIDTH, position)
        and position % WIDTH < columns
        and is_clear(cells, position)
        and is_beside_wall(cells, WIDTH, position)
        and position not in PASSAGES
    )


@inner
def furnish(cells: Any, columns: int, heap: int, rng: Any) -> None:
    """Write the apartment with `heap` markers on its heap and random litter."""
    for position in range(cells.size):
        cells[position] = CELLS[position]
    left = 0
    for position in range(cells.size):
        left += can_hold_litter(cells, position, columns)
    wanted = N_LITTER
    for position in range(cells.size):  # selection sampling: every set of cells is equally likely
        if can_hold_litter(cells, position, columns):
            if below(rng, left) < wanted:
                cells[position] = 1
                wanted -= 1
            left -= 1
    cells[HEAP] = heap


@inner
def generate_v0(cells: Any, width: int, rng: Any) -> tuple[int, int]:
    furnish(cells, 13, 2, rng)
    return ROBOT, SOUTH


@inner
def begin_v0(cells: Any, width: int, position: int, counters: Any) -> None:
    for cell in range(cells.size):
        if cells[cell] & MARKERS and cell != HEAP:
            cells[cell] |= FLAG
            counters[TARGETS] += 1
    counters[FULL] = counters[TARGETS]


@inner
def reward_v0(
    cells: Any, width: int, effect: Effect, counters: Any, rng: Any
) -> tuple[float, bool]:
    markers = cells[effect.position] & MARKERS
    flagged = cells[effect.position] & FLAG
    # The first marker came onto a cell to empty, or the last one went.
    if flagged and effect.change and max(markers, markers - effect.change) == 1:
        counters[FULL] += effect.change
        return -effect.change / counters[TARGETS], counters[FULL] == 0
    return 0.0, False


@inner
def generate_v1(cells: Any, width: int, rng: Any) -> tuple[int, int]:
    furnish(cells, width, 1, rng)
    return ROBOT, SOUTH


SHAPE = HEIGHT, WIDTH
V0 = Task(__doc__, SHAPE, SHAPE, generate_v0, begin_v0, reward_v0, fixed_shape=True)
V1 = Task(__doc__, SHAPE, SHAPE, generate_v1, count_markers, pick_all, fixed_shape=True)
