"""Boxes of states: their float32 observations, a program's leaves, and conditions over boxes.

A program acts on observations, which an env rounds from doubles to float32. A box of observations
stands for all states that round into it: proofs hold for the env as it is computed.
"""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

from karel_gym.envs.signature import Signature
from programmatic.constraints.formulas import Formula, Semantics, Transitions, Variable, holds
from programmatic.constraints.statements import Constraints
from programmatic.trees.program import TreeProgram
from programmatic.verification.intervals import Interval


def possible(
    normal: Formula, states: Interval, action: int, following: Interval | None
) -> NDArray[np.bool_]:
    """Whether a condition in normal form might hold, bool, (N,); if not, it certainly does not.

    The boxes `states` and `following` (the next states) are (N, D); the action is the same in all.
    """
    n = len(states.low)

    def variable(named: Variable) -> Interval:
        if not named.next:
            return states[:, named.feature]
        assert following is not None
        return following[:, named.feature]

    def compare(left: Interval, operator: str, right: Interval) -> NDArray[np.bool_]:
        difference = left - right
        if operator == "==":
            return (difference.low <= 0) & (difference.high >= 0)
        least = difference.low if operator in ("<", "<=") else -difference.high
        return least < 0 if operator in ("<", ">") else least <= 0

    where: NDArray[np.bool_] = Semantics(
        lambda value: Interval.exactly(np.full(n, value)),
        variable,
        compare,
        lambda actions: np.full(n, action in actions),
        np.logical_and.reduce,
        np.logical_or.reduce,
    ).truth(normal)
    return where


def observable_leaves(program: TreeProgram) -> tuple[Interval, NDArray[np.int64]]:
    """The boxes of float32 observations that reach each leaf, and the leaves' actions."""
    boxes, (least, greatest) = program.boxes(), _bounds(program.signature)
    low = np.maximum(above(boxes.low), at_least(least))
    high = np.minimum(at_most(boxes.high), at_most(greatest))
    reached = (low <= high).all(axis=1)
    return Interval(low, high)[reached], boxes.action[reached]


def admissible(constraints: Constraints, states: NDArray[Any]) -> NDArray[np.bool_]:
    """Which states, (N, D), are within the features' bounds and fulfill the assumptions: (N,)."""
    low, high = _bounds(constraints.signature)
    within = ((states >= low) & (states <= high)).all(axis=1)
    for assumption in constraints.assumptions:
        within &= true_in(assumption, states)
    return np.asarray(within, dtype=np.bool_)


def true_in(condition: Formula, states: NDArray[Any]) -> NDArray[np.bool_]:
    """In which states, (N, D), a condition on states is true: bool, (N,)."""
    return holds(condition, Transitions(states, np.zeros(len(states), dtype=np.int64)))


def _bounds(signature: Signature) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The least and the greatest value of each feature, (D,) each."""
    low, high = zip(*((feature.low, feature.high) for feature in signature.features), strict=True)
    return np.array(low), np.array(high)


def exactly(states: NDArray[np.float64]) -> NDArray[Any]:
    """States as Fractions."""
    fractions: NDArray[Any] = np.vectorize(Fraction, otypes=[object])(states)
    return fractions


def rounded(states: NDArray[np.float64]) -> NDArray[np.float64]:
    """States as an env observes them."""
    with np.errstate(over="ignore"):
        return states.astype(np.float32).astype(np.float64)


def observed(states: Interval) -> Interval:
    """The observations of boxes of states: rounding keeps the order of numbers."""
    return Interval(rounded(states.low), rounded(states.high))


def unrounded(observations: Interval) -> Interval:
    """All states whose observations may be in boxes of float32 observations."""
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
