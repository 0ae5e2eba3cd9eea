"""The shortest program that does as well: what is not needed is removed piece by piece."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from karel_gym.world import World, WorldBatch
from programmatic.dsl import Action, IfElse, Program, ProgramSyntaxError, Repeat, Statement
from programmatic.dsl.tokens import IF
from programmatic.horizon import MAX_CALLS
from programmatic.machine.execution import execute

TOLERANCE = 1e-9
"""By how much two returns may differ, by rounding, that are the same."""


def simplify(
    program: Program,
    worlds: Sequence[World] | WorldBatch,
    env_id: str,
    max_calls: int | None = MAX_CALLS,
    max_actions: int | None = None,
) -> Program:
    """A shorter program with the same return in every one of some worlds.

    Again and again one piece is removed, of those that change no return the one with most tokens: a
    statement, a control structure around its body, a branch of an IFELSE, or a negation with its
    opposite. The more worlds, the less is removed that is needed elsewhere.

    Args:
        program: The program.
        worlds: Start worlds.
        env_id: The task that judges.
        max_calls, max_actions: Limits of a run, see `execute`.

    Returns:
        A program of which no single piece can be removed.

    Example:
        >>> from karel_gym import sample_worlds
        >>> long = Program.parse("DEF run m( REPEAT R=0 r( move r) IF c( markersPresent c) i( "
        ...     "pickMarker i) pickMarker m)")
        >>> print(simplify(long, sample_worlds("Karel-Harvester-v0", 2), "Karel-Harvester-v0"))
        DEF run m( pickMarker m)
    """
    limits = max_calls, max_actions
    wanted = execute([program], worlds, env_id, *limits).returns
    while True:
        shorter = sorted(set(shorter_programs(program)), key=lambda p: (len(p.tokens), p.tokens))
        if not shorter:
            return program
        returns = execute(shorter, worlds, env_id, *limits).returns
        same = np.flatnonzero((np.abs(returns - wanted) <= TOLERANCE).all(axis=1))
        if not len(same):
            return program
        program = shorter[int(same[0])]


def shorter_programs(program: Program) -> Iterator[Program]:
    """The programs that lack one piece of a program."""
    tokens = program.tokens
    for start, end, kept in _pieces(program.body, tokens):
        try:
            yield Program.from_tokens((*tokens[:start], *kept, *tokens[end:]))
        except ProgramSyntaxError:  # a block was left empty
            continue


def _pieces(
    body: tuple[Statement, ...], tokens: tuple[int, ...]
) -> Iterator[tuple[int, int, tuple[int, ...]]]:
    """Pieces that may be removed: first token, one behind the last, and what is kept of them."""
    for node in body:
        start, end = node.span
        yield start, end, ()
        if isinstance(node, Action):
            continue
        blocks = (node.then, node.otherwise) if isinstance(node, IfElse) else (node.body,)
        for block in blocks:
            yield start, end, tokens[block[0].span[0] : block[-1].span[1]]
            yield from _pieces(block, tokens)
        if isinstance(node, Repeat):
            continue
        if isinstance(node, IfElse):
            yield start, end, (IF, *tokens[start + 1 : node.then[-1].span[1] + 1])
        first, behind = node.condition.span
        if node.condition.negations > 1:
            yield first, behind, tokens[first + 4 : behind - 2]
