"""Rules of worlds: the bits of a cell, the limits, and their checks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

MAX_MARKERS = 10
"""The most markers that a cell holds."""
MAX_SIDE = 1000
"""The largest height and width of a world, walls included."""
MIN_SIDE = 3
"""The smallest height and width: one free row or column inside the wall border."""

MARKERS = 0x0F
"""The bits of a cell that count its markers."""
WALL = 0x80
"""The bit of a wall. The bits in between belong to the tasks."""

HEADINGS = "NESW"
"""The headings' letters; a heading is an index into it."""


class WorldError(ValueError):
    """An invalid world; the message says what is wrong, and where."""


def check_world(cells: NDArray[np.uint8], robot: tuple[int, int, int], random_state: int) -> None:
    """Raise a `WorldError` for the first rule that a world of these parts breaks."""
    row, col, heading = robot
    if cells.ndim != 2:
        raise WorldError(f"cells must have the shape (height, width), got {cells.shape}")
    check_size(*cells.shape)
    if not 0 <= heading < len(HEADINGS):
        raise WorldError(
            f"the robot's heading is {heading}; it must be 0 (N), 1 (E), 2 (S) or 3 (W)"
        )
    if not 0 <= random_state < 2**64:
        raise WorldError(f"random_state is {random_state}; it must be in 0 .. 2**64 - 1")
    walls, markers = (cells & WALL) != 0, cells & MARKERS
    border = np.ones(cells.shape, dtype=bool)
    border[1:-1, 1:-1] = False
    for message, faults in (
        ("the border must be wall, it is open at {}", border & ~walls),
        ("unknown bits are set in the cell at {}", (cells & ~np.uint8(WALL | MARKERS)) != 0),
        (f"a cell holds 0 to {MAX_MARKERS} markers, there are more at {{}}", markers > MAX_MARKERS),
    ):
        if faults.any():
            r, c = np.argwhere(faults)[0]
            raise WorldError(message.format(f"row {r}, column {c}"))
    check_inside(row, col, cells.shape, "the robot")
    if walls[row, col]:
        raise WorldError(f"the robot stands in the wall at row {row}, column {col}")


def faulty_worlds(cells: NDArray[np.uint8], robots: NDArray[np.int32]) -> NDArray[np.bool_]:
    """Whether each world of a batch, with the arrays of `WorldBatch`, breaks a rule: bool, (N,)."""
    _, height, width = cells.shape
    rows, cols, headings = robots.T
    outside = (rows < 0) | (rows >= height) | (cols < 0) | (cols >= width)
    faulty: NDArray[np.bool_] = outside | (headings < 0) | (headings >= len(HEADINGS))
    places = np.arange(len(cells)), np.where(outside, 0, rows), np.where(outside, 0, cols)
    faulty |= (cells[places] & WALL) != 0
    for side in (np.s_[:, 0], np.s_[:, -1], np.s_[:, :, 0], np.s_[:, :, -1]):
        faulty |= ((cells[side] & WALL) == 0).any(axis=1)
    faulty |= ((cells & MARKERS) > MAX_MARKERS).any(axis=(1, 2))
    return faulty | ((cells & ~np.uint8(WALL | MARKERS)) != 0).any(axis=(1, 2))


def check_walls_are_bare(walls: NDArray[np.bool_], markers: NDArray[np.int64]) -> None:
    """Raise a `WorldError` if there are markers in walls."""
    for row, col in np.argwhere(walls & (markers > 0)):
        raise WorldError(f"there are markers in the wall at row {row}, column {col}")


def check_size(height: int, width: int) -> None:
    """Raise a `WorldError` if no world has this size."""
    if not (MIN_SIDE <= height <= MAX_SIDE and MIN_SIDE <= width <= MAX_SIDE):
        raise WorldError(
            f"a world is {MIN_SIDE} to {MAX_SIDE} cells high and wide, walls included; "
            f"got {height}x{width}"
        )


def check_inside(row: int, col: int, shape: tuple[int, ...], what: str) -> None:
    """Raise a `WorldError` if the place of `what` is outside the world."""
    if not (0 <= row < shape[0] and 0 <= col < shape[1]):
        raise WorldError(
            f"{what}: row {row}, column {col} is outside the {shape[0]}x{shape[1]} world"
        )


def check_count(row: int, col: int, count: int) -> None:
    """Raise a `WorldError` if no cell holds so many markers."""
    if not 0 <= count <= MAX_MARKERS:
        raise WorldError(
            f"row {row}, column {col} holds {count} markers; a cell holds 0 to {MAX_MARKERS}"
        )


def checked_rows(rows: Any, glyphs: str) -> list[str]:
    """`rows`, checked to be a list of equally long strings of `glyphs`."""
    if not isinstance(rows, Sequence) or isinstance(rows, str) or not rows:
        raise WorldError("the map must be a list of rows")
    for index, row in enumerate(rows):
        if not isinstance(row, str):
            raise WorldError(f"row {index} of the map must be a string, got {row!r}")
        if len(row) != len(rows[0]):
            raise WorldError(
                f"row {index} of the map has {len(row)} cells, row 0 has {len(rows[0])}; "
                "all rows have one length"
            )
        for column, glyph in enumerate(row):
            if glyph not in glyphs:
                raise WorldError(
                    f"row {index}, column {column} of the map is {glyph!r}; known are {glyphs}"
                )
    check_size(len(rows), len(rows[0]))
    return list(rows)


def checked_array(values: Any, dtype: type[Any], name: str) -> NDArray[Any]:
    """`values` as an array of `dtype`, checked to be whole numbers that it can hold."""
    array = np.asarray(values)
    if array.dtype.kind not in "iub":
        raise WorldError(f"{name} must be whole numbers, got {array.dtype}")
    converted = array.astype(dtype, copy=False)
    if converted is not array and (converted != array).any():
        raise WorldError(f"{name} must be in the range of {np.dtype(dtype)}")
    return converted


def checked_integers(entry: Any, name: str, form: str) -> list[int]:
    """`entry`, checked to be a sequence of whole numbers as `form` says."""
    if (
        not isinstance(entry, Sequence)
        or isinstance(entry, str)
        or (form.startswith("[") and len(entry) != form.count(",") + 1)
        or any(isinstance(x, bool) or not isinstance(x, (int, np.integer)) for x in entry)
    ):
        raise WorldError(f"{name} must be {form or 'whole numbers'}, got {entry!r}")
    numbers = [int(x) for x in entry]
    for number in numbers:
        if number.bit_length() > 64:
            raise WorldError(f"{name} has a number of {number.bit_length()} bits; 64 is the most")
    return numbers
