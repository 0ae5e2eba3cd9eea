"""Running episodes as arrays with one row per episode; kernels step them in place."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from karel_gym.simulation.devices import CPU, Device
from karel_gym.simulation.kernels import index, inner
from karel_gym.simulation.rng import stream_of

NO_ACTION = -1
"""The previous action before the first."""
EpisodeState = tuple[Any, ...]
"""A copy of the state of one episode: a row of each array of `EpisodeArrays.arrays`."""


class WorldArrays(NamedTuple):
    """The worlds of N running Karel episodes, or, without the first axis, of one of them."""

    cells: Any  # uint8, (N, H*W)
    width: int  # W
    robots: Any  # int64, (N, 2); position (row * W + column) and heading
    rngs: Any  # uint64, (N, 1); random states
    counters: Any  # int32, (N, N_COUNTERS); the task's counters

    def take(self, rows: Any) -> WorldArrays:
        """A copy of these rows."""
        cells, width, robots, rngs, counters = self
        return WorldArrays(cells[rows], width, robots[rows], rngs[rows], counters[rows])


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


class Progress(NamedTuple):
    """The progress of N running episodes."""

    streams: Any  # uint64, (N, 1); the sources of the random states of later episodes
    returns: Any  # float64, (N,); the sums of rewards so far
    lengths: Any  # int64, (N,); the numbers of actions so far
    previous: Any  # int64, (N,); the last actions, or NO_ACTION before the first


class Steps(NamedTuple):
    """The results of one action in each of N episodes."""

    rewards: Any  # float64, (N,)
    terminated: Any  # bool, (N,)
    truncated: Any  # bool, (N,)


@inner
def begin_progress(i: Any, progress: Any) -> None:
    """Set the progress of episode `i` to that of a new episode."""
    progress.returns[i], progress.lengths[i], progress.previous[i] = 0.0, 0, NO_ACTION


@inner
def skip_step(i: Any, steps: Any) -> None:
    """Write the results of a step in which episode `i` began anew."""
    steps.rewards[i], steps.terminated[i], steps.truncated[i] = 0.0, False, False


@inner
def finish_step(
    i: Any, action: int, reward: float, terminated: bool, progress: Any, max_steps: int, steps: Any
) -> None:
    """Write the results of an action in episode `i`, and add them to its progress."""
    progress.returns[i] += reward
    progress.lengths[i] += 1
    progress.previous[i] = action
    steps.rewards[i], steps.terminated[i] = reward, terminated
    steps.truncated[i] = progress.lengths[i] >= max_steps and not terminated


class EpisodeArrays(ABC):
    """N episodes that kernels step in place; a `ValueError` if `n` or `max_steps` is below 1.

    Args:
        n: N.
        max_steps: Horizon after which an episode is truncated.
        begin: Compiled kernel (n, which, fresh, system, progress).
        step: Compiled kernel (n, actions, restarting, system, progress, max_steps, steps).
        system: The arrays of the simulated system. They are passed as plain tuples, since numba
            takes 1.5 us to look up the type of a NamedTuple.
        device: The device of the arrays.
    """

    def __init__(
        self,
        n: int,
        max_steps: int,
        begin: Callable[..., None],
        step: Callable[..., None],
        system: tuple[Any, ...],
        device: Device = CPU,
    ) -> None:
        if not isinstance(max_steps, int) or not 1 <= max_steps < 2**63:
            raise ValueError(f"max_steps must be a whole number from 1 up, got {max_steps!r}")
        self.device = device
        self.max_steps = max_steps
        self.streams = device.zeros((n, 1), np.uint64)
        self.returns = device.zeros((n,), np.float64)
        self.lengths = device.zeros((n,), np.int64)
        self.previous = device.zeros((n,), np.int64) + NO_ACTION
        self._begin, self._step, self._system = begin, step, tuple(system)
        self._progress = self.streams, self.returns, self.lengths, self.previous

    def __len__(self) -> int:
        return len(self.returns)

    @property
    @abstractmethod
    def arrays(self) -> tuple[Any, ...]:
        """All arrays that change as episodes run, each with one row per episode."""

    @abstractmethod
    def write_start(self, index: int, start: Any) -> None:
        """Write a given start into the arrays of the system."""

    def reset(self, which: Any) -> None:
        """Begin the episodes `which`, bool, (N,), at random."""
        self._begin(len(self), which, True, self._system, self._progress)

    def load(self, index: int, start: Any) -> None:
        """Begin episode `index` from a given start; a `ValueError` if it is not a start."""
        self.write_start(index, start)
        which = self.device.zeros((len(self),), np.bool_)
        which[index] = True
        self._begin(len(self), which, False, self._system, self._progress)

    def step(self, actions: Any, restarting: Any = None) -> tuple[Any, Any, Any]:
        """Do one action, int64, (N,), per episode.

        `restarting`, bool, (N,), are the episodes that begin anew instead, with reward 0. Returns
        rewards float64, terminated bool, truncated bool; each (N,).
        """
        n, zeros = len(self), self.device.zeros
        steps = zeros((n,), np.float64), zeros((n,), np.bool_), zeros((n,), np.bool_)
        if restarting is None:
            restarting = zeros((n,), np.bool_)
        self._step(n, actions, restarting, self._system, self._progress, self.max_steps, steps)
        return steps

    def seed(self, index: int, seed: int) -> None:
        """Let episode `index` and those after it draw from the stream of `seed`."""
        self.streams[index] = self.device.from_host(np.array([stream_of(seed)]))

    def get_state(self, index: int) -> EpisodeState:
        """A copy of the state of episode `index`."""
        return tuple(self.device.copy(array[index : index + 1]) for array in self.arrays)

    def set_state(self, index: int, state: EpisodeState) -> None:
        """Continue episode `index` from a copied state; a `ValueError` if it does not fit."""
        rows = [tuple(array.shape[1:]) for array in self.arrays]
        if [tuple(row.shape[1:]) for row in state] != rows:
            raise ValueError("this is no state of such an episode: its arrays have other shapes")
        for array, row in zip(self.arrays, state, strict=True):
            array[index : index + 1] = row

    def outcomes(self, n_actions: int, observe: Callable[[], Any]) -> tuple[Any, Any, Any]:
        """The results of the actions 0 .. A - 1; the episodes stay as they are.

        Returns:
            Observations (N, A, ...) by `observe`, rewards float64 (N, A), terminated bool (N, A).
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
            for array, copied in zip(self.arrays, before, strict=True):
                array[:] = copied
        return observations, rewards, terminated
