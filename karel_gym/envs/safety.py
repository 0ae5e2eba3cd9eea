"""Safety constraints as an env sees them: how far each step is from breaking them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

Verdicts = dict[str, dict[str, Any]]
"""By a constraint's name: its `margin`, and whether it is `violated`."""


class SafetyConstraint(Protocol):
    """What must hold at every step."""

    @property
    def name(self) -> str:
        """Under what infos report it."""

    def margin(
        self,
        observations: NDArray[Any],
        actions: NDArray[np.integer[Any]],
        next_observations: NDArray[Any],
    ) -> NDArray[np.float64]:
        """How far steps are from breaking it: at least 0 where it holds, below 0 where it does not.

        Args:
            observations: (N, D); what was observed before the actions.
            actions: int, (N,).
            next_observations: (N, D); what was observed after them.

        Returns:
            float64, (N,).
        """


@dataclass(frozen=True)
class Bound:
    """After every step a feature is within bounds; the margin is its distance to the nearer one.

    Args:
        name: Under what infos report it.
        feature: The feature's number; `signature.feature(name)` tells it.
        low, high: Its least and greatest value, in its unit; both are allowed.

    Raises:
        ValueError: The bounds are in the wrong order, or the feature's number is negative.
    """

    name: str
    feature: int
    low: float = -np.inf
    high: float = np.inf

    def __post_init__(self) -> None:
        if not self.low <= self.high:
            raise ValueError(f"{self.name} is bounded by {self.low} and {self.high}: low > high")
        if self.feature < 0:
            raise ValueError(f"a feature's number is 0 or more, got {self.feature}")

    def margin(
        self,
        observations: NDArray[Any],
        actions: NDArray[np.integer[Any]],
        next_observations: NDArray[Any],
    ) -> NDArray[np.float64]:
        """The distance of the next observations' feature to the nearer bound; see
        `SafetyConstraint.margin`.

        Raises:
            ValueError: The observations have no such feature.
        """
        n_features = next_observations.shape[1]
        if self.feature >= n_features:
            raise ValueError(
                f"{self.name} bounds feature {self.feature}, the observations have those in "
                f"0..{n_features - 1}"
            )
        values = next_observations[:, self.feature].astype(np.float64)
        return np.minimum(values - self.low, self.high - values)


def check_constraints(constraints: Sequence[SafetyConstraint]) -> tuple[SafetyConstraint, ...]:
    """The constraints, if no two have the same name.

    Raises:
        ValueError: Two have.
    """
    names = [constraint.name for constraint in constraints]
    twice = [name for i, name in enumerate(names) if name in names[:i]]
    if twice:
        raise ValueError(f"two constraints are named {twice[0]!r}")
    return tuple(constraints)


def judge(
    constraints: Sequence[SafetyConstraint],
    observations: NDArray[Any],
    actions: NDArray[np.integer[Any]],
    next_observations: NDArray[Any],
) -> Verdicts:
    """The verdicts on N steps; `margin` is float64, `violated` bool, each (N,).

    Args:
        constraints: What must hold.
        observations, actions, next_observations: As `SafetyConstraint.margin`'s.

    Raises:
        ValueError: A constraint returns no margin a step.
    """
    verdicts: Verdicts = {}
    for constraint in constraints:
        margin = np.asarray(
            constraint.margin(observations, actions, next_observations), dtype=np.float64
        )
        if margin.shape != actions.shape:
            raise ValueError(
                f"the constraint {constraint.name!r} must return a margin a step, "
                f"{actions.shape}, got {margin.shape}"
            )
        verdicts[constraint.name] = {"margin": margin, "violated": margin < 0}
    return verdicts


def at_reset(constraints: Sequence[SafetyConstraint], n: int) -> Verdicts:
    """The verdicts on N episodes that begin: nothing was done yet that could break a constraint.

    So margins are infinite, and the least margin of an episode is that of its steps.
    """
    return {
        constraint.name: {"margin": np.full(n, np.inf), "violated": np.zeros(n, dtype=np.bool_)}
        for constraint in constraints
    }


def cleared(verdicts: Verdicts, begun: NDArray[np.bool_]) -> Verdicts:
    """The verdicts, but those of `at_reset` in the episodes `begun`, bool, (N,)."""
    if not verdicts or not begun.any():
        return verdicts
    return {
        name: {
            "margin": np.where(begun, np.inf, verdict["margin"]),
            "violated": verdict["violated"] & ~begun,
        }
        for name, verdict in verdicts.items()
    }


def split(verdicts: Verdicts, which: Iterable[int]) -> list[Verdicts]:
    """The verdicts on some of N steps one by one: `margin` is a float, `violated` a bool."""
    columns = [
        (name, verdict["margin"].tolist(), verdict["violated"].tolist())
        for name, verdict in verdicts.items()
    ]
    return [
        {
            name: {"margin": margins[i], "violated": violated[i]}
            for name, margins, violated in columns
        }
        for i in which
    ]
