"""The interface of models of dynamics, exact enough to prove what can follow a step."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from programmatic.verification.intervals import Interval


class Dynamics(Protocol):
    """The transitions of an env of D features."""

    @property
    def name(self) -> str:
        """The model's name in reports."""

    @property
    def features(self) -> tuple[str, ...]:
        """The names of the features."""

    @property
    def parents(self) -> tuple[tuple[int, ...], ...]:
        """For each feature, those that its next value depends on."""

    @property
    def plane(self) -> tuple[int, int]:
        """Two features that, given the action, evolve without the others."""

    @property
    def extent(self) -> NDArray[np.float64]:
        """(D, 2); the least and the greatest value of each feature that matter to safety."""

    def step(self, states: NDArray[np.float64], actions: NDArray[Any]) -> NDArray[np.float64]:
        """The next states, computed as the env does: float64, (N, D), of (N, D) and int (N,)."""

    def successors(self, states: Interval, action: int) -> Interval:
        """Boxes, (N, D), that contain the next states of boxes, (N, D), after an action."""
