"""Neighbours made by edits, in addition to the published mutation, which only replaces statements.

An edit deletes a statement, inserts a new one beside it, wraps it in a control structure, unwraps
it, or replaces it by a copy of another part of the program.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from karel_gym.simulation.kernels import inner
from karel_gym.simulation.rng import below
from programmatic.dsl import tokens as t
from programmatic.dsl.sampling import NEGATED, draw_times
from programmatic.search.programs.mutation import (
    BEGINS,
    CLOSING,
    END,
    INDEX,
    KIND,
    ONE_STATEMENT,
    OPENING,
    START,
    STATEMENTS,
    copy_tokens,
    mutate,
)
from programmatic.search.programs.statements import NO_ROOM, draw_statements, write_condition

DELETE, INSERT_BEFORE, INSERT_BEHIND, WRAP, UNWRAP, COPY = range(6)
N_EDITS = 6
NEGATION_TOKENS = 3
WRAP_PERCENTS = np.array([58, 89, 100])
"""Cumulative, of WHILE, IF and REPEAT: the grammar's 15, 8 and 3."""


@inner
def neighbour(
    parent: Any, length: int, places: Any, n_places: int, space: Any, mutant: Any, stack: Any,
    rng: Any,
) -> Any:  # fmt: skip
    """Draw a neighbour of `parent`, an edit with `space.edits` % probability; see `mutate`."""
    if space.edits > 0 and below(rng, 100) < space.edits:
        return edit(parent, length, places, n_places, space, mutant, stack, rng)
    return mutate(parent, length, places, n_places, space, mutant, stack, rng)


@inner
def edit(
    parent: Any, length: int, places: Any, n_places: int, space: Any, mutant: Any, stack: Any,
    rng: Any,
) -> Any:  # fmt: skip
    """Draw an edit of `parent` that is within the limits of the space; see `mutate`."""
    while True:
        which = below(rng, n_places)
        kind = places[which, KIND]
        if kind != ONE_STATEMENT and kind != STATEMENTS:
            continue
        what = below(rng, N_EDITS)
        if what == DELETE:
            if kind == STATEMENTS and places[which, INDEX] == 0:
                continue  # a block must not be empty
            behind = places[which, START]
        elif what in (INSERT_BEFORE, INSERT_BEHIND):
            behind = insert(parent, length, places, which, what == INSERT_BEFORE, space, mutant,
                            stack, rng)  # fmt: skip
        elif what == WRAP:
            behind = wrap(parent, places, which, space.max_tokens - length, mutant, rng)
        elif what == UNWRAP:
            behind = unwrap(parent, places, which, mutant, rng)
        else:
            other = below(rng, n_places)
            if places[other, KIND] != kind:
                continue
            start, end = places[other, START], places[other, END]
            behind = places[which, START] + end - start
            if behind + length - places[which, END] > space.max_tokens:
                continue
            copy_tokens(parent, start, end, mutant, places[which, START])
        if behind == NO_ROOM:
            continue
        copy_tokens(parent, 0, places[which, START], mutant, 0)
        copy_tokens(parent, places[which, END], length, mutant, behind)
        length_then = behind + length - places[which, END]
        if is_within(mutant, length_then, space, stack):
            return length_then, which


@inner
def insert(
    parent: Any, length: int, places: Any, which: int, is_before: bool, space: Any, mutant: Any,
    stack: Any, rng: Any,
) -> int:  # fmt: skip
    """Write a new statement beside place `which`; return the index after both, or NO_ROOM.

    `is_before`: whether the new statement comes first. The other arguments are those of `mutate`.
    """
    start, end = places[which, START], places[which, END]
    at = start if is_before else end
    if not is_before:
        copy_tokens(parent, start, end, mutant, start)
    behind, _, _ = draw_statements(
        mutant,
        at,
        space.max_tokens - (length - at),
        0,
        0,
        space.subtree_height,
        space.subtree_sequence - 1,
        space.negated_ifelse,
        stack,
        rng,
    )
    if behind == NO_ROOM or not is_before:
        return behind
    copy_tokens(parent, start, end, mutant, behind)
    return behind + end - start


@inner
def wrap(parent: Any, places: Any, which: int, room: int, mutant: Any, rng: Any) -> int:
    """Write a new control structure around place `which`; return the index after it, or NO_ROOM.

    `room` tokens may be added to the program. The other arguments are those of `insert`.
    """
    at, start, end = places[which, START], places[which, START], places[which, END]
    draw = below(rng, 100)
    if draw >= WRAP_PERCENTS[1]:
        if room < 4:
            return NO_ROOM
        mutant[at], mutant[at + 1], mutant[at + 2] = t.REPEAT, draw_times(rng), t.R_OPEN
        at, closing = at + 3, t.R_CLOSE
    else:
        is_negated = below(rng, 100) < NEGATED
        if room < 6 + (NEGATION_TOKENS if is_negated else 0):
            return NO_ROOM
        is_while = draw < WRAP_PERCENTS[0]
        mutant[at], mutant[at + 1] = t.WHILE if is_while else t.IF, t.C_OPEN
        at += 2
        at = write_condition(mutant, at, is_negated, rng)
        mutant[at], mutant[at + 1] = t.C_CLOSE, t.W_OPEN if is_while else t.I_OPEN
        at, closing = at + 2, t.W_CLOSE if is_while else t.I_CLOSE
    copy_tokens(parent, start, end, mutant, at)
    mutant[at + end - start] = closing
    return at + end - start + 1


@inner
def unwrap(parent: Any, places: Any, which: int, mutant: Any, rng: Any) -> int:
    """Write a body of the control structure at a place; return the index after it, or NO_ROOM."""
    start, end = places[which, START], places[which, END]
    if not is_control(parent[start]):
        return NO_ROOM
    opening = start
    while not OPENING[parent[opening]]:
        opening += 1
    closing = end_of_block(parent, opening)
    if parent[start] == t.IFELSE:
        other = closing + 2  # after ELSE
        if end_of_block(parent, other) + 1 != end:
            return NO_ROOM
        if below(rng, 2) == 1:
            opening, closing = other, end_of_block(parent, other)
    elif closing + 1 != end:
        return NO_ROOM
    copy_tokens(parent, opening + 1, closing, mutant, start)
    return start + closing - opening - 1


@inner
def is_control(token: int) -> bool:
    return token == t.WHILE or token == t.IF or token == t.IFELSE or token == t.REPEAT


@inner
def end_of_block(tokens: Any, opening: int) -> int:
    """The index of the closing bracket of the block that begins at `opening`."""
    depth, i = 1, opening
    while depth > 0:
        i += 1
        depth += int(OPENING[tokens[i]]) - int(CLOSING[tokens[i]])
    return i


@inner
def is_within(tokens: Any, length: int, space: Any, stack: Any) -> bool:
    """Whether the blocks of a valid program are within a space; `stack`: int64, (L,) or more."""
    nesting = -1
    for i in range(2, length):
        token = tokens[i]
        if OPENING[token]:
            nesting += 1
            if nesting >= space.max_height:
                return False
            stack[nesting] = 0
        elif CLOSING[token]:
            nesting -= 1
        elif BEGINS[token]:
            stack[nesting] += 1
            if stack[nesting] > space.max_sequence:
                return False
    return True
