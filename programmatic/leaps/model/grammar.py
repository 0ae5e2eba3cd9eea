"""The grammar of programs as a table-driven push-down automaton, for batches of token sequences.

The automaton reads the tokens behind DEF. Its configuration is three integers per sequence:

    phase   the next construct, such as a statement or the `c(` of a condition
    stack   the open blocks, 3 bits each, the innermost lowest
    slack   the room for tokens beyond those of the shortest completion

Tables indexed by phase, innermost block and token have the allowed tokens and their effects. A
token's cost in slack is the length that it adds to the shortest completion, NEVER if forbidden: one
comparison excludes forbidden tokens and those after which no completion fits.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray

from programmatic.dsl import tokens as t

MAX_DECODED: Final = 45
"""The most tokens behind DEF of a decoded program."""
N_TOKENS: Final = t.PAD + 1

# The kinds of open blocks. An IFELSE is a THEN until its `i)`, then an OTHERWISE.
NONE, MAIN, LOOP, REPETITION, IF_BODY, THEN, OTHERWISE = range(7)
BITS, KINDS = 3, 8

# The phases. EMPTY and STATEMENT differ in that an empty block may not be closed.
RUN, M_OPEN, EMPTY, STATEMENT, TIMES, R_OPEN, BLOCK, ELSE, E_OPEN, END = range(10)
# Then, for each depth of brackets in a condition: `c(`, the percept or `not`, and `c)`.
MAX_BRACKETS = 24  # more do not fit into 45 tokens
FIRST_CONDITION = END + 1


def _opening(depth: int) -> int:
    """The phase before `c(`, with `depth` brackets open."""
    return FIRST_CONDITION + depth


def _percept(depth: int) -> int:
    return FIRST_CONDITION + MAX_BRACKETS + depth


def _closing(depth: int) -> int:
    return FIRST_CONDITION + 2 * MAX_BRACKETS + depth


N_PHASES: Final = FIRST_CONDITION + 3 * MAX_BRACKETS + 1
NEVER: Final = 1000
"""More slack than any program needs."""

OPENERS = {MAIN: t.M_OPEN, LOOP: t.W_OPEN, REPETITION: t.R_OPEN, IF_BODY: t.I_OPEN, THEN: t.I_OPEN}
CLOSERS = {
    **{MAIN: t.M_CLOSE, LOOP: t.W_CLOSE, REPETITION: t.R_CLOSE, IF_BODY: t.I_CLOSE},
    **{THEN: t.I_CLOSE, OTHERWISE: t.E_CLOSE},
}
KEYWORDS = {t.WHILE: LOOP, t.IF: IF_BODY, t.IFELSE: THEN}
TO_CLOSE = {NONE: 0, MAIN: 1, LOOP: 1, REPETITION: 1, IF_BODY: 1, THEN: 5, OTHERWISE: 1}
"""The fewest tokens from a statement to the end of its block: 5 for `i) ELSE e( move e)`."""


def _to_complete(phase: int, kind: int) -> int:
    """The fewest tokens until the innermost block is closed."""
    body = 1 + TO_CLOSE[kind]
    if phase in (RUN, M_OPEN):
        return 4 - (phase == M_OPEN)
    if phase < FIRST_CONDITION:
        ahead = {EMPTY: 0, STATEMENT: -1, TIMES: 2, R_OPEN: 1, BLOCK: 1, ELSE: 2, E_OPEN: 1}
        return ahead[phase] + body if phase != END else 0
    which, depth = divmod(phase - FIRST_CONDITION, MAX_BRACKETS)
    return (2 + depth + 1, 1 + depth, depth)[which] + 1 + body


@dataclass(frozen=True)
class Tables:
    """The tables of the automaton; rows are phase * KINDS + innermost block, columns tokens."""

    cost: torch.Tensor
    """int16; the token's cost in slack, NEVER if it is forbidden."""
    next: torch.Tensor
    """int64; the next row, without its innermost block."""
    drop: torch.Tensor
    """int64; the bits to drop from the stack first."""
    shift: torch.Tensor
    """int64; the bits to shift the stack up by then."""
    push: torch.Tensor
    """int64; the value of the new bits."""

    def to(self, device: torch.device) -> Tables:
        """The tables on a device."""
        return Tables(**{name: array.to(device) for name, array in vars(self).items()})


class _Builder:
    def __init__(self, empty_blocks: bool) -> None:
        shape = N_PHASES * KINDS, N_TOKENS
        self.cost: NDArray[np.int16] = np.full(shape, NEVER, dtype=np.int16)
        self.next, self.drop, self.shift, self.push = np.zeros((4, *shape), dtype=np.int64)
        for kind in range(MAIN, OTHERWISE + 1):
            self._block(kind, empty_blocks)
        for kind in KEYWORDS.values():
            self._condition(kind)
        self._add(RUN, NONE, t.RUN, M_OPEN, NONE)
        self._add(M_OPEN, NONE, t.M_OPEN, EMPTY, MAIN, shift=BITS, push=MAIN)
        for times in range(t.R_0, t.R_MAX + 1):
            self._add(TIMES, REPETITION, times, R_OPEN, REPETITION)
        self._add(R_OPEN, REPETITION, t.R_OPEN, EMPTY, REPETITION)
        self._add(ELSE, OTHERWISE, t.ELSE, E_OPEN, OTHERWISE)
        self._add(E_OPEN, OTHERWISE, t.E_OPEN, EMPTY, OTHERWISE)
        self._add(END, NONE, t.PAD, END, NONE, more=-1)  # a pad takes no room

    def _add(
        self, phase: int, kind: int, token: int, then: int, inside: int, drop: int = 0,
        shift: int = 0, push: int = 0, more: int = 0,
    ) -> None:  # fmt: skip
        """Allow `token`; `more` is the cost of closing a block that is no longer the innermost."""
        row = phase * KINDS + kind
        needed = _to_complete(then, inside) + more
        self.cost[row, token] = 1 + needed - _to_complete(phase, kind)
        self.next[row, token] = then * KINDS
        self.drop[row, token], self.shift[row, token], self.push[row, token] = drop, shift, push

    def _block(self, kind: int, empty_blocks: bool) -> None:
        for phase in (EMPTY, STATEMENT):
            for token in t.ACTION_TOKENS:
                self._add(phase, kind, token, STATEMENT, kind)
            for token, inner in (*KEYWORDS.items(), (t.REPEAT, REPETITION)):
                then = TIMES if token == t.REPEAT else _opening(0)
                self._add(
                    phase, kind, token, then, inner, shift=BITS, push=inner, more=TO_CLOSE[kind]
                )
            if phase == EMPTY and not empty_blocks:
                continue
            if kind == MAIN:
                self._add(phase, kind, CLOSERS[kind], END, NONE, drop=BITS)
            elif kind == THEN:
                self._add(
                    phase, kind, CLOSERS[kind], ELSE, OTHERWISE, BITS, shift=BITS, push=OTHERWISE
                )
            else:  # the cost of the block around it is counted already
                self._add(phase, kind, CLOSERS[kind], STATEMENT, NONE, drop=BITS)

    def _condition(self, kind: int) -> None:
        for depth in range(MAX_BRACKETS):
            if depth + 1 < MAX_BRACKETS:
                self._add(_opening(depth), kind, t.C_OPEN, _percept(depth + 1), kind)
                self._add(_percept(depth), kind, t.NOT, _opening(depth), kind)
            for token in t.PERCEPT_TOKENS:
                self._add(_percept(depth), kind, token, _closing(depth), kind)
            then = _closing(depth - 1) if depth > 1 else BLOCK
            self._add(_closing(depth), kind, t.C_CLOSE, then, kind)
        self._add(BLOCK, kind, OPENERS[kind], EMPTY, kind)


@cache
def tables(empty_blocks: bool, device: torch.device) -> Tables:
    """The automaton's tables; with `empty_blocks`, as in the original decoder, for its decoding."""
    built = _Builder(empty_blocks)
    return Tables(**{name: torch.from_numpy(array) for name, array in vars(built).items()}).to(
        device
    )


class Automaton:
    """The configurations of N sequences of at most `room` tokens behind DEF; None: any number."""

    def __init__(
        self, n: int, device: torch.device, room: int | None = None, empty_blocks: bool = False
    ) -> None:
        self.tables = tables(empty_blocks, device)
        self.rows = torch.full((n,), RUN * KINDS, device=device)  # (N,) phase * KINDS + innermost
        self.stacks = torch.zeros(n, dtype=torch.int64, device=device)  # (N,)
        slack = NEVER - 1 if room is None else room - _to_complete(RUN, NONE)
        self.slack = torch.full((n, 1), slack, dtype=torch.int16, device=device)  # (N, 1)
        self.is_bounded = room is not None

    def forbidden(self) -> torch.Tensor:
        """Whether each token is forbidden next: bool, (N, 51)."""
        return self.tables.cost.index_select(0, self.rows) > self.slack

    def read(self, tokens: torch.Tensor) -> None:
        """Read one allowed token per sequence: int64, (N,)."""
        at = self.rows * N_TOKENS + tokens
        table = self.tables
        if self.is_bounded:
            self.slack -= table.cost.take(at)[:, None]
        stacks = (self.stacks >> table.drop.take(at)) << table.shift.take(at)
        self.stacks = stacks | table.push.take(at)
        self.rows = table.next.take(at) + (self.stacks & (KINDS - 1))
