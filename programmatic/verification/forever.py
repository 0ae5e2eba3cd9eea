"""Safety forever: the states of a plane that no action of a program leads out of."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

from programmatic.constraints.formulas import Formula, Variable, normal_form, parts_of
from programmatic.constraints.statements import Constraints, Forever
from programmatic.trees.program import Split, TreeProgram
from programmatic.verification.boxes import (
    above,
    admissible,
    below,
    observable_leaves,
    observed,
    possible,
    rounded,
    true_in,
)
from programmatic.verification.dynamics import Dynamics
from programmatic.verification.intervals import Interval
from programmatic.verification.smt import NO_TIME, Deadline
from programmatic.verification.verdicts import Counterexample, Verdict

CELLS_A_SIDE = 400
SEARCHED_STARTS, SEARCHED_STEPS = 4096, 500


def check_forever(
    program: TreeProgram,
    constraint: Forever,
    constraints: Constraints,
    dynamics: Dynamics,
    deadline: Deadline,
) -> Verdict:
    """Check an invariant of a plane in which two features evolve without the others.

    The plane is cut into cells. The invariant is proven if all starts are in the greatest set of
    cells that fulfill it and that no possible action of the program leads out of. Otherwise
    trajectories from the start are simulated. A test of the program on another feature counts as
    both passed and failed.
    """
    named = {part.feature for part in parts_of(constraint.invariant) if isinstance(part, Variable)}
    if not named <= set(dynamics.plane):
        of = " and ".join(dynamics.features[i] for i in dynamics.plane)
        reason = f"invariants of {dynamics.name} are proven of {of} alone, which need no others"
    else:
        cells = _Cells.of(program, constraint, dynamics)
        safe = cells.safe(program, constraint, dynamics, deadline)
        if safe is None:
            return Verdict(constraint, "unknown", "cells", NO_TIME)
        share = cells.share(safe, constraint)
        if cells.hold_start(safe, constraint):
            return Verdict(constraint, "proven", "cells", share=share)
        reason = f"from {share:.1%} of the cells no way leads out, but not from all of the start"
    witness = _escape(program, constraint, constraints, dynamics)
    if witness is not None:
        return Verdict(constraint, "violated", "cells", counterexample=witness)
    return Verdict(constraint, "unknown", "cells", reason)


@dataclass(frozen=True, eq=False)
class _Cells:
    """A plane cut into A x B cells."""

    edges: tuple[NDArray[np.float64], NDArray[np.float64]]
    """The A + 1 and B + 1 edges along its two features, ascending."""
    boxes: Interval
    """The cells in all D features, row by row: (A * B, D)."""
    plane: tuple[int, int]

    @classmethod
    def of(cls, program: TreeProgram, constraint: Forever, dynamics: Dynamics) -> _Cells:
        """The cells of the states that might fulfill the invariant."""
        coarse = [np.linspace(low, high, 65) for low, high in dynamics.extent[[*dynamics.plane]]]
        outer = cls._between(coarse, dynamics)
        may_hold = outer._possible(constraint.invariant)
        edges = []
        for axis, feature in enumerate(dynamics.plane):
            used = np.flatnonzero(may_hold.any(axis=1 - axis))
            low, high = coarse[axis][[used.min(), used.max() + 1]] if len(used) else (0.0, 1.0)
            tests = _tests_on(program, feature)
            tests = tests[(tests > low) & (tests < high)]
            # The action of a state beside a threshold depends on its rounding: it gets a sliver.
            slivers = (below(below(tests)), above(above(tests)))
            edges.append(
                np.unique(np.concatenate([np.linspace(low, high, CELLS_A_SIDE), *slivers]))
            )
        return cls._between(edges, dynamics)

    @classmethod
    def _between(cls, edges: list[NDArray[np.float64]], dynamics: Dynamics) -> _Cells:
        shape = len(edges[0]) - 1, len(edges[1]) - 1
        n_features = len(dynamics.features)
        low = np.full((*shape, n_features), -np.inf)
        high = np.full((*shape, n_features), np.inf)
        for axis, feature in enumerate(dynamics.plane):
            along = np.expand_dims(edges[axis], 1 - axis)
            low[..., feature] = np.delete(along, -1, axis)
            high[..., feature] = np.delete(along, 0, axis)
        boxes = Interval(low.reshape(-1, n_features), high.reshape(-1, n_features))
        return cls((edges[0], edges[1]), boxes, dynamics.plane)

    @property
    def shape(self) -> tuple[int, int]:
        return len(self.edges[0]) - 1, len(self.edges[1]) - 1

    def _possible(self, condition: Formula, positive: bool = True) -> NDArray[np.bool_]:
        """In which cells a condition might hold, or might fail if not `positive`, (A, B)."""
        normal = normal_form(condition, 1, positive)
        return possible(normal, observed(self.boxes), 0, None).reshape(self.shape)

    def safe(
        self, program: TreeProgram, constraint: Forever, dynamics: Dynamics, deadline: Deadline
    ) -> NDArray[np.bool_] | None:
        """The cells from which the invariant is kept forever, (A, B); None if there is no time."""
        safe = ~self._possible(constraint.invariant, positive=False)
        moves = [
            (self._acting(program, action), self._reached(dynamics.successors(self.boxes, action)))
            for action in range(len(program.signature.actions))
        ]
        while True:
            if deadline.seconds <= 0:
                return None
            unsafe = np.zeros(np.add(self.shape, 1), dtype=np.int64)
            unsafe[1:, 1:] = np.cumsum(np.cumsum(~safe, axis=0), axis=1)
            kept = safe.copy()
            for acting, (top, bottom, left, right, inside) in moves:
                n_unsafe = (
                    unsafe[bottom, right]
                    - unsafe[top, right]
                    - unsafe[bottom, left]
                    + unsafe[top, left]
                )
                kept &= ~acting | (inside & (n_unsafe == 0))
            if (kept == safe).all():
                return safe
            safe = kept

    def _acting(self, program: TreeProgram, action: int) -> NDArray[np.bool_]:
        """In which cells the program might take the action, (A, B)."""
        leaves, actions = observable_leaves(program)
        seen = observed(self.boxes)
        acting = np.zeros(len(seen.low), dtype=np.bool_)
        for low, high in zip(
            leaves.low[actions == action], leaves.high[actions == action], strict=True
        ):
            acting |= ((seen.low <= high) & (seen.high >= low)).all(axis=1)
        return acting.reshape(self.shape)

    def _reached(self, states: Interval) -> tuple[NDArray[Any], ...]:
        """The rectangles of cells that boxes of states touch, and whether each is in the plane."""
        bounds: list[NDArray[Any]] = []
        inside = np.ones(self.shape, dtype=np.bool_)
        for edges, feature in zip(self.edges, self.plane, strict=True):
            low = states.low[:, feature].reshape(self.shape)
            high = states.high[:, feature].reshape(self.shape)
            first = np.searchsorted(edges, low, side="right") - 1
            end = np.searchsorted(edges, high, side="left")
            inside &= (low >= edges[0]) & (high <= edges[-1])
            bounds += [np.clip(first, 0, len(edges) - 1), np.clip(end, 0, len(edges) - 1)]
        return (*bounds, inside)

    def share(self, safe: NDArray[np.bool_], constraint: Forever) -> float:
        """The share of the area that might fulfill the invariant that is safe."""
        area = np.outer(np.diff(self.edges[0]), np.diff(self.edges[1]))
        allowed = area[self._possible(constraint.invariant)].sum()
        return float(area[safe].sum() / allowed) if allowed else 0.0

    def hold_start(self, safe: NDArray[np.bool_], constraint: Forever) -> bool:
        """Whether all states that fulfill the start are in safe cells."""
        if (self._possible(constraint.start) & ~safe).any():
            return False
        n_features = self.boxes.low.shape[1]
        low, high = np.full((4, n_features), -np.inf), np.full((4, n_features), np.inf)
        for axis, (edges, feature) in enumerate(zip(self.edges, self.plane, strict=True)):
            high[2 * axis, feature] = edges[0]
            low[2 * axis + 1, feature] = edges[-1]
        beyond = observed(Interval(low, high))
        return not possible(normal_form(constraint.start, 1), beyond, 0, None).any()


def _tests_on(program: TreeProgram, feature: int) -> NDArray[np.float64]:
    """The thresholds that a program compares a feature with."""
    splits = (node for _, node in program.nodes() if isinstance(node, Split))
    return np.array(sorted({split.threshold for split in splits if split.feature == feature}))


def _escape(
    program: TreeProgram, constraint: Forever, constraints: Constraints, dynamics: Dynamics
) -> Counterexample | None:
    """A start from which a simulated trajectory, in bounds so far, leaves the invariant."""
    extent = dynamics.extent
    rng = np.random.default_rng(0)
    # Starts are often a small part of all states: small boxes find some of them.
    scales = rng.choice(np.geomspace(1.0, 0.01, 8), (32 * SEARCHED_STARTS, len(extent)))
    middle, half = extent.mean(axis=1), np.ptp(extent, axis=1) / 2
    states = rounded(middle + scales * half * rng.uniform(-1, 1, scales.shape))
    starts = states = states[true_in(constraint.start, states)][:SEARCHED_STARTS]
    for step in range(SEARCHED_STEPS + 1):
        seen = rounded(states)
        real = admissible(constraints, seen)
        starts, states, seen = starts[real], states[real], seen[real]
        broken = np.flatnonzero(~true_in(constraint.invariant, seen))
        if len(broken):
            i = int(broken[0])
            first = int(program.act(starts[i : i + 1])[0])
            exact = tuple(map(Fraction, starts[i].tolist()))
            return Counterexample(exact, first, "float32", seen[i], step)
        states = dynamics.step(states, program.act(seen))
    return None
