"""Files of example programs and constraints.

`worst.tree`, `intermediate.tree` and `near_optimal.tree` are CartPole programs with about the mean
returns of those in MORL's paper: 9.28, 104.0 and 200.0. `leaps_maze.karel` is LEAPS's program for
Maze; `harvester_rows.karel`, written by hand, goes row by row. Rates are measured with these two.
"""

from __future__ import annotations

from pathlib import Path

FOLDER = Path(__file__).parent
PROGRAMS = ("worst", "intermediate", "near_optimal")
"""The programs of CartPole, from the least return to the largest."""
CARTPOLE_CONSTRAINTS = FOLDER / "cartpole.constraints"
HARVESTER_CONSTRAINTS = FOLDER / "harvester.constraints"


def program_file(name: str) -> Path:
    """The file of one of `PROGRAMS`.

    Example:
        >>> program_file("worst").name
        'worst.tree'
    """
    return FOLDER / f"{name}.tree"
