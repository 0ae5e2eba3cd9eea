"""Random statements and conditions within limits, drawn into token arrays.

A sequence is a chain of links, each a statement and the rest. Each place of a statement limits the
links of its sequence and the nesting of its control structures. Probabilities are those of
`programmatic.dsl.sampling`; a draw that the place does not allow is repeated.
Source of the space: Carvalho et al. (ICLR 2024) and its published code.
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
    NEGATED,
    REPEATS,
    SEQUENCES,
    STATEMENT,
    draw_percept,
    pick,
    push_structure,
)

NO_ROOM = -1
STACK_SIZE = 1024  # room for items still to be drawn: at most 10 per token of the program
PERCEPT = CONDITION + 1  # a condition still to be drawn that must not be negated


@inner
def place(height: int, links: int) -> int:
    """A statement still to be drawn.

    `height`: control structures around it, plus 1 for the program; `links`: most links of the
    sequence that it begins, or 0 for one statement.
    """
    return STATEMENT | height << 8 | links << 16


@inner
def draw_condition(tokens: Any, at: int, may_negate: bool, rng: Any) -> int:
    """Draw a condition without its outer brackets; returns the index after it."""
    return write_condition(tokens, at, may_negate and below(rng, 100) < NEGATED, rng)


@inner
def write_condition(tokens: Any, at: int, is_negated: bool, rng: Any) -> int:
    """Draw the percept of a condition; returns the index after the condition."""
    if is_negated:
        tokens[at], tokens[at + 1], tokens[at + 3] = t.NOT, t.C_OPEN, t.C_CLOSE
        tokens[at + 2] = draw_percept(rng)
        return at + 4
    tokens[at] = draw_percept(rng)
    return at + 1


@inner
def draw_kind(may_nest: bool, may_link: bool, rng: Any) -> int:
    """Draw a statement's kind, a percentage; see `programmatic.dsl.sampling`."""
    while True:
        draw = below(rng, 100)
        if draw < REPEATS or draw >= ACTIONS:
            if may_nest:
                return draw
        elif draw >= SEQUENCES or may_link:
            return draw


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
        at: Index of the first token.
        end: Limit of the indices.
        height, links: Of its place, see `place`; with height 0 the outermost control structure does
            not count.
        max_height: No control structure is drawn at a place of this height.
        block_links: Most links of a sequence in a block.
        negated_ifelse: Whether the condition of an IFELSE may be negated.
        stack: int64, (STACK_SIZE,); room to work in.
        rng: uint64, (1,).

    Returns:
        The index after it, or NO_ROOM; the depth of nested control structures; and the number of
        statements of the sequence.
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
                of_ifelse = CONDITION if negated_ifelse else PERCEPT
                size = push_structure(stack, size, kind, body, CONDITION, of_ifelse, rng)
    return at, tallest - (statements > 1), statements
