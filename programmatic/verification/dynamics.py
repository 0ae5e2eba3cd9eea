"""A model of how actions change states: exact enough to prove what can follow a step."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from programmatic.verification.intervals import Interval


class Dynamics(Protocol):
    """The transitions of an env of D features."""

    @property
    def name(self) -> str:
        """What reports call it."""

    @property
    def features(self) -> tuple[str, ...]:
        """The names of the features that it is about."""

    @property
    def parents(self) -> tuple[tuple[int, ...], ...]:
        """For each feature those that its next value depends on."""

    @property
    def plane(self) -> tuple[int, int]:
        """Two features that, given the action, evolve without the others."""

    @property
    def extent(self) -> NDArray[np.float64]:
        """(D, 2); the least and greatest value of each feature that matters to safety."""

    def step(self, states: NDArray[np.float64], actions: NDArray[Any]) -> NDArray[np.float64]:
        """The next states.

        Args:
            states: float64, (N, D).
            actions: int, (N,).

        Returns:
            float64, (N, D), computed as the env computes them.
        """

    def successors(self, states: Interval, action: int) -> Interval:
        """What the next states of boxes of states are within, by sound interval arithmetic.

        Args:
            states: (N, D).
            action: The action taken in all of them.

        Returns:
            (N, D).
        """
