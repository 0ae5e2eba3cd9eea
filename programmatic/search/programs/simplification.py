"""Simplification of programs: by removal of pieces, and by search under a bound of tokens."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from karel_gym.world import World, WorldBatch
from programmatic.dsl import PAD, Action, IfElse, Program, ProgramSyntaxError, Repeat, Statement
from programmatic.dsl.tokens import IF
from programmatic.horizon import MAX_CALLS
from programmatic.machine.bytecode import tokens_of
from programmatic.machine.execution import execute
from programmatic.search.programs.space import ProgramSpace

TOLERANCE = 1e-9  # the largest difference of equal returns, which rounding makes
SLACK = 4  # tokens by which programs of the walk may be longer than the shortest
EDITS = 50  # percentage of the neighbours made by an edit
PARENTS, NEIGHBOURS = 16, 128  # programs of the walk in a step, and neighbours of each
FEW = 8  # worlds at first
NEWCOMERS, MOST = 32, 256  # programs that join the walk in a step, and all of them


def simplify(
    program: Program,
    worlds: Sequence[World] | WorldBatch,
    env_id: str,
    max_calls: int | None = MAX_CALLS,
    max_actions: int | None = None,
    max_markers: int | None = None,
) -> Program:
    """A shorter program with the same return in each of the worlds.

    The longest piece whose removal changes no return is removed repeatedly: a statement, a control
    structure around its body, a branch of an IFELSE, or a double negation. With more worlds, fewer
    pieces are removed that are needed elsewhere.

    Args:
        program: The program.
        worlds: Start worlds.
        env_id: The task's id.
        max_calls, max_actions, max_markers: See `execute`.

    Returns:
        A program from which no single piece can be removed.

    Example:
        >>> from karel_gym import sample_worlds
        >>> long = Program.parse("DEF run m( REPEAT R=0 r( move r) IF c( markersPresent c) i( "
        ...     "pickMarker i) pickMarker m)")
        >>> print(simplify(long, sample_worlds("Karel-Harvester-v0", 2), "Karel-Harvester-v0"))
        DEF run m( pickMarker m)
    """
    limits = max_calls, max_actions, "cpu", max_markers
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


def shorten(
    program: Program,
    worlds: Sequence[World],
    env_id: str,
    space: ProgramSpace,
    seed: int,
    budget: int,
    max_calls: int | None = MAX_CALLS,
    max_actions: int | None = None,
    max_markers: int | None = None,
) -> Program:
    """The shortest program found whose return is as high in each of the worlds.

    A random walk of many programs under a bound on the number of tokens, slightly above that of the
    shortest. A neighbour joins the walk if it is as good in a few of the worlds. If it is shorter
    than all before, it is run in all worlds; one in which it is worse joins the few.

    Args:
        program: The program.
        worlds: Start worlds.
        env_id: The task's id.
        space: Its other limits apply, and the program is within them.
        seed: Of the random numbers.
        budget: Most programs to evaluate.
        max_calls, max_actions, max_markers: See `execute`.

    Example:
        >>> from karel_gym import sample_worlds
        >>> long = Program.parse("DEF run m( IFELSE c( markersPresent c) i( pickMarker move i) "
        ...     "ELSE e( turnLeft e) m)")
        >>> worlds = sample_worlds("Karel-Harvester-v0", 2)
        >>> print(shorten(long, worlds, "Karel-Harvester-v0", ProgramSpace(), 0, 10_000))
        DEF run m( pickMarker m)
    """
    limits, random = (max_calls, max_actions, "cpu", max_markers), np.random.default_rng(seed)
    wanted = execute([program], worlds, env_id, *limits).returns[0] - TOLERANCE
    few = random.permutation(len(worlds))[:FEW].tolist()

    def as_good(rows: NDArray[np.int8]) -> NDArray[np.int8]:
        """The programs, (P, L), that are as good in the few worlds."""
        if not len(rows):
            return rows
        run = execute(rows, [worlds[i] for i in few], env_id, *limits)
        return rows[(run.returns >= wanted[few]).all(axis=1)]

    walk = [program]
    for _ in range(budget // (PARENTS * NEIGHBOURS)):
        bounded = space._replace(max_tokens=len(program.tokens) + SLACK, edits=EDITS)
        seeds = random.integers(2**63, size=PARENTS).tolist()
        parents = [walk[i] for i in random.integers(len(walk), size=PARENTS)]
        neighbours = map(bounded.neighbours, parents, [NEIGHBOURS] * PARENTS, seeds)
        rows = as_good(np.unique(np.concatenate(list(neighbours)), axis=0))
        while len(rows):
            lengths = (rows != PAD).sum(axis=1)
            shortest = Program.from_tokens(rows[lengths.argmin()].tolist())
            if len(shortest.tokens) >= len(program.tokens):
                break
            returns = execute([shortest], worlds, env_id, *limits).returns[0]
            worse = np.flatnonzero(returns < wanted)
            if not len(worse):
                program = shortest
                break
            few.append(int(random.choice(worse)))
            rows = as_good(rows)
            walk = [Program.from_tokens(row) for row in as_good(tokens_of(walk)).tolist()]
        walk += [Program.from_tokens(row) for row in random.permutation(rows)[:NEWCOMERS].tolist()]
        longest = len(program.tokens) + SLACK
        walk = [program, *(p for p in walk[-MOST:] if len(p.tokens) <= longest)]
    return program


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
