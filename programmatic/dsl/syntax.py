"""The nodes of a parsed program.

Every node has a `span`, the half-open range of its token positions in the program:
`program.tokens[slice(*node.span)]` are its tokens. Every statement has `blocks`, the sequences of
statements inside it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, TypeAlias

Span: TypeAlias = tuple[int, int]
Block: TypeAlias = "tuple[Statement, ...]"


@dataclass(frozen=True, slots=True)
class Condition:
    """A percept, negated `negations` times.

    The span excludes the brackets of the control structure: in `IF c( not c( frontIsClear c) c)`
    it covers `not c( frontIsClear c)`.
    """

    percept: int
    negations: int
    span: Span


@dataclass(frozen=True, slots=True)
class Action:
    """One action, by its number."""

    index: int
    span: Span
    blocks: ClassVar[tuple[Block, ...]] = ()


@dataclass(frozen=True, slots=True)
class _Conditional:
    condition: Condition
    body: Block
    span: Span

    @property
    def blocks(self) -> tuple[Block, ...]:
        return (self.body,)


class While(_Conditional):
    """`WHILE c( condition c) w( body w)`."""

    __slots__ = ()


class If(_Conditional):
    """`IF c( condition c) i( body i)`."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class IfElse:
    """`IFELSE c( condition c) i( then i) ELSE e( otherwise e)`."""

    condition: Condition
    then: Block
    otherwise: Block
    span: Span

    @property
    def blocks(self) -> tuple[Block, ...]:
        return self.then, self.otherwise


@dataclass(frozen=True, slots=True)
class Repeat:
    """`REPEAT R=times r( body r)`; 0 times is allowed and runs nothing."""

    times: int
    body: Block
    span: Span

    @property
    def blocks(self) -> tuple[Block, ...]:
        return (self.body,)


Statement: TypeAlias = Action | While | If | IfElse | Repeat
