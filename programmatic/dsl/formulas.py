"""Formulas over percepts, as conditions have them in Python but not in the language."""

from __future__ import annotations

from dataclasses import dataclass
from functools import reduce
from typing import Final, TypeAlias

from programmatic.dsl.tokens import PERCEPTS

MARKERS, NO_MARKERS = PERCEPTS.index("markersPresent"), PERCEPTS.index("noMarkersPresent")
EVERY: Final = 0xFFFF
"""The set of all 16 states of the four percepts that exclude no other, a bit per state."""


@dataclass(frozen=True, slots=True)
class Test:
    """A percept, negated `negations` times: a condition of the language."""

    percept: int
    negations: int = 0


@dataclass(frozen=True, slots=True)
class Constant:
    """True or False."""

    value: bool


@dataclass(frozen=True, slots=True)
class Both:
    """`first and second`."""

    first: Formula
    second: Formula


@dataclass(frozen=True, slots=True)
class Either:
    """`first or second`."""

    first: Formula
    second: Formula


Formula: TypeAlias = "Test | Constant | Both | Either"

TRUE, FALSE = Constant(True), Constant(False)


def both(first: Formula, second: Formula) -> Formula:
    """The conjunction, without constants."""
    if FALSE in (first, second):
        return FALSE
    return second if first == TRUE else first if second == TRUE else Both(first, second)


def either(first: Formula, second: Formula) -> Formula:
    """The disjunction, without constants."""
    if TRUE in (first, second):
        return TRUE
    return second if first == FALSE else first if second == FALSE else Either(first, second)


def negated(formula: Formula) -> Formula:
    """The negation; a test that is negated already loses a `not`."""
    if isinstance(formula, Test):
        return Test(formula.percept, formula.negations - 1 if formula.negations else 1)
    if isinstance(formula, Constant):
        return Constant(not formula.value)
    if isinstance(formula, Both):
        return either(negated(formula.first), negated(formula.second))
    return both(negated(formula.first), negated(formula.second))


def states(formula: Formula) -> int:
    """The set of the states in which a formula is true, see `EVERY`."""
    if isinstance(formula, Test):
        percept = MARKERS if formula.percept == NO_MARKERS else formula.percept
        is_true = (formula.negations + (formula.percept == NO_MARKERS)) % 2 == 0
        return sum(1 << state for state in range(16) if (state >> percept & 1) == is_true)
    if isinstance(formula, Constant):
        return EVERY if formula.value else 0
    first, second = states(formula.first), states(formula.second)
    return first & second if isinstance(formula, Both) else first | second


def alternatives(formula: Formula) -> list[Test] | None:
    """The tests whose disjunction a formula is; None if it is no disjunction of tests.

    A formula that is always true is none.

    Example:
        >>> alternatives(negated(Both(Test(0), Test(3))))
        [Test(percept=0, negations=1), Test(percept=4, negations=0)]
        >>> alternatives(Both(Test(0), Test(3))) is None
        True
    """
    if isinstance(formula, Test):
        return [formula]
    wanted = states(formula)
    tests = [Test(p, n) for p in range(MARKERS) for n in (0, 1)] + [Test(MARKERS), Test(NO_MARKERS)]
    found = [test for test in tests if not states(test) & ~wanted]
    union = reduce(int.__or__, map(states, found), 0)
    return found if union == wanted != EVERY else None
