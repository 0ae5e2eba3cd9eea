"""Returns of many tree programs in many episodes of CartPole-MORL."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from karel_gym.simulation.cartpole import (
    ACTIONS,
    MAX_STEPS,
    CartState,
    has_fallen,
    read,
    transition,
)
from karel_gym.simulation.devices import in_parallel
from karel_gym.simulation.kernels import allocating_kernel, inner
from programmatic.trees.batches import compile_trees, decide
from programmatic.trees.program import TreeProgram


def rollout_returns(
    programs: Sequence[TreeProgram], starts: NDArray[Any], max_steps: int = MAX_STEPS
) -> NDArray[np.float64]:
    """The returns of K programs in E episodes each, on all cores.

    They equal those of `TreePolicy` in CartPole-MORL-v0, which rounds observations to float32.

    Args:
        programs: K programs over cart_position, cart_velocity, pole_angle and
            pole_angular_velocity, with the actions left and right.
        starts: The start states, (E, 4); `karel_gym.simulation.cartpole.sample_states(E, seed)`
            draws them as the environment does.
        max_steps: Horizon after which an episode is truncated.

    Returns:
        float64, (K, E).

    Raises:
        TypeError: A program is not a TreeProgram.
        ValueError: There is no program, one has other features or actions, the starts have another
            shape or are not finite, or `max_steps` is below 1.

    Example:
        >>> from karel_gym.simulation.cartpole import sample_states
        >>> from karel_gym.envs.cartpole import SIGNATURE
        >>> left = TreeProgram.parse("left", SIGNATURE)
        >>> follow = TreeProgram.parse("if pole_angle <= 0: left\\nelse: right", SIGNATURE)
        >>> rollout_returns([left, follow], sample_states(3, seed=0)).tolist()
        [[10.0, 10.0, 9.0], [37.0, 47.0, 49.0]]
    """
    _check_signatures(programs)
    trees = compile_trees([program.root for program in programs])
    states = np.asarray(starts, dtype=np.float64)
    n_features = len(CartState._fields)
    if states.ndim != 2 or states.shape[1] != n_features or not np.isfinite(states).all():
        raise ValueError(
            f"starts must be finite and of shape (E, {n_features}), for "
            f"{', '.join(CartState._fields)}; got {states.shape}"
        )
    if max_steps < 1:
        raise ValueError(f"max_steps must be at least 1, got {max_steps}")
    returns = np.empty((len(programs), len(states)))
    columns = np.ascontiguousarray(states.T)
    in_parallel(
        lambda first, last: run_part(first, last, trees, columns, max_steps, returns), returns.size
    )
    return returns


def _check_signatures(programs: Sequence[TreeProgram]) -> None:
    if not len(programs):
        raise ValueError("there is no program to run")
    for i, program in enumerate(programs):
        if not isinstance(program, TreeProgram):
            raise TypeError(f"programs[{i}] must be a TreeProgram, got {type(program).__name__}")
        features, actions = program.signature.feature_names, program.signature.actions
        if (features, actions) != (CartState._fields, ACTIONS):
            raise ValueError(
                f"{program.name} is not a program for CartPole-MORL: its features are "
                f"{', '.join(features)}, its actions {', '.join(actions)}"
            )


@inner
def observe(state: CartState, observation: Any) -> None:
    """Write the observation of a state, float32, (4,)."""
    observation[0] = state.cart_position
    observation[1] = state.cart_velocity
    observation[2] = state.pole_angle
    observation[3] = state.pole_angular_velocity


@allocating_kernel
def run_part(first: int, last: int, trees: Any, starts: Any, max_steps: int, returns: Any) -> None:
    """Play the episodes `first` to `last - 1`; number k*E + e is episode e of program k.

    Args:
        trees: `CompiledTrees` of K trees.
        starts: float64, (4, E).
        returns: float64, (K, E); written.
    """
    observation = np.empty(4, dtype=np.float32)
    n_episodes = returns.shape[1]
    for number in range(first, last):
        k, e = number // n_episodes, number % n_episodes
        state = read(starts, e)
        length = 0
        while length < max_steps:
            observe(state, observation)
            state = transition(state, decide(trees, trees.root[k], observation))
            length += 1
            if has_fallen(state):
                break
        returns[k, e] = length
