"""CartPole-MORL: keep a pole upright on a cart.

What the cart must do
    Balance a pole that is hinged to its top for 200 time steps of 20 ms, by moving left and right:
    CartPole-v0 with named features, safety constraints, and states that can be set.
Start states
    Every feature is uniform in -0.05 .. 0.05. `reset(options={"state": (4,)})` gives another state.
Observation
    float32, (4,): cart_position in m, cart_velocity in m/s, pole_angle in rad and
    pole_angular_velocity in rad/s.
Actions
    0 left and 1 right: push the cart with 10 N.
Reward
    1 a step, the last one included; 195 or more on average is a solution.
Termination
    The pole tilts by more than 12 degrees, or the cart is more than 2.4 m from the middle of the
    track. After 200 steps the episode is truncated, which is a success.
Constraints
    pole_upright: the pole tilts by at most 12 degrees. cart_on_track: the cart is at most 2.4 m
    from the middle. `info["constraints"]` has the margin of each, in rad and m, and whether the
    step violated it; `make(..., constraints=[...])` replaces them.
Definition
    Gymnasium's CartPole-v0 (Barto, Sutton and Anderson, 1983), as in MORL (Bhupatiraju et al.,
    NAMPI 2018).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import numpy as np
from gymnasium.envs.classic_control.cartpole import CartPoleEnv
from gymnasium.spaces import Box
from gymnasium.vector import AutoresetMode
from numpy.typing import NDArray

from karel_gym.envs.kernel_env import KernelEnv
from karel_gym.envs.kernel_vector import KernelVectorEnv
from karel_gym.envs.safety import Bound, SafetyConstraint, check_constraints
from karel_gym.envs.signature import Feature, Signature
from karel_gym.simulation.cartpole import (
    ACTIONS,
    MAX_STEPS,
    TILT,
    TRACK,
    CartPoleEpisodes,
    CartState,
)

SIGNATURE = Signature(
    tuple(
        Feature(name, unit, -bound, bound)
        for name, unit, bound in zip(
            CartState._fields,
            ("m", "m/s", "rad", "rad/s"),
            (2 * TRACK, np.inf, 2 * TILT, np.inf),
            strict=True,
        )
    ),
    ACTIONS,
)
"""The bounds are twice those at which an episode ends."""
HIGH = np.array([feature.high for feature in SIGNATURE.features], dtype=np.float32)
CONSTRAINTS: tuple[SafetyConstraint, ...] = (
    Bound("pole_upright", SIGNATURE.feature("pole_angle"), -TILT, TILT),
    Bound("cart_on_track", SIGNATURE.feature("cart_position"), -TRACK, TRACK),
)


class CartPoleMORLEnv(KernelEnv, CartPoleEnv):
    """CartPole-MORL, one episode at a time; `help(karel_gym.envs.cartpole)` describes the task.

    `info` is that of `KarelEnv`, with success at the horizon, and `constraints`: for each name the
    `margin` and whether the step `violated` it; at a reset margins are infinite.

    Args:
        max_steps: Horizon after which an episode is truncated.
        render_mode: None, "human" (a window) or "rgb_array".
        constraints: The constraints that infos report; None: pole_upright and cart_on_track.

    Attributes:
        signature: The names and bounds of features, and the names of actions.

    Raises:
        ValueError: An argument is out of its range; the message says what is allowed.

    Example:
        >>> import gymnasium, karel_gym
        >>> env = gymnasium.make("CartPole-MORL-v0")
        >>> obs, info = env.reset(options={"state": (0, 0, 0.2, 1)})
        >>> obs, reward, terminated, truncated, info = env.step(1)
        >>> terminated, info["constraints"]["pole_upright"]["violated"]
        (True, True)
    """

    start_option = "state"
    action_names = ACTIONS
    episodes: CartPoleEpisodes

    def __init__(
        self,
        max_steps: int = MAX_STEPS,
        render_mode: str | None = None,
        constraints: Sequence[SafetyConstraint] | None = None,
    ) -> None:
        if render_mode not in (None, *self.metadata["render_modes"]):
            raise ValueError(
                f"render_mode must be None, 'human' or 'rgb_array', got {render_mode!r}"
            )
        self.episodes = CartPoleEpisodes(1, max_steps)
        super().__init__(render_mode=render_mode)
        self.signature = SIGNATURE
        self.observation_space = Box(-HIGH, HIGH)
        self.constraints = check_constraints(CONSTRAINTS if constraints is None else constraints)

    def __getstate__(self) -> dict[str, Any]:
        pictures = ("screen", "surf", "clock")
        return {**vars(self), **dict.fromkeys(pictures)}  # a window is not copied

    @property
    def state(self) -> NDArray[np.float64] | None:
        """The present state, float64, (4,), a copy; None before the first reset."""
        return self.episodes.states[:, 0].copy() if self._seeded else None

    @state.setter
    def state(self, value: Any) -> None:
        if value is not None:  # as it is in the constructor of the base class
            raise AttributeError('to set the state call reset(options={"state": ...})')

    def render(self) -> Any:
        """Draw the present state: an rgb array, or None and a window (`render_mode`)."""
        return cast(Any, super()).render()

    def _observe(self) -> NDArray[Any]:
        return self.episodes.observe()

    def _solved(self, terminated: bool, truncated: bool) -> bool:
        return truncated


class CartPoleVectorEnv(KernelVectorEnv):
    """N episodes of CartPole-MORL, stepped by one call of a kernel.

    Arguments, errors and infos are those of `CartPoleMORLEnv` and `KernelVectorEnv`. The option
    `states` of `reset` gives the start states, float, (N, 4). `max_episode_steps`, Gymnasium's
    name of `max_steps`, takes precedence.
    """

    metadata: dict[str, Any] = {"render_modes": ["rgb_array"], "render_fps": 50}  # noqa: RUF012
    start_option = "states"
    action_names = ACTIONS
    episodes: CartPoleEpisodes

    def __init__(
        self,
        num_envs: int = 1,
        max_steps: int = MAX_STEPS,
        autoreset_mode: AutoresetMode | str = AutoresetMode.NEXT_STEP,
        render_mode: str | None = None,
        constraints: Sequence[SafetyConstraint] | None = None,
        max_episode_steps: int | None = None,
    ) -> None:
        if max_episode_steps is not None:
            max_steps = max_episode_steps
        super().__init__(
            CartPoleEpisodes(num_envs, max_steps),
            Box(-HIGH, HIGH),
            SIGNATURE,
            autoreset_mode,
            render_mode,
            CONSTRAINTS if constraints is None else constraints,
        )
        self._drawn: Any = None

    def __getstate__(self) -> dict[str, Any]:
        return {**vars(self), "_drawn": None}

    def _images(self) -> tuple[NDArray[np.uint8], ...]:
        if self._drawn is None:
            self._drawn = CartPoleEnv(render_mode="rgb_array")
        images = []
        for state in self.episodes.states.T:
            self._drawn.state = state
            images.append(self._drawn.render())
        return tuple(images)

    def _observe(self) -> NDArray[Any]:
        return self.episodes.observe()

    def _solved(self, terminated: Any, truncated: Any) -> Any:
        return truncated
