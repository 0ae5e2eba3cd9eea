"""The dynamics of CartPole as kernels, and running episodes of them.

Source: Barto, Sutton and Anderson (1983); the equations of Florian, Correct equations for the
dynamics of the cart-pole system (2007), with the constants and Euler steps of Gymnasium's CartPole.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from karel_gym.simulation.devices import CPU
from karel_gym.simulation.episode_arrays import (
    EpisodeArrays,
    Progress,
    Steps,
    begin_progress,
    finish_step,
    skip_step,
)
from karel_gym.simulation.kernels import index, inner, kernel
from karel_gym.simulation.rng import draw_state, states_of, uniform

GRAVITY = 9.8  # m/s^2
CART_MASS, POLE_MASS = 1.0, 0.1  # kg
TOTAL_MASS = CART_MASS + POLE_MASS
HALF_LENGTH = 0.5  # m, of the pole
POLE_MASS_LENGTH = POLE_MASS * HALF_LENGTH
FORCE = 10.0  # N
TIME_STEP = 0.02  # s
TRACK = 2.4  # m; beyond it, on either side, the episode ends
TILT = 12 * 2 * math.pi / 360  # rad; likewise
START = 0.05  # bound of the features of a start state
MAX_STEPS = 200

ACTIONS = ("left", "right")
"""The actions by number."""


class CartState(NamedTuple):
    """Positions and velocities of cart and pole."""

    cart_position: float  # in m, 0 in the middle of the track
    cart_velocity: float  # in m/s
    pole_angle: float  # in rad, 0 upright, positive to the right
    pole_angular_velocity: float  # in rad/s


@inner
def transition(state: CartState, action: int) -> CartState:
    """The state one time step after an action."""
    x, v, angle, spin = state
    force = FORCE if action == 1 else -FORCE
    cos, sin = math.cos(angle), math.sin(angle)
    push = (force + POLE_MASS_LENGTH * (spin * spin) * sin) / TOTAL_MASS
    spin_change = (GRAVITY * sin - cos * push) / (
        HALF_LENGTH * (4.0 / 3.0 - POLE_MASS * (cos * cos) / TOTAL_MASS)
    )
    v_change = push - POLE_MASS_LENGTH * spin_change * cos / TOTAL_MASS
    return CartState(
        x + TIME_STEP * v,
        v + TIME_STEP * v_change,
        angle + TIME_STEP * spin,
        spin + TIME_STEP * spin_change,
    )


@inner
def has_fallen(state: CartState) -> bool:
    """Whether the episode ends: the cart is beyond the track's end, or the pole tilts too far."""
    return abs(state.cart_position) > TRACK or abs(state.pole_angle) > TILT


@inner
def initial_state(rng: Any) -> CartState:
    """A random start state from a random state, uint64, (1,)."""
    x = uniform(rng, -START, START)
    v = uniform(rng, -START, START)
    angle = uniform(rng, -START, START)
    return CartState(x, v, angle, uniform(rng, -START, START))


@inner
def read(states: Any, i: Any) -> CartState:
    """State `i` of states float64, (4, N)."""
    return CartState(states[0, i], states[1, i], states[2, i], states[3, i])


@inner
def write(states: Any, i: Any, state: CartState) -> None:
    """Write state `i` of states float64, (4, N)."""
    states[0, i] = state.cart_position
    states[1, i] = state.cart_velocity
    states[2, i] = state.pole_angle
    states[3, i] = state.pole_angular_velocity


@kernel
def draw_starts(first: int, last: int, step: int, rngs: Any, states: Any) -> None:
    """Write a start state, float64, (4, N), for each random state, uint64, (N, 1)."""
    for k in range(first, last, step):
        i = index(k)
        write(states, i, initial_state(rngs[i]))


@inner
def begin_cart(i: Any, fresh: bool, states: Any, rngs: Any, progress: Any) -> None:
    """Begin episode `i`, at random if `fresh`, else in the present state."""
    if fresh:
        rngs[i, 0] = draw_state(progress.streams[i])
        write(states, i, initial_state(rngs[i]))
    begin_progress(i, progress)


@kernel
def begin_carts(
    first: int, last: int, step: int, which: Any, fresh: bool, system: Any, running: Any
) -> None:
    """Begin the episodes `which`, bool, (N,); see `begin_episodes` for the arguments."""
    states, rngs = system
    progress = Progress(*running)
    for k in range(first, last, step):
        if which[index(k)]:
            begin_cart(index(k), fresh, states, rngs, progress)


@kernel
def step_carts(
    first: int,
    last: int,
    step: int,
    actions: Any,
    restarting: Any,
    system: Any,
    running: Any,
    max_steps: int,
    results: Any,
) -> None:
    """Do one action per episode; see `step_episodes` for the arguments."""
    states, rngs = system
    progress, steps = Progress(*running), Steps(*results)
    for k in range(first, last, step):
        i = index(k)
        if restarting[i]:
            begin_cart(i, True, states, rngs, progress)
            skip_step(i, steps)
            continue
        state = transition(read(states, i), actions[i])
        write(states, i, state)
        finish_step(i, actions[i], 1.0, has_fallen(state), progress, max_steps, steps)


class CartPoleEpisodes(EpisodeArrays):
    """N episodes of CartPole: `states`, float64, (4, N), and random `rngs`, uint64, (N, 1)."""

    def __init__(self, n: int, max_steps: int | None = None) -> None:
        if n < 1:
            raise ValueError(f"num_envs must be at least 1, got {n}")
        self.states = np.zeros((len(CartState._fields), n))
        self.rngs = np.zeros((n, 1), dtype=np.uint64)
        super().__init__(
            n,
            MAX_STEPS if max_steps is None else max_steps,
            CPU.kernel(begin_carts),
            CPU.kernel(step_carts),
            (self.states, self.rngs),
        )

    @property
    def arrays(self) -> tuple[Any, ...]:
        """All arrays that change as episodes run, each with one row per episode."""
        return self.states.T, self.rngs, *self._progress

    def write_start(self, index: int, start: ArrayLike) -> None:
        try:
            values = np.asarray(start, dtype=np.float64)
        except OverflowError:
            values = np.full(len(CartState._fields), np.inf)
        if values.shape != self.states.shape[:1] or not np.isfinite(values).all():
            raise ValueError(
                f"a state is finite {', '.join(CartState._fields)}; got {np.asarray(start)!r}"
            )
        self.states[:, index] = values

    def observe(self) -> NDArray[np.float32]:
        """The observations: the states as float32, (N, 4)."""
        return np.ascontiguousarray(self.states.T, dtype=np.float32)


def sample_states(n: int, seed: int = 0) -> NDArray[np.float64]:
    """Random start states, float64, (n, 4): those of an env from `reset(seed=seed)` on.

    State i does not depend on `n`. A `ValueError` reports `n` or a seed that is out of range.
    """
    if n < 1:
        raise ValueError(f"n must be at least 1, got {n}")
    states = np.empty((len(CartState._fields), n))
    CPU.kernel(draw_starts)(n, states_of(seed, n)[:, None], states)
    return states.T.copy()
