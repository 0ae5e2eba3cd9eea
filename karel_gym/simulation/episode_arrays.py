"""Running episodes as arrays with one row per episode; kernels step them in place."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from karel_gym.simulation.devices import CPU, Device
from karel_gym.simulation.kernels import index, inner
from karel_gym.simulation.rng import stream_of

EpisodeState = tuple[Any, ...]
"""All that one episode is, a copy: a row of each array of `EpisodeArrays.arrays`."""


class WorldArrays(NamedTuple):
    """The worlds of N running Karel episodes, or, without the first axis, of one of them."""

    cells: Any
    """uint8, (N, H*W)."""
    width: int
    """W."""
    robots: Any
    """int64, (N, 2); position (row * W + column) and heading."""
    rngs: Any
    """uint64, (N, 1); random states."""
    counters: Any
    """int32, (N, N_COUNTERS); the task's counters."""

    def take(self, rows: Any) -> WorldArrays:
        """A copy of these rows."""
        return WorldArrays(
            self.cells[rows],
            self.width,
            self.robots[rows],
            self.rngs[rows],
            self.counters[rows],
        )


@inner
def world_at(worlds: Any, i: int) -> WorldArrays:
    """Row `i` of `WorldArrays`, not copied."""
    k = index(i)
    return WorldArrays(
        worlds.cells[k], worlds.width, worlds.robots[k], worlds.rngs[k], worlds.counters[k]
    )


@inner
def copy(source: Any, target: Any) -> None:
    """Copy the elements of an array."""
    for i in range(source.size):
        target[i] = source[i]


@inner
def copy_world(source: Any, target: Any) -> None:
    """Copy the arrays of one world."""
    copy(source.cells, target.cells)
    copy(source.robots, target.robots)
    copy(source.rngs, target.rngs)
    copy(source.counters, target.counters)


class EpisodeArrays(ABC):
    """N episodes that kernels step in place.

    Args:
        n: N, from 1 up.
        device: Where the arrays are and the episodes run.

    Attributes:
        streams: uint64, (N, 1); where the random states of later episodes come from.
        returns: float64, (N,); the sum of rewards so far.
        lengths: int64, (N,); the number of actions so far.

    Raises:
        ValueError: `n` is below 1.
    """

    def __init__(self, n: int, device: Device = CPU) -> None:
        if n < 1:
            raise ValueError(f"num_envs must be at least 1, got {n}")
        self.device = device
        self.streams = device.zeros((n, 1), np.uint64)
        self.returns = device.zeros((n,), np.float64)
        self.lengths = device.zeros((n,), np.int64)

    def __len__(self) -> int:
        return len(self.returns)

    @property
    @abstractmethod
    def arrays(self) -> tuple[Any, ...]:
        """All arrays that change as episodes run; each has a row an episode."""

    @abstractmethod
    def reset(self, which: Any) -> None:
        """Begin the episodes `which`, bool, (N,), at random."""

    @abstractmethod
    def load(self, index: int, start: Any) -> None:
        """Begin episode `index` from a given start."""

    @abstractmethod
    def step(self, actions: Any, restarting: Any = None) -> tuple[Any, Any, Any]:
        """Do one action an episode.

        Args:
            actions: int64, (N,).
            restarting: bool, (N,); episodes that begin anew instead, with reward 0.

        Returns:
            rewards float64, terminated bool, truncated bool; each (N,).
        """

    def seed(self, index: int, seed: int) -> None:
        """Let episode `index` and those after it draw from the stream of `seed`."""
        self.streams[index] = self.device.from_host(np.array([stream_of(seed)]))

    def get_state(self, index: int) -> EpisodeState:
        """A copy of all that episode `index` is."""
        return tuple(self.device.copy(array[index : index + 1]) for array in self.arrays)

    def set_state(self, index: int, state: EpisodeState) -> None:
        """Let episode `index` be what an episode was when `get_state` copied it.

        Raises:
            ValueError: It is not the state of such an episode.
        """
        rows = [tuple(array.shape[1:]) for array in self.arrays]
        if [tuple(row.shape[1:]) for row in state] != rows:
            raise ValueError("this is no state of such an episode: its arrays have other shapes")
        for array, row in zip(self.arrays, state, strict=True):
            array[index : index + 1] = row

    def outcomes(self, n_actions: int, observe: Callable[[], Any]) -> tuple[Any, Any, Any]:
        """What each action would lead to; the episodes stay as they are.

        Args:
            n_actions: A; the actions are 0 to A - 1.
            observe: `observe()` is what the episodes' agents observe now, (N, ...).

        Returns:
            Observations (N, A, ...), rewards float64 (N, A) and terminated bool (N, A).
        """
        n = len(self)
        before = [self.device.copy(array) for array in self.arrays]
        now = observe()
        shape, dtype = tuple(now.shape[1:]), self.device.dtype(now)
        observations = self.device.zeros((n, n_actions, *shape), dtype)
        rewards = self.device.zeros((n, n_actions), np.float64)
        terminated = self.device.zeros((n, n_actions), np.bool_)
        for action in range(n_actions):
            actions = self.device.from_host(np.full(n, action, dtype=np.int64))
            rewards[:, action], terminated[:, action], _ = self.step(actions)
            observations[:, action] = observe()
            for array, copy in zip(self.arrays, before, strict=True):
                array[:] = copy
        return observations, rewards, terminated


def max_steps_or(default: int, max_steps: int | None) -> int:
    """The horizon of episodes: `max_steps`, or `default` where it is None.

    Raises:
        ValueError: `max_steps` is below 1.
    """
    if max_steps is None:
        return default
    if not isinstance(max_steps, int) or not 1 <= max_steps < 2**63:
        raise ValueError(f"max_steps must be a whole number from 1 up, got {max_steps!r}")
    return max_steps
