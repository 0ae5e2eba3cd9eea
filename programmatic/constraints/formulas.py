"""Conditions on a state, the action taken there and the state after it, as immutable values."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from functools import reduce
from operator import add, eq, ge, gt, le, lt, ne
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Number:
    """A constant."""

    value: float


@dataclass(frozen=True)
class Variable:
    """A feature of the state, or of the state after the action."""

    feature: int
    next: bool = False


@dataclass(frozen=True)
class Sum:
    """The sum of terms."""

    terms: tuple[Term, ...]


@dataclass(frozen=True)
class Scaled:
    """A constant times a term."""

    factor: float
    term: Term


@dataclass(frozen=True)
class Absolute:
    """The absolute value of a term."""

    term: Term


@dataclass(frozen=True)
class Comparison:
    """Two terms compared by <, <=, >, >=, == or !=."""

    left: Term
    operator: str
    right: Term


@dataclass(frozen=True)
class IsTrue:
    """A boolean feature that must be true."""

    variable: Variable


@dataclass(frozen=True)
class ActionIn:
    """The action is one of these, in ascending order."""

    actions: tuple[int, ...]


@dataclass(frozen=True)
class Not:
    """The part does not hold."""

    part: Formula


@dataclass(frozen=True)
class And:
    """All parts hold."""

    parts: tuple[Formula, ...]


@dataclass(frozen=True)
class Or:
    """At least one part holds."""

    parts: tuple[Formula, ...]


@dataclass(frozen=True)
class Implies:
    """The consequent holds wherever the antecedent does."""

    antecedent: Formula
    consequent: Formula


Term = Number | Variable | Sum | Scaled | Absolute
Formula = Comparison | IsTrue | ActionIn | Not | And | Or | Implies

COMPARE = {"<": lt, "<=": le, ">": gt, ">=": ge, "==": eq, "!=": ne}
NEGATED = {"<": ">=", "<=": ">", ">": "<=", ">=": "<", "==": "!=", "!=": "=="}


@dataclass(frozen=True)
class Transitions:
    """N steps of a policy: observations, (N, D), as floats or Fractions, and actions, int, (N,)."""

    observations: NDArray[Any]
    actions: NDArray[Any]
    next_observations: NDArray[Any] | None = None


@dataclass(frozen=True)
class Semantics:
    """A meaning of conditions; values may be arrays, intervals or expressions of z3.

    Args:
        number, variable: The values of a constant and of a variable.
        compare, action_in: The truth of a comparison of two values, and of a test of the action.
        every, some: The conjunction and the disjunction of truths.
        invert: The negation of a truth; None: conditions are in normal form.
        absolute: The absolute value of a value.
    """

    number: Callable[[float], Any]
    variable: Callable[[Variable], Any]
    compare: Callable[[Any, str, Any], Any]
    action_in: Callable[[tuple[int, ...]], Any]
    every: Callable[[list[Any]], Any]
    some: Callable[[list[Any]], Any]
    invert: Callable[[Any], Any] | None = None
    absolute: Callable[[Any], Any] = abs

    def truth(self, formula: Formula) -> Any:
        """The truth of a condition."""
        match formula:
            case Comparison(left, operator, right):
                return self.compare(self.value(left), operator, self.value(right))
            case ActionIn(actions):
                return self.action_in(actions)
            case And(parts):
                return self.every([self.truth(part) for part in parts])
            case Or(parts):
                return self.some([self.truth(part) for part in parts])
        if self.invert is None:
            raise TypeError(f"{type(formula).__name__} is not in normal form")
        match formula:
            case IsTrue(variable):
                return self.compare(2 * self.value(variable), ">", self.number(1.0))
            case Not(part):
                return self.invert(self.truth(part))
            case Implies(antecedent, consequent):
                return self.some([self.invert(self.truth(antecedent)), self.truth(consequent)])

    def value(self, term: Term) -> Any:
        """The value of a term."""
        match term:
            case Number(value):
                return self.number(value)
            case Variable():
                return self.variable(term)
            case Sum(terms):
                return reduce(add, map(self.value, terms))
            case Scaled(factor, part):
                return self.number(factor) * self.value(part)
            case Absolute(part):
                return self.absolute(self.value(part))


def margin(formula: Formula, steps: Transitions) -> NDArray[Any]:
    """The distance of a condition from changing its truth, (N,): positive where it holds.

    The quantitative semantics of temporal logic (Fainekos and Pappas, 2009): the value of a
    comparison is the difference of its sides, that of a conjunction the least and of a disjunction
    the greatest of its parts. Actions and boolean features count 1 or -1. Zero is on the border.

    Raises:
        ValueError: The condition names the next state, and there are no next observations.
    """

    def compare(left: NDArray[Any], operator: str, right: NDArray[Any]) -> NDArray[Any]:
        difference = left - right
        if operator in ("==", "!="):
            difference = np.abs(difference)
        return difference if operator in (">", ">=", "!=") else -difference

    def action_in(actions: tuple[int, ...]) -> NDArray[Any]:
        return np.where(np.isin(steps.actions, actions), 1.0, -1.0)

    number, variable = _values(steps)
    distances: NDArray[Any] = Semantics(
        number, variable, compare, action_in, np.minimum.reduce, np.maximum.reduce, np.negative
    ).truth(formula)
    return distances


def holds(formula: Formula, steps: Transitions) -> NDArray[np.bool_]:
    """Where a condition is true, bool, (N,); ValueError without needed next observations."""
    number, variable = _values(steps)
    truth = Semantics(
        number,
        variable,
        lambda left, operator, right: COMPARE[operator](left, right),
        lambda actions: np.isin(steps.actions, actions),
        np.logical_and.reduce,
        np.logical_or.reduce,
        np.logical_not,
    ).truth(formula)
    return np.asarray(truth, dtype=np.bool_)


def _values(
    steps: Transitions,
) -> tuple[Callable[[float], NDArray[Any]], Callable[[Variable], NDArray[Any]]]:
    """The values of constants and of variables, (N,)."""
    states = steps.observations
    exact = states.dtype == object

    def number(value: float) -> NDArray[Any]:
        return np.full(len(states), Fraction(value) if exact else value, dtype=states.dtype)

    def variable(named: Variable) -> NDArray[Any]:
        if not named.next:
            return states[:, named.feature]
        if steps.next_observations is None:
            raise ValueError("a condition on the next state needs next observations")
        return steps.next_observations[:, named.feature]

    return number, variable


def normal_form(formula: Formula, n_actions: int, positive: bool = True) -> Formula:
    """The condition, or its negation if not `positive`, of And, Or, ActionIn and Comparison alone.

    No comparison is a `!=`; a boolean feature is compared with 0.5.
    """
    match formula:
        case Comparison(left, operator, right):
            operator = operator if positive else NEGATED[operator]
            if operator == "!=":
                return Or((Comparison(left, "<", right), Comparison(left, ">", right)))
            return Comparison(left, operator, right)
        case IsTrue(variable):
            return Comparison(variable, ">" if positive else "<", Number(0.5))
        case ActionIn(actions):
            return ActionIn(tuple(a for a in range(n_actions) if (a in actions) == positive))
        case Not(part):
            return normal_form(part, n_actions, not positive)
        case Implies(antecedent, consequent):
            return normal_form(Or((Not(antecedent), consequent)), n_actions, positive)
        case And(parts):
            normal = tuple(normal_form(part, n_actions, positive) for part in parts)
            return And(normal) if positive else Or(normal)
        case Or(parts):
            normal = tuple(normal_form(part, n_actions, positive) for part in parts)
            return Or(normal) if positive else And(normal)


def parts_of(formula: Formula | Term) -> Iterator[Formula | Term]:
    """A condition with its parts and terms, recursively."""
    yield formula
    inner: tuple[Formula | Term, ...]
    match formula:
        case Comparison(left, _, right):
            inner = (left, right)
        case IsTrue(variable):
            inner = (variable,)
        case Not(part):
            inner = (part,)
        case And(parts) | Or(parts):
            inner = parts
        case Implies(antecedent, consequent):
            inner = (antecedent, consequent)
        case Sum(terms):
            inner = terms
        case Scaled(_, term) | Absolute(term):
            inner = (term,)
        case _:
            inner = ()
    for each in inner:
        yield from parts_of(each)


def names_next(formula: Formula) -> bool:
    """Whether a condition names the state after the action."""
    return any(isinstance(part, Variable) and part.next for part in parts_of(formula))


def names_action(formula: Formula) -> bool:
    """Whether a condition names the action."""
    return any(isinstance(part, ActionIn) for part in parts_of(formula))
