"""Prompts that ask a language model for a program that solves a task."""

from __future__ import annotations

import inspect
import re
from typing import Final

from karel_gym.registration import sample_worlds, task_of

HINTS: Final = re.compile(r"^(?:Reference program|Definition)\n(?:[ \t].*\n?|\n)*", re.MULTILINE)
"""The sections of a task's documentation that name a solution or only sources."""
RULES: Final = """\
# The robot
Actions: move, turnLeft, turnRight, pickMarker, putMarker. A move into a wall turns the robot around
and leaves it in place. Picking from an empty cell and putting on a full one do nothing.
Percepts: frontIsClear, leftIsClear, rightIsClear (the next cell in that direction is no wall),
markersPresent, noMarkersPresent (the robot's cell has a marker, or none).
Map: '#' is a wall, '.' a free cell, a digit the number of markers of a cell, 'X' ten markers;
'^', '>', 'v', '<' is the robot and its heading. The start worlds differ; the program gets no other
input than percepts."""
PYTHON: Final = """\
# Your answer
Write the program in Python, as a function run() in a code block. Use calls of actions and percepts
without arguments, such as move() and frontIsClear(), `if`, `elif`, `else`, `while`,
`for _ in range(n)`, `not`, and functions that you define, without recursion. There are no
variables, no arguments and no imports. The condition of a `while` is one percept or its negation.
Keep the program short: at most six statements in a block, control structures at most three deep."""
LANGUAGE: Final = """\
# Your answer
Write the program in a code block, in this language:
prog := DEF run m( stmt+ m)
stmt := move | turnLeft | turnRight | pickMarker | putMarker
      | WHILE c( cond c) w( stmt+ w) | IF c( cond c) i( stmt+ i)
      | IFELSE c( cond c) i( stmt+ i) ELSE e( stmt+ e) | REPEAT R=n r( stmt+ r)      0 <= n <= 19
cond := percept | not c( cond c)
Keep the program short: at most 45 words, brackets included, at most six statements in a block,
control structures at most three deep."""
ANSWERS: Final = {"python": PYTHON, "karel": LANGUAGE}
"""What the prompt says about the answer, in each syntax."""


def prompt_of(env_id: str, syntax: str = "python", seed: int = 0) -> str:
    """The prompt for a task, with no word about its solution.

    Args:
        env_id: The task's id.
        syntax: One of `ANSWERS`.
        seed: Seed of the start world that the prompt shows.
    """
    task = task_of(env_id)
    height, width = task.shape
    description = HINTS.sub("", inspect.cleandoc(task.doc) + "\n").strip()
    return (
        "Write a program for a robot in a grid world.\n\n"
        f"# The task\n{description}\n"
        f"The worlds have {height} rows and {width} columns, the border of walls included. An "
        f"episode ends after {task.horizon(height, width):,} actions.\n\n"
        f"# A start world\n{sample_worlds(env_id, 1, seed)[0]}\n\n{RULES}\n\n{ANSWERS[syntax]}"
    )
