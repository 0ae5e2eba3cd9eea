"""Running episodes: many at once, as a struct of arrays that the kernels step in place."""

from __future__ import annotations

from typing import Any

import numpy as np

from karel_gym.robot import act
from karel_gym.simulation.devices import CPU, Device
from karel_gym.simulation.episode_arrays import EpisodeArrays, WorldArrays, max_steps_or
from karel_gym.simulation.kernels import index, inner, kernel
from karel_gym.simulation.rng import draw_state, states_of
from karel_gym.tasks.task import N_COUNTERS, Task, begin, generate, reward
from karel_gym.world import MARKERS, WALL, World, WorldBatch

NO_ACTION = -1
"""What stands for the previous action before the first."""


@kernel
def generate_worlds(
    first: int, last: int, step: int, cells: Any, width: int, robots: Any, rngs: Any
) -> None:
    """Write a start world a row; see `Episodes` for the arrays."""
    for k in range(first, last, step):
        i = index(k)
        cells[i] = 0
        robots[i, 0], robots[i, 1] = generate(cells[i], width, rngs[i])


@kernel
def begin_worlds(first: int, last: int, step: int, worlds: Any) -> None:
    """Begin the episodes in these worlds, a `WorldArrays` whose counters are 0."""
    for k in range(first, last, step):
        i = index(k)
        begin(worlds.cells[i], worlds.width, worlds.robots[i, 0], worlds.counters[i])


@inner
def begin_episode(
    fresh: bool,
    cells: Any,
    width: int,
    robot: Any,
    counters: Any,
    rng: Any,
    stream: Any,
) -> None:
    """Begin one episode, in a new world if `fresh`, else in the one that is there."""
    if fresh:
        rng[0] = draw_state(stream)
        cells[:] = 0
        robot[0], robot[1] = generate(cells, width, rng)
    counters[:] = 0
    begin(cells, width, robot[0], counters)


@kernel
def begin_episodes(
    first: int,
    last: int,
    step: int,
    which: Any,
    fresh: bool,
    cells: Any,
    width: int,
    robots: Any,
    counters: Any,
    rngs: Any,
    streams: Any,
    returns: Any,
    lengths: Any,
) -> None:
    """Begin the episodes `which` (bool, (N,)), in new worlds if `fresh`, else in those that are."""
    for k in range(first, last, step):
        i = index(k)
        if which[i]:
            begin_episode(fresh, cells[i], width, robots[i], counters[i], rngs[i], streams[i])
            returns[i], lengths[i] = 0.0, 0


@kernel
def step_episodes(
    first: int,
    last: int,
    step: int,
    actions: Any,
    restarting: Any,
    cells: Any,
    width: int,
    robots: Any,
    counters: Any,
    rngs: Any,
    streams: Any,
    returns: Any,
    lengths: Any,
    max_steps: int,
    rewards: Any,
    terminated: Any,
    truncated: Any,
) -> None:
    """Do one action an episode, or begin a new episode where `restarting`, bool, (N,), says so.

    Writes `rewards`, float64, `terminated` and `truncated`, bool, each (N,).
    """
    for k in range(first, last, step):
        i = index(k)
        if restarting[i]:
            begin_episode(True, cells[i], width, robots[i], counters[i], rngs[i], streams[i])
            returns[i], lengths[i] = 0.0, 0
            rewards[i], terminated[i], truncated[i] = 0.0, False, False
            continue
        effect = act(cells[i], width, robots[i, 0], robots[i, 1], actions[i])
        robots[i, 0] = effect.position
        robots[i, 1] = effect.heading
        rewards[i], terminated[i] = reward(cells[i], width, effect, counters[i], rngs[i])
        returns[i] += rewards[i]
        lengths[i] += 1
        truncated[i] = lengths[i] >= max_steps and not terminated[i]


class Episodes(EpisodeArrays):
    """N episodes of a task in worlds of one size.

    Args:
        task: The task.
        n: N.
        height, width: Size of the worlds, walls included.
        max_steps: Horizon after which an episode is truncated; default the task's own.
        device: Where the arrays are and the episodes run.

    Attributes:
        cells: uint8, (N, H*W).
        robots: int64, (N, 2); position (row * W + column) and heading.
        counters: int32, (N, N_COUNTERS).
        rngs: uint64, (N, 1); the random state of the present world.
        previous: int64, (N,); the last action, or `NO_ACTION` before the first.
        streams, returns, lengths: As `EpisodeArrays` has them.

    Raises:
        ValueError: The task has no worlds of this size, or `n` or `max_steps` is below 1.
    """

    def __init__(
        self,
        task: Task,
        n: int,
        height: int | None = None,
        width: int | None = None,
        max_steps: int | None = None,
        device: Device = CPU,
    ) -> None:
        super().__init__(n, device)
        self.task = task
        self.height = task.shape[0] if height is None else height
        self.width = task.shape[1] if width is None else width
        task.check_shape(self.height, self.width)
        self.max_steps = max_steps_or(task.horizon(self.height, self.width), max_steps)
        self.cells = device.zeros((n, self.height * self.width), np.uint8)
        self.robots = device.zeros((n, 2), np.int64)
        self.counters = device.zeros((n, N_COUNTERS), np.int32)
        self.rngs = device.zeros((n, 1), np.uint64)
        self.previous = device.zeros((n,), np.int64) + NO_ACTION
        self._begin = device.kernel(begin_episodes, task)
        self._step = device.kernel(step_episodes, task)

    @property
    def arrays(self) -> tuple[Any, ...]:
        """All arrays that change as episodes run; each has a row an episode."""
        return (
            *(self.cells, self.robots, self.counters, self.rngs, self.previous),
            *(self.streams, self.returns, self.lengths),
        )

    def reset(self, which: Any) -> None:
        """Begin the episodes `which`, bool, (N,), in new random worlds."""
        self._start(which, fresh=True)

    def load(self, index: int, start: World) -> None:
        """Begin episode `index` in the world `start`.

        Raises:
            ValueError: It is no World, or has another size.
        """
        if not isinstance(start, World):
            raise ValueError(f"the start of an episode must be a World, got {start!r}")
        if start.shape != (self.height, self.width):
            raise ValueError(
                f"this environment's worlds are {self.height}x{self.width}, "
                f"got one of {start.shape[0]}x{start.shape[1]}"
            )
        robot = start.row * self.width + start.col, start.heading
        self.cells[index] = self.device.from_host(start.cells.ravel())
        self.robots[index] = self.device.from_host(np.array(robot, dtype=np.int64))
        self.rngs[index] = self.device.from_host(np.array([start.random_state], dtype=np.uint64))
        which = self.device.zeros((len(self),), np.bool_)
        which[index] = True
        self._start(which, fresh=False)

    def _start(self, which: Any, fresh: bool) -> None:
        self._begin(
            len(self),
            which,
            fresh,
            self.cells,
            self.width,
            self.robots,
            self.counters,
            self.rngs,
            self.streams,
            self.returns,
            self.lengths,
        )
        self.previous[which] = NO_ACTION

    def step(self, actions: Any, restarting: Any = None) -> tuple[Any, Any, Any]:
        """Do one action an episode.

        Args:
            actions: int64, (N,), each in 0..4.
            restarting: bool, (N,); episodes that begin anew instead, with reward 0.

        Returns:
            rewards float64, terminated bool, truncated bool; each (N,).
        """
        n = len(self)
        rewards = self.device.zeros((n,), np.float64)
        terminated = self.device.zeros((n,), np.bool_)
        truncated = self.device.zeros((n,), np.bool_)
        self._step(
            n,
            actions,
            self.device.zeros((n,), np.bool_) if restarting is None else restarting,
            self.cells,
            self.width,
            self.robots,
            self.counters,
            self.rngs,
            self.streams,
            self.returns,
            self.lengths,
            self.max_steps,
            rewards,
            terminated,
            truncated,
        )
        self.previous[:] = actions
        if restarting is not None:
            self.previous[restarting] = NO_ACTION
        return rewards, terminated, truncated

    def world(self, index: int) -> World:
        """The present world of episode `index`."""
        arrays = self.cells, self.width, self.robots, self.rngs, self.counters
        return world_of(WorldArrays(*arrays), index, self.device)


def begun_worlds(task: Task, batch: WorldBatch, device: Device = CPU) -> WorldArrays:
    """The worlds of a batch as arrays of `device`, with the episodes begun."""
    n, (_, width) = len(batch), batch.shape
    rows, cols, headings = batch.robots.T
    robots = np.stack([rows * width + cols, headings], axis=1).astype(np.int64)
    worlds = WorldArrays(
        device.from_host(batch.cells.reshape(n, -1)),
        width,
        device.from_host(robots),
        device.from_host(batch.random_states[:, None]),
        device.zeros((n, N_COUNTERS), np.int32),
    )
    device.kernel(begin_worlds, task)(n, worlds)
    return worlds


def world_of(worlds: WorldArrays, index: int, device: Device = CPU) -> World:
    """Row `index` of `WorldArrays` as a `World`."""
    position, heading = worlds.robots[index].tolist()
    row, col = divmod(position, worlds.width)
    cells = device.to_host(worlds.cells[index]).reshape(-1, worlds.width)
    (random_state,) = device.to_host(worlds.rngs[index]).tolist()
    return World(cells & np.uint8(WALL | MARKERS), row, col, heading, random_state)


def sample_task_worlds(
    task: Task, n: int, seed: int, height: int | None = None, width: int | None = None
) -> WorldBatch:
    """`n` random start worlds of a task; see `karel_gym.sample_worlds`."""
    height = task.shape[0] if height is None else height
    width = task.shape[1] if width is None else width
    task.check_shape(height, width)
    cells = np.empty((n, height * width), dtype=np.uint8)
    robots = np.empty((n, 2), dtype=np.int64)
    rngs = states_of(seed, n)[:, None]
    CPU.kernel(generate_worlds, task)(n, cells, width, robots, rngs)
    rows, cols = np.divmod(robots[:, 0], width)
    return WorldBatch(
        cells.reshape(n, height, width),
        np.stack([rows, cols, robots[:, 1]], axis=1).astype(np.int32),
        rngs[:, 0],
    )
