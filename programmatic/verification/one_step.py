"""Safety of one step from every state, by branch and bound over boxes of observations."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

from programmatic.constraints.formulas import (
    And,
    Transitions,
    Variable,
    holds,
    normal_form,
    parts_of,
)
from programmatic.constraints.statements import Always, Constraints
from programmatic.trees.program import TreeProgram
from programmatic.verification.boxes import (
    above,
    admissible,
    at_most,
    observable_leaves,
    observed,
    possible,
    rounded,
    unrounded,
)
from programmatic.verification.dynamics import Dynamics
from programmatic.verification.intervals import Interval
from programmatic.verification.smt import NO_TIME, Deadline
from programmatic.verification.verdicts import Counterexample, Verdict

MAX_BOXES = 400_000


def check_next(
    program: TreeProgram,
    constraint: Always,
    constraints: Constraints,
    dynamics: Dynamics,
    deadline: Deadline,
) -> Verdict:
    """Check a constraint that names the next state, by trying and halving the leaves' boxes."""
    search = _OneStep(program, constraint, constraints, dynamics)
    boxes, actions = observable_leaves(program)
    n_seen = 0
    while len(actions):
        n_seen += len(actions)
        if deadline.seconds <= 0:
            return Verdict(constraint, "unknown", "intervals", NO_TIME)
        open_boxes = search.may_break(boxes, actions)
        boxes, actions = boxes[open_boxes], actions[open_boxes]
        if witness := search.try_middles(boxes):
            return Verdict(constraint, "violated", "intervals", counterexample=witness)
        if n_seen > MAX_BOXES:
            reason = f"{len(actions)} of {n_seen} boxes of states were still undecided"
            return Verdict(constraint, "unknown", "intervals", reason)
        boxes, actions, n_points = search.halves(boxes, actions)
        if n_points:
            reason = "it holds or not by less than what an observation is rounded by"
            return Verdict(constraint, "unknown", "intervals", reason)
    return Verdict(constraint, "proven", "intervals", f"{n_seen} boxes of states")


class _OneStep:
    """The effect of one step from boxes of observations on a constraint."""

    def __init__(
        self, program: TreeProgram, constraint: Always, constraints: Constraints, dynamics: Dynamics
    ) -> None:
        self._program, self._dynamics = program, dynamics
        self._condition, self._constraints = constraint.condition, constraints
        n_actions = len(program.signature.actions)
        violation = normal_form(constraint.condition, n_actions, positive=False)
        known = (normal_form(assumption, n_actions) for assumption in constraints.assumptions)
        self._broken = And((violation, *known))
        named = [part for part in parts_of(self._broken) if isinstance(part, Variable)]
        self._matter = sorted(
            {part.feature for part in named if not part.next}.union(
                *(dynamics.parents[part.feature] for part in named if part.next)
            )
        )
        self._scales = np.ptp(dynamics.extent, axis=1)

    def may_break(self, boxes: Interval, actions: NDArray[np.int64]) -> NDArray[np.bool_]:
        """In which boxes, (N, D), the action, (N,), might break the constraint: bool, (N,)."""
        result = np.zeros(len(actions), dtype=np.bool_)
        for action in np.unique(actions).tolist():
            chosen = np.flatnonzero(actions == action)
            here = boxes[chosen]
            following = observed(self._dynamics.successors(unrounded(here), action))
            result[chosen] = possible(self._broken, here, action, following)
        return result

    def try_middles(self, boxes: Interval) -> Counterexample | None:
        """A state in the middle of a box from which the step, when done, breaks the constraint."""
        if not len(boxes.low):
            return None
        extent = self._dynamics.extent
        low = np.clip(extent[:, 0], boxes.low, boxes.high)
        high = np.clip(extent[:, 1], boxes.low, boxes.high)
        states = np.clip(rounded(low / 2 + high / 2), boxes.low, boxes.high)
        actions = self._program.act(states)
        following = rounded(self._dynamics.step(states, actions))
        steps = Transitions(states, actions, following)
        breaks = ~holds(self._condition, steps) & admissible(self._constraints, states)
        if not breaks.any():
            return None
        i = int(np.flatnonzero(breaks)[0])
        return Counterexample(
            tuple(map(Fraction, states[i].tolist())), int(actions[i]), "float32", following[i], 1
        )

    def halves(
        self, boxes: Interval, actions: NDArray[np.int64]
    ) -> tuple[Interval, NDArray[np.int64], int]:
        """Each box cut in two along its longest side, the actions, and the number of points."""
        n = len(actions)
        if not n:
            return boxes, actions, 0
        low, high = boxes.low[:, self._matter], boxes.high[:, self._matter]
        sides = (high - low) / self._scales[self._matter]
        longest = np.argmax(sides, axis=1)
        rows, columns = np.arange(n), np.array(self._matter)[longest]
        cut_low = at_most(self._cuts(columns, low[rows, longest], high[rows, longest]))
        cut_high = above(cut_low)
        is_point = cut_high > high[rows, longest]
        lower, upper = boxes.high.copy(), boxes.low.copy()
        lower[rows, columns], upper[rows, columns] = cut_low, cut_high
        halves = Interval(np.concatenate([boxes.low, upper]), np.concatenate([lower, boxes.high]))
        return halves, np.concatenate([actions, actions]), int(is_point.sum())

    def _cuts(
        self, features: NDArray[Any], low: NDArray[np.float64], high: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """The places of the cuts: first the ends of what matters to safety, then the middle."""
        least, most = self._dynamics.extent[features].T
        reaches_below, reaches_above = (low < least) & (least < high), (low < most) & (most < high)
        return np.select([reaches_below, reaches_above], [least, most], low / 2 + high / 2)
