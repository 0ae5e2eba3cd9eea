"""StairClimber: climb the stairs to the marker.

What the robot must do
    Climb stairs that rise to the right, up to the step with the marker.
Start worlds
    Stairs from the lower left corner; the robot on a random step but the last, facing east; the
    marker on a random higher step.
Reward
    +1 for reaching the marker's cell, -1 for a cell that is neither a step nor right above one.
    Dense: the progress in Manhattan distance, over the initial distance, and the same -1.
Termination
    Either of them.
Definition
    v0: LEAPS (Trivedi et al., NeurIPS 2021). v1: Carvalho et al. (ICLR 2024).
Reference program
    Return 1.000 in both definitions, also at 100x100. See `programs/stairclimber.karel`.
"""

from __future__ import annotations

from typing import Any

from karel_gym.robot import EAST, Effect
from karel_gym.simulation.kernels import inner
from karel_gym.simulation.rng import below
from karel_gym.tasks.grid import bottom_row, distance, last_marker, open_room, progress
from karel_gym.tasks.looks import Look, Looks, path, place
from karel_gym.tasks.task import FLAG, Cells, Counters, Task
from karel_gym.world import WALL

GOAL, DISTANCE = 0, 1  # counters: the marker's position, its distance at the start


@inner
def count_steps(cells: Any, width: int) -> int:
    return min(cells.size // width, width) - 2


@inner
def step_position(cells: Any, width: int, step: int) -> int:
    """The cell on which a robot stands on a step; step 0 is the lower left corner."""
    return bottom_row(cells, width, 1) + step * (1 - width)


@inner
def generate(cells: Any, width: int, rng: Any) -> tuple[int, int]:
    open_room(cells, width)
    n_steps = count_steps(cells, width)
    for step in range(n_steps):
        position = step_position(cells, width, step)
        cells[position + 1] = WALL
        cells[position + 2] = WALL
    robot = below(rng, n_steps - 1)
    goal = robot + 1 + below(rng, n_steps - 1 - robot)
    cells[step_position(cells, width, goal)] = 1
    return step_position(cells, width, robot), EAST


@inner
def begin(cells: Any, width: int, position: int, counters: Any) -> None:
    counters[GOAL] = last_marker(cells)
    counters[DISTANCE] = distance(width, position, counters[GOAL])
    for step in range(count_steps(cells, width)):
        cell = step_position(cells, width, step)
        cells[cell] |= FLAG
        cells[cell - width] |= FLAG


@inner
def reward(cells: Any, width: int, effect: Effect, counters: Any, rng: Any) -> tuple[float, bool]:
    if effect.position == counters[GOAL]:
        return 1.0, True
    if cells[effect.position] & FLAG == 0:
        return -1.0, True
    return 0.0, False


@inner
def dense(cells: Any, width: int, effect: Effect, counters: Any, rng: Any) -> tuple[float, bool]:
    gain, terminated = reward(cells, width, effect, counters, rng)
    if gain < 0 or counters[DISTANCE] == 0:
        return gain, terminated
    return progress(width, effect, counters[GOAL], counters[DISTANCE]), terminated


def looks(cells: Cells, position: int, counters: Counters) -> Looks:
    chosen = path(cells, position, counters)
    place(chosen, Look.GOAL, counters[GOAL])
    return chosen


V0 = Task(__doc__, (12, 12), (4, 4), generate, begin, reward, dense, looks=looks)
V1 = V0
