"""Worlds and the robot in plain Python, for the references of the tasks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

Cell = tuple[int, int]
Food = Callable[[list[Cell]], Cell]
"""Where new food or a new marker appears, out of the cells that may have it, row by row."""

MOVE, TURN_LEFT, TURN_RIGHT, PICK, PUT = range(5)
FULL = 10
HEADINGS = "NESW"
STEPS = ((-1, 0), (0, 1), (1, 0), (0, -1))


@dataclass
class Grid:
    """A world as plain lists; `walls[row][col]` is a bool, `markers[row][col]` a count."""

    walls: list[list[bool]]
    markers: list[list[int]]
    row: int
    col: int
    heading: int
    full: int = FULL

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Grid:
        walls = [[glyph == "#" for glyph in row] for row in data["walls"]]
        markers = [[0] * len(row) for row in walls]
        for row, col, count in data["markers"]:
            markers[row][col] = count
        row, col, heading = data["agent"]
        return cls(walls, markers, row, col, HEADINGS.index(heading))

    def copy(self) -> Grid:
        walls, markers = [row[:] for row in self.walls], [row[:] for row in self.markers]
        return Grid(walls, markers, self.row, self.col, self.heading, self.full)

    def to_json(self) -> dict[str, Any]:
        return {
            "walls": ["".join("#" if wall else "." for wall in row) for row in self.walls],
            "markers": [[r, c, self.markers[r][c]] for r, c in self.marked()],
            "agent": [self.row, self.col, HEADINGS[self.heading]],
        }

    @property
    def height(self) -> int:
        return len(self.walls)

    @property
    def width(self) -> int:
        return len(self.walls[0])

    @property
    def robot(self) -> Cell:
        return self.row, self.col

    def cells(self) -> list[Cell]:
        return [(r, c) for r in range(self.height) for c in range(self.width)]

    def free(self) -> list[Cell]:
        return [(r, c) for r, c in self.cells() if not self.walls[r][c]]

    def marked(self) -> list[Cell]:
        return [(r, c) for r, c in self.cells() if self.markers[r][c]]

    def count(self, cell: Cell) -> int:
        return self.markers[cell[0]][cell[1]]

    def ahead(self, turn: int) -> Cell:
        """The neighbour in the direction `turn` quarters to the right of the robot's heading."""
        step = STEPS[(self.heading + turn) % 4]
        return self.row + step[0], self.col + step[1]

    def is_wall(self, cell: Cell) -> bool:
        return self.walls[cell[0]][cell[1]]

    def percept(self, index: int) -> bool:
        here = self.markers[self.row][self.col]
        return (
            not self.is_wall(self.ahead(0)),
            not self.is_wall(self.ahead(-1)),
            not self.is_wall(self.ahead(1)),
            here > 0,
            here == 0,
        )[index]

    def act(self, action: int) -> None:
        here = self.markers[self.row][self.col]
        if action == MOVE:
            if self.is_wall(self.ahead(0)):
                self.heading = (self.heading + 2) % 4
            else:
                self.row, self.col = self.ahead(0)
        elif action == TURN_LEFT:
            self.heading = (self.heading - 1) % 4
        elif action == TURN_RIGHT:
            self.heading = (self.heading + 1) % 4
        elif action == PICK:
            self.markers[self.row][self.col] = max(here - 1, 0)
        else:
            self.markers[self.row][self.col] = max(min(here + 1, self.full), here)


class Task:
    """A task in one episode: sees the start, then every action's world before and after.

    Attributes:
        action: The action that was done last.
        full: How many markers fill a cell.
        counts_idle: Whether a run without any action is judged as if the robot had turned left.
    """

    action = TURN_LEFT
    full = FULL
    counts_idle = True

    def __init__(self, start: Grid, food: Food) -> None:
        self.start = start.copy()
        self.food = food
        self.begin(start)

    def begin(self, grid: Grid) -> None:
        """Set up the episode."""

    def step(self, before: Grid, grid: Grid) -> tuple[float, bool]:
        """The reward of the action that led from `before` to `grid`, and whether it ended."""
        raise NotImplementedError
