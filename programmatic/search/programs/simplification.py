"""Simplification of programs: unneeded pieces are removed one by one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from karel_gym.world import World, WorldBatch
from programmatic.dsl import Action, IfElse, Program, ProgramSyntaxError, Repeat, Statement
from programmatic.dsl.tokens import IF
from programmatic.horizon import MAX_CALLS
from programmatic.machine.execution import execute

TOLERANCE = 1e-9  # the largest difference of equal returns, which rounding makes


def simplify(
    program: Program,
    worlds: Sequence[World] | WorldBatch,
    env_id: str,
    max_calls: int | None = MAX_CALLS,
    max_actions: int | None = None,
) -> Program:
    """A shorter program with the same return in each of the worlds.

    The longest piece whose removal changes no return is removed repeatedly: a statement, a control
    structure around its body, a branch of an IFELSE, or a double negation. With more worlds, fewer
    pieces are removed that are needed elsewhere.

    Args:
        program: The program.
        worlds: Start worlds.
        env_id: The task's id.
        max_calls, max_actions: Limits of a run, see `execute`.

    Returns:
        A program from which no single piece can be removed.

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
    """The programs with one piece less."""
    tokens = program.tokens
    for start, end, kept in _pieces(program.body, tokens):
        try:
            yield Program.from_tokens((*tokens[:start], *kept, *tokens[end:]))
        except ProgramSyntaxError:  # a block is empty
            continue


def _pieces(
    body: tuple[Statement, ...], tokens: tuple[int, ...]
) -> Iterator[tuple[int, int, tuple[int, ...]]]:
    """Removable pieces: first token, one after the last, and the tokens that are kept."""
    for node in body:
        start, end = node.span
        yield start, end, ()
        for block in node.blocks:
            yield start, end, tokens[block[0].span[0] : block[-1].span[1]]
            yield from _pieces(block, tokens)
        if isinstance(node, Action | Repeat):
            continue
        if isinstance(node, IfElse):
            yield start, end, (IF, *tokens[start + 1 : node.then[-1].span[1] + 1])
        first, behind = node.condition.span
        if node.condition.negations > 1:
            yield first, behind, tokens[first + 4 : behind - 2]
