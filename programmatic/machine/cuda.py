"""`execute` on a GPU: the interpreter's kernels, one thread a run."""

from __future__ import annotations

from typing import Any

import numpy as np

from karel_gym.simulation.cuda import cuda_device
from karel_gym.simulation.kernels import inner
from karel_gym.tasks.task import N_COUNTERS, Task
from programmatic.machine.execution_kernels import begin_worlds, execute_runs

SCRATCH = 2**31  # bytes of memory for the worlds of all runs that are under way


@inner
def execute_in_thread(
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
    run_robots: Any,
    run_rngs: Any,
    returns: Any,
    actions: Any,
    calls: Any,
    terminated: Any,
) -> None:
    """`execute_runs` in a thread: row `first` of the rooms for a run is its own."""
    execute_runs(
        first,
        last,
        step,
        codes,
        cells,
        width,
        robots,
        rngs,
        counters,
        max_calls,
        max_actions,
        skip_loops,
        run_cells[first],
        run_counters[first],
        run_robots[first],
        run_rngs[first],
        returns,
        actions,
        calls,
        terminated,
    )


def execute_on_gpu(
    task: Task,
    codes: Any,
    width: int,
    cells: Any,
    robots: Any,
    rngs: Any,
    limits: tuple[int, int],
    results: list[Any],
) -> None:
    """Run every program in every world; see `execute_runs` for the arrays, all on the GPU.

    Args:
        task: The task that judges.
        codes: int64, (P, L).
        width: W.
        cells: uint8, (N, H*W); start worlds, changed.
        robots: int64, (N, 2).
        rngs: uint64, (N, 1).
        limits: Of calls and of actions.
        results: Returns, actions, calls and whether terminated, each (P, N); written.
    """
    device = cuda_device()
    n_worlds, n_cells = cells.shape
    counters = device.zeros((n_worlds, N_COUNTERS), np.int32)
    device.kernel(begin_worlds, task)(n_worlds, cells, width, robots, counters)
    n_runs = len(codes) * n_worlds
    n_threads = min(device.n_threads(n_runs), max(1, SCRATCH // (2 * n_cells)))
    device.kernel(execute_in_thread, task, n_threads)(
        n_runs,
        codes,
        cells,
        width,
        robots,
        rngs,
        counters,
        *limits,
        True,
        device.zeros((n_threads, 2, n_cells), np.uint8),
        device.zeros((n_threads, 2, N_COUNTERS), np.int32),
        device.zeros((n_threads, 2), np.int64),
        device.zeros((n_threads, 1), np.uint64),
        *results,
    )
