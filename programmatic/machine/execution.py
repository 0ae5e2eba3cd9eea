"""`execute`: many programs in many worlds; `trace`: one run, action by action."""

from __future__ import annotations

import operator
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from karel_gym.registration import task_of
from karel_gym.simulation.devices import CPU, Device, device_named, in_parallel
from karel_gym.simulation.episode_arrays import WorldArrays
from karel_gym.simulation.episodes import Episodes, begun_worlds, world_of
from karel_gym.tasks.task import N_COUNTERS, Task
from karel_gym.world import World, WorldBatch
from programmatic.dsl import Program
from programmatic.horizon import MAX_CALLS, Limits
from programmatic.machine.bytecode import argument_of, compile, compile_tokens, tokens_of
from programmatic.machine.execution_kernels import Results, execute_one, execute_runs

NO_LIMIT = 2**62
RESULT_TYPES = np.float64, np.int64, np.int64, np.bool_
SCRATCH = 2**31  # bytes of a GPU's memory for the worlds of all runs in progress

Programs = Sequence[Program] | NDArray[np.integer[Any]]


@dataclass(frozen=True, eq=False)
class ExecutionResult:
    """The results of P programs in N worlds.

    The arrays are numpy arrays; if the programs were a torch tensor on the GPU that ran them, torch
    tensors on it.

    Attributes:
        returns: float64, (P, N); sums of rewards.
        actions: int64, (P, N); numbers of actions.
        calls: int64, (P, N); numbers of actions and evaluated percepts.
        terminated: bool, (P, N); whether the task ended the episode.
    """

    returns: NDArray[np.float64]
    actions: NDArray[np.int64]
    calls: NDArray[np.int64]
    terminated: NDArray[np.bool_]
    _programs: Programs
    _worlds: Sequence[World] | WorldBatch
    _task: Task
    _limits: Limits

    def final_world(self, program: int, world: int) -> World:
        """The final world of a run, which is repeated for it."""
        chosen = self._programs[program]
        if not isinstance(chosen, Program):
            chosen = Program.from_tokens(chosen.tolist())
        final, _, _ = _run_once(self._task, chosen, self._worlds[world], self._limits, 0)
        return final


@dataclass(frozen=True, eq=False)
class TraceStep:
    """One action of a run."""

    action: int
    """The action's number."""
    span: tuple[int, int]
    """The program's tokens that did it: first index, and one after the last."""
    reward: float
    world: World
    """The world after the action."""


def execute(
    programs: Program | Programs,
    worlds: World | Sequence[World] | WorldBatch,
    env_id: str,
    max_calls: int | None = MAX_CALLS,
    max_actions: int | None = None,
    device: str = "cpu",
    max_markers: int | None = None,
) -> ExecutionResult:
    """Run every program in every world, on all cores or on a GPU.

    A run ends when the program halts, the task terminates, or a limit is reached. Endless loops are
    recognized and not run: their result is that of reaching the limits.

    Args:
        programs: One program, or P programs; or their tokens, integers of shape (P, L), each row
            padded with 50 (`<pad>`), as a numpy array or a torch tensor. A tensor on the GPU is not
            copied.
        worlds: One start world, or N of one size or several.
        env_id: The id of the task.
        max_calls: Most calls (actions and percepts) of a run; None: no limit. Without a limit,
            `execute` never returns if a program loops forever and its state never recurs.
        max_actions: Most actions of a run; None: no limit.
        device: "cpu" or "cuda"; the results are identical.
        max_markers: The number of markers, 1 to 10, that fill a cell; None: the task's.

    Raises:
        ValueError: The task or device is unknown, a limit is negative, there is no program or
            world, or the tokens are not integers of two dimensions.
        ProgramSyntaxError: A row of tokens is not a program; the message names it.
        TypeError: A program is not a Program, a world not a World, or `env_id` not a str.
        RuntimeError: The device is "cuda", but there is no GPU or numba-cuda is not installed.

    Example:
        >>> from karel_gym import sample_worlds
        >>> sweep = Program.parse(
        ...     "DEF run m( WHILE c( markersPresent c) w( pickMarker move w) m)")
        >>> result = execute([sweep], sample_worlds("Karel-Harvester-v0", 2), "Karel-Harvester-v0")
        >>> result.returns.round(2).tolist(), result.actions.tolist()
        ([[0.17, 0.17]], [[12, 12]])
    """
    task = task_of(env_id).with_max_markers(max_markers)
    limits = Limits(_limit("max_calls", max_calls), _limit("max_actions", max_actions))
    programs = [programs] if isinstance(programs, Program) else programs
    worlds = [worlds] if isinstance(worlds, World) else worlds
    if not len(programs) or not len(worlds):
        raise ValueError(f"nothing to run: {len(programs)} programs in {len(worlds)} worlds")
    place = device_named(device)
    codes = compile_tokens(_tokens(programs, place), place)
    parts = [
        (columns, execute_batch(task, codes, batch, limits, place))
        for columns, batch in _by_size(worlds)
    ]
    results = parts[0][1]
    if len(parts) > 1:
        results = _results(place, len(programs), len(worlds))
        for columns, part in parts:
            for array, values in zip(results, part, strict=True):
                array[:, columns] = values
    if not isinstance(programs, place.array_type):
        results = Results(*map(place.to_host, results))
    return ExecutionResult(*results, programs, worlds, task, limits)


def execute_batch(
    task: Task,
    codes: Any,
    batch: WorldBatch,
    limits: Limits,
    device: Device = CPU,
    skip_loops: bool = True,
) -> Results:
    """Run P programs in N worlds of one size, on all cores or on a GPU.

    Args:
        task: The task.
        codes: int64, (P, L), on `device`.
        batch: The start worlds.
        limits: Both of them numbers.
        device: The device of the arrays of the results.
        skip_loops: Whether to look for endless loops.
    """
    worlds = begun_worlds(task, batch, device)
    results = _results(device, len(codes), len(batch))
    n_runs, n_cells = len(codes) * len(batch), worlds.cells.shape[1]
    if device is not CPU:
        n_threads = min(device.n_threads(n_runs), max(1, SCRATCH // (2 * n_cells)))
        rooms = _rooms(device, n_threads, worlds)
        launch = device.kernel(execute_runs, task, n_threads)
        launch(n_runs, codes, worlds, limits, skip_loops, rooms, results)
        return results
    run = execute_runs.of(task)

    def run_part(first: int, last: int) -> None:
        run(first, last, 1, codes, worlds, limits, skip_loops, _rooms(CPU, 1, worlds), results)

    in_parallel(run_part, n_runs)
    return results


def _results(device: Device, n_programs: int, n_worlds: int) -> Results:
    return Results(*(device.zeros((n_programs, n_worlds), dtype) for dtype in RESULT_TYPES))


def _rooms(device: Device, n_threads: int, worlds: WorldArrays) -> WorldArrays:
    """Two worlds like `worlds` for each thread to work in."""
    n = 2 * n_threads
    return WorldArrays(
        device.zeros((n, worlds.cells.shape[1]), np.uint8),
        worlds.width,
        device.zeros((n, 2), np.int64),
        device.zeros((n, 1), np.uint64),
        device.zeros((n, N_COUNTERS), np.int32),
    )


def trace(
    program: Program,
    world: World,
    env_id: str,
    max_calls: int | None = MAX_CALLS,
    max_actions: int | None = None,
    max_markers: int | None = None,
) -> list[TraceStep]:
    """Run one program in one world and return every action.

    Arguments and errors are those of `execute`; endless loops are run up to the limits.
    """
    task = task_of(env_id).with_max_markers(max_markers)
    limits = Limits(_limit("max_calls", max_calls), _limit("max_actions", max_actions))
    _check_types("programs", [program], Program)
    _check_types("worlds", [world], World)
    if limits == (NO_LIMIT, NO_LIMIT):
        raise ValueError("a trace needs a limit: give max_calls or max_actions")
    run = execute([program], [world], env_id, max_calls, max_actions, max_markers=max_markers)
    n_actions = int(run.actions[0, 0])
    _, executing, code = _run_once(task, program, world, limits, trace_length=n_actions)
    episodes = Episodes(task, 1, *world.shape)
    episodes.load(0, world)
    steps = []
    for at in executing.tolist():
        action = argument_of.py_func(int(code[at]))
        rewards, _, _ = episodes.step(np.array([action]))
        steps.append(TraceStep(action, (at, at + 1), float(rewards[0]), episodes.world(0)))
    return steps


def _run_once(
    task: Task, program: Program, world: World, limits: Limits, trace_length: int
) -> tuple[World, NDArray[np.int32], NDArray[np.int64]]:
    """The final world of one run, the token index of each action, and the bytecode."""
    (code,) = compile([program])
    rooms = begun_worlds(task, WorldBatch.from_worlds([world, world]))
    executing = np.empty(trace_length, dtype=np.int32)
    execute_one.of(task)(code, rooms, limits, trace_length == 0, executing)
    return world_of(rooms, 0), executing, code


def _tokens(programs: Programs, device: Device) -> Any:
    """The tokens, integers, (P, L), of programs, on `device`."""
    if str(getattr(programs, "dtype", "object")) != "object":
        tokens = device.asarray(programs)
        if tokens.ndim != 2 or device.dtype(tokens).kind not in "iu":
            raise ValueError(
                "programs as an array must be their tokens, integers of shape (P, L), got "
                f"{device.dtype(tokens)}, {tuple(tokens.shape)}"
            )
        return tokens
    several = cast(Sequence[Program], programs)
    _check_types("programs", several, Program)
    return device.asarray(tokens_of(several))


def _by_size(worlds: Sequence[World] | WorldBatch) -> Iterator[tuple[Any, WorldBatch]]:
    """The worlds as batches of one size each, with their columns in the results."""
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
    if operator.index(value) < 0:
        raise ValueError(f"{name} must be at least 0, got {value}")
    return min(operator.index(value), NO_LIMIT)


def _check_types(name: str, values: Sequence[Any], expected: type) -> None:
    if set(map(type, values)) == {expected}:
        return
    for index, value in enumerate(values):
        if not isinstance(value, expected):
            raise TypeError(
                f"{name}[{index}] must be a {expected.__name__}, got {type(value).__name__}"
            )
