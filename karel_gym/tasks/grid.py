"""Geometry that the tasks share."""

from __future__ import annotations

from typing import Any

from karel_gym.robot import Effect
from karel_gym.simulation.kernels import inner
from karel_gym.simulation.rng import below
from karel_gym.world import MARKERS, WALL

WAY, WAY_SHIFT = 0x60, 5
"""The bits of a cell, besides the flag, that store the heading in which the robot left it."""


@inner
def on_border(cells: Any, width: int, position: int) -> bool:
    """Whether a cell belongs to the wall around the world."""
    col = position % width
    return position < width or position + width >= cells.size or col == 0 or col == width - 1


@inner
def open_room(cells: Any, width: int) -> None:
    """Write the border of a world."""
    for position in range(cells.size):
        if on_border(cells, width, position):
            cells[position] = WALL


@inner
def is_beside_wall(cells: Any, width: int, position: int) -> bool:
    """Whether one of the four neighbors of a cell inside the border is a wall."""
    return (
        cells[position - width]
        | cells[position + width]
        | cells[position - 1]
        | cells[position + 1]
    ) & WALL != 0


@inner
def random_cell(cells: Any, width: int, first_col: int, n_cols: int, rng: Any) -> int:
    """A random position between the upper and the lower wall, in `n_cols` columns."""
    row = 1 + below(rng, cells.size // width - 2)
    return row * width + first_col + below(rng, n_cols)


@inner
def last_marker(cells: Any) -> int:
    """The position of the last marker; -1 if there is none."""
    for position in range(cells.size - 1, -1, -1):
        if cells[position] & MARKERS:
            return position
    return -1


@inner
def distance(width: int, a: int, b: int) -> int:
    """The Manhattan distance of two positions."""
    return abs(a // width - b // width) + abs(a % width - b % width)


@inner
def progress(width: int, effect: Effect, goal: int, initial: int) -> float:
    """The progress of an action towards `goal`, over the `initial` distance."""
    before, after = distance(width, effect.origin, goal), distance(width, effect.position, goal)
    return (before - after) / initial


@inner
def bottom_row(cells: Any, width: int, col: int) -> int:
    """The position in column `col` of the lowest row inside the border."""
    return cells.size - 2 * width + col
