"""Episodes of policies that are kernels."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from karel_gym.kernels import Kernel, inner
from karel_gym.rng import states_of
from karel_gym.robot import act
from karel_gym.tasks.task import N_COUNTERS, Task, reward
from karel_gym.world import WorldBatch
from programmatic.machine.execution import arrays_of
from programmatic.machine.parallel import in_parallel
from programmatic.machine.rollouts import begin_all

Outcomes = tuple[NDArray[np.float64], NDArray[np.int64], NDArray[np.bool_]]
"""Returns, lengths and whether the episodes terminated, each (N,)."""


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
    n, width = len(worlds), worlds.shape[1]
    cells, robots, rngs = arrays_of(worlds)
    cells = cells.copy()
    counters = np.zeros((n, N_COUNTERS), dtype=np.int32)
    begin_all.of(task)(cells, width, robots, counters)
    outcomes = np.empty(n), np.empty(n, np.int64), np.empty(n, np.bool_)
    arrays = cells, width, robots, rngs, counters, states_of(seed, n)[:, None]
    run: Callable[..., None] = kernel.of(task)
    in_parallel(lambda first, last: run(first, last, *policy, *arrays, max_steps, *outcomes), n)
    return outcomes
