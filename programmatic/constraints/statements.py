"""What must hold of a policy: statements on its steps, and on all that follows a start."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from karel_gym.envs.signature import Signature
from programmatic.constraints.formula_text import formula_text
from programmatic.constraints.formulas import (
    Formula,
    Not,
    Transitions,
    holds,
    margin,
    names_next,
)


@dataclass(frozen=True)
class Always:
    """A condition that must hold at every step.

    Args:
        name: What results call it.
        signature: What its features and actions are called.
        condition: Of the state, the action taken there and the state after it.
    """

    name: str
    signature: Signature
    condition: Formula

    @property
    def names_next(self) -> bool:
        """Whether it is about the state after the action, too."""
        return names_next(self.condition)

    def margin(
        self,
        observations: NDArray[Any],
        actions: NDArray[Any],
        next_observations: NDArray[Any] | None = None,
    ) -> NDArray[np.float64]:
        """How far each step is from the border of the condition.

        Args:
            observations: (N, D).
            actions: int, (N,); the action taken at each.
            next_observations: (N, D); needed if the condition names the next state.

        Returns:
            float64, (N,): positive where the condition holds, negative where it is violated; see
            `formulas.margin`.
        """
        return _margin(self.condition, observations, actions, next_observations)

    def holds(
        self,
        observations: NDArray[Any],
        actions: NDArray[Any],
        next_observations: NDArray[Any] | None = None,
    ) -> NDArray[np.bool_]:
        """Where the condition holds, bool, (N,); the arguments are those of `margin`."""
        return holds(self.condition, _transitions(observations, actions, next_observations))

    def __str__(self) -> str:
        if isinstance(self.condition, Not):
            return f"never {formula_text(self.condition.part, self.signature)}"
        return f"always {formula_text(self.condition, self.signature)}"


@dataclass(frozen=True)
class Forever:
    """A condition on states that must hold for ever after a start.

    Args:
        name: What results call it.
        signature: What its features are called.
        start: The condition on the first state.
        invariant: The condition on the first state and on all that follow it.
    """

    name: str
    signature: Signature
    start: Formula
    invariant: Formula

    def margin(
        self,
        observations: NDArray[Any],
        actions: NDArray[Any],
        next_observations: NDArray[Any] | None = None,
    ) -> NDArray[np.float64]:
        """How far each step leads from the border of the invariant, float64, (N,).

        That is the invariant's margin at the next observations, or at the observations where those
        are None; whether the episode began in `start` makes no difference.
        """
        reached = observations if next_observations is None else next_observations
        return _margin(self.invariant, reached, actions, None)

    def holds(
        self,
        observations: NDArray[Any],
        actions: NDArray[Any],
        next_observations: NDArray[Any] | None = None,
    ) -> NDArray[np.bool_]:
        """Where the invariant holds of the states that `margin` is about, bool, (N,)."""
        reached = observations if next_observations is None else next_observations
        return holds(self.invariant, _transitions(reached, actions, None))

    def __str__(self) -> str:
        start = formula_text(self.start, self.signature)
        return f"from {start} forever {formula_text(self.invariant, self.signature)}"


Constraint = Always | Forever


@dataclass(frozen=True)
class Constraints:
    """What must hold of a policy, and what is known of the states that it meets.

    Args:
        signature: What features and actions are called.
        statements: The constraints, in their order.
        assumptions: Conditions that every state fulfils, beside the features' bounds.
    """

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


def _margin(
    formula: Formula,
    observations: NDArray[Any],
    actions: NDArray[Any],
    next_observations: NDArray[Any] | None,
) -> NDArray[np.float64]:
    steps = _transitions(observations, actions, next_observations)
    return np.asarray(margin(formula, steps), dtype=np.float64)


def _transitions(
    observations: NDArray[Any],
    actions: NDArray[Any],
    next_observations: NDArray[Any] | None,
) -> Transitions:
    observations = np.asarray(observations, dtype=np.float64)
    if next_observations is not None:
        next_observations = np.asarray(next_observations, dtype=np.float64)
    return Transitions(observations, np.asarray(actions), next_observations)
