"""Random statements and conditions within limits, drawn into token arrays.

A sequence is a chain of links, each a statement and the rest; how many links it may have, and how
deep control structures may nest in it, is told to each place where a statement is still to be
drawn. Probabilities are those of `programmatic.dsl.sampling`; what is not allowed at a place is
drawn again. Source of the space: Carvalho et al., Reclaiming the Source of Programmatic Policies:
Programmatic versus Latent Spaces (ICLR 2024), and its published code.
"""

from __future__ import annotations

from typing import Any

from karel_gym.simulation.kernels import inner
from karel_gym.simulation.rng import below
from programmatic.dsl import tokens as t
from programmatic.dsl.sampling import (
    ACTION_PERCENTS,
    ACTION_TOKENS,
    ACTIONS,
    CONDITION,
    IFS,
    NEGATED,
    PERCEPT_PERCENTS,
    PERCEPT_TOKENS,
    REPEATS,
    SEQUENCES,
    STATEMENT,
    WHILES,
    pick,
    push_block,
    push_condition,
)

NO_ROOM = -1
STACK_SIZE = 1024
"""Room for what is still to be drawn: at most 10 items a token that the program may have."""
PERCEPT = CONDITION + 1
"""A condition that is still to be drawn and must not be negated."""


@inner
def place(height: int, links: int) -> int:
    """A statement that is still to be drawn.

    Args:
        height: How many control structures there are around it, plus 1 for the program.
        links: How many links the sequence that it begins may have; 0: it must be one statement.
    """
    return STATEMENT | height << 8 | links << 16


@inner
def draw_percept(rng: Any) -> int:
    return PERCEPT_TOKENS[pick(PERCEPT_PERCENTS, rng)]


@inner
def draw_times(rng: Any) -> int:
    return t.R_0 + below(rng, t.MAX_TIMES + 1)


@inner
def draw_condition(tokens: Any, at: int, may_negate: bool, rng: Any) -> int:
    """Draw a condition without its outer brackets; returns the index behind it."""
    if may_negate and below(rng, 100) < NEGATED:
        tokens[at], tokens[at + 1], tokens[at + 3] = t.NOT, t.C_OPEN, t.C_CLOSE
        tokens[at + 2] = draw_percept(rng)
        return at + 4
    tokens[at] = draw_percept(rng)
    return at + 1


@inner
def draw_kind(may_nest: bool, may_link: bool, rng: Any) -> int:
    """A statement's kind as a percentage: see `programmatic.dsl.sampling`."""
    while True:
        draw = below(rng, 100)
        if draw < REPEATS or draw >= ACTIONS:
            if may_nest:
                return draw
        elif draw >= SEQUENCES or may_link:
            return draw


@inner
def push_structure(stack: Any, size: int, kind: int, body: int, negated_ifelse: bool) -> int:
    """Push a control structure, its number of times excepted; returns the size of the stack."""
    if kind < WHILES:
        size = push_block(stack, size, t.W_OPEN, body, t.W_CLOSE)
        size = push_condition(stack, size)
        stack[size] = t.WHILE
    elif kind < IFS:
        size = push_block(stack, size, t.I_OPEN, body, t.I_CLOSE)
        size = push_condition(stack, size)
        stack[size] = t.IF
    else:
        size = push_block(stack, size, t.E_OPEN, body, t.E_CLOSE)
        stack[size] = t.ELSE
        size = push_block(stack, size + 1, t.I_OPEN, body, t.I_CLOSE)
        size = push_condition(stack, size)
        if not negated_ifelse:
            stack[size - 2] = PERCEPT
        stack[size] = t.IFELSE
    return size + 1


@inner
def draw_statements(
    tokens: Any,
    at: int,
    end: int,
    height: int,
    links: int,
    max_height: int,
    block_links: int,
    negated_ifelse: bool,
    stack: Any,
    rng: Any,
) -> Any:
    """Draw a statement or a sequence into `tokens` from `at` on.

    Args:
        tokens: int8, (L,).
        at: Where it begins.
        end: Where it must have ended.
        height, links: Of its place, see `place`; a height of 0 leaves the outermost control
            structure uncounted.
        max_height: No control structure is drawn at a place of this height.
        block_links: How many links a sequence in a block may have.
        negated_ifelse: Whether the condition of an IFELSE may be negated.
        stack: int64, (STACK_SIZE,); room to work in.
        rng: uint64, (1,).

    Returns:
        behind: The index behind it, NO_ROOM if there is no room for it.
        nesting: How many control structures lie in each other.
        statements: How many statements the sequence has.
    """
    stack[0] = place(height, links)
    size, tallest, statements = 1, 0, 1
    while size > 0:
        size -= 1
        item = stack[size]
        if item < STATEMENT:
            if at == end:
                return NO_ROOM, 0, 0
            tokens[at] = item
            at += 1
        elif item in (CONDITION, PERCEPT):
            if at + 4 > end:  # its block needs more than the three tokens of a negation
                return NO_ROOM, 0, 0
            at = draw_condition(tokens, at, item == CONDITION, rng)
        else:
            height, links = (item >> 8) & 255, item >> 16
            kind = draw_kind(height < max_height, links > 0, rng)
            if kind >= SEQUENCES and kind < ACTIONS:
                if at == end:
                    return NO_ROOM, 0, 0
                tokens[at] = ACTION_TOKENS[pick(ACTION_PERCENTS, rng)]
                at += 1
            elif kind >= REPEATS and kind < SEQUENCES:
                if height == 0 or (height == 1 and statements > 1):
                    statements += 1
                inside = max(height, 1)
                stack[size], stack[size + 1] = place(inside, links - 1), place(inside, 0)
                size += 2
            else:
                tallest = max(tallest, height + 1)
                body = place(height + 1, block_links)
                if kind >= WHILES and kind < REPEATS:
                    size = push_block(stack, size, t.R_OPEN, body, t.R_CLOSE)
                    stack[size] = draw_times(rng)
                    stack[size + 1] = t.REPEAT
                    size += 2
                else:
                    size = push_structure(stack, size, kind, body, negated_ifelse)
    return at, tallest - (statements > 1), statements
