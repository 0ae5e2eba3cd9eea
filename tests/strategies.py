"""Hypothesis strategies of random programs and worlds."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st

from karel_gym import World
from karel_gym.world import MAX_MARKERS
from programmatic import Program
from programmatic.dsl import ACTIONS, MAX_REPEAT_NESTING, MAX_TIMES, PERCEPTS

# The fewest tokens that a statement of each kind has.
_SHORTEST = {"action": 1, "REPEAT": 5, "IF": 7, "WHILE": 7, "IFELSE": 11}
_FRAME = ("DEF", "run", "m(", "m)")


def programs(max_tokens: int = 45) -> st.SearchStrategy[Program]:
    """Valid programs of at most `max_tokens` tokens, of all constructs in all nestings."""
    room = max_tokens - len(_FRAME)
    return _blocks(room, 0).map(lambda words: Program.parse(f"DEF run m( {' '.join(words)} m)"))


@st.composite
def worlds(draw: st.DrawFn, min_side: int = 3, max_side: int = 8, walls: bool = True) -> World:
    """Small worlds with any markers, any inner walls unless `walls` is False, and any robot."""
    height = draw(st.integers(min_side, max_side))
    width = draw(st.integers(min_side, max_side))
    rows, cols = height - 2, width - 2
    wall, count = st.just(-1), st.integers(0, MAX_MARKERS)
    cell = st.one_of(st.just(0), count, wall) if walls else st.one_of(st.just(0), count)
    cells = draw(st.lists(cell, min_size=rows * cols, max_size=rows * cols))
    inner = np.array(cells).reshape(rows, cols)
    robot = (
        draw(st.integers(1, rows)),
        draw(st.integers(1, cols)),
        draw(st.integers(0, 3)),
    )
    inner[robot[0] - 1, robot[1] - 1] = abs(inner[robot[0] - 1, robot[1] - 1])
    bordered = np.pad(inner, 1, constant_values=-1)
    random_state = draw(st.integers(0, 2**64 - 1))
    return World.from_parts(bordered < 0, np.maximum(bordered, 0), robot, random_state)


@st.composite
def _blocks(draw: st.DrawFn, room: int, repeats: int) -> list[str]:
    """One or more statements in at most `room` words, inside `repeats` REPEATs."""
    words: list[str] = draw(_statements(room, repeats))
    while len(words) < room and draw(st.booleans()):
        words += draw(_statements(room - len(words), repeats))
    return words


@st.composite
def _statements(draw: st.DrawFn, room: int, repeats: int) -> list[str]:
    kinds = [kind for kind, shortest in _SHORTEST.items() if shortest <= room]
    if repeats == MAX_REPEAT_NESTING and "REPEAT" in kinds:
        kinds.remove("REPEAT")
    kind = draw(st.sampled_from(kinds))
    if kind == "action":
        return [draw(st.sampled_from(ACTIONS))]
    # What the shortest statement of this kind leaves is shared out between its parts.
    spare = room - _SHORTEST[kind]
    if kind == "REPEAT":
        times = draw(st.integers(0, MAX_TIMES))
        return [kind, f"R={times}", "r(", *draw(_blocks(1 + spare, repeats + 1)), "r)"]
    negations = draw(st.integers(0, min(spare // 3, 3)))
    spare -= 3 * negations
    percept = draw(st.sampled_from(PERCEPTS))
    condition = ["not", "c("] * negations + [percept] + ["c)"] * negations
    start = [kind, "c(", *condition, "c)"]
    if kind == "WHILE":
        return [*start, "w(", *draw(_blocks(1 + spare, repeats)), "w)"]
    then = draw(_blocks(1 + spare, repeats))
    if kind == "IF":
        return [*start, "i(", *then, "i)"]
    otherwise = draw(_blocks(2 + spare - len(then), repeats))
    return [*start, "i(", *then, "i)", "ELSE", "e(", *otherwise, "e)"]
