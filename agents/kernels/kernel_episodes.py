"""Episodes of policies that are kernels."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from karel_gym.envs.karel import is_solved
from karel_gym.robot import ACTIONS, act
from karel_gym.simulation.episodes import begun_worlds
from karel_gym.simulation.kernels import Kernel, inner
from karel_gym.simulation.rng import states_of, uniform
from karel_gym.tasks.task import Task, reward
from karel_gym.world import WorldBatch
from programmatic.machine.parallel import in_parallel
from programmatic.rollout import Outcomes

ALL_ACTIONS = 2 ** len(ACTIONS) - 1


@inner
def choose(weights: Any, allowed: int, greedy: bool, draws: Any) -> int:
    """An action of those whose bit in `allowed` is set: that of the largest weight, or a drawn one.

    Args:
        weights: (A,), in proportion to the probabilities of the actions.
        allowed: Bit k is action k's; one bit at least is set.
        greedy: Whether the action of the largest weight is taken.
        draws: uint64, (1,); where a uniform number comes from.
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
def act_in(
    cells: Any, width: int, robot: Any, rng: Any, counters: Any, action: int
) -> tuple[float, bool]:
    """Do an action in an episode, whose state changes: its reward, and whether it was the last.

    Args:
        cells: uint8, (H*W,).
        width: W.
        robot: int64, (2,): position and heading.
        rng: uint64, (1,).
        counters: int32, (N_COUNTERS,).
        action: The action.
    """
    effect = act(cells, width, robot[0], robot[1], action)
    robot[0], robot[1] = effect.position, effect.heading
    gain, terminated = reward(cells, width, effect, counters, rng)
    return gain, terminated


def run_episodes(
    kernel: Kernel,
    policy: tuple[Any, ...],
    task: Task,
    worlds: WorldBatch,
    seed: int,
    max_steps: int,
) -> Outcomes:
    """Let a kernel act from each of N start worlds, on all cores.

    Args:
        kernel: `kernel(first, last, *policy, cells, width, robots, rngs, counters, draws,
            max_steps, returns, lengths, terminated)` acts in the episodes `first` to `last - 1`,
            which have begun, and writes the last three.
        policy: What else it needs.
        task: The task that judges.
        worlds: N start worlds.
        seed: Of the draws; episode i's are the same whatever N is.
        max_steps: Horizon.
    """
    n = len(worlds)
    returns, lengths, terminated = np.empty(n), np.empty(n, np.int64), np.empty(n, np.bool_)
    arrays = *begun_worlds(task, worlds), states_of(seed, n)[:, None]
    run: Callable[..., None] = kernel.of(task)
    in_parallel(
        lambda first, last: run(
            first, last, *policy, *arrays, max_steps, returns, lengths, terminated
        ),
        n,
    )
    return Outcomes(returns, lengths, terminated & is_solved(task, returns))
