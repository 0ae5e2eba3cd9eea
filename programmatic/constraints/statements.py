"""Statements of constraints: about each step of a policy, or about all states after a start."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from karel_gym.envs.signature import Signature
from programmatic.constraints.expressions import formula_text
from programmatic.constraints.formulas import Formula, Not, Transitions, holds, margin, names_next


@dataclass(frozen=True)
class Statement(ABC):
    """Base class of the statements; `name` is the constraint's name in results."""

    name: str
    signature: Signature

    def margin(
        self,
        observations: NDArray[Any],
        actions: NDArray[Any],
        next_observations: NDArray[Any] | None = None,
    ) -> NDArray[np.float64]:
        """The distance of each step from the border of the condition: float64, (N,), see `margin`.

        Args:
            observations: (N, D).
            actions: int, (N,); the action taken at each.
            next_observations: (N, D); needed if the condition names the next state.
        """
        steps = _transitions(observations, actions, next_observations)
        return np.asarray(margin(*self._about(steps)), dtype=np.float64)

    def holds(
        self,
        observations: NDArray[Any],
        actions: NDArray[Any],
        next_observations: NDArray[Any] | None = None,
    ) -> NDArray[np.bool_]:
        """Where the condition holds, bool, (N,); the arguments are those of `margin`."""
        return holds(*self._about(_transitions(observations, actions, next_observations)))

    @abstractmethod
    def _about(self, steps: Transitions) -> tuple[Formula, Transitions]:
        """The condition that must hold, and where."""


@dataclass(frozen=True)
class Always(Statement):
    """A condition on the state, the action and the next state that must hold at every step."""

    condition: Formula

    @property
    def names_next(self) -> bool:
        """Whether the condition names the state after the action."""
        return names_next(self.condition)

    def _about(self, steps: Transitions) -> tuple[Formula, Transitions]:
        return self.condition, steps

    def __str__(self) -> str:
        if isinstance(self.condition, Not):
            return f"never {formula_text(self.condition.part, self.signature)}"
        return f"always {formula_text(self.condition, self.signature)}"


@dataclass(frozen=True)
class Forever(Statement):
    """A condition on states that must hold forever after a start.

    `margin` and `holds` are those of the invariant at the next observations, if any.
    """

    start: Formula
    """The condition on the first state."""
    invariant: Formula
    """The condition on the first state and on all that follow it."""

    def _about(self, steps: Transitions) -> tuple[Formula, Transitions]:
        following = steps.next_observations
        reached = steps.observations if following is None else following
        return self.invariant, Transitions(reached, steps.actions)

    def __str__(self) -> str:
        start = formula_text(self.start, self.signature)
        return f"from {start} forever {formula_text(self.invariant, self.signature)}"


Constraint = Always | Forever


@dataclass(frozen=True)
class Constraints:
    """The constraints on a policy, and the assumptions on all states beside the bounds."""

    signature: Signature
    statements: tuple[Constraint, ...]
    assumptions: tuple[Formula, ...] = ()

    def __iter__(self) -> Iterator[Constraint]:
        return iter(self.statements)

    def __len__(self) -> int:
        return len(self.statements)

    def __str__(self) -> str:
        lines = [f"assume {formula_text(known, self.signature)}" for known in self.assumptions]
        for statement in self:
            label = f"{statement.name}: " if statement.name.isidentifier() else ""
            lines.append(f"{label}{statement}")
        return "\n".join(lines) + "\n"


def _transitions(
    observations: NDArray[Any], actions: NDArray[Any], following: NDArray[Any] | None
) -> Transitions:
    return Transitions(
        np.asarray(observations, dtype=np.float64),
        np.asarray(actions),
        None if following is None else np.asarray(following, dtype=np.float64),
    )
