"""Episodes that a policy's kernel plays from start to end."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from karel_gym.envs.karel import is_solved
from karel_gym.robot import ACTIONS, act
from karel_gym.simulation.devices import in_parallel
from karel_gym.simulation.episode_arrays import WorldArrays
from karel_gym.simulation.episodes import begun_worlds
from karel_gym.simulation.kernels import Kernel, inner
from karel_gym.simulation.rng import states_of, uniform
from karel_gym.tasks.task import Task, reward
from karel_gym.world import WorldBatch
from programmatic.rollout import Outcomes

ALL_ACTIONS = 2 ** len(ACTIONS) - 1


class KernelEpisodes(NamedTuple):
    """N episodes in the midst of a kernel."""

    worlds: WorldArrays
    draws: Any
    """uint64, (N, 1); the random states of the policy."""
    greedy: bool
    """Whether the policy takes its most probable action."""
    max_steps: int
    """The horizon."""
    returns: Any
    """float64, (N,)."""
    lengths: Any
    """int64, (N,)."""
    terminated: Any
    """bool, (N,)."""


@inner
def choose(weights: Any, allowed: int, greedy: bool, draws: Any) -> int:
    """The allowed action of the largest weight if `greedy`, else one drawn by the weights.

    Args:
        weights: (A,), in proportion to the probabilities of the actions.
        allowed: Bit k allows action k; one bit at least is set.
        greedy: Whether the action of the largest weight is taken.
        draws: uint64, (1,); changed.
    """
    best, total = -1, 0.0
    for k in range(len(weights)):
        if (allowed >> k) & 1:
            total += weights[k]
            if best < 0 or weights[k] > weights[best]:
                best = k
    if greedy:
        return best
    u = uniform(draws, 0.0, total)
    action, reached = -1, 0.0
    for k in range(len(weights)):
        if (allowed >> k) & 1 and (action < 0 or u >= reached):
            action = k
            reached += weights[k]
    return action


@inner
def act_in(world: Any, action: int) -> tuple[float, bool]:
    """Do an action in the `WorldArrays` of an episode: its reward, and whether it was the last."""
    effect = act(world.cells, world.width, world.robots[0], world.robots[1], action)
    world.robots[0], world.robots[1] = effect.position, effect.heading
    gain, terminated = reward(world.cells, world.width, effect, world.counters, world.rngs)
    return gain, terminated


def run_episodes(
    kernel: Kernel,
    policy: tuple[Any, ...],
    greedy: bool,
    task: Task,
    worlds: WorldBatch,
    seed: int,
    max_steps: int,
) -> Outcomes:
    """Play an episode from each of N start worlds, on all cores; draws do not depend on N.

    Args:
        kernel: `kernel(first, last, policy, episodes)` plays episodes `first` to `last - 1`.
        policy: A NamedTuple of the kernel's policy.
        greedy: Whether it takes its most probable action.
        task: The task.
        worlds: N start worlds.
        seed: Of the draws.
        max_steps: Horizon.
    """
    n = len(worlds)
    outcomes = np.zeros(n), np.zeros(n, np.int64), np.zeros(n, np.bool_)
    begun, draws = begun_worlds(task, worlds), states_of(seed, n)[:, None]
    episodes = KernelEpisodes(begun, draws, greedy, max_steps, *outcomes)
    run: Callable[..., None] = kernel.of(task)
    in_parallel(lambda first, last: run(first, last, policy, episodes), n)
    returns, lengths, terminated = outcomes
    return Outcomes(returns, lengths, terminated & is_solved(task, returns))
