"""The nodes of a parsed program.

Every node carries its `span`: the half-open range of token positions that it covers in the program,
so `program.tokens[slice(*node.span)]` are its tokens.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

Span: TypeAlias = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Condition:
    """A percept, negated `negations` times.

    The span leaves out the brackets that the control structure puts around it: of
    `IF c( not c( frontIsClear c) c)` it covers `not c( frontIsClear c)`.
    """

    percept: int
    negations: int
    span: Span


@dataclass(frozen=True, slots=True)
class Action:
    """One action, by its number."""

    index: int
    span: Span


@dataclass(frozen=True, slots=True)
class While:
    """`WHILE c( condition c) w( body w)`."""

    condition: Condition
    body: tuple[Statement, ...]
    span: Span


@dataclass(frozen=True, slots=True)
class If:
    """`IF c( condition c) i( body i)`."""

    condition: Condition
    body: tuple[Statement, ...]
    span: Span


@dataclass(frozen=True, slots=True)
class IfElse:
    """`IFELSE c( condition c) i( then i) ELSE e( otherwise e)`."""

    condition: Condition
    then: tuple[Statement, ...]
    otherwise: tuple[Statement, ...]
    span: Span


@dataclass(frozen=True, slots=True)
class Repeat:
    """`REPEAT R=times r( body r)`; 0 times is allowed and runs nothing."""

    times: int
    body: tuple[Statement, ...]
    span: Span


Statement: TypeAlias = Action | While | If | IfElse | Repeat
