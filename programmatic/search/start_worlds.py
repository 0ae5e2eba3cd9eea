"""Start worlds of a search: distinct ones, and equal ones merged into one with a weight."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from karel_gym.registration import sample_worlds
from karel_gym.simulation.episodes import begun_worlds
from karel_gym.tasks.task import Task
from karel_gym.world import WorldBatch
from programmatic.search.programs.climb_state import StartWorlds

MOST_IN_VAIN = 64  # draws per distinct world, after which a task is taken to have no more


def distinct_worlds(
    env_id: str, n: int, seed: int = 0, height: int | None = None, width: int | None = None
) -> WorldBatch:
    """The first `n` distinct start worlds of a task's random stream; see `sample_worlds`.

    There are fewer if the task seems to have no more: OneStroke has 36 and Harvester-v1 4.

    Example:
        >>> len(distinct_worlds("Karel-OneStroke-v0", 100))
        36
    """
    drawn = n
    while True:
        drawn = min(2 * drawn, MOST_IN_VAIN * n)
        batch = sample_worlds(env_id, drawn, seed, height, width)
        _, firsts = np.unique(_rows(batch, with_randomness=False), return_index=True)
        if len(firsts) >= n or drawn == MOST_IN_VAIN * n:
            return worlds_at(batch, np.sort(firsts)[:n])


def worlds_at(batch: WorldBatch, chosen: NDArray[np.int64]) -> WorldBatch:
    """The worlds of a batch at these indices, (A,)."""
    return WorldBatch(batch.cells[chosen], batch.robots[chosen], batch.random_states[chosen])


def begin_worlds(task: Task, batch: WorldBatch) -> StartWorlds:
    """The worlds of a batch with the episodes begun; equal worlds are merged."""
    chosen, weights = merge_equal(task, batch)
    return StartWorlds(begun_worlds(task, batch).take(chosen), weights)


def merge_equal(task: Task, batch: WorldBatch) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The index of one world of each set of equal ones, (D,), and the sizes of the sets, (D,).

    Worlds that differ only in their random streams are equal if the task's reward draws no random
    numbers.
    """
    rows = _rows(batch, with_randomness=task.random_reward)
    _, chosen, weights = np.unique(rows, return_index=True, return_counts=True)
    return chosen.astype(np.int64), weights.astype(np.int64)


def _rows(batch: WorldBatch, with_randomness: bool) -> NDArray[np.void]:
    """One string of bytes per world, (N,); equal strings mean equal worlds."""
    arrays = [batch.cells, batch.robots, *([batch.random_states] if with_randomness else [])]
    parts = [np.ascontiguousarray(array).view(np.uint8).reshape(len(batch), -1) for array in arrays]
    rows = np.concatenate(parts, axis=1)
    return rows.view(np.dtype((np.void, rows.shape[1])))[:, 0]
