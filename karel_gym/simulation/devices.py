"""Devices of simulation: the CPU's cores with numpy arrays, or a GPU with torch tensors."""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache, partial
from typing import Any, cast

import numpy as np
from numba.core import config as numba_config
from numpy.typing import DTypeLike, NDArray

from karel_gym.simulation.kernels import Kernel, TaskFunctions

NAMES = ("cpu", "cuda")
LEAST_PART = 64
PARTS_PER_THREAD = 8  # things differ in duration: a thread that is done takes the next part


class Device:
    """The CPU's cores; `karel_gym.simulation.cuda.Cuda` has the same interface for a GPU."""

    array_type: type = np.ndarray

    def zeros(self, shape: tuple[int, ...], dtype: DTypeLike) -> Any:
        """A new array of zeros."""
        return np.zeros(shape, dtype=dtype)

    def asarray(self, values: Any, dtype: DTypeLike | None = None) -> Any:
        """`values` as an array; an array of the right type is not copied."""
        return np.asarray(values, dtype=dtype)

    def dtype(self, array: Any) -> np.dtype[Any]:
        """The type of an array's elements."""
        dtype: np.dtype[Any] = array.dtype
        return dtype

    def copy(self, array: Any) -> Any:
        """A copy of an array."""
        return array.copy()

    def from_host(self, array: NDArray[Any]) -> Any:
        """A copy of a numpy array."""
        return array.copy()

    def to_host(self, array: Any) -> NDArray[Any]:
        """An array as a numpy array."""
        return np.asarray(array)

    def kernel(
        self, kernel: Kernel, task: TaskFunctions | None = None, n_threads: int | None = None
    ) -> Callable[..., None]:
        """`launch(n, *arguments)`: a kernel for n items, on a GPU in `n_threads` threads."""
        return partial(_launch, kernel.of(task))

    def n_threads(self, n: int) -> int:
        """The number of threads of a kernel for n items; its `first` is below that."""
        return 1


def _launch(compiled: Callable[..., None], n: int, *args: Any) -> None:
    compiled(0, n, 1, *args)


CPU = Device()


def device_named(name: str) -> Device:
    """The device "cpu" or "cuda".

    Raises:
        ValueError: The name is neither.
        RuntimeError: It is "cuda", and there is no GPU or no library to program it.
    """
    if name == "cpu":
        return CPU
    if name == "cuda":
        from karel_gym.simulation.cuda import cuda_device

        return cast(Device, cuda_device())
    raise ValueError(f"device must be one of {', '.join(map(repr, NAMES))}, got {name!r}")


def in_parallel(work: Callable[[int, int], None], n: int, least: int = LEAST_PART) -> None:
    """Call `work(first, last)` for parts of range(n) in threads, on all cores.

    Fewer than `least` things are not worth another thread. `work` must release Python's global
    lock, as kernels do. `prange` is slower, compiles for longer, and its usual backends do not
    support several Python threads and forked processes.
    """
    n_threads = max(1, min(most_threads(), n // least))
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
    """NUMBA_NUM_THREADS or all usable cores; numba's own function would reset torch's threads."""
    return int(numba_config.NUMBA_NUM_THREADS)  # type: ignore[attr-defined]


@cache
def _pool() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(os.cpu_count(), thread_name_prefix="karel-gym")


if hasattr(os, "register_at_fork"):  # threads do not survive a fork
    os.register_at_fork(after_in_child=_pool.cache_clear)
