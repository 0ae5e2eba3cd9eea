"""The interpreter's kernels: many runs, one run with its trace, and programs as policies."""

from __future__ import annotations

from typing import Any

import numpy as np

from karel_gym.simulation.kernels import inner, kernel
from karel_gym.tasks.task import N_COUNTERS, begin
from programmatic.machine.bytecode import argument_of
from programmatic.machine.interpreter import NO_ACTION, advance, copy, run


@inner
def begin_worlds(
    first: int, last: int, step: int, cells: Any, width: int, robots: Any, counters: Any
) -> None:
    """Begin an episode in each of many worlds; see `execute_runs` for the arrays."""
    for j in range(first, last, step):
        begin(cells[j], width, robots[j, 0], counters[j])


@inner
def execute_runs(
    first: int,
    last: int,
    step: int,
    codes: Any,
    cells: Any,
    width: int,
    robots: Any,
    rngs: Any,
    counters: Any,
    max_calls: int,
    max_actions: int,
    skip_loops: bool,
    run_cells: Any,
    run_counters: Any,
    robot: Any,
    rng: Any,
    returns: Any,
    actions: Any,
    calls: Any,
    terminated: Any,
) -> None:
    """Do some of the runs of P programs in N worlds; run k is of program k // N in world k % N.

    Args:
        first, last, step: The runs.
        codes: int64, (P, L).
        cells: uint8, (N, H*W); start worlds, in which the episodes have begun.
        width: W.
        robots: int64, (N, 2).
        rngs: uint64, (N, 1).
        counters: int32, (N, N_COUNTERS).
        max_calls, max_actions: Limits.
        skip_loops: Whether to look for endless loops.
        run_cells, run_counters: uint8, (2, H*W), and int32, (2, N_COUNTERS); room for a run.
        robot, rng: int64, (2,), and uint64, (1,); room for a run.
        returns, actions, calls, terminated: float64, int64, int64, bool, each (P, N); written.
    """
    n_worlds = returns.shape[1]
    no_trace = run_counters[0, :0]
    for k in range(first, last, step):
        i, j = k // n_worlds, k % n_worlds
        copy(cells[j], run_cells[0])
        copy(counters[j], run_counters[0])
        copy(robots[j], robot)
        copy(rngs[j], rng)
        returns[i, j], actions[i, j], calls[i, j], terminated[i, j] = run(
            codes[i],
            width,
            robot,
            rng,
            run_cells[0],
            run_counters[0],
            run_cells[1],
            run_counters[1],
            max_calls,
            max_actions,
            skip_loops,
            no_trace,
        )


@kernel
def begin_all(cells: Any, width: int, robots: Any, counters: Any) -> None:
    """Begin an episode in each of N worlds; see `execute_runs` for the arrays."""
    begin_worlds(0, len(cells), 1, cells, width, robots, counters)


@kernel
def execute_part(
    first: int,
    last: int,
    codes: Any,
    cells: Any,
    width: int,
    robots: Any,
    rngs: Any,
    counters: Any,
    max_calls: int,
    max_actions: int,
    skip_loops: bool,
    returns: Any,
    actions: Any,
    calls: Any,
    terminated: Any,
) -> None:
    """Do the runs `first` to `last - 1`; see `execute_runs`."""
    execute_runs(
        first,
        last,
        1,
        codes,
        cells,
        width,
        robots,
        rngs,
        counters,
        max_calls,
        max_actions,
        skip_loops,
        np.empty((2, cells.shape[1]), dtype=np.uint8),
        np.empty((2, N_COUNTERS), dtype=np.int32),
        np.empty(2, dtype=np.int64),
        np.empty(1, dtype=np.uint64),
        returns,
        actions,
        calls,
        terminated,
    )


@kernel
def execute_one(
    code: Any,
    cells: Any,
    width: int,
    robot: Any,
    rng: Any,
    max_calls: int,
    max_actions: int,
    skip_loops: bool,
    trace: Any,
) -> Any:
    """Run one program in one world, which is changed to the final one; see `run`."""
    counters = np.zeros((2, N_COUNTERS), dtype=np.int32)
    begin(cells, width, robot[0], counters[0])
    return run(
        code,
        width,
        robot,
        rng,
        cells,
        counters[0],
        np.empty_like(cells),
        counters[1],
        max_calls,
        max_actions,
        skip_loops,
        trace,
    )


@inner
def next_action(code: Any, pc: int, repeats: Any, percepts: Any, max_calls: int) -> Any:
    """Advance a program to its next action; see `next_actions`.

    Returns:
        The token index of the action, or NO_ACTION; and the program's `pc` and `repeats` there.
    """
    bits = 0
    for k in range(percepts.size):
        bits |= int(percepts[k] != 0) << k
    at, pc, repeats, _ = advance(code, pc, repeats, bits, max_calls)
    return at, pc, repeats


@inner
def action_at(code: Any, at: int) -> int:
    """The action that an instruction does; NO_ACTION if `at` is that."""
    return NO_ACTION if at == NO_ACTION else argument_of(code[at])


@kernel
def next_actions(
    code: Any, pcs: Any, repeats: Any, percepts: Any, max_calls: int, actions: Any, executing: Any
) -> None:
    """Advance one program in N episodes to their next actions.

    Args:
        code: int64, (L,), no longer than the program.
        pcs: int64, (N,); where each episode is. Changed, as the next.
        repeats: uint64, (N,).
        percepts: float32, (N, 5); what is not 0 is true.
        max_calls: Most calls between two actions.
        actions: int64, (N,); written: the action, or NO_ACTION.
        executing: int64, (N,); written: the token index of the action, or NO_ACTION.
    """
    for i in range(len(pcs)):
        executing[i], pcs[i], repeats[i] = next_action(
            code, pcs[i], repeats[i], percepts[i], max_calls
        )
        actions[i] = action_at(code, executing[i])
        if actions[i] == NO_ACTION:
            pcs[i] = code.size - 1  # its HALT: what was perceived for ever must not wake it


@kernel
def next_actions_of_each(
    which: Any, codes: Any, pcs: Any, repeats: Any, percepts: Any, max_calls: int, actions: Any
) -> None:
    """Advance the programs of some of N episodes, each of another one, to their next actions.

    Args:
        which: int64, (M,); the episodes.
        codes: int64, (N, L).
        pcs, repeats, percepts, max_calls, actions: As `next_actions` takes them.
    """
    for i in which:
        at, pcs[i], repeats[i] = next_action(codes[i], pcs[i], repeats[i], percepts[i], max_calls)
        actions[i] = action_at(codes[i], at)
