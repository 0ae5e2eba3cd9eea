"""A tree program whose actions, thresholds and a few additional splits z3 may choose."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, NamedTuple

import z3

from programmatic.trees.program import Leaf, Node, Path, Split, TreeProgram
from programmatic.verification.regions import HalfSpace, Region
from programmatic.verification.smt import fraction_of, is_true, rational

BOOLEAN_THRESHOLD = 0.5
MAX_CORNERS = 256


@dataclass(frozen=True, eq=False)
class Test:
    """A feature above a z3 threshold, or at most it if not `is_high`; `chosen` is a z3 boolean."""

    __test__ = False  # pytest collects classes of this name

    feature: int
    threshold: Any
    is_high: bool
    chosen: Any


Turn = tuple[Test, ...]
"""A step on the way to a leaf: a state must pass the chosen one of the tests."""


@dataclass(frozen=True, eq=False)
class Way:
    """The way to a leaf and the action there, in z3 booleans."""

    turns: tuple[tuple[Any, Turn], ...]
    """The turns to pass, each with whether it is on the way."""
    actions: tuple[Any, ...]
    """For each action, whether it is the leaf's."""
    is_used: Any
    """Whether the leaf is in the tree."""


@dataclass(frozen=True, eq=False)
class Guard:
    """A split that may be put above a node; its leaf acts in the states that pass its test."""

    above: dict[Path, Any]
    """For each path, whether the guard is above the node there."""
    tests: tuple[Test, ...]
    """The tests of each feature in both directions, one of them chosen."""
    actions: tuple[Any, ...]
    """For each action, whether it is the leaf's."""
    is_used: Any
    """Whether the guard is above any node."""


class _Side(NamedTuple):
    """A side of a box: its place, whether the box excludes the place, and whether it exists."""

    value: Any
    strict: bool
    chosen: Any


class SymbolicTree:
    """All programs that a program can become by new actions, new thresholds and guards.

    Conditions on all states of a convex region become conditions on thresholds alone.
    """

    def __init__(self, program: TreeProgram, n_guards: int, context: Any) -> None:
        self.context = context
        self.thresholds: dict[Path, tuple[Any, Fraction]] = {}
        """The thresholds that may move, and their values in the program."""
        self.well_formed: list[Any] = []
        """Conditions that hold for every program."""
        self.changes: list[Any] = []
        """For each possible change, whether it is made."""
        self._program, self._signature = program, program.signature
        self._true = z3.BoolVal(True, context)
        self._tests: dict[Path, tuple[Test, Test]] = {}
        self._leaf_actions: dict[Path, tuple[Any, ...]] = {}
        for path, node in program.nodes():
            self._add_node(path, node)
        self._guards: list[Guard] = []
        for i in range(n_guards):
            self._add_guard(i)
        self._ways = [*self._leaf_ways(), *self._guard_ways()]
        self._contradict = [self._contradicts_itself(way) for way in self._ways]

    def can_keep_out(self, region: Region) -> bool:
        """Whether `keeps_out` is exact for a region, and not too long."""
        if len(region.half_spaces) != 1:
            return not region.half_spaces
        corners = max(
            math.prod(len(options) for options in self._options(way, region, region.half_spaces[0]))
            for way in self._ways
        )
        return corners <= MAX_CORNERS

    def keeps_out(self, region: Region) -> Any:
        """That no state of a region gets one of its actions; `can_keep_out` must be true of it."""
        failed: dict[int, Any] = {}  # by the turn: ways share theirs
        conditions = []
        for way, contradicts in zip(self._ways, self._contradict, strict=True):
            misses = [contradicts]
            for on_way, turn in way.turns:
                if id(turn) not in failed:
                    failed[id(turn)] = self._fails(turn, region)
                is_sure = on_way is self._true
                misses.append(failed[id(turn)] if is_sure else z3.And(on_way, failed[id(turn)]))
            for half_space in region.half_spaces:
                misses += self._is_beyond(way, region, half_space)
            ruled_out = [way.actions[action] for action in sorted(region.actions)]
            conditions.append(z3.Or(*misses, z3.Not(z3.Or(ruled_out, self.context))))
        return z3.And(conditions)

    def solution(self, model: Any) -> TreeProgram:
        """The program of a model."""
        root = self._built(model, self._program.root, ())
        return TreeProgram(root, self._signature, name=self._program.name)

    def decisions(self, model: Any) -> list[Any]:
        """That all booleans are as in a model, so that only thresholds are open."""
        booleans = [*itertools.chain(*self._leaf_actions.values()), *self.changes]
        for guard in self._guards:
            booleans += [*guard.above.values(), *guard.actions]
            booleans += [test.chosen for test in guard.tests]
        return as_in(model, booleans)

    def used_guards(self, model: Any) -> list[Test]:
        """The guards' tests in a model, without those on boolean features."""
        used = (guard for guard in self._guards if is_true(model, guard.is_used))
        tests = (guard.tests[_chosen(model, [t.chosen for t in guard.tests])] for guard in used)
        return [test for test in tests if not self._signature.features[test.feature].boolean]

    def _add_node(self, path: Path, node: Node) -> None:
        place = "".join("h" if to_high else "l" for to_high in path)
        if isinstance(node, Leaf):
            actions = self._action_choice(f"action-{place}")
            self._leaf_actions[path] = actions
            self.changes.append(z3.Not(actions[node.action]))
            return
        old = rational(node.threshold, self.context)
        threshold = old
        if not self._signature.features[node.feature].boolean:
            threshold = z3.Real(f"threshold-{place}", self.context)
            moved = z3.Bool(f"moved-{place}", self.context)
            self.thresholds[path] = threshold, Fraction(node.threshold)
            self.well_formed.append(z3.Or(moved, threshold == old))
            self.changes.append(moved)
        low, high = (Test(node.feature, threshold, side, self._true) for side in (False, True))
        self._tests[path] = low, high

    def _add_guard(self, i: int) -> None:
        above = {
            path: z3.Bool(f"guard{i}-above-{k}", self.context)
            for k, (path, _) in enumerate(self._program.nodes())
        }
        threshold = z3.Real(f"guard{i}-threshold", self.context)
        tests = []
        for feature, side in itertools.product(range(len(self._signature.features)), (False, True)):
            chosen = z3.Bool(f"guard{i}-test-{feature}-{side}", self.context)
            tests.append(Test(feature, threshold, side, chosen))
            if self._signature.features[feature].boolean:
                half = rational(BOOLEAN_THRESHOLD, self.context)
                self.well_formed.append(z3.Implies(chosen, threshold == half))
        is_used = z3.Or(list(above.values()))
        guard = Guard(above, tuple(tests), self._action_choice(f"guard{i}"), is_used)
        self.well_formed.append(z3.AtMost(*above.values(), 1))
        self.well_formed.append(z3.PbEq([(test.chosen, 1) for test in tests], 1))
        if self._guards:  # else each set of guards could be chosen in many orders
            self.well_formed.append(z3.Implies(is_used, self._guards[-1].is_used))
        self.changes.append(is_used)
        self._guards.append(guard)

    def _action_choice(self, name: str) -> tuple[Any, ...]:
        actions = tuple(
            z3.Bool(f"{name}-{action}", self.context) for action in self._signature.actions
        )
        self.well_formed.append(z3.PbEq([(action, 1) for action in actions], 1))
        return actions

    def _leaf_ways(self) -> Iterator[Way]:
        passed = [_passed(guard) for guard in self._guards]
        turns = {path: ((low,), (high,)) for path, (low, high) in self._tests.items()}
        for path, actions in self._leaf_actions.items():
            prefixes = [path[:k] for k in range(len(path) + 1)]
            way: list[tuple[Any, Turn]] = [
                (self._true, turns[prefix][to_high])
                for prefix, to_high in zip(prefixes, path, strict=False)
            ]
            for guard, turn in zip(self._guards, passed, strict=True):
                way.append((z3.Or([guard.above[prefix] for prefix in prefixes]), turn))
            yield Way(tuple(way), actions, self._true)

    def _guard_ways(self) -> Iterator[Way]:
        """The ways to the guards' leaves, for every place of each guard."""
        passed = [_passed(guard) for guard in self._guards]
        for i, guard in enumerate(self._guards):
            way = [(self._true, guard.tests)]
            for split, tests in self._tests.items():
                for to_high in (False, True):
                    below = (*split, to_high)
                    inside = [at for path, at in guard.above.items() if path[: len(below)] == below]
                    way.append((z3.Or(inside), (tests[to_high],)))
            for j, other in enumerate(self._guards):
                over = [
                    z3.And(other.above[path[:k]], at)
                    for path, at in guard.above.items()
                    # Of two guards above one node the first is on top.
                    for k in range(len(path) + (j < i))
                ]
                if i != j:
                    way.append((z3.Or(over, self.context), passed[j]))
            yield Way(tuple(way), guard.actions, guard.is_used)

    def _contradicts_itself(self, way: Way) -> Any:
        """That no state goes a way: two tests on it contradict each other, or it is not used."""
        reasons = [z3.Not(way.is_used)]
        for (here, turn), (there, other) in itertools.combinations(way.turns, 2):
            for a, b in itertools.product(turn, other):
                if a.feature == b.feature and a.is_high != b.is_high:
                    high, low = (a, b) if a.is_high else (b, a)
                    is_empty = high.threshold >= low.threshold
                    reasons.append(z3.And(here, there, a.chosen, b.chosen, is_empty))
        return z3.Or(reasons)

    def _fails(self, turn: Turn, region: Region) -> Any:
        """That no state of a region's box passes a turn."""
        failed = []
        for test in turn:
            bound = (region.high if test.is_high else region.low).get(test.feature)
            if bound is None:
                continue
            value = rational(bound.value, self.context)
            if test.is_high:
                misses = test.threshold >= value
            else:
                misses = test.threshold <= value if bound.strict else test.threshold < value
            failed.append(misses if test.chosen is self._true else z3.And(test.chosen, misses))
        return z3.Or(failed, self.context)

    def _is_beyond(self, way: Way, region: Region, half_space: HalfSpace) -> Iterator[Any]:
        """That a leaf's box within a region has its nearest corner beyond a half-space."""
        limit = rational(half_space.limit, self.context)
        weights = [rational(weight, self.context) for _, weight in half_space.weights]
        for corner in itertools.product(*self._options(way, region, half_space)):
            nearest = z3.Sum(
                [weight * side.value for weight, side in zip(weights, corner, strict=True)]
            )
            touches = half_space.strict or any(side.strict for side in corner)
            beyond = nearest >= limit if touches else nearest > limit
            yield z3.And([beyond, *(side.chosen for side in corner)])

    def _options(self, way: Way, region: Region, half_space: HalfSpace) -> list[list[_Side]]:
        """For each feature of a half-space, its bounds on the half-space's side."""
        options = []
        for feature, weight in half_space.weights:
            is_low = weight > 0
            sides = [
                _Side(test.threshold, is_low, z3.And(on_way, test.chosen))
                for on_way, turn in way.turns
                for test in turn
                if test.feature == feature and test.is_high == is_low
            ]
            bound = (region.low if is_low else region.high).get(feature)
            if bound is not None:
                value = rational(bound.value, self.context)
                sides.append(_Side(value, bound.strict, self._true))
            options.append(sides)
        return options

    def _built(self, model: Any, node: Node, path: Path) -> Node:
        """A node in a model, with the guards above it."""
        if isinstance(node, Leaf):
            result: Node = Leaf(_chosen(model, self._leaf_actions[path]))
        else:
            threshold = node.threshold
            if path in self.thresholds:
                threshold = float(fraction_of(model, self.thresholds[path][0]))
            low, high = (
                self._built(model, branch, (*path, to_high))
                for to_high, branch in ((False, node.low), (True, node.high))
            )
            result = Split(node.feature, threshold, low, high)
        for guard in reversed(self._guards):
            if is_true(model, guard.above[path]):
                test = guard.tests[_chosen(model, [each.chosen for each in guard.tests])]
                leaf = Leaf(_chosen(model, guard.actions))
                threshold = float(fraction_of(model, test.threshold))
                branches = (result, leaf) if test.is_high else (leaf, result)
                result = Split(test.feature, threshold, *branches)
        return result


def as_in(model: Any, conditions: Iterable[Any]) -> list[Any]:
    """That conditions have the truth that they have in a model."""
    return [each if is_true(model, each) else z3.Not(each) for each in conditions]


def _passed(guard: Guard) -> Turn:
    """The turn of the states that a guard lets through to the node below it."""
    return tuple(
        Test(test.feature, test.threshold, not test.is_high, test.chosen) for test in guard.tests
    )


def _chosen(model: Any, choices: Iterable[Any]) -> int:
    """The index of the true one of some booleans."""
    return [is_true(model, choice) for choice in choices].index(True)
