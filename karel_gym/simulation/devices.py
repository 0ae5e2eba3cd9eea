"""Devices of simulation: the CPU's cores with numpy arrays, or a GPU with torch tensors."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, cast

import numpy as np
from numpy.typing import DTypeLike, NDArray

from karel_gym.simulation.kernels import Kernel, TaskFunctions

NAMES = ("cpu", "cuda")


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
        """`launch(n, *arguments)`: a kernel for n items, with the functions of `task`.

        A GPU runs it in `n_threads` threads, by default in `self.n_threads(n)`.
        """
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
