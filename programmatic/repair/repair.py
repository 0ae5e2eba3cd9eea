"""Repair: the smallest change of a tree program after which z3 proves that it keeps constraints.

Counterexample-guided synthesis (Solar-Lezama et al., 2006): z3's optimizer proposes the smallest
change that works in all known states; the verifier accepts it or returns one where it fails.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike

from programmatic.constraints.formulas import Transitions, holds
from programmatic.constraints.statements import Always, Constraint, Constraints
from programmatic.repair.proposals import Proposer
from programmatic.trees.difference import Change, difference
from programmatic.trees.program import TreeProgram
from programmatic.verification.boxes import exactly, rounded
from programmatic.verification.conflicts import Conflict, conflict_at, find_conflicts
from programmatic.verification.dynamics import Dynamics
from programmatic.verification.regions import Region
from programmatic.verification.smt import Deadline
from programmatic.verification.verdicts import Counterexample, Verdict, all_proven
from programmatic.verification.verification import verify

Status = Literal["proven", "conflict", "too few guards", "out of time", "undecided"]
MAX_ORACLE_STATES = 128


@dataclass(frozen=True, eq=False)
class RepairResult:
    """The result of a repair."""

    program: TreeProgram
    """The repaired program, or the proposal that breaks the fewest constraints."""
    status: Status
    """ "proven": every constraint is proven for the program. "conflict": no policy keeps all
    constraints. "too few guards": no change with this many guards does. "out of time". "undecided":
    a constraint could be neither proven nor repaired."""
    verdicts: tuple[Verdict, ...]
    """The program's verdicts, one per constraint."""
    edits: tuple[Change, ...]
    counterexamples: tuple[Counterexample, ...]
    """The states in which proposals failed, in the order found."""
    conflicts: tuple[Conflict, ...]
    """Constraints that contradict each other."""
    iterations: int
    """Number of proposed programs."""
    seconds: float
    """Wall time."""

    @property
    def proven(self) -> bool:
        """Whether every constraint is proven for the program."""
        return all_proven(self.verdicts)

    def as_dict(self) -> dict[str, Any]:
        """The result as JSON values."""
        return {
            "program": str(self.program),
            "status": self.status,
            "proven": self.proven,
            "verdicts": [verdict.as_dict() for verdict in self.verdicts],
            "edits": [str(edit) for edit in self.edits],
            "counterexamples": [each.state.tolist() for each in self.counterexamples],
            "conflicts": [
                {"constraints": list(each.constraints), "state": list(each.state)}
                for each in self.conflicts
            ],
            "iterations": self.iterations,
            "seconds": self.seconds,
        }


def repair(
    program: TreeProgram,
    constraints: Constraints,
    observations: ArrayLike | None = None,
    oracle_actions: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    timeout: float = 60.0,
    max_guards: int = 2,
    dynamics: Dynamics | None = None,
) -> RepairResult:
    """Change a program as little as possible, so that it provably keeps its constraints.

    The repair minimizes, in this order, the added guards, the changes (a new action in a leaf, a
    moved threshold, a guard), the disagreement with an oracle, and the movement of thresholds.
    Guards act in as few states as possible. Thresholds are rounded to few decimals if that moves
    them little.

    Args:
        constraints: The constraints. `Forever` constraints are checked, not repaired.
        observations: (N, D); states in which to agree with the oracle; at most `MAX_ORACLE_STATES`
            of them are used, chosen by weight.
        oracle_actions: int, (N,); the oracle's actions there.
        weights: (N,), at least 0; the weight of each state, default 1.
        timeout: Seconds, after which the best program so far is returned.
        max_guards: Number of splits that may be added.
        dynamics: The model of how actions change states, for constraints on later states.

    Raises:
        ValueError: The signatures differ, no state fulfills the assumptions, the oracle's arrays do
            not fit each other, or `max_guards` is negative.
    """
    if max_guards < 0:
        raise ValueError(f"max_guards must be 0 or more, got {max_guards}")
    oracle = _oracle(program, observations, oracle_actions, weights)
    return _Repair(program, constraints, oracle, Deadline(timeout), dynamics).run(max_guards)


class _Repair:
    """A repair in progress: the known states, and the best program so far."""

    def __init__(
        self,
        program: TreeProgram,
        constraints: Constraints,
        oracle: list[tuple[Region, int]],
        deadline: Deadline,
        dynamics: Dynamics | None,
    ) -> None:
        self._begun = time.monotonic()
        self._original, self._constraints, self._oracle = program, constraints, oracle
        self._deadline, self._dynamics = deadline, dynamics
        self._n_actions = len(program.signature.actions)
        self._points: list[tuple[str, Region]] = []
        self._counterexamples: list[Counterexample] = []
        self._conflicts: list[Conflict] = []
        self._iterations = 0
        self._best = program
        self._verdicts = self._verify(program)

    def run(self, max_guards: int) -> RepairResult:
        """Propose programs until one is proven, or none is left."""
        if all_proven(self._verdicts):
            return self._result("proven")
        self._conflicts += find_conflicts(self._constraints, self._deadline)
        self._learn(self._verdicts)
        for n_guards in range(max_guards + 1):
            if self._conflicts:
                break
            answer = self._propose(n_guards)
            if answer != "too few guards":
                return self._result(answer)
        # Not all constraints can be kept: keep as many as possible.
        answer = self._propose(max_guards, keep_all=False)
        if self._conflicts:
            return self._result("conflict")
        return self._result("too few guards" if answer == "undecided" else answer)

    def _propose(self, n_guards: int, keep_all: bool = True) -> Status:
        """Propose programs with this many guards, and learn from each failure."""
        proposer = Proposer(
            self._original, self._constraints, n_guards, self._oracle, keep_all=keep_all
        )
        for name, point in self._points:
            proposer.add(name, point)
        while True:
            answer, program = proposer.propose(self._deadline)
            if program is None:
                return "out of time" if answer == "unknown" else "too few guards"
            self._iterations += 1
            verdicts = self._verify(program)
            if _merit(verdicts) < _merit(self._verdicts):
                self._best, self._verdicts = program, verdicts
            if all_proven(verdicts):
                return "proven"
            n_known, n_conflicts = len(self._points), len(self._conflicts)
            self._learn(verdicts)
            if keep_all and len(self._conflicts) > n_conflicts:
                return "too few guards"
            if len(self._points) == n_known:
                return "out of time" if self._deadline.seconds <= 0 else "undecided"
            for name, point in self._points[n_known:]:
                proposer.add(name, point)

    def _verify(self, program: TreeProgram) -> tuple[Verdict, ...]:
        return verify(program, self._constraints, self._deadline.seconds, self._dynamics)

    def _learn(self, verdicts: tuple[Verdict, ...]) -> None:
        """Add the actions that constraints rule out in the counterexamples, and their conflicts."""
        for verdict in verdicts:
            witness = verdict.counterexample
            if witness is None or not isinstance(verdict.constraint, Always):
                continue
            self._counterexamples.append(witness)
            ruled_out = {}
            for constraint in self._constraints:
                actions = self._ruled_out(constraint, witness)
                if actions:
                    ruled_out[constraint.name] = actions
                    known = constraint.name, Region.point(witness.exact, actions)
                    if known not in self._points:
                        self._points.append(known)
            conflict = conflict_at(ruled_out, self._n_actions, witness.exact)
            found = {each.constraints for each in self._conflicts}
            if conflict is not None and conflict.constraints not in found:
                self._conflicts.append(conflict)

    def _ruled_out(self, constraint: Constraint, witness: Counterexample) -> frozenset[int]:
        """The actions that break a constraint in a state."""
        if not isinstance(constraint, Always) or (
            constraint.names_next and (self._dynamics is None or witness.precision != "float32")
        ):
            return frozenset()
        actions = np.arange(self._n_actions)
        states = np.tile(np.array(witness.exact, dtype=object), (self._n_actions, 1))
        following = None
        if constraint.names_next and self._dynamics is not None:
            reached = self._dynamics.step(states.astype(np.float64), actions)
            following = exactly(rounded(reached))
        kept = holds(constraint.condition, Transitions(states, actions, following))
        return frozenset(actions[~kept].tolist())

    def _result(self, status: Status) -> RepairResult:
        return RepairResult(
            self._best,
            status,
            self._verdicts,
            tuple(difference(self._original, self._best)),
            tuple(self._counterexamples),
            tuple(self._conflicts),
            self._iterations,
            time.monotonic() - self._begun,
        )


def _merit(verdicts: tuple[Verdict, ...]) -> tuple[int, int]:
    """Numbers of broken and of unproven constraints: less is better."""
    statuses = [verdict.status for verdict in verdicts]
    return statuses.count("violated"), len(statuses) - statuses.count("proven")


def _oracle(
    program: TreeProgram,
    observations: ArrayLike | None,
    oracle_actions: ArrayLike | None,
    weights: ArrayLike | None,
) -> list[tuple[Region, int]]:
    """At most `MAX_ORACLE_STATES` states with the actions that an oracle rules out, and weights."""
    if observations is None or oracle_actions is None:
        if observations is not None or oracle_actions is not None or weights is not None:
            raise ValueError("an oracle needs both observations and actions")
        return []
    signature = program.signature
    states = np.asarray(observations, dtype=np.float64)
    actions = np.asarray(oracle_actions)
    if states.ndim != 2 or states.shape[1] != len(signature.features):
        raise ValueError(
            f"observations must be of shape (N, {len(signature.features)}), got {states.shape}"
        )
    importance = np.ones(len(states)) if weights is None else np.asarray(weights, dtype=float)
    for what, array in (("oracle_actions", actions), ("weights", importance)):
        if array.shape != (len(states),):
            raise ValueError(f"{what} must be of shape ({len(states)},), got {array.shape}")
    if not np.isin(actions, np.arange(len(signature.actions))).all():
        raise ValueError(f"an oracle's action must be one of 0..{len(signature.actions) - 1}")
    if not (importance >= 0).all():
        raise ValueError("weights must be 0 or more")
    if not importance.sum():
        return []
    # systematic sampling
    ends = np.cumsum(importance) / importance.sum()
    drawn = np.searchsorted(ends, (np.arange(MAX_ORACLE_STATES) + 0.5) / MAX_ORACLE_STATES)
    everything = set(range(len(signature.actions)))
    return [
        (Region.point(map(Fraction, states[i].tolist()), everything - {int(actions[i])}), int(n))
        for i, n in zip(*np.unique(drawn, return_counts=True), strict=True)
    ]
