"""Start worlds of a search: distinct ones, and equal ones merged into one of more weight."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from karel_gym.registration import sample_worlds
from karel_gym.simulation.episodes import begun_worlds
from karel_gym.tasks.task import Task
from karel_gym.world import WorldBatch
from programmatic.search.programs.climb_state import StartWorlds

MOST_IN_VAIN = 64
"""Worlds drawn for each that is asked for, before a task is taken to have no others."""


def distinct_worlds(
    env_id: str, n: int, seed: int = 0, height: int | None = None, width: int | None = None
) -> WorldBatch:
    """Random start worlds of a task of which no two are equal; see `sample_worlds`.

    Returns:
        The first `n` distinct ones of the task's stream of worlds; fewer if it seems to have no
        more, as OneStroke has 36 and Harvester-v1 4.

    Example:
        >>> len(distinct_worlds("Karel-OneStroke-v0", 100))
        36
    """
    drawn = n
    while True:
        drawn = min(2 * drawn, MOST_IN_VAIN * n)
        batch = sample_worlds(env_id, drawn, seed, height, width)
        _, firsts = np.unique(_rows(batch, with_randomness=False), axis=0, return_index=True)
        if len(firsts) >= n or drawn == MOST_IN_VAIN * n:
            chosen = np.sort(firsts)[:n]
            return WorldBatch(
                batch.cells[chosen], batch.robots[chosen], batch.random_states[chosen]
            )


def begin_worlds(task: Task, batch: WorldBatch) -> StartWorlds:
    """The worlds of a batch, the episodes begun, for the kernels of a search.

    Equal worlds are merged, see `merge_equal`.
    """
    chosen, weights = merge_equal(task, batch)
    return StartWorlds(begun_worlds(task, batch).take(chosen), weights)


def merge_equal(task: Task, batch: WorldBatch) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """One of each set of equal worlds, and how many there are in the set.

    Worlds that differ only in their random streams are equal if the task's reward draws no random
    numbers.

    Returns:
        Indices into the batch, (D,), and numbers of worlds, (D,).
    """
    rows = _rows(batch, with_randomness=task.random_reward)
    _, chosen, weights = np.unique(rows, axis=0, return_index=True, return_counts=True)
    return chosen.astype(np.int64), weights.astype(np.int64)


def _rows(batch: WorldBatch, with_randomness: bool) -> NDArray[np.uint8]:
    """A row of bytes a world, (N, B); equal rows, equal worlds."""
    arrays = [batch.cells, batch.robots, *([batch.random_states] if with_randomness else [])]
    parts = [np.ascontiguousarray(array).view(np.uint8).reshape(len(batch), -1) for array in arrays]
    return np.concatenate(parts, axis=1)
