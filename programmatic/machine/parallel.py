"""Work on all cores: kernels release Python's global lock, so threads can run them side by side.

Threads of our own, not numba's `prange`: GNU OpenMP's cost up to 15 ms a call where cores are
virtual, `prange` takes longer to compile, and neither of its usual backends allows several Python
threads, or a forked process, to use it at will.
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache

from numba.core import config as numba_config

LEAST_PART = 64  # runs that are not worth another thread
PARTS_PER_THREAD = 8  # runs differ in length: who is done takes the next part


def in_parallel(work: Callable[[int, int], None], n: int) -> None:
    """Call `work(first, last)` for parts of 0 .. n-1 until all are done, on all cores.

    Args:
        work: Does the items `first` to `last - 1`. It must release the global lock to be of use.
        n: The number of items.
    """
    n_threads = max(1, min(most_threads(), n // LEAST_PART))
    n_parts = n_threads * PARTS_PER_THREAD if n_threads > 1 else 1
    parts = itertools.count()

    def take_parts() -> None:
        while (part := next(parts)) < n_parts:
            work(part * n // n_parts, (part + 1) * n // n_parts)

    work(0, 0)  # compiles, if that has not been done, in one thread
    others = [_pool().submit(take_parts) for _ in range(n_threads - 1)]
    take_parts()
    for other in others:
        other.result()


def most_threads() -> int:
    """How many threads share the work: NUMBA_NUM_THREADS of the environment, or all usable cores.

    `numba.get_num_threads()` is not asked: it starts numba's own threads, which resets how many
    threads torch takes in this process. Two processes of two threads each on two cores then wait
    for each other, ten times as long as they compute.
    """
    return int(numba_config.NUMBA_NUM_THREADS)  # type: ignore[attr-defined]


@cache
def _pool() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(os.cpu_count(), thread_name_prefix="karel-gym")


if hasattr(os, "register_at_fork"):  # threads do not survive a fork
    os.register_at_fork(after_in_child=_pool.cache_clear)
