"""OneStroke: visit every cell without crossing its own trail.

What the robot must do
    Visit all cells; a cell becomes a wall when the robot leaves it.
Start worlds
    An empty room; the robot on a random cell, facing east.
Reward
    +1/(cells - 1) for each new cell. Markers do not count.
Termination
    All cells have been visited.
Definition
    v0: Carvalho et al. (ICLR 2024), whose released code pays 1/36 a cell; all cells give 1 here.
Reference program
    Return 0.994; 0.995 over all 36 start worlds, 34 of them solved. See `programs/onestroke.karel`.
"""

from __future__ import annotations

from typing import Any

from karel_gym.robot import EAST, Effect, is_clear
from karel_gym.simulation.kernels import inner
from karel_gym.tasks.grid import WAY_SHIFT, open_room, random_cell
from karel_gym.tasks.looks import trail
from karel_gym.tasks.task import FLAG, Task
from karel_gym.world import WALL

# FLAG is set on the cells of the trail, and their WAY is that of the robot.
CELLS, VISITED = 0, 1  # counters: free cells at the start, those the robot has been to


@inner
def generate(cells: Any, width: int, rng: Any) -> tuple[int, int]:
    open_room(cells, width)
    return random_cell(cells, width, 1, width - 2, rng), EAST


@inner
def begin(cells: Any, width: int, position: int, counters: Any) -> None:
    for cell in range(cells.size):
        counters[CELLS] += is_clear(cells, cell)
    counters[VISITED] = 1


@inner
def reward(cells: Any, width: int, effect: Effect, counters: Any, rng: Any) -> tuple[float, bool]:
    if effect.position == effect.origin:
        return 0.0, False
    cells[effect.origin] |= WALL | FLAG | effect.heading << WAY_SHIFT
    counters[VISITED] += 1
    return 1 / (counters[CELLS] - 1), counters[VISITED] == counters[CELLS]


V0 = Task(__doc__, (8, 8), (4, 4), generate, begin, reward, looks=trail)
