"""Proposals for a repair: the smallest changes of a program that fit the known states."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from fractions import Fraction
from functools import cached_property
from typing import Any

import z3

from programmatic.constraints.statements import Always, Constraints
from programmatic.repair.symbolic_tree import SymbolicTree, as_in
from programmatic.trees.program import TreeProgram
from programmatic.verification.regions import Region, ruled_out
from programmatic.verification.smt import Deadline, fraction_of, is_true, rational

MAX_DECIMALS = 17
RELATIVE_ROUNDING, ABSOLUTE_ROUNDING = Fraction(1, 100), Fraction(1, 1000)
"""The extra distance that a threshold may move to become a short number."""
AGREEMENT_SHARE = 1 / 3
"""Share of the time left that the search for agreement with an oracle may take."""


class Proposer:
    """z3's choice among the programs of a symbolic tree.

    Args:
        program, constraints: The program to change; `add` adds regions that are not boxes.
        n_guards: Number of splits that may be added.
        oracle: Pairs of a state with the actions that an oracle does not take, and a weight.
        keep_all: False: keep as many constraints as possible, with priority over all else.
    """

    def __init__(
        self,
        program: TreeProgram,
        constraints: Constraints,
        n_guards: int,
        oracle: Sequence[tuple[Region, int]],
        keep_all: bool = True,
    ) -> None:
        context = z3.Context()
        self._tree = SymbolicTree(program, n_guards, context)
        self._known = list(self._tree.well_formed)
        self._kept = {each.name: z3.Bool(f"kept-{each.name}", context) for each in constraints}
        self._keep_all = keep_all
        if keep_all:
            self._known += self._kept.values()
        for constraint in constraints:
            if isinstance(constraint, Always) and not constraint.names_next:
                for region in ruled_out(constraint, constraints) or ():
                    if self._tree.can_keep_out(region):
                        self.add(constraint.name, region)
        self._oracle = oracle

    @cached_property
    def _agrees(self) -> list[tuple[Any, int]]:
        """For each of the oracle's states: that the program acts as the oracle, and the weight."""
        return [(self._tree.keeps_out(region), weight) for region, weight in self._oracle]

    def add(self, constraint: str, region: Region) -> None:
        """Add a region where a constraint rules out actions; `can_keep_out` must be true of it."""
        self._known.append(z3.Or(z3.Not(self._kept[constraint]), self._tree.keeps_out(region)))

    def propose(self, deadline: Deadline) -> tuple[str, TreeProgram | None]:
        """The best program found by the deadline: z3's answer, and the program if it is "sat"."""
        chosen: list[Any] = []
        if not self._keep_all:
            answer, model = self._minimise([(kept, 1) for kept in self._kept.values()], deadline)
            if model is None:
                return answer, None
            chosen += as_in(model, self._kept.values())
        unchanged = [(z3.Not(change), 1) for change in self._tree.changes]
        answer, model = self._minimise(unchanged, deadline, chosen)
        if model is None:
            return answer, None
        n_changes = sum(is_true(model, change) for change in self._tree.changes)
        chosen.append(z3.PbLe([(change, 1) for change in self._tree.changes], n_changes))
        model = self._agreeing(model, chosen, Deadline(AGREEMENT_SHARE * deadline.seconds))
        chosen = [
            *self._tree.decisions(model),
            *as_in(model, self._kept.values()),
            *as_in(model, (agrees for agrees, _ in self._agrees)),
        ]
        return "sat", self._tree.solution(self._settled(model, chosen, deadline))

    def _minimise(
        self, soft: Sequence[tuple[Any, int]], deadline: Deadline, chosen: Sequence[Any] = ()
    ) -> tuple[str, Any]:
        """z3's answer, and the model that breaks the fewest soft conditions by weight if "sat"."""
        optimizer = z3.Optimize(ctx=self._tree.context)
        optimizer.add(*self._known, *chosen)
        for condition, weight in soft:
            optimizer.add_soft(condition, weight)
        answer = deadline.check(optimizer)
        return answer, optimizer.model() if answer == "sat" else None

    def _agreeing(self, model: Any, chosen: Sequence[Any], deadline: Deadline) -> Any:
        """The model that agrees most with the oracle, or the best found in time, by small steps."""
        solver = z3.Solver(ctx=self._tree.context)
        solver.add(*self._known, *chosen)
        disagrees = [(z3.Not(agrees), weight) for agrees, weight in self._agrees]
        while cost := sum(weight for each, weight in disagrees if is_true(model, each)):
            solver.add(z3.PbLe(disagrees, cost - 1))
            if deadline.check(solver) != "sat":
                break
            model = solver.model()
        return model

    def _settled(self, model: Any, chosen: Sequence[Any], deadline: Deadline) -> Any:
        """A model with thresholds that move little, guards that act rarely, and short numbers."""
        tree = self._tree
        moved = [
            (threshold, old)
            for threshold, old in tree.thresholds.values()
            if fraction_of(model, threshold) != old
        ]
        guards = tree.used_guards(model)
        fixed = list(chosen)
        if moved:
            movement = z3.Sum(
                [z3.Abs(threshold - rational(old, threshold.ctx)) for threshold, old in moved]
            )
            slack = sum((_rounding(old) for _, old in moved), Fraction(0))
            fixed += self._nearly_least(movement, slack, fixed, deadline)
        for test in guards:
            reach = -test.threshold if test.is_high else test.threshold
            slack = _rounding(fraction_of(model, test.threshold))
            fixed += self._nearly_least(reach, slack, fixed, deadline)
        solver = z3.Solver(ctx=tree.context)
        solver.add(*self._known, *fixed)
        if deadline.check(solver) != "sat":
            return model
        model = solver.model()
        for threshold in [*(each for each, _ in moved), *(test.threshold for test in guards)]:
            model = _shortened(solver, threshold, model, deadline)
        return model

    def _nearly_least(
        self, value: Any, slack: Fraction, fixed: Sequence[Any], deadline: Deadline
    ) -> list[Any]:
        """That a value is within the slack of its minimum; no condition if that is not found."""
        optimizer = z3.Optimize(ctx=self._tree.context)
        optimizer.add(*self._known, *fixed)
        least = optimizer.minimize(value)
        if deadline.check(optimizer) != "sat":
            return []
        infinite, finite, _ = optimizer.lower_values(least)
        if str(infinite) != "0":
            return []
        return [value <= finite + rational(slack, self._tree.context)]


def _shortened(solver: Any, threshold: Any, model: Any, deadline: Deadline) -> Any:
    """A model in which a threshold has as few decimals as possible."""
    value = fraction_of(model, threshold)
    exact = Decimal(value.numerator) / Decimal(value.denominator)
    for decimals in range(MAX_DECIMALS + 1):
        unit = Decimal(1).scaleb(-decimals)
        around = {exact.quantize(unit, rounding) for rounding in (ROUND_FLOOR, ROUND_CEILING)}
        for candidate in sorted(around, key=lambda each: abs(each - exact)):
            is_short = threshold == rational(float(candidate), threshold.ctx)
            if deadline.check(solver, is_short) == "sat":
                solver.add(is_short)
                if deadline.check(solver) == "sat":
                    return solver.model()
    return model


def _rounding(value: Fraction) -> Fraction:
    """The distance that a threshold near this value may move to become a short number."""
    return max(ABSOLUTE_ROUNDING, RELATIVE_ROUNDING * abs(value))
