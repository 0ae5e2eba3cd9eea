"""Conditions on a state, the action taken there and the state after it, as immutable values."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from functools import reduce
from operator import add
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

NEGATED = {"<": ">=", "<=": ">", ">": "<=", ">=": "<", "==": "!=", "!=": "=="}
_COMPARE = {
    "<": np.less,
    "<=": np.less_equal,
    ">": np.greater,
    ">=": np.greater_equal,
    "==": np.equal,
    "!=": np.not_equal,
}


@dataclass(frozen=True)
class Transitions:
    """N steps of a policy.

    Args:
        observations: (N, D); of dtype object if they are Fractions, which are evaluated exactly.
        actions: int, (N,).
        next_observations: (N, D), or None where no condition names the next state.
    """

    observations: NDArray[Any]
    actions: NDArray[Any]
    next_observations: NDArray[Any] | None = None


def margin(formula: Formula, steps: Transitions) -> NDArray[Any]:
    """The distance of a condition from changing its truth, (N,): positive where it holds.

    The quantitative semantics of temporal logic (Fainekos and Pappas, 2009): the value of a
    comparison is the difference of its sides, that of a conjunction the least and of a disjunction
    the greatest of its parts. Actions and boolean features count 1 or -1. Zero is on the border.
    """
    match formula:
        case Comparison(left, operator, right):
            difference = values(left, steps) - values(right, steps)
            if operator in ("==", "!="):
                distance = np.abs(difference)
                return distance if operator == "!=" else -distance
            return difference if operator in (">", ">=") else -difference
        case IsTrue(variable):
            return 2 * values(variable, steps) - 1
        case ActionIn(actions):
            return np.where(np.isin(steps.actions, actions), 1.0, -1.0)
        case Not(part):
            return -margin(part, steps)
        case And(parts):
            return reduce(np.minimum, (margin(part, steps) for part in parts))
        case Or(parts):
            return reduce(np.maximum, (margin(part, steps) for part in parts))
        case Implies(antecedent, consequent):
            return np.maximum(-margin(antecedent, steps), margin(consequent, steps))


def holds(formula: Formula, steps: Transitions) -> NDArray[np.bool_]:
    """Where a condition is true, bool, (N,)."""
    match formula:
        case Comparison(left, operator, right):
            return np.asarray(
                _COMPARE[operator](values(left, steps), values(right, steps)), dtype=np.bool_
            )
        case IsTrue(variable):
            return np.asarray(values(variable, steps) > 0.5, dtype=np.bool_)
        case ActionIn(actions):
            return np.isin(steps.actions, actions)
        case Not(part):
            return ~holds(part, steps)
        case And(parts):
            return reduce(np.logical_and, (holds(part, steps) for part in parts))
        case Or(parts):
            return reduce(np.logical_or, (holds(part, steps) for part in parts))
        case Implies(antecedent, consequent):
            return ~holds(antecedent, steps) | holds(consequent, steps)


def values(term: Term, steps: Transitions) -> NDArray[Any]:
    """The values of a term, (N,).

    Raises:
        ValueError: It names the next state, and there are no next observations.
    """
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

    result: NDArray[Any] = evaluate(term, number, variable)
    return result


def evaluate(
    term: Term,
    number: Callable[[float], Any],
    variable: Callable[[Variable], Any],
    absolute: Callable[[Any], Any] = abs,
) -> Any:
    """The value of a term in any arithmetic: that of arrays, intervals or z3's expressions.

    Args:
        term: The term.
        number: Makes a value of a constant.
        variable: Gives the value of a variable.
        absolute: Gives the absolute value of a value.
    """
    match term:
        case Number(value):
            return number(value)
        case Variable():
            return variable(term)
        case Sum(terms):
            return reduce(add, (evaluate(part, number, variable, absolute) for part in terms))
        case Scaled(factor, part):
            return number(factor) * evaluate(part, number, variable, absolute)
        case Absolute(part):
            return absolute(evaluate(part, number, variable, absolute))


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
