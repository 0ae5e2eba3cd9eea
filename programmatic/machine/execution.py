"""`execute`: many programs in many worlds; `trace`: one run, action by action."""

from __future__ import annotations

import operator
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from karel_gym.registration import task_of
from karel_gym.simulation.devices import CPU, Device, device_named
from karel_gym.simulation.episodes import Episodes
from karel_gym.tasks.task import N_COUNTERS, Task
from karel_gym.world import MARKERS, WALL, World, WorldBatch
from programmatic.dsl import Program
from programmatic.horizon import MAX_CALLS
from programmatic.machine.bytecode import argument_of, compile, compile_tokens, tokens_of
from programmatic.machine.execution_kernels import begin_all, execute_one, execute_part
from programmatic.machine.parallel import in_parallel

NO_LIMIT = 2**62
RESULT_TYPES = np.float64, np.int64, np.int64, np.bool_

Programs = Sequence[Program] | NDArray[np.integer[Any]]


@dataclass(frozen=True, eq=False)
class ExecutionResult:
    """What came of running P programs in N worlds.

    The arrays are numpy's, except that programs given as a torch tensor on the GPU that ran them
    give torch tensors there.

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
    _programs: Programs
    _worlds: Sequence[World] | WorldBatch
    _task: Task
    _limits: tuple[int, int]

    def final_world(self, program: int, world: int) -> World:
        """The world in which `program` left start world `world`; the run is done again for it."""
        chosen = self._programs[program]
        if not isinstance(chosen, Program):
            chosen = Program.from_tokens(chosen.tolist())
        final, _, _ = _run_once(
            self._task, chosen, self._worlds[world], *self._limits, trace_length=0
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
    programs: Program | Programs,
    worlds: World | Sequence[World] | WorldBatch,
    env_id: str,
    max_calls: int | None = MAX_CALLS,
    max_actions: int | None = None,
    device: str = "cpu",
) -> ExecutionResult:
    """Run every program in every world, on all cores or on a GPU.

    A run ends when the program halts, the task terminates, or a limit is reached. A program in an
    endless loop gets the result that its limits would give, at once.

    Args:
        programs: One program, or P programs; or their tokens, integers of shape (P, L), each row
            padded with 50 (`<pad>`), as a numpy array or a torch tensor. A tensor on the GPU is
            used in place.
        worlds: One start world, or N of one size or several.
        env_id: The task that judges, as registered with Gymnasium.
        max_calls: Limit of calls (actions and percepts) a run; None: none, which a program that
            loops for ever but whose state never recurs takes for ever to reach.
        max_actions: Limit of actions a run.
        device: "cpu" or "cuda"; the results are the same to the last bit.

    Raises:
        ValueError: The task or device is unknown, a limit is below 0, there is no program or world,
            or the tokens are not integers of two dimensions.
        ProgramSyntaxError: A row of tokens is no program; the message tells which.
        TypeError: One of `programs` is no Program, one of `worlds` no World, or `env_id` no text.
        RuntimeError: The device is "cuda", and there is none or numba-cuda is not installed.

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
    programs = [programs] if isinstance(programs, Program) else programs
    worlds = [worlds] if isinstance(worlds, World) else worlds
    if not len(programs) or not len(worlds):
        raise ValueError(f"nothing to run: {len(programs)} programs in {len(worlds)} worlds")
    place = device_named(device)
    codes = compile_tokens(_tokens(programs, place), place)
    shape = len(programs), len(worlds)
    results = [place.zeros(shape, dtype) for dtype in RESULT_TYPES]
    for columns, batch in _by_size(worlds):
        if len(batch) == len(worlds):
            _run_all(place, task, codes, batch, limits, results)
            break
        part = [place.zeros((shape[0], len(batch)), dtype) for dtype in RESULT_TYPES]
        _run_all(place, task, codes, batch, limits, part)
        for array, values in zip(results, part, strict=True):
            array[:, columns] = values
    if not isinstance(programs, place.array_type):
        results = [place.to_host(array) for array in results]
    returns, actions, calls, terminated = results
    return ExecutionResult(returns, actions, calls, terminated, programs, worlds, task, limits)


def _run_all(
    device: Device,
    task: Task,
    codes: Any,
    batch: WorldBatch,
    limits: tuple[int, int],
    results: list[Any],
) -> None:
    """Run all programs in the worlds of one size and write the results; all arrays on `device`."""
    cells, robots, rngs = arrays_of(batch)
    if device is CPU:
        execute_on_cores(task, codes, batch.shape[1], cells, robots, rngs, limits, results)
    else:
        from programmatic.machine.cuda import execute_on_gpu

        execute_on_gpu(
            task,
            codes,
            batch.shape[1],
            device.from_host(cells),
            device.from_host(robots),
            device.from_host(rngs),
            limits,
            results,
        )


def execute_on_cores(
    task: Task,
    codes: NDArray[np.int64],
    width: int,
    cells: NDArray[np.uint8],
    robots: NDArray[np.int64],
    rngs: NDArray[np.uint64],
    limits: tuple[int, int],
    results: list[Any],
    skip_loops: bool = True,
) -> None:
    """Run every program in every world, on all cores; see `execute_runs` for the arrays.

    Args:
        task: The task that judges.
        codes: int64, (P, L).
        width: W.
        cells: uint8, (N, H*W); start worlds.
        robots: int64, (N, 2).
        rngs: uint64, (N, 1).
        limits: Of calls and of actions.
        results: Returns, actions, calls and whether terminated, each (P, N); written.
        skip_loops: Whether to look for endless loops.
    """
    cells = cells.copy()
    counters = np.zeros((len(cells), N_COUNTERS), dtype=np.int32)
    begin_all.of(task)(cells, width, robots, counters)
    arrays = codes, cells, width, robots, rngs, counters
    run = execute_part.of(task)
    in_parallel(
        lambda first, last: run(first, last, *arrays, *limits, skip_loops, *results),
        len(codes) * len(cells),
    )


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
    n_actions = int(execute([program], [world], env_id, max_calls, max_actions).actions[0, 0])
    _, executing, code = _run_once(task, program, world, *limits, trace_length=n_actions)
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
    cells, robots, rngs = arrays_of(WorldBatch.from_worlds([world]))
    executing = np.empty(trace_length, dtype=np.int32)
    execute_one.of(task)(
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
    return final, executing, code


def arrays_of(
    batch: WorldBatch,
) -> tuple[NDArray[np.uint8], NDArray[np.int64], NDArray[np.uint64]]:
    """A batch as the kernels take it: cells (N, H*W), robots (N, 2), random states (N, 1)."""
    rows, cols, headings = batch.robots.T
    robots = np.stack([rows * batch.shape[1] + cols, headings], axis=1).astype(np.int64)
    return batch.cells.reshape(len(batch), -1), robots, batch.random_states[:, None].copy()


def _tokens(programs: Programs, device: Device) -> Any:
    """The tokens of programs, integers, (P, L), as an array of `device`."""
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
