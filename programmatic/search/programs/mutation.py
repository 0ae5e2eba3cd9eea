"""Neighbours of a program: a subtree of the same kind replaces a random node.

The subtree is random, or with some probability a piece of a dictionary.

The nodes are those of the published syntax tree except the program: statements, conditions,
negations, numbers of times, and the links of a sequence; a link is a statement with all that follow
it in its block.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from karel_gym.simulation.kernels import inner
from karel_gym.simulation.rng import below
from programmatic.dsl import tokens as t
from programmatic.dsl.sampling import draw_times
from programmatic.search.programs.statements import NO_ROOM, draw_condition, draw_statements

ONE_STATEMENT, STATEMENTS, CONDITION, PERCEPT, TIMES = range(5)
"""The kinds of places: one statement, a statement or a sequence, a condition, a condition without
negation, or a number of times."""
N_KINDS = 5
START, END, KIND, NESTING, INDEX, CODED = range(6)
"""The columns of a table of places: first token, one after the last, kind, control structures
around it, number of statements before it in its block, and whether it certainly has an instruction
(a REPEAT of 0 times has none)."""
N_COLUMNS = 6
NO_PIECE = -1

OPENING = np.zeros(t.PAD + 1, dtype=np.bool_)
OPENING[[t.M_OPEN, t.W_OPEN, t.I_OPEN, t.E_OPEN, t.R_OPEN]] = True
CLOSING = np.zeros(t.PAD + 1, dtype=np.bool_)
CLOSING[[t.M_CLOSE, t.W_CLOSE, t.I_CLOSE, t.E_CLOSE, t.R_CLOSE]] = True
BEGINS = np.zeros(t.PAD + 1, dtype=np.bool_)  # a statement
BEGINS[[*t.ACTION_TOKENS, t.WHILE, t.IF, t.IFELSE, t.REPEAT]] = True


@inner
def copy_tokens(source: Any, start: int, end: int, target: Any, at: int) -> None:
    """Copy the tokens `start` to `end` - 1 of `source` into `target` from `at` on."""
    for i in range(start, end):
        target[at + i - start] = source[i]


@inner
def add_place(
    tokens: Any, places: Any, n: int, start: int, end: int, kind: int, nesting: int, statements: int
) -> int:
    """Write the n-th row of a table of places; returns n + 1."""
    places[n, CODED] = 1
    for i in range(start, end):
        if tokens[i] == t.R_0:
            places[n, CODED] = 0
    places[n, START], places[n, END], places[n, KIND] = start, end, kind
    places[n, NESTING], places[n, INDEX] = nesting, statements
    return n + 1


@inner
def list_places(tokens: Any, length: int, negated_ifelse: bool, places: Any, stack: Any) -> int:
    """List the nodes of a program in `places`; return their number.

    Args:
        tokens: int8, (L,); of a valid program.
        length: Its number of tokens.
        negated_ifelse: Whether the condition of an IFELSE may be negated.
        places: int64, (2 * L, N_COLUMNS); written.
        stack: int64, (3 * L,) or more; room to work in.
    """
    n, nesting, n_starts, keyword = 0, -1, 0, 0
    starts, blocks = stack[:length], stack[length:]
    for i in range(length):
        token = tokens[i]
        if BEGINS[token]:
            starts[n_starts] = i
            n_starts += 1
            keyword = token
        elif OPENING[token]:
            nesting += 1
            blocks[nesting] = n_starts
        elif CLOSING[token]:
            first = blocks[nesting]
            for k in range(first, n_starts):
                is_last = k + 1 == n_starts
                end = i if is_last else starts[k + 1]
                kind = STATEMENTS if is_last else ONE_STATEMENT
                n = add_place(tokens, places, n, starts[k], end, kind, nesting, k - first)
                if not is_last:
                    n = add_place(tokens, places, n, starts[k], i, STATEMENTS, nesting, k - first)
            n_starts = first
            nesting -= 1
        elif token == t.C_OPEN:
            is_inner = tokens[i - 1] == t.NOT
            may_negate = not is_inner and (negated_ifelse or keyword != t.IFELSE)
            percept = i + 1
            while tokens[percept] == t.NOT or tokens[percept] == t.C_OPEN:
                percept += 1
            end = percept + 1 + (percept - i) // 2  # with a closing bracket for each negation
            kind = CONDITION if may_negate else PERCEPT
            n = add_place(tokens, places, n, i + 1, end, kind, nesting, 0)
        elif t.R_0 <= token <= t.R_MAX:
            n = add_place(tokens, places, n, i, i + 1, TIMES, nesting, 0)
    return n


@inner
def draw_piece(dictionary: Any, kind: int, rng: Any) -> int:
    """Draw the index of a piece for a place, or NO_PIECE with some probability or if there is none.

    Args:
        dictionary: A `programmatic.search.programs.dictionary.Dictionary`.
        kind: Of the place. A sequence may be one statement, a condition may have no negation.
        rng: uint64, (1,).
    """
    if dictionary.percent == 0 or below(rng, 100) >= dictionary.percent:
        return NO_PIECE
    first = dictionary.first[kind - (kind == STATEMENTS)]
    behind = dictionary.first[kind + 1 + (kind == CONDITION)]
    return NO_PIECE if first == behind else first + below(rng, behind - first)


@inner
def mutate(
    parent: Any, length: int, places: Any, n_places: int, space: Any, mutant: Any, stack: Any,
    rng: Any,
) -> Any:  # fmt: skip
    """Draw a neighbour of `parent` that is within the limits of the space.

    Args:
        parent: int8, (L,); a program within the limits.
        length: Its number of tokens.
        places, n_places: Its nodes, see `list_places`.
        space: A `programmatic.search.programs.space.ProgramSpace`.
        mutant: int8, (L,); written.
        stack: int64; room to work in.
        rng: uint64, (1,).

    Returns:
        The number of tokens of the neighbour, and the row of the changed place.
    """
    while True:
        which = below(rng, n_places)
        start, end, kind = places[which, START], places[which, END], places[which, KIND]
        behind, nesting, statements = start + 1, 0, 0
        piece = draw_piece(space.dictionary, kind, rng)
        if piece != NO_PIECE:
            sizes = space.dictionary.sizes
            size, nesting, statements = sizes[piece, 0], sizes[piece, 1], sizes[piece, 2]
            behind = start + size
            if behind + length - end <= space.max_tokens:
                copy_tokens(space.dictionary.tokens[piece], 0, size, mutant, start)
        elif kind == TIMES:
            mutant[start] = draw_times(rng)
        elif kind in (CONDITION, PERCEPT):
            behind = draw_condition(mutant, start, kind == CONDITION, rng)
        else:
            behind, nesting, statements = draw_statements(
                mutant,
                start,
                space.max_tokens - (length - end),
                0,
                space.subtree_sequence if kind == STATEMENTS else 0,
                space.subtree_height,
                space.subtree_sequence - 1,
                space.negated_ifelse,
                stack,
                rng,
            )
        if (
            behind == NO_ROOM
            or places[which, NESTING] + nesting >= space.max_height
            or places[which, INDEX] + statements > space.max_sequence
            or behind + length - end > space.max_tokens
        ):
            continue
        copy_tokens(parent, 0, start, mutant, 0)
        copy_tokens(parent, end, length, mutant, behind)
        return behind + length - end, which
