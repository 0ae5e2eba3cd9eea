"""CartPole's dynamics over intervals: `karel_gym.simulation.cartpole.transition` for boxes."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from karel_gym.simulation.cartpole import (
    FORCE,
    GRAVITY,
    HALF_LENGTH,
    POLE_MASS,
    POLE_MASS_LENGTH,
    TILT,
    TIME_STEP,
    TOTAL_MASS,
    TRACK,
    CartState,
)
from programmatic.verification.intervals import Interval, stack


class Dynamics:
    """CartPole: the cart's position and velocity, the pole's angle and angular velocity.

    Velocities have no bounds; `extent` has those that occur within 200 steps before a failure.
    """

    name = "CartPole"
    features = CartState._fields
    parents = ((0, 1), (1, 2, 3), (2, 3), (2, 3))
    """For each feature, those that its next value depends on."""
    plane = (2, 3)
    """Two features that, given the action, evolve without the others."""
    extent = np.array([[-TRACK, TRACK], [-4.0, 4.0], [-TILT, TILT], [-4.0, 4.0]])
    """(D, 2); the least and the greatest value of each feature that matter to safety."""

    def step(self, states: NDArray[np.float64], actions: NDArray[Any]) -> NDArray[np.float64]:
        """The next states, (N, D), computed as the env does, of (N, D) and actions, int, (N,)."""
        force = np.where(np.asarray(actions) == 1, FORCE, -FORCE)
        angle, velocity = states[:, 2], states[:, 3]
        cart, pole = _accelerations(force, np.sin(angle), np.cos(angle), np.square(velocity))
        rates = np.stack([states[:, 1], cart, velocity, pole], axis=1)
        following: NDArray[np.float64] = states + TIME_STEP * rates
        return following

    def successors(self, states: Interval, action: int) -> Interval:
        """Boxes, (N, D), that contain the next states of boxes, (N, D), after an action."""
        force = Interval.exactly(FORCE if action == 1 else -FORCE)
        angle, velocity = states[:, 2], states[:, 3]
        cart, pole = _accelerations(force, angle.sin(), angle.cos(), velocity.squared())
        rates = [states[:, 1], cart, velocity, pole]
        return stack([states[:, i] + TIME_STEP * rate for i, rate in enumerate(rates)])


def dynamics_of(env_id: str) -> Dynamics | None:
    """The model of an env's dynamics, if there is one; all versions of CartPole share theirs."""
    return Dynamics() if env_id.split("-")[0] == "CartPole" else None


def _accelerations(force: Any, sine: Any, cosine: Any, squared_velocity: Any) -> tuple[Any, Any]:
    """Accelerations (m/s^2, rad/s^2) in Gymnasium's order, so that doubles are the same."""
    pushed = (force + POLE_MASS_LENGTH * squared_velocity * sine) / TOTAL_MASS
    pole = (GRAVITY * sine - cosine * pushed) / (
        HALF_LENGTH * (4.0 / 3.0 - POLE_MASS * (cosine * cosine) / TOTAL_MASS)
    )
    cart = pushed - POLE_MASS_LENGTH * pole * cosine / TOTAL_MASS
    return cart, pole
