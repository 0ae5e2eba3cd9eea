"""The looks of cells in pictures, and functions for tasks that choose them."""

from __future__ import annotations

from enum import IntEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from karel_gym.tasks.grid import WAY, WAY_SHIFT
from karel_gym.tasks.task import FLAG, Cells, Counters
from karel_gym.world import MARKERS, WALL

Looks = NDArray[np.uint8]
"""uint8, (H, W); the `Look` of each cell."""


class Look(IntEnum):
    """The meaning of a cell in pictures; walls, markers and the robot are drawn, too.

    Only doors and trails show on walls.
    """

    NOTHING = 0
    TARGET = 1
    """An outline: something is still to be done here."""
    DONE = 2
    """A solid outline with a tick."""
    WRONG = 3
    """A cross: a marker that should not be here."""
    PATH = 4
    """A tint: the robot may walk here."""
    GOAL = 5
    """A flag."""
    KEY = 6
    """A key in place of a marker."""
    CLOSED_DOOR = 7
    OPEN_DOOR = 8
    FOOD = 9
    """An apple in place of a marker."""
    HEAD = 10
    """On the robot's cell: the robot looks like the head of a snake."""
    BODY_NORTH = 16
    """A part of a snake in place of a marker; the next part is to the north."""
    BODY_EAST = 17
    BODY_SOUTH = 18
    BODY_WEST = 19
    TRAIL_NORTH = 20
    """A part of a trail that blocks the way; the robot left the cell to the north."""
    TRAIL_EAST = 21
    TRAIL_SOUTH = 22
    TRAIL_WEST = 23


def no_looks(cells: Cells) -> Looks:
    """An array of `Look.NOTHING`."""
    return np.zeros(cells.shape, np.uint8)


def place(looks: Looks, look: Look, position: int) -> None:
    """Give the cell at a position a look; nothing happens if the position is negative."""
    if position >= 0:
        looks.flat[position] = look


def path(cells: Cells, position: int, counters: Counters) -> Looks:
    """`Look.PATH` on the cells that are flagged and free."""
    return np.where(cells & (FLAG | WALL) == FLAG, Look.PATH, Look.NOTHING).astype(np.uint8)


def trail(cells: Cells, position: int, counters: Counters) -> Looks:
    """A trail on the flagged cells."""
    return chain(cells, Look.TRAIL_NORTH)


def chain(cells: Cells, first: Look) -> Looks:
    """The looks `first` to `first + 3` on the flagged cells, by their `WAY` bits."""
    links = first + ((cells & WAY) >> WAY_SHIFT)
    return np.where(cells & FLAG, links, Look.NOTHING).astype(np.uint8)


def marked_as(cells: Cells, wanted: NDArray[np.integer[Any]]) -> Looks:
    """The state of cells that should hold `wanted` markers, int, (H, W): to do, done or wrong."""
    markers = cells & MARKERS
    looks = np.full(cells.shape, Look.DONE, np.uint8)
    looks[markers < wanted] = Look.TARGET
    looks[wanted == 0] = Look.NOTHING
    looks[markers > wanted] = Look.WRONG
    return looks
