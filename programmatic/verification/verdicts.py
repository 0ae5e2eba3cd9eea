"""Verdicts on a program's constraints: proven, violated with a counterexample, or unknown."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from karel_gym.envs.signature import Signature
from programmatic.constraints.statements import Constraint

Status = Literal["proven", "violated", "unknown"]
Method = Literal["z3", "intervals", "cells"]
Precision = Literal["float32", "float64", "real"]


@dataclass(frozen=True, eq=False)
class Counterexample:
    """A state in which a program breaks a constraint."""

    exact: tuple[Fraction, ...]
    """The state as D rationals."""
    action: int
    """The program's action there."""
    precision: Precision
    """ "float32": an env can observe the state. "float64": a state of doubles. "real": no neighbor
    in doubles breaks the constraint. Floats are confirmed by a run of the program."""
    next_state: NDArray[np.float64] | None = None
    """float64, (D,); the state after the action, if the constraint names it."""
    steps: int = 0
    """Number of steps from the state to the violation; 0: the state itself."""

    @property
    def state(self) -> NDArray[np.float64]:
        """The state, float64, (D,); rounded if its precision is "real"."""
        return np.array([float(value) for value in self.exact])

    def text(self, signature: Signature) -> str:
        """The state and action in words."""
        values = state_text(signature, self.state.tolist())
        where = {"float32": "", "float64": " (in doubles)", "real": " (in real numbers alone)"}
        after = f", broken after {self.steps} steps" if self.steps > 1 else ""
        return f"{values}: {signature.actions[self.action]}{after}{where[self.precision]}"


def state_text(signature: Signature, state: Iterable[float]) -> str:
    """A state in words."""
    return ", ".join(
        f"{feature.name} = {value:.6g} {feature.unit}".rstrip()
        for feature, value in zip(signature.features, state, strict=True)
    )


@dataclass(frozen=True, eq=False)
class Verdict:
    """The result of checking a constraint."""

    constraint: Constraint
    status: Status
    """ "proven" for every state, "violated" in a state, or "unknown"."""
    method: Method
    """z3, interval arithmetic (one step of the dynamics), or cells of a plane (forever)."""
    reason: str = ""
    """The reason why the status is unknown, or a remark."""
    counterexample: Counterexample | None = None
    """A state in which the constraint is violated."""
    share: float | None = None
    """Share of the cells fulfilling the invariant that never leave it; `Forever` alone."""
    seconds: float = 0.0
    """Wall time of the check."""

    def __str__(self) -> str:
        text = f"{self.constraint.name}: {self.status} ({self.method})"
        if self.counterexample is not None:
            text += f" at {self.counterexample.text(self.constraint.signature)}"
        return f"{text}; {self.reason}" if self.reason else text

    def as_dict(self) -> dict[str, Any]:
        """The verdict as JSON values."""
        witness = self.counterexample
        return {
            "constraint": self.constraint.name,
            "statement": str(self.constraint),
            "status": self.status,
            "method": self.method,
            "reason": self.reason,
            "counterexample": witness
            and {
                "state": witness.state.tolist(),
                "action": self.constraint.signature.actions[witness.action],
                "precision": witness.precision,
                "steps": witness.steps,
            },
            "share": self.share,
            "seconds": self.seconds,
        }


def all_proven(verdicts: tuple[Verdict, ...]) -> bool:
    """Whether every constraint is proven."""
    return all(verdict.status == "proven" for verdict in verdicts)
