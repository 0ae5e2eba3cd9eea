"""Verification: z3 proves that a tree program keeps its constraints, or finds a counterexample."""

from __future__ import annotations

import itertools
import time
from dataclasses import replace
from fractions import Fraction
from typing import Any

import numpy as np
import z3

from programmatic.constraints.formulas import Formula, Transitions, holds, normal_form
from programmatic.constraints.statements import Always, Constraints, Forever
from programmatic.trees.program import TreeProgram
from programmatic.verification.boxes import admissible, exactly
from programmatic.verification.dynamics import Dynamics
from programmatic.verification.forever import check_forever
from programmatic.verification.one_step import check_next
from programmatic.verification.smt import NO_TIME, Deadline, StateVariables
from programmatic.verification.verdicts import Counterexample, Method, Precision, Verdict

SLACKS = (0.1, 0.01, 1e-3, 1e-4, 1e-5, 0.0)
"""The distances from all borders at which a counterexample is sought, one after the other."""
MAX_ROUNDINGS = 729
NO_DYNAMICS = "it is about later states, and no model of the dynamics is known"


def verify(
    program: TreeProgram,
    constraints: Constraints,
    timeout: float = 60.0,
    dynamics: Dynamics | None = None,
) -> tuple[Verdict, ...]:
    """Check a program against its constraints in all states; one verdict per constraint.

    A state is any real vector within the bounds that fulfills the assumptions; boolean features are
    0 or 1. Constraints on later states are checked in observable states, see `boxes`.

    Args:
        timeout: Seconds for all constraints together; constraints not decided by then are unknown.
        dynamics: The model of how actions change states, for constraints with `next` or `forever`.

    Raises:
        ValueError: The signatures differ, or no state fulfills the assumptions.
    """
    if program.signature != constraints.signature:
        raise ValueError(
            "the program's features and actions are not those that the constraints are about"
        )
    deadline = Deadline(timeout)
    check = _Check(program, constraints, deadline)
    verdicts = []
    for constraint in constraints:
        start = time.monotonic()
        if isinstance(constraint, Always) and not constraint.names_next:
            verdict = check.always(constraint)
        elif dynamics is None or program.signature.feature_names != dynamics.features:
            method: Method = "cells" if isinstance(constraint, Forever) else "intervals"
            reason = NO_DYNAMICS
            if dynamics is not None:
                reason = f"the model of {dynamics.name} is about {', '.join(dynamics.features)}"
            verdict = Verdict(constraint, "unknown", method, reason)
        elif isinstance(constraint, Forever):
            verdict = check_forever(program, constraint, constraints, dynamics, deadline)
        else:
            verdict = check_next(program, constraint, constraints, dynamics, deadline)
        verdicts.append(replace(verdict, seconds=time.monotonic() - start))
    return tuple(verdicts)


class _Check:
    """Queries about one program, one leaf at a time, so that the action is known."""

    def __init__(self, program: TreeProgram, constraints: Constraints, deadline: Deadline) -> None:
        self._program, self._constraints, self._deadline = program, constraints, deadline
        self._boxes = program.boxes()
        self._state = StateVariables(constraints, z3.Context())
        self._solver = z3.Solver(ctx=self._state.context)
        self._solver.add(self._state.known)
        if deadline.check(self._solver) == "unsat":
            raise ValueError("no state fulfills the assumptions and the features' bounds")

    def always(self, constraint: Always) -> Verdict:
        """The verdict on a constraint that does not name the next state."""
        violation = normal_form(
            constraint.condition, len(self._program.signature.actions), positive=False
        )
        undecided = False
        for leaf in range(len(self._boxes.action)):
            answer, _ = self._violation(violation, leaf, slack=0.0)
            if answer == "sat":
                witness = self._counterexample(constraint, violation, leaf)
                if witness is not None:
                    return Verdict(constraint, "violated", "z3", counterexample=witness)
            undecided |= answer != "unsat"
        if undecided:
            return Verdict(constraint, "unknown", "z3", NO_TIME)
        return Verdict(constraint, "proven", "z3")

    def _violation(
        self, violation: Formula, leaf: int, slack: float
    ) -> tuple[str, tuple[Fraction, ...]]:
        """Whether a leaf breaks a constraint by the slack, and a state where it does."""
        state, action = self._state, int(self._boxes.action[leaf])
        self._solver.push()
        self._solver.add(state.in_box(self._boxes, leaf, slack))
        self._solver.add(state.condition(violation, action, slack))
        answer = self._deadline.check(self._solver)
        values = state.values(self._solver.model()) if answer == "sat" else ()
        self._solver.pop()
        return answer, values

    def _counterexample(
        self, constraint: Always, violation: Formula, leaf: int
    ) -> Counterexample | None:
        """A violation at a leaf: far from all borders, and in floats of few bits, if possible."""
        found: dict[Precision, Counterexample] = {}
        for slack in SLACKS:
            answer, exact = self._violation(violation, leaf, slack)
            if answer != "sat":
                continue
            real = Counterexample(exact, int(self._boxes.action[leaf]), "real")
            found.setdefault("real", real)
            if witness := self._confirmed(constraint, exact, "float32"):
                return witness
            if witness := self._confirmed(constraint, exact, "float64"):
                found.setdefault("float64", witness)
        return found.get("float64") or found.get("real")

    def _confirmed(
        self, constraint: Always, exact: tuple[Fraction, ...], precision: Precision
    ) -> Counterexample | None:
        """A state of floats next to a real one in which the program, when run, breaks it."""
        choices = [_roundings(value, np.dtype(precision).type) for value in exact]
        n_all = np.prod([len(choice) for choice in choices], dtype=float)
        if n_all > MAX_ROUNDINGS:
            choices = [choice[:1] for choice in choices]
        states = np.array(list(itertools.product(*choices)))
        actions = self._program.act(states)
        exact_states = exactly(states)
        breaks = ~holds(constraint.condition, Transitions(exact_states, actions))
        breaks &= admissible(self._constraints, exact_states)
        if not breaks.any():
            return None
        i = int(np.flatnonzero(breaks)[0])
        return Counterexample(tuple(exact_states[i]), int(actions[i]), precision)


def _roundings(value: Fraction, dtype: Any) -> list[float]:
    """A number rounded to the nearest float, and to its neighbors."""
    nearest = dtype(float(value))
    around = (nearest, np.nextafter(nearest, dtype(-np.inf)), np.nextafter(nearest, dtype(np.inf)))
    return [float(value)] if float(nearest) == value else [float(each) for each in around]
