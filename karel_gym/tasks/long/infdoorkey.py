"""InfDoorKey: fetch keys and open doors around four rooms, 99 times.

What the robot must do
    Go around four rooms clockwise: pick up the key of the first room, mark the target of the
    second, pick up the key of the third, mark the target of the fourth, and begin again. Each of
    these opens the door to the next room and closes the one behind.
Start worlds
    Walls in row H//2 and column W//2 make four rooms, the first at the top left. A marker lies on a
    random cell of each room, its key or target. The robot is on a random cell of the first room but
    not in its last row or column, facing east. All doors are closed.
Reward
    +1/100 for pickMarker on the key or putMarker on the target that is next; -0.0001 for every
    action. putMarker never leaves a marker; a target's marker goes when it is used, and the next
    place has one again.
Termination
    99 keys and targets have been used.
Definition
    v0: Karel-Long (HIPO, Lin et al., NeurIPS 2024), which ends at 99.
Reference program
    Sweeps each room row by row, then takes the door in its right-hand wall. Return 0.799; needs at
    least seven rows and columns. See `programs/infdoorkey.karel`.
"""

from __future__ import annotations

from typing import Any

from karel_gym.robot import EAST, PICK_MARKER, PUT_MARKER, Effect
from karel_gym.simulation.kernels import inner
from karel_gym.simulation.rng import below
from karel_gym.tasks.grid import open_room
from karel_gym.tasks.long.costs import ACTION_COST, long_task, set_markers, take_back
from karel_gym.tasks.looks import Look, Looks, no_looks, place
from karel_gym.tasks.task import Cells, Counters
from karel_gym.world import MARKERS, WALL

STAGES, GOALS = 100, 99
N_ROOMS = 4
USED = N_ROOMS  # a counter: keys and targets used; the counters before are their positions


@inner
def room_cell(cells: Any, width: int, room: int, less: int, rng: Any) -> int:
    """A random cell of a room, counted clockwise, but not of its last `less` rows and columns."""
    height = cells.size // width
    is_low, is_right = room >= 2, room == 1 or room == 2
    first_row = height // 2 + 1 if is_low else 1
    first_col = width // 2 + 1 if is_right else 1
    end_row = height - 1 if is_low else height // 2
    end_col = width - 1 if is_right else width // 2
    row = first_row + below(rng, end_row - first_row - less)
    return row * width + first_col + below(rng, end_col - first_col - less)


@inner
def door(cells: Any, width: int, room: int) -> int:
    """The door from a room to the next one."""
    row, col = cells.size // width // 2, width // 2
    if room == 0:
        return 2 * width + col
    if room == 1:
        return row * width + width - 2
    if room == 2:
        return cells.size - 2 * width + col
    return row * width + 2


@inner
def generate(cells: Any, width: int, rng: Any) -> tuple[int, int]:
    open_room(cells, width)
    for cell in range(cells.size):
        if cell // width == cells.size // width // 2 or cell % width == width // 2:
            cells[cell] = WALL
    robot = room_cell(cells, width, 0, 1, rng)
    for room in range(N_ROOMS):
        cells[room_cell(cells, width, room, 0, rng)] = 1
    return robot, EAST


@inner
def begin(cells: Any, width: int, position: int, counters: Any) -> None:
    for room in range(N_ROOMS):
        counters[room] = -1
    for cell in range(cells.size):
        if cells[cell] & MARKERS:
            is_low, is_right = cell // width > cells.size // width // 2, cell % width > width // 2
            room = 2 + (not is_right) if is_low else 0 + is_right
            counters[room] = cell


@inner
def reward(cells: Any, width: int, effect: Effect, counters: Any, rng: Any) -> tuple[float, bool]:
    if effect.change > 0:
        take_back(cells, effect)
    room = counters[USED] % N_ROOMS
    wanted = PUT_MARKER if room & 1 else PICK_MARKER
    if effect.action != wanted or effect.position != counters[room]:
        return -ACTION_COST, False
    if wanted == PUT_MARKER:
        set_markers(cells, effect.position, 0)
    counters[USED] += 1
    cells[door(cells, width, room)] &= MARKERS
    cells[door(cells, width, (room + N_ROOMS - 1) % N_ROOMS)] |= WALL
    after = counters[(room + 1) % N_ROOMS]
    if counters[USED] < GOALS and after >= 0 and cells[after] & MARKERS == 0:
        cells[after] += 1
    return 1 / STAGES - ACTION_COST, counters[USED] == GOALS


def looks(cells: Cells, position: int, counters: Counters) -> Looks:
    chosen = no_looks(cells)
    for room in range(N_ROOMS):
        cell = door.py_func(cells.ravel(), cells.shape[1], room)
        place(chosen, Look.CLOSED_DOOR if cells.flat[cell] & WALL else Look.OPEN_DOOR, cell)
        place(chosen, Look.TARGET if room & 1 else Look.KEY, counters[room])
    room = counters[USED] % N_ROOMS
    place(chosen, Look.GOAL if room & 1 else Look.KEY, counters[room])
    return chosen


V0 = long_task(
    __doc__,
    (8, 8),
    (6, 6),
    generate=generate,
    begin=begin,
    reward=reward,
    threshold=0.79,
    max_return=GOALS / STAGES,
    looks=looks,
)
