"""Random programs of the distribution of LEAPS's generator, in a kernel over token arrays.

A statement is one of the structures, a sequence of two statements, or an action. Statements on the
first three levels are drawn by these probabilities; the statements inside those are actions.
Source: the program generator of LEAPS (Trivedi et al., NeurIPS 2021), whose depth grows by two from
a statement to a statement in it, up to 6.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from karel_gym.simulation.kernels import allocating_kernel, inner
from karel_gym.simulation.rng import below, states_of
from programmatic.dsl import Program
from programmatic.dsl import tokens as t

BRANCHING_LEVELS = 3

# Cumulative percentages: the first 15 of a hundred statements are WHILEs, those up to 18 REPEATs...
WHILES, REPEATS, SEQUENCES, ACTIONS, IFS = 15, 18, 68, 88, 96
NEGATED = 10  # of a hundred conditions
ACTION_PERCENTS = np.array([50, 65, 80, 90, 100])  # cumulative, in the order of the action numbers
PERCEPT_PERCENTS = np.array([50, 65, 80, 90, 100])
ACTION_TOKENS = np.array(t.ACTION_TOKENS)
PERCEPT_TOKENS = np.array(t.PERCEPT_TOKENS)

STATEMENT = 64  # a statement still to be drawn: STATEMENT | level << 8
CONDITION = 65


@inner
def pick(percents: Any, rng: Any) -> int:
    """Draw an index by cumulative percentages."""
    draw = below(rng, 100)
    index = 0
    while draw >= percents[index]:
        index += 1
    return index


@inner
def draw_percept(rng: Any) -> int:
    return PERCEPT_TOKENS[pick(PERCEPT_PERCENTS, rng)]


@inner
def draw_times(rng: Any) -> int:
    return t.R_0 + below(rng, t.MAX_TIMES + 1)


@inner
def push_block(stack: Any, size: int, opening: int, inside: int, closing: int) -> int:
    """Push an item between brackets; the top of the stack is written first."""
    stack[size], stack[size + 1], stack[size + 2] = closing, inside, opening
    return size + 3


@inner
def push_structure(
    stack: Any, size: int, kind: int, body: int, condition: int, of_ifelse: int, rng: Any
) -> int:
    """Push a control structure; returns the size of the stack.

    Args:
        stack: int64; the top is written first.
        size: Of the stack.
        kind: A percentage, as above.
        body: The item that stands for the statements in each of its blocks.
        condition, of_ifelse: The items that stand for its condition, and for that of an IFELSE.
        rng: uint64, (1,).
    """
    if kind >= WHILES and kind < REPEATS:
        size = push_block(stack, size, t.R_OPEN, body, t.R_CLOSE)
        stack[size], stack[size + 1] = draw_times(rng), t.REPEAT
        return size + 2
    if kind < WHILES:
        size = push_block(stack, size, t.W_OPEN, body, t.W_CLOSE)
        size = push_block(stack, size, t.C_OPEN, condition, t.C_CLOSE)
        stack[size] = t.WHILE
    elif kind < IFS:
        size = push_block(stack, size, t.I_OPEN, body, t.I_CLOSE)
        size = push_block(stack, size, t.C_OPEN, condition, t.C_CLOSE)
        stack[size] = t.IF
    else:
        size = push_block(stack, size, t.E_OPEN, body, t.E_CLOSE)
        stack[size] = t.ELSE
        size = push_block(stack, size + 1, t.I_OPEN, body, t.I_CLOSE)
        size = push_block(stack, size, t.C_OPEN, of_ifelse, t.C_CLOSE)
        stack[size] = t.IFELSE
    return size + 1


@inner
def draw_statement(stack: Any, size: int, level: int, sequences: int, rng: Any) -> int:
    """Push the parts of a statement to be drawn; returns the size of the stack."""
    draw = below(rng, 100) if level < BRANCHING_LEVELS else ACTIONS - 1
    inside = STATEMENT | (level + 1) << 8
    if draw < REPEATS or draw >= ACTIONS:
        return push_structure(stack, size, draw, inside, CONDITION, CONDITION, rng)
    if draw < REPEATS + sequences:
        stack[size], stack[size + 1] = inside, inside
        return size + 2
    stack[size] = ACTION_TOKENS[pick(ACTION_PERCENTS, rng)]
    return size + 1


@inner
def draw_program(
    tokens: Any, stack: Any, sequences: int, min_times: int, max_times: int, rng: Any
) -> int:
    """Draw one program into `tokens`; returns its length, 0 if it has no room."""
    tokens[0], tokens[1] = t.DEF, t.RUN
    length = 2
    size = push_block(stack, 0, t.M_OPEN, STATEMENT, t.M_CLOSE)
    while size > 0:
        size -= 1
        item = stack[size]
        if item & STATEMENT and item != CONDITION:
            size = draw_statement(stack, size, item >> 8, sequences, rng)
        elif item == CONDITION:
            percept = draw_percept(rng)
            stack[size] = percept
            if below(rng, 100) < NEGATED:
                stack[size], stack[size + 1] = t.C_CLOSE, percept
                stack[size + 2], stack[size + 3] = t.C_OPEN, t.NOT
                size += 3
            size += 1
        else:
            if length == tokens.size:
                return 0
            if item >= t.R_0 and item <= t.R_MAX:
                while item < t.R_0 + min_times or item > t.R_0 + max_times:
                    item = draw_times(rng)
            tokens[length] = item
            length += 1
    return length


@allocating_kernel
def draw_programs(
    tokens: Any,
    lengths: Any,
    rngs: Any,
    max_tokens: int,
    sequences: int,
    min_times: int,
    max_times: int,
) -> None:
    """Draw N programs; those of more than `max_tokens` tokens are drawn again.

    Args:
        tokens: int8, (N, L); written, padded with 50.
        lengths: int64, (N,); written.
        rngs: uint64, (N, 1); changed.
        max_tokens: At most L.
        sequences: Percentage of statements that are sequences; 70 less it are actions.
        min_times, max_times: Range of the counts of REPEAT.
    """
    # A waiting statement pushes at most 10 items, and depth bounds the number of waiting ones.
    stack = np.empty(16 * (BRANCHING_LEVELS + 2), dtype=np.int64)
    for i in range(len(tokens)):
        lengths[i] = 0
        while lengths[i] == 0:
            lengths[i] = draw_program(
                tokens[i, :max_tokens], stack, sequences, min_times, max_times, rngs[i]
            )
        tokens[i, lengths[i] :] = t.PAD


def sample_tokens(
    n: int,
    seed: int = 0,
    max_tokens: int = t.MAX_PROGRAM_TOKENS,
    sequences: int = SEQUENCES - REPEATS,
    min_times: int = 0,
    max_times: int = t.MAX_TIMES,
) -> NDArray[np.int8]:
    """`n` random programs as token ids, int8, (n, max_tokens), padded with 50.

    A program has at most eight statements in sequence and three nested control structures. Longer
    programs than `max_tokens` (one in a thousand with 45) are drawn again. Program i is the same
    whatever `n` is. `draw_programs` describes the other arguments.

    Raises:
        ValueError: `n` is below 1, or `max_tokens` is below 5.
    """
    if n < 1:
        raise ValueError(f"n must be at least 1, got {n}")
    if max_tokens < 5:
        raise ValueError(f"the shortest program has 5 tokens, got max_tokens={max_tokens}")
    tokens = np.empty((n, max_tokens), dtype=np.int8)
    lengths, rngs = np.empty(n, dtype=np.int64), states_of(seed, n)[:, None]
    draw_programs(tokens, lengths, rngs, max_tokens, sequences, min_times, max_times)
    return tokens


def sample_programs(n: int, seed: int = 0, max_tokens: int = t.MAX_PROGRAM_TOKENS) -> list[Program]:
    """`n` random programs; see `sample_tokens`.

    Example:
        >>> print(sample_programs(2, seed=1)[1])
        DEF run m( IF c( leftIsClear c) i( move i) m)
    """
    return [Program.from_tokens(row) for row in sample_tokens(n, seed, max_tokens).tolist()]
