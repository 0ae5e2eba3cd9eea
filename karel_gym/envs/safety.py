"""Safety constraints: the margin by which each step satisfies them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

Verdicts = dict[str, dict[str, Any]]
"""By constraint name: the `margin`, and whether the constraint is `violated`."""


class SafetyConstraint(Protocol):
    """A condition on every step."""

    @property
    def name(self) -> str:
        """Its name in infos."""

    def margin(
        self,
        observations: NDArray[Any],
        actions: NDArray[np.integer[Any]],
        next_observations: NDArray[Any],
    ) -> NDArray[np.float64]:
        """The margins of N steps, float64, (N,): negative where the constraint is violated.

        The observations before and after the actions are (N, D), the actions int, (N,).
        """


@dataclass(frozen=True)
class Bound:
    """Bounds of a feature after every step; the margin is the distance to the nearer bound.

    Args:
        name: Its name in infos.
        feature: The feature's number, `signature.feature(name)`.
        low, high: The least and the greatest allowed value, in the feature's unit.

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
        """The margins of N steps; see `SafetyConstraint.margin`."""
        n_features = next_observations.shape[1]
        if self.feature >= n_features:
            raise ValueError(
                f"{self.name} bounds feature {self.feature}, the observations have those in "
                f"0..{n_features - 1}"
            )
        values = next_observations[:, self.feature].astype(np.float64)
        return np.minimum(values - self.low, self.high - values)


def check_constraints(constraints: Sequence[SafetyConstraint]) -> tuple[SafetyConstraint, ...]:
    """The constraints; a `ValueError` if two have the same name."""
    names = [constraint.name for constraint in constraints]
    twice = [name for i, name in enumerate(names) if name in names[:i]]
    if twice:
        raise ValueError(f"two constraints are named {twice[0]!r}")
    return tuple(constraints)


def verdicts_on(
    constraints: Sequence[SafetyConstraint],
    observations: NDArray[Any],
    actions: NDArray[np.integer[Any]],
    next_observations: NDArray[Any],
) -> Verdicts:
    """The verdicts on N steps; `margin` is float64, `violated` bool, each (N,).

    The arguments are those of `SafetyConstraint.margin`; its wrong results are a `ValueError`.
    """
    verdicts: Verdicts = {}
    for constraint in constraints:
        margin = np.asarray(
            constraint.margin(observations, actions, next_observations), dtype=np.float64
        )
        if margin.shape != actions.shape:
            raise ValueError(
                f"the constraint {constraint.name!r} must return one margin per step, "
                f"{actions.shape}, got {margin.shape}"
            )
        verdicts[constraint.name] = {"margin": margin, "violated": margin < 0}
    return verdicts


def at_reset(constraints: Sequence[SafetyConstraint], n: int) -> Verdicts:
    """The verdicts on N episodes that begin: infinite margins."""
    return {
        constraint.name: {"margin": np.full(n, np.inf), "violated": np.zeros(n, dtype=np.bool_)}
        for constraint in constraints
    }


def cleared(verdicts: Verdicts, begun: NDArray[np.bool_]) -> Verdicts:
    """The verdicts, with those of `at_reset` in the episodes `begun`, bool, (N,)."""
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
    """The verdicts on some of N steps, one dict per step, with a float and a bool each."""
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
