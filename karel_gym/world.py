"""Karel worlds: `World`, `WorldBatch`, and their forms as text and JSON."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from karel_gym.world_rules import (
    HEADINGS,
    MARKERS,
    MAX_MARKERS,
    MAX_SIDE,
    MIN_SIDE,
    WALL,
    WorldError,
    check_count,
    check_inside,
    check_size,
    check_walls_are_bare,
    check_world,
    checked_array,
    checked_integers,
    checked_rows,
    faulty_worlds,
)

__all__ = [
    "HEADINGS",
    "MARKERS",
    "MAX_MARKERS",
    "MAX_SIDE",
    "MIN_SIDE",
    "WALL",
    "World",
    "WorldBatch",
    "WorldError",
]

ROBOT_GLYPHS = "^>v<"
WALL_GLYPH, FLOOR_GLYPH = "#", "."
MARKER_GLYPHS = FLOOR_GLYPH + "123456789X"  # the glyph of a cell with n markers is the n-th
UNDER_ROBOT = "markers under the robot: "


@dataclass(frozen=True, eq=False)
class World:
    """One Karel world: a grid inside a wall border, its markers, and the robot.

    Args:
        cells: uint8, (H, W); bits 0-3 count the cell's markers (0 to 10), bit 7 is set on walls.
        row, col: The robot's cell; (0, 0) is the top left.
        heading: 0 north, 1 east, 2 south, 3 west.
        random_state: 64-bit state of the random numbers that some tasks draw during the episode.

    Raises:
        WorldError: The size is out of range, the border is open, the robot stands in a wall or
            outside, or a cell has too many markers.

    Example:
        >>> world = World.from_text(\"\"\"
        ... #####
        ... #>.2#
        ... #####
        ... \"\"\")
        >>> world.shape, world.robot, int(world.markers[1, 3])
        ((3, 5), (1, 1, 1), 2)
    """

    cells: NDArray[np.uint8]
    row: int
    col: int
    heading: int
    random_state: int = 0

    def __post_init__(self) -> None:
        cells = np.array(checked_array(self.cells, np.uint8, "cells"), order="C")
        cells.flags.writeable = False
        object.__setattr__(self, "cells", cells)
        names = ("row", "col", "heading", "random_state")
        numbers = checked_integers([getattr(self, name) for name in names], ", ".join(names), "")
        for name, number in zip(names, numbers, strict=True):
            object.__setattr__(self, name, number)
        check_world(self.cells, self.robot, self.random_state)

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width, walls included."""
        height, width = self.cells.shape
        return height, width

    @property
    def robot(self) -> tuple[int, int, int]:
        """The robot's row, column and heading."""
        return self.row, self.col, self.heading

    @property
    def walls(self) -> NDArray[np.bool_]:
        """Whether a cell is a wall: bool, (H, W)."""
        return (self.cells & WALL) != 0

    @property
    def markers(self) -> NDArray[np.uint8]:
        """The number of markers on each cell: uint8, (H, W)."""
        return self.cells & np.uint8(MARKERS)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, World):
            return NotImplemented
        return (
            self.robot == other.robot
            and self.random_state == other.random_state
            and np.array_equal(self.cells, other.cells)
        )

    def __hash__(self) -> int:
        return hash((self.cells.shape, self.cells.tobytes(), self.robot, self.random_state))

    @classmethod
    def from_parts(
        cls, walls: Any, markers: Any, robot: tuple[int, int, int], random_state: int = 0
    ) -> World:
        """A world from its walls (bool, (H, W)), markers (counts, (H, W)) and robot."""
        walls, markers = np.asarray(walls, dtype=bool), np.asarray(markers)
        if walls.ndim != 2 or walls.shape != markers.shape:
            raise WorldError(
                f"walls and markers must be two grids of one shape, got {walls.shape} "
                f"and {markers.shape}"
            )
        if markers.dtype.kind not in "iu":
            raise WorldError(f"markers must be whole numbers, got {markers.dtype}")
        for row, col in np.argwhere((markers < 0) | (markers > MAX_MARKERS)):
            check_count(row, col, markers[row, col])
        cells = markers.astype(np.uint8) | np.where(walls, np.uint8(WALL), np.uint8(0))
        return cls(cells, *robot, random_state=random_state)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> World:
        """A world from its JSON form.

        Args:
            data: `walls`: a list of H strings of W characters, '#' for wall and '.' for floor;
                `markers`: a list of [row, column, count]; `agent`: [row, column, 'N'|'E'|'S'|'W'];
                optionally `random_state`: an integer.

        Raises:
            WorldError: A key is missing, a value is wrong, or a wall holds markers.
        """
        for key in ("walls", "markers", "agent"):
            if not isinstance(data, Mapping) or key not in data:
                raise WorldError(
                    f"a world needs the keys walls, markers and agent; {key} is missing"
                )
        rows = checked_rows(data["walls"], WALL_GLYPH + FLOOR_GLYPH)
        walls = np.array([list(row) for row in rows]) == WALL_GLYPH
        markers = np.zeros(walls.shape, dtype=np.int64)
        if not isinstance(data["markers"], Sequence) or isinstance(data["markers"], str):
            raise WorldError("markers must be a list of [row, column, count]")
        for index, entry in enumerate(data["markers"]):
            row, col, count = checked_integers(entry, f"markers[{index}]", "[row, column, count]")
            check_inside(row, col, walls.shape, f"markers[{index}]")
            if markers[row, col]:
                raise WorldError(f"markers[{index}]: row {row}, column {col} is named twice")
            check_count(row, col, count)
            markers[row, col] = count
        agent = data["agent"]
        if not isinstance(agent, Sequence) or isinstance(agent, str) or len(agent) != 3:
            raise WorldError(f"agent must be [row, column, heading], got {agent!r}")
        if not isinstance(agent[2], str) or len(agent[2]) != 1 or agent[2] not in HEADINGS:
            raise WorldError(f"the agent's heading must be one of N, E, S, W, got {agent[2]!r}")
        row, col, heading = checked_integers((*agent[:2], HEADINGS.index(agent[2])), "agent", "")
        (random_state,) = checked_integers(
            [data.get("random_state", 0)], "random_state", "an integer"
        )
        check_walls_are_bare(walls, markers)
        return cls.from_parts(walls, markers, (row, col, heading), random_state)

    def to_json(self) -> dict[str, Any]:
        """The JSON form that `from_json` reads."""
        markers = self.markers
        data: dict[str, Any] = {
            "walls": ["".join(WALL_GLYPH if w else FLOOR_GLYPH for w in row) for row in self.walls],
            "markers": [[int(r), int(c), int(markers[r, c])] for r, c in np.argwhere(markers)],
            "agent": [self.row, self.col, HEADINGS[self.heading]],
        }
        if self.random_state:
            data["random_state"] = self.random_state
        return data

    @classmethod
    def from_text(cls, text: str) -> World:
        """A world from a map, the form that `str(world)` prints.

        One line per row: '#' wall, '.' floor, '1' to '9' and 'X' (ten) markers, and the robot as
        '^', '>', 'v' or '<'. Markers below the robot are on a line after the map:
        `markers under the robot: 2`.

        Raises:
            WorldError: A glyph is unknown, rows differ in length, or there is not one robot.
        """
        if not isinstance(text, str):
            raise TypeError(f"a world's map must be a str, got {type(text).__name__}")
        lines = [line.strip() for line in text.strip().splitlines()]
        under = 0
        if lines and lines[-1].startswith(UNDER_ROBOT):
            number = lines.pop().removeprefix(UNDER_ROBOT)
            if not (number.isascii() and number.isdigit()):
                raise WorldError(f"the number of markers under the robot is {number!r}")
            under = int(number[:9])
        rows = checked_rows(lines, WALL_GLYPH + MARKER_GLYPHS + ROBOT_GLYPHS)
        glyphs = np.array([list(row) for row in rows])
        robots = np.argwhere(np.isin(glyphs, list(ROBOT_GLYPHS))).tolist()
        if not robots:
            raise WorldError("the map has no robot: one cell must be ^, >, v or <")
        if len(robots) > 1:
            places = " and ".join(f"row {r}, column {c}" for r, c in robots[:2])
            raise WorldError(f"the map has {len(robots)} robots ({places}); it must have one")
        row, col = robots[0]
        markers = np.array([[max(MARKER_GLYPHS.find(glyph), 0) for glyph in row] for row in rows])
        markers[row, col] = under
        robot = row, col, ROBOT_GLYPHS.index(rows[row][col])
        return cls.from_parts(glyphs == WALL_GLYPH, markers, robot)

    def __str__(self) -> str:
        glyphs = np.where(self.walls, WALL_GLYPH, np.array(list(MARKER_GLYPHS))[self.markers])
        glyphs[self.row, self.col] = ROBOT_GLYPHS[self.heading]
        text = "\n".join("".join(row) for row in glyphs)
        under = int(self.markers[self.row, self.col])
        return f"{text}\n{UNDER_ROBOT}{under}" if under else text


@dataclass(eq=False)
class WorldBatch:
    """Many worlds of one size, as a struct of arrays.

    Args:
        cells: uint8, (N, H, W); each as `World.cells`.
        robots: int32, (N, 3); row, column and heading of each robot.
        random_states: uint64, (N,); the state of each world's random stream.
    """

    cells: NDArray[np.uint8]
    robots: NDArray[np.int32]
    random_states: NDArray[np.uint64]

    def __post_init__(self) -> None:
        types = {"cells": np.uint8, "robots": np.int32, "random_states": np.uint64}
        for name, dtype in types.items():
            array = checked_array(getattr(self, name), dtype, name)
            setattr(self, name, np.ascontiguousarray(array))
        shapes = self.robots.shape, self.random_states.shape
        if self.cells.ndim != 3 or shapes != ((len(self.cells), 3), (len(self.cells),)):
            raise WorldError(
                "a batch needs cells of shape (N, H, W), robots (N, 3) and random_states (N,), got "
                f"{self.cells.shape}, {self.robots.shape} and {self.random_states.shape}"
            )
        check_size(*self.shape)
        for index in np.flatnonzero(faulty_worlds(self.cells, self.robots))[:1]:
            try:
                self[int(index)]
            except WorldError as error:
                raise WorldError(f"world {index} of the batch: {error}") from None

    @classmethod
    def from_worlds(cls, worlds: Sequence[World]) -> WorldBatch:
        """The batch of `worlds`.

        Raises:
            WorldError: There is no world, or the worlds differ in size.
        """
        if not len(worlds):
            raise WorldError("a batch needs at least one world")
        for index, world in enumerate(worlds):
            if world.shape != worlds[0].shape:
                raise WorldError(
                    f"worlds of a batch have one size: worlds[0] is {worlds[0].shape}, "
                    f"worlds[{index}] is {world.shape}"
                )
        return cls(
            np.stack([world.cells for world in worlds]),
            np.array([world.robot for world in worlds], dtype=np.int32),
            np.array([world.random_state for world in worlds], dtype=np.uint64),
        )

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width of every world, walls included."""
        _, height, width = self.cells.shape
        return height, width

    @property
    def walls(self) -> NDArray[np.bool_]:
        """Whether a cell is a wall: bool, (N, H, W)."""
        return (self.cells & WALL) != 0

    @property
    def markers(self) -> NDArray[np.uint8]:
        """The number of markers on each cell: uint8, (N, H, W)."""
        return self.cells & np.uint8(MARKERS)

    def __len__(self) -> int:
        return len(self.cells)

    def __getitem__(self, index: int) -> World:
        if not -len(self) <= index < len(self):
            raise IndexError(f"world {index} of a batch of {len(self)}")
        row, col, heading = (int(x) for x in self.robots[index])
        return World(self.cells[index], row, col, heading, int(self.random_states[index]))

    def __iter__(self) -> Iterator[World]:
        return (self[i] for i in range(len(self)))
