"""Regions of states, as boxes and half-spaces, in which a constraint rules out actions."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, NamedTuple

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
    Variable,
    normal_form,
)
from programmatic.constraints.statements import Always, Constraints

MAX_CASES = 2048


class RegionBound(NamedTuple):
    """A feature's least or greatest value, or, if strict, a limit that it does not reach."""

    value: Fraction
    strict: bool


class HalfSpace(NamedTuple):
    """The states whose weighted sum of features is at most, or if strict below, a limit."""

    weights: tuple[tuple[int, Fraction], ...]
    limit: Fraction
    strict: bool


@dataclass(frozen=True)
class Region:
    """A convex set of states, and the actions that break a constraint in all of it."""

    low: dict[int, RegionBound]
    high: dict[int, RegionBound]
    half_spaces: tuple[HalfSpace, ...]
    actions: frozenset[int]

    @classmethod
    def point(cls, state: Iterable[Fraction], actions: Iterable[int]) -> Region:
        """A single state with its ruled-out actions."""
        bounds = {i: RegionBound(value, False) for i, value in enumerate(state)}
        return cls(bounds, bounds, (), frozenset(actions))


class _Atom(NamedTuple):
    """A linear expression, Fractions, (D + 1,), constant last, at most (strict: below) zero."""

    linear: NDArray[Any]
    strict: bool

    @property
    def features(self) -> list[int]:
        """The features with a weight."""
        return [i for i, weight in enumerate(self.linear[:-1]) if weight]


class _Case(NamedTuple):
    """A conjunction of atoms and actions; None: any action."""

    atoms: tuple[_Atom, ...] = ()
    actions: frozenset[int] | None = None

    def joined(self, other: _Case) -> _Case:
        if self.actions is None or other.actions is None:
            actions = self.actions if other.actions is None else other.actions
        else:
            actions = self.actions & other.actions
        return _Case(self.atoms + other.atoms, actions)


def ruled_out(constraint: Always, constraints: Constraints) -> list[Region] | None:
    """The regions in which a constraint rules out actions; None: more than `MAX_CASES`.

    Regions fulfill the assumptions. A program keeps the constraint if and only if it takes none of
    the actions of a region in that region.
    """
    signature = constraints.signature
    n_actions = len(signature.actions)
    violation = normal_form(constraint.condition, n_actions, positive=False)
    known = tuple(normal_form(assumption, n_actions) for assumption in constraints.assumptions)
    cases = _cases(And((violation, *known)), len(signature.features))
    if cases is None:
        return None
    everything = frozenset(range(n_actions))
    return [
        region
        for case in cases
        if case.actions is None or case.actions
        for region in _regions(case, constraints, everything)
    ]


def _cases(formula: Formula, n_features: int) -> list[_Case] | None:
    """A condition in normal form as a disjunction; None: it has more than `MAX_CASES` parts."""
    match formula:
        case ActionIn(actions):
            return [_Case(actions=frozenset(actions))]
        case Comparison(left, operator, right):
            return [
                _Case((*signs, *_atoms(difference, operator)))
                for signs, difference in _pieces(Sum((left, Scaled(-1.0, right))), n_features)
            ]
        case And(parts):
            joined = [_Case()]
            for part in parts:
                further = _cases(part, n_features)
                if further is None or len(joined) * len(further) > MAX_CASES:
                    return None
                joined = [a.joined(b) for a, b in itertools.product(joined, further)]
            return joined
        case Or(parts):
            each = [_cases(part, n_features) for part in parts]
            found = [case for cases in each if cases is not None for case in cases]
            return None if None in each or len(found) > MAX_CASES else found
        case _:
            raise TypeError(f"{type(formula).__name__} is not in normal form")


def _atoms(difference: NDArray[Any], operator: str) -> tuple[_Atom, ...]:
    """The comparison of a difference with zero, as atoms."""
    if operator == "==":
        return _Atom(difference, False), _Atom(-difference, False)
    signed = difference if operator in ("<", "<=") else -difference
    return (_Atom(signed, operator in ("<", ">")),)


def _pieces(term: Term, n_features: int) -> list[tuple[tuple[_Atom, ...], NDArray[Any]]]:
    """The linear pieces of a term, each with the conditions under which it applies."""
    linear = np.full(n_features + 1, Fraction(0))
    match term:
        case Number(value):
            linear[-1] = Fraction(value)
            return [((), linear)]
        case Variable(feature):
            linear[feature] = Fraction(1)
            return [((), linear)]
        case Sum(terms):
            pieces: list[tuple[tuple[_Atom, ...], NDArray[Any]]] = [((), linear)]
            for part in terms:
                pieces = [
                    (signs + more, total + piece)
                    for signs, total in pieces
                    for more, piece in _pieces(part, n_features)
                ]
            return pieces
        case Scaled(factor, part):
            scale = Fraction(factor)
            return [(signs, scale * piece) for signs, piece in _pieces(part, n_features)]
        case Absolute(part):
            both = []
            for signs, piece in _pieces(part, n_features):
                both.append(((*signs, _Atom(-piece, False)), piece))
                both.append(((*signs, _Atom(piece, True)), -piece))
            return both


def _regions(case: _Case, constraints: Constraints, everything: frozenset[int]) -> Iterator[Region]:
    """The regions of a case: one for each setting of the boolean features that it mixes."""
    features = constraints.signature.features
    mixed = sorted(
        {
            feature
            for atom in case.atoms
            if len(atom.features) > 1
            for feature in atom.features
            if features[feature].boolean
        }
    )
    actions = everything if case.actions is None else case.actions
    for setting in itertools.product((0, 1), repeat=len(mixed)):
        fixed = {i: Fraction(value) for i, value in zip(mixed, setting, strict=True)}
        region = _region([*case.atoms], fixed, constraints, actions)
        if region is not None:
            yield region


def _region(
    atoms: list[_Atom],
    fixed: dict[int, Fraction],
    constraints: Constraints,
    actions: frozenset[int],
) -> Region | None:
    """The states that fulfill all atoms, or None if the bounds exclude all."""
    low: dict[int, RegionBound] = {}
    high: dict[int, RegionBound] = {}

    def bound_below(feature: int, bound: RegionBound) -> None:
        low[feature] = max(low.get(feature, bound), bound)

    def bound_above(feature: int, bound: RegionBound) -> None:
        old = high.get(feature, bound)
        high[feature] = min(old, bound, key=lambda each: (each.value, not each.strict))

    for i, feature in enumerate(constraints.signature.features):
        least, greatest = (0.0, 1.0) if feature.boolean else (feature.low, feature.high)
        if math.isfinite(least):
            bound_below(i, RegionBound(Fraction(least), False))
        if math.isfinite(greatest):
            bound_above(i, RegionBound(Fraction(greatest), False))
    for i, value in fixed.items():
        bound_below(i, RegionBound(value, False))
        bound_above(i, RegionBound(value, False))
    half_spaces = []
    for atom in atoms:
        linear, strict = atom
        constant = linear[-1] + sum(linear[i] * value for i, value in fixed.items())
        free = [(i, linear[i]) for i in atom.features if i not in fixed]
        if not free:
            if constant > 0 or (strict and constant == 0):
                return None
        elif len(free) == 1:
            ((i, weight),) = free
            bound = RegionBound(-constant / weight, strict)
            (bound_above if weight > 0 else bound_below)(i, bound)
        else:
            half_spaces.append(HalfSpace(tuple(free), -constant, strict))
    for i, feature in enumerate(constraints.signature.features):
        if feature.boolean:
            # What is above 0 is 1, and what is below 1 is 0.
            if low[i] > RegionBound(Fraction(0), False):
                low[i] = max(low[i], RegionBound(Fraction(1), False))
            if high[i].value < 1 or high[i].strict:
                high[i] = RegionBound(min(high[i].value, Fraction(0)), False)
    for i in low.keys() & high.keys():
        above, below = low[i], high[i]
        is_open = above.strict or below.strict
        if above.value > below.value or (above.value == below.value and is_open):
            return None
    return Region(low, high, tuple(half_spaces), actions)
