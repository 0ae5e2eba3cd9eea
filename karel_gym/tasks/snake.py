"""Snake: eat, grow, and do not run into the body.

What the robot must do
    Be the head of a snake and reach the food twenty times. The body is a trail of markers behind
    the robot, one cell longer than the number of foods eaten.
Start worlds
    An empty room; the robot on a random cell of the columns 2 to W-3, facing east, and one food
    marker on a random other cell.
Reward
    +1/20 for reaching the food, which then reappears on a random cell without wall, robot or body;
    -1 for running into the body. Markers that the robot puts or picks do not count.
Termination
    20 foods are eaten, or the robot runs into the body.
Definition
    v0: Carvalho et al. (ICLR 2024). In their released code the robot never perceives new food or
    its body; here it does.
Reference program
    Return 1.000. See `programs/snake.karel`.
"""

from __future__ import annotations

from typing import Any

from karel_gym.robot import EAST, Effect, ahead, is_clear
from karel_gym.simulation.kernels import inner
from karel_gym.simulation.rng import below
from karel_gym.tasks.grid import WAY, WAY_SHIFT, last_marker, open_room, random_cell
from karel_gym.tasks.looks import Look, Looks, chain, place
from karel_gym.tasks.task import FLAG, Cells, Counters, Task
from karel_gym.world import MARKERS, MAX_MARKERS

FOODS = 20
BODY = FLAG  # the bit of cells that the body lies on; their WAY leads to the head
FOOD, EATEN, BODY_LENGTH, TAIL = 0, 1, 2, 3  # counters: positions and numbers
NOWHERE = -1


@inner
def generate(cells: Any, width: int, rng: Any) -> tuple[int, int]:
    open_room(cells, width)
    robot = random_cell(cells, width, 2, width - 4, rng)
    cells[random_food(cells, robot, rng)] = 1
    return robot, EAST


@inner
def can_hold_food(cells: Any, cell: int, robot: int) -> bool:
    return is_clear(cells, cell) and cells[cell] & BODY == 0 and cell != robot


@inner
def random_food(cells: Any, robot: int, rng: Any) -> int:
    """A random cell free of wall, robot and body; NOWHERE if there is none."""
    free = 0
    for cell in range(cells.size):
        free += can_hold_food(cells, cell, robot)
    skip = below(rng, free)
    for cell in range(cells.size):
        if can_hold_food(cells, cell, robot):
            if skip == 0:
                return cell
            skip -= 1
    return NOWHERE


@inner
def begin(cells: Any, width: int, position: int, counters: Any) -> None:
    counters[FOOD] = last_marker(cells)
    counters[TAIL] = NOWHERE


@inner
def add_marker(cells: Any, cell: int) -> None:
    if cells[cell] & MARKERS < MAX_MARKERS:
        cells[cell] += 1


@inner
def remove_marker(cells: Any, cell: int) -> None:
    if cells[cell] & MARKERS > 0:
        cells[cell] -= 1


@inner
def grow(cells: Any, effect: Effect, counters: Any) -> None:
    """Let the body follow onto the cell that the robot left."""
    add_marker(cells, effect.origin)
    cells[effect.origin] |= BODY | effect.heading << WAY_SHIFT
    if counters[BODY_LENGTH] == 0:
        counters[TAIL] = effect.origin
    counters[BODY_LENGTH] += 1


@inner
def shorten(cells: Any, width: int, counters: Any) -> None:
    """Take the last cell of the body away."""
    tail = counters[TAIL]
    counters[TAIL] = ahead(tail, (cells[tail] & WAY) >> WAY_SHIFT, width)
    counters[BODY_LENGTH] -= 1
    remove_marker(cells, tail)
    cells[tail] &= MARKERS


@inner
def reward(cells: Any, width: int, effect: Effect, counters: Any, rng: Any) -> tuple[float, bool]:
    if effect.position == effect.origin:
        return 0.0, False
    if cells[effect.position] & BODY:
        return -1.0, True
    grow(cells, effect, counters)
    if effect.position != counters[FOOD]:
        if counters[BODY_LENGTH] > counters[EATEN] + 1:
            shorten(cells, width, counters)
        return 0.0, False
    remove_marker(cells, effect.position)
    counters[EATEN] += 1
    if counters[EATEN] == FOODS:
        return 1 / FOODS, True
    counters[FOOD] = random_food(cells, effect.position, rng)
    if counters[FOOD] != NOWHERE:
        add_marker(cells, counters[FOOD])
    return 1 / FOODS, False


def looks(cells: Cells, position: int, counters: Counters) -> Looks:
    chosen = chain(cells, Look.BODY_NORTH)
    place(chosen, Look.FOOD, counters[FOOD])
    place(chosen, Look.HEAD, position)
    return chosen


V0 = Task(
    __doc__,
    (8, 8),
    (7, 7),
    generate,
    begin,
    reward,
    actions_per_cell=40,
    random_reward=True,
    looks=looks,
)
