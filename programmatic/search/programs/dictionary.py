"""Dictionary of program pieces from which mutations draw subtrees.

Source of the idea: InnateCoder (Moraes et al., IJCAI 2025).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from programmatic.dsl import Action, Program, Repeat, Statement
from programmatic.dsl import tokens as t
from programmatic.search.programs.mutation import (
    CLOSING,
    CONDITION,
    N_KINDS,
    ONE_STATEMENT,
    OPENING,
    PERCEPT,
    STATEMENTS,
    TIMES,
)

Piece = tuple[int, tuple[int, ...], int]


class Dictionary(NamedTuple):
    """K different pieces of programs, sorted by the kind of place that they fit, see `mutation`."""

    tokens: Any  # int8, (K, L), padded
    sizes: Any  # int64, (K, 3); number of tokens, depth of nested control structures, statements
    first: Any  # int64, (N_KINDS + 1,); the first piece of each kind, and K
    percent: int  # share of the subtrees that are pieces


def dictionary_of(programs: Sequence[Program], share: float) -> Dictionary:
    """All statements, sequences, conditions and numbers of times of programs.

    Args:
        programs: The programs.
        share: Share of the new subtrees that are pieces; the others are random.
    """
    found = {piece for program in programs for piece in _pieces(program.body, program.tokens)}
    pieces = sorted(found)
    longest = max((len(words) for _, words, _ in pieces), default=0)
    tokens = np.full((len(pieces), longest), t.PAD, dtype=np.int8)
    sizes = np.zeros((len(pieces), 3), dtype=np.int64)
    for i, (_, words, statements) in enumerate(pieces):
        tokens[i, : len(words)] = words
        nesting = np.cumsum(OPENING[tokens[i]].astype(int) - CLOSING[tokens[i]]).max()
        sizes[i] = len(words), nesting, statements
    kinds = [kind for kind, _, _ in pieces]
    first = np.searchsorted(kinds, range(N_KINDS + 1)).astype(np.int64)
    return Dictionary(tokens, sizes, first, round(100 * share))


def _pieces(body: tuple[Statement, ...], tokens: tuple[int, ...]) -> Iterator[Piece]:
    """The pieces of a block: kind, tokens, and number of statements if they are statements."""
    for i, node in enumerate(body):
        start, end = node.span
        yield ONE_STATEMENT, tokens[start:end], 1
        if i + 1 < len(body):
            yield STATEMENTS, tokens[start : body[-1].span[1]], len(body) - i
        if isinstance(node, Repeat):
            yield TIMES, (tokens[start + 1],), 0
        elif not isinstance(node, Action):
            kind = CONDITION if node.condition.negations else PERCEPT
            yield kind, tokens[slice(*node.condition.span)], 0
        for block in node.blocks:
            yield from _pieces(block, tokens)


NO_DICTIONARY = dictionary_of([], 0)
