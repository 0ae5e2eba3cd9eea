"""`execute`: many programs in many worlds; `trace`: one run, action by action."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray

from karel_gym.episodes import Episodes
from karel_gym.registration import task_of
from karel_gym.tasks.task import Task
from karel_gym.world import MARKERS, WALL, World, WorldBatch
from programmatic.dsl import Program
from programmatic.machine.bytecode import argument_of, compile
from programmatic.machine.interpreter import execute_all, execute_one

MAX_CALLS = 10_000
NO_LIMIT = 2**62
CHUNKS_PER_THREAD = 16


@dataclass(frozen=True, eq=False)
class ExecutionResult:
    """What came of running P programs in N worlds.

    Attributes:
        returns: float64, (P, N); sums of rewards.
        actions: int64, (P, N); numbers of actions done.
        calls: int64, (P, N); numbers of actions done and percepts evaluated.
        terminated: bool, (P, N); whether the task ended the episode.
    """

    returns: NDArray[np.float64]
    actions: NDArray[np.int64]
    calls: NDArray[np.int64]
    terminated: NDArray[np.bool_]
    _programs: Sequence[Program]
    _worlds: Sequence[World] | WorldBatch
    _task: Task
    _limits: tuple[int, int]

    def final_world(self, program: int, world: int) -> World:
        """The world in which `program` left start world `world`; the run is done again for it."""
        final, _, _ = _run_once(
            self._task, self._programs[program], self._worlds[world], *self._limits, trace_length=0
        )
        return final


@dataclass(frozen=True, eq=False)
class TraceStep:
    """One action of a run."""

    action: int
    """The action's number."""
    span: tuple[int, int]
    """The program's tokens that it came from: first index, and one behind the last."""
    reward: float
    world: World
    """The world after the action."""


def execute(
    programs: Sequence[Program],
    worlds: Sequence[World] | WorldBatch,
    env_id: str,
    max_calls: int | None = MAX_CALLS,
    max_actions: int | None = None,
) -> ExecutionResult:
    """Run every program in every world, on all cores.

    A run ends when the program halts, the task terminates, or a limit is reached. A program in an
    endless loop gets the result that its limits would give, at once.

    Args:
        programs: P programs.
        worlds: N start worlds, of one size or several.
        env_id: The task that judges, as registered with Gymnasium.
        max_calls: Limit of calls (actions and percepts) a run; None: none, which a program that
            loops for ever but whose state never recurs takes for ever to reach.
        max_actions: Limit of actions a run.

    Raises:
        ValueError: The task is unknown, a limit is below 0, or there is no program or world.
        TypeError: One of `programs` is no Program, or one of `worlds` no World.

    Example:
        >>> from karel_gym import sample_worlds
        >>> sweep = Program.parse(
        ...     "DEF run m( WHILE c( markersPresent c) w( pickMarker move w) m)")
        >>> result = execute([sweep], sample_worlds("Karel-Harvester-v0", 2), "Karel-Harvester-v0")
        >>> result.returns.round(2).tolist(), result.actions.tolist()
        ([[0.17, 0.17]], [[12, 12]])
    """
    task = task_of(env_id)
    limits = _limit("max_calls", max_calls), _limit("max_actions", max_actions)
    if not len(programs) or not len(worlds):
        raise ValueError(f"nothing to run: {len(programs)} programs in {len(worlds)} worlds")
    _check_types("programs", programs, Program)
    codes = compile(programs)
    shape = len(programs), len(worlds)
    returns = np.empty(shape)
    actions, calls = np.empty(shape, dtype=np.int64), np.empty(shape, dtype=np.int64)
    terminated = np.empty(shape, dtype=np.bool_)
    results = returns, actions, calls, terminated
    for columns, batch in _by_size(worlds):
        part = [np.empty((len(programs), len(batch)), dtype=array.dtype) for array in results]
        cells, robots, rngs = _arrays(batch)
        execute_all.of(task)(
            codes,
            cells,
            batch.shape[1],
            robots,
            rngs,
            *limits,
            True,
            CHUNKS_PER_THREAD * numba.get_num_threads(),
            *part,
        )
        for array, values in zip(results, part, strict=True):
            array[:, columns] = values
    return ExecutionResult(*results, programs, worlds, task, limits)


def trace(
    program: Program,
    world: World,
    env_id: str,
    max_calls: int | None = MAX_CALLS,
    max_actions: int | None = None,
) -> list[TraceStep]:
    """Run one program in one world and tell every action of it.

    Args and errors are those of `execute`; endless loops are run up to the limits.
    """
    task = task_of(env_id)
    limits = _limit("max_calls", max_calls), _limit("max_actions", max_actions)
    _check_types("programs", [program], Program)
    _check_types("worlds", [world], World)
    if min(limits) == NO_LIMIT:
        raise ValueError("a trace needs a limit: give max_calls or max_actions")
    _, executing, code = _run_once(task, program, world, *limits, trace_length=min(limits))
    episodes = Episodes(task, 1, *world.shape)
    episodes.load(0, world)
    steps = []
    for at in executing.tolist():
        action = argument_of.py_func(int(code[at]))
        rewards, _, _ = episodes.step(np.array([action]))
        steps.append(TraceStep(action, (at, at + 1), float(rewards[0]), episodes.world(0)))
    return steps


def _run_once(
    task: Task, program: Program, world: World, max_calls: int, max_actions: int, trace_length: int
) -> tuple[World, NDArray[np.int32], NDArray[np.int64]]:
    """The final world of one run, the token index of each action, and the bytecode."""
    (code,) = compile([program])
    cells, robots, rngs = _arrays(WorldBatch.from_worlds([world]))
    executing = np.empty(trace_length, dtype=np.int32)
    _, n_actions, _, _ = execute_one.of(task)(
        code,
        cells[0],
        world.shape[1],
        robots[0],
        rngs[0],
        max_calls,
        max_actions,
        trace_length == 0,
        executing,
    )
    row, col = divmod(int(robots[0, 0]), world.shape[1])
    final = World(
        cells[0].reshape(world.shape) & (WALL | MARKERS),
        row,
        col,
        int(robots[0, 1]),
        int(rngs[0, 0]),
    )
    return final, executing[:n_actions], code


def _arrays(
    batch: WorldBatch,
) -> tuple[NDArray[np.uint8], NDArray[np.int64], NDArray[np.uint64]]:
    """A batch as the kernels take it: cells (N, H*W), robots (N, 2), random states (N, 1)."""
    rows, cols, headings = batch.robots.T
    robots = np.stack([rows * batch.shape[1] + cols, headings], axis=1).astype(np.int64)
    return batch.cells.reshape(len(batch), -1), robots, batch.random_states[:, None].copy()


def _by_size(
    worlds: Sequence[World] | WorldBatch,
) -> Iterator[tuple[Any, WorldBatch]]:
    """The worlds as batches of one size each, with the columns of the results they stand for."""
    if isinstance(worlds, WorldBatch):
        yield slice(None), worlds
        return
    _check_types("worlds", worlds, World)
    for shape in dict.fromkeys(world.shape for world in worlds):
        columns = [j for j, world in enumerate(worlds) if world.shape == shape]
        yield columns, WorldBatch.from_worlds([worlds[j] for j in columns])


def _limit(name: str, value: int | None) -> int:
    if value is None:
        return NO_LIMIT
    if value < 0:
        raise ValueError(f"{name} must be at least 0, got {value}")
    return int(value)


def _check_types(name: str, values: Sequence[Any], expected: type) -> None:
    for index, value in enumerate(values):
        if not isinstance(value, expected):
            raise TypeError(
                f"{name}[{index}] must be a {expected.__name__}, got {type(value).__name__}"
            )
