"""Boxes of states: what an env observes of them, where a program acts, and what can hold there.

A program acts on observations, which an env rounds to float32; its state is of doubles. So a box of
observations stands for all states that round into it, and their successors are rounded again:
what is proven is proven of the env as it is computed.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import reduce

import numpy as np
from numpy.typing import NDArray

from programmatic.constraints.formulas import (
    Absolute,
    ActionIn,
    And,
    Comparison,
    Formula,
    Number,
    Or,
    Scaled,
    Sum,
    Term,
    Transitions,
    Variable,
    holds,
)
from programmatic.trees.program import TreeProgram
from programmatic.verification.dynamics import Dynamics
from programmatic.verification.intervals import Interval


def possible(
    normal: Formula, states: Interval, action: int, following: Interval | None
) -> NDArray[np.bool_]:
    """Where a condition might hold, bool, (N,): false only where it surely does not.

    Args:
        normal: Of the kinds that `normal_form` gives.
        states: (N, D).
        action: The action taken in all of them.
        following: (N, D); what the next states are within.
    """
    match normal:
        case ActionIn(actions):
            return np.full(len(states.low), action in actions)
        case And(parts):
            each = (possible(part, states, action, following) for part in parts)
            return reduce(np.logical_and, each)
        case Or(parts):
            each = (possible(part, states, action, following) for part in parts)
            return reduce(np.logical_or, each)
        case Comparison(left, operator, right):
            difference = _range(left, states, following) - _range(right, states, following)
            if operator == "==":
                return (difference.low <= 0) & (difference.high >= 0)
            least = difference.low if operator in ("<", "<=") else -difference.high
            return least < 0 if operator in ("<", ">") else least <= 0
        case _:
            raise TypeError(f"{type(normal).__name__} is not in normal form")


def _range(term: Term, states: Interval, following: Interval | None) -> Interval:
    match term:
        case Number(value):
            return Interval.exactly(np.full(len(states.low), value))
        case Variable(feature, is_next):
            if not is_next:
                return states[:, feature]
            assert following is not None
            return following[:, feature]
        case Sum(terms):
            return reduce(Interval.__add__, (_range(part, states, following) for part in terms))
        case Scaled(factor, part):
            return _range(part, states, following) * factor
        case Absolute(part):
            return abs(_range(part, states, following))


def mismatch(program: TreeProgram, dynamics: Dynamics) -> str:
    """Why a model is of no use to a program; empty if it is."""
    if program.signature.feature_names == dynamics.features:
        return ""
    return f"the model of {dynamics.name} is about {', '.join(dynamics.features)}"


def observable_leaves(program: TreeProgram) -> tuple[Interval, NDArray[np.int64]]:
    """The boxes of float32 observations in which each leaf acts, and its action."""
    boxes, features = program.boxes(), program.signature.features
    low = np.maximum(above(boxes.low), at_least(np.array([f.low for f in features])))
    high = np.minimum(at_most(boxes.high), at_most(np.array([f.high for f in features])))
    reached = (low <= high).all(axis=1)
    return Interval(low, high)[reached], boxes.action[reached]


def all_hold(conditions: Iterable[Formula], states: NDArray[np.float64]) -> NDArray[np.bool_]:
    """In which states, (N, D), conditions on states are true."""
    steps = Transitions(states, np.zeros(len(states), dtype=np.int64))
    true = np.ones(len(states), dtype=np.bool_)
    for condition in conditions:
        true &= holds(condition, steps)
    return true


def rounded(states: NDArray[np.float64]) -> NDArray[np.float64]:
    """States as they are observed."""
    with np.errstate(over="ignore"):
        return states.astype(np.float32).astype(np.float64)


def observed(states: Interval) -> Interval:
    """What is observed of boxes of states: rounding keeps the order of numbers."""
    return Interval(rounded(states.low), rounded(states.high))


def unrounded(observations: Interval) -> Interval:
    """The states that boxes of float32 observations may be of."""
    return Interval(below(observations.low), above(observations.high))


def above(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """The least float32 above each value."""
    with np.errstate(over="ignore"):
        rounded = values.astype(np.float32)
        following = np.nextafter(rounded, np.float32(np.inf))
    return np.where(rounded > values, rounded, following).astype(np.float64)


def below(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """The greatest float32 below each value."""
    return -above(-values)


def at_least(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """The least float32 that is at least each value."""
    return above(np.nextafter(values, -np.inf))


def at_most(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """The greatest float32 that is at most each value."""
    return -at_least(-values)
