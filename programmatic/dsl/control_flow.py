"""Statements with the control flow of Python, and their words in the language."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final, TypeAlias

from programmatic.dsl.formulas import TRUE, Both, Constant, Either, Formula, Test, negated
from programmatic.dsl.tokens import ACTIONS, PERCEPTS

Block: TypeAlias = "tuple[Statement, ...]"
Place: TypeAlias = tuple[int, int]
IDLE: Final = ("REPEAT", "R=0", "r(", "turnLeft", "r)")
"""The statement that does nothing."""


@dataclass(frozen=True, slots=True)
class Act:
    """An action, by its number."""

    action: int


@dataclass(frozen=True, slots=True)
class Branch:
    """`if test: then else: otherwise`; blocks may be empty."""

    test: Formula
    then: Block
    otherwise: Block = ()


@dataclass(frozen=True, slots=True)
class Loop:
    """`while test: body`."""

    test: Formula
    body: Block
    place: Place = field(compare=False)


@dataclass(frozen=True, slots=True)
class Times:
    """`for _ in range(n): body`."""

    n: int
    body: Block
    place: Place = field(compare=False)


@dataclass(frozen=True, slots=True)
class Scope:
    """The body of a function in place of its call; `return` ends it."""

    body: Block


@dataclass(frozen=True, slots=True)
class Jump:
    """`break`, `continue` or `return`."""

    kind: str


Statement: TypeAlias = "Act | Branch | Loop | Times | Scope | Jump"
BREAK, CONTINUE, RETURN = Jump("break"), Jump("continue"), Jump("return")


def block_words(block: Block) -> Iterator[str]:
    """The words of statements without jumps whose loops test one percept."""
    words = (word for statement in block for word in _words(statement))
    first = next(words, None)
    if first is None:
        yield from IDLE
    else:
        yield first
        yield from words


def _words(statement: Statement) -> Iterator[str]:
    if isinstance(statement, Act):
        yield ACTIONS[statement.action]
    elif isinstance(statement, Times):
        yield from ("REPEAT", f"R={statement.n}")
        yield from _bracketed("r", statement.body)
    elif isinstance(statement, Loop):
        assert isinstance(statement.test, Test)
        yield from _condition("WHILE", statement.test)
        yield from _bracketed("w", statement.body)
    else:
        assert isinstance(statement, Branch)
        yield from _branch(statement.test, statement.then, statement.otherwise)


def _branch(test: Formula, then: Block, otherwise: Block) -> Iterator[str]:
    if not then and not otherwise:
        return
    if isinstance(test, Constant):
        chosen = then if test == TRUE else otherwise
        yield from (word for statement in chosen for word in _words(statement))
    elif isinstance(test, Both):
        yield from _branch(test.first, (Branch(test.second, then, otherwise),), otherwise)
    elif isinstance(test, Either):
        yield from _branch(test.first, then, (Branch(test.second, then, otherwise),))
    elif not then:
        yield from _branch(negated(test), otherwise, ())
    else:
        yield from _condition("IFELSE" if otherwise else "IF", test)
        yield from _bracketed("i", then)
        if otherwise:
            yield "ELSE"
            yield from _bracketed("e", otherwise)


def _bracketed(letter: str, block: Block) -> Iterator[str]:
    yield f"{letter}("
    yield from block_words(block)
    yield f"{letter})"


def _condition(keyword: str, test: Test) -> Iterator[str]:
    yield from (keyword, "c(", *("not", "c(") * test.negations, PERCEPTS[test.percept])
    yield from ("c)",) * (test.negations + 1)
