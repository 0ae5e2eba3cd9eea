"""Running episodes of Karel tasks: the kernels that step them, and worlds as their arrays."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from karel_gym.robot import act
from karel_gym.simulation.devices import CPU, Device
from karel_gym.simulation.episode_arrays import (
    EpisodeArrays,
    Progress,
    Steps,
    WorldArrays,
    begin_progress,
    finish_step,
    skip_step,
)
from karel_gym.simulation.kernels import index, inner, kernel
from karel_gym.simulation.rng import draw_state, states_of
from karel_gym.tasks.task import N_COUNTERS, Task, begin, generate, reward
from karel_gym.world import MARKERS, WALL, World, WorldBatch


@kernel
def generate_worlds(first: int, last: int, step: int, worlds: Any) -> None:
    """Write start worlds into `WorldArrays` whose cells are 0."""
    for k in range(first, last, step):
        i = index(k)
        robot = generate(worlds.cells[i], worlds.width, worlds.rngs[i])
        worlds.robots[i, 0], worlds.robots[i, 1] = robot


@kernel
def begin_worlds(first: int, last: int, step: int, worlds: Any) -> None:
    """Begin the episodes in these worlds, a `WorldArrays` whose counters are 0."""
    for k in range(first, last, step):
        i = index(k)
        begin(worlds.cells[i], worlds.width, worlds.robots[i, 0], worlds.counters[i])


@inner
def begin_episode(
    fresh: bool, cells: Any, width: int, robot: Any, rng: Any, counters: Any, stream: Any
) -> None:
    """Begin one episode, in a new world if `fresh`, else in the present one."""
    if fresh:
        rng[0] = draw_state(stream)
        cells[:] = 0
        robot[0], robot[1] = generate(cells, width, rng)
    counters[:] = 0
    begin(cells, width, robot[0], counters)


@inner
def restart(i: Any, fresh: bool, worlds: Any, progress: Any) -> None:
    """Begin episode `i`; see `begin_episode`."""
    begin_episode(
        fresh,
        worlds.cells[i],
        worlds.width,
        worlds.robots[i],
        worlds.rngs[i],
        worlds.counters[i],
        progress.streams[i],
    )
    begin_progress(i, progress)


@kernel
def begin_episodes(
    first: int, last: int, step: int, which: Any, fresh: bool, system: Any, running: Any
) -> None:
    """Begin the episodes `which`, bool, (N,), in new worlds if `fresh`, else in those there."""
    worlds, progress = WorldArrays(*system), Progress(*running)
    for k in range(first, last, step):
        i = index(k)
        if which[i]:
            restart(i, fresh, worlds, progress)


@kernel
def step_episodes(
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
    """Do one action per episode, or begin a new one where `restarting`, bool, (N,), is true."""
    worlds, progress, steps = WorldArrays(*system), Progress(*running), Steps(*results)
    for k in range(first, last, step):
        i = index(k)
        if restarting[i]:
            restart(i, True, worlds, progress)
            skip_step(i, steps)
            continue
        effect = act(
            worlds.cells[i], worlds.width, worlds.robots[i, 0], worlds.robots[i, 1], actions[i]
        )
        worlds.robots[i, 0] = effect.position
        worlds.robots[i, 1] = effect.heading
        gain, terminated = reward(
            worlds.cells[i], worlds.width, effect, worlds.counters[i], worlds.rngs[i]
        )
        finish_step(i, actions[i], gain, terminated, progress, max_steps, steps)


class Episodes(EpisodeArrays):
    """N episodes of a task in worlds of one size; `worlds` are the `WorldArrays`.

    Size and horizon are the task's by default. A `ValueError` reports arguments out of their range.
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
        if n < 1:
            raise ValueError(f"num_envs must be at least 1, got {n}")
        self.task = task
        self.height, self.width = task.size(height, width)
        self.worlds = empty_worlds(n, self.height, self.width, device)
        self.cells, _, self.robots, self.rngs, self.counters = self.worlds
        super().__init__(
            n,
            task.horizon(self.height, self.width) if max_steps is None else max_steps,
            device.kernel(begin_episodes, task),
            device.kernel(step_episodes, task),
            self.worlds,
            device,
        )

    @property
    def arrays(self) -> tuple[Any, ...]:
        """All arrays that change as episodes run, each with one row per episode."""
        return self.cells, self.robots, self.rngs, self.counters, *self._progress

    def write_start(self, index: int, start: World) -> None:
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

    def world(self, index: int) -> World:
        """The present world of episode `index`."""
        return world_of(self.worlds, index, self.device)

    def looks(self, index: int) -> NDArray[np.uint8] | None:
        """What the cells of episode `index` look like in pictures; see `looks_of`."""
        return looks_of(self.task, self.worlds, index, self.device)


def empty_worlds(n: int, height: int, width: int, device: Device = CPU) -> WorldArrays:
    """Arrays of zeros for N worlds."""
    return WorldArrays(
        device.zeros((n, height * width), np.uint8),
        width,
        device.zeros((n, 2), np.int64),
        device.zeros((n, 1), np.uint64),
        device.zeros((n, N_COUNTERS), np.int32),
    )


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


def looks_of(
    task: Task, worlds: WorldArrays, index: int, device: Device = CPU
) -> NDArray[np.uint8] | None:
    """The `karel_gym.tasks.looks.Look` of each cell in row `index`, (H, W); None: no task's looks.

    Raises:
        ValueError: The task's function returns an array of another shape.
    """
    if task.looks is None:
        return None
    cells = np.array(device.to_host(worlds.cells[index])).reshape(-1, worlds.width)
    counters = np.array(device.to_host(worlds.counters[index]))
    looks = np.asarray(task.looks(cells, int(worlds.robots[index, 0]), counters), np.uint8)
    if looks.shape != cells.shape:
        raise ValueError(
            f"a task's looks must be of shape {cells.shape}, a look per cell, got {looks.shape}"
        )
    return looks


def sample_task_worlds(
    task: Task, n: int, seed: int, height: int | None = None, width: int | None = None
) -> WorldBatch:
    """`n` random start worlds of a task; see `karel_gym.sample_worlds`."""
    height, width = task.size(height, width)
    worlds = empty_worlds(n, height, width)
    worlds.rngs[:, 0] = states_of(seed, n)
    CPU.kernel(generate_worlds, task)(n, worlds)
    rows, cols = np.divmod(worlds.robots[:, 0], width)
    robots = np.stack([rows, cols, worlds.robots[:, 1]], axis=1).astype(np.int32)
    return WorldBatch(worlds.cells.reshape(n, height, width), robots, worlds.rngs[:, 0])
