"""Where simulation runs: on the processor's cores over numpy's arrays, or on a GPU over torch's."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, Protocol

import numpy as np
from numpy.typing import DTypeLike, NDArray

from karel_gym.simulation.kernels import Kernel, TaskFunctions

NAMES = ("cpu", "cuda")


class Device(Protocol):
    """What simulation needs of the place where it runs."""

    @property
    def array_type(self) -> type:
        """The type of its arrays."""

    def zeros(self, shape: tuple[int, ...], dtype: DTypeLike) -> Any:
        """A new array of zeros."""

    def asarray(self, values: Any, dtype: DTypeLike | None = None) -> Any:
        """`values` as an array, itself where it is one of the type already."""

    def dtype(self, array: Any) -> np.dtype[Any]:
        """The type of an array's elements."""

    def copy(self, array: Any) -> Any:
        """A copy of an array."""

    def from_host(self, array: NDArray[Any]) -> Any:
        """A copy of numpy's array."""

    def to_host(self, array: Any) -> NDArray[Any]:
        """An array as numpy's."""

    def kernel(
        self, kernel: Kernel, task: TaskFunctions | None = None, n_threads: int | None = None
    ) -> Callable[..., None]:
        """`launch(n, *arguments)`: a kernel that treats n things, with `task`'s functions.

        A GPU runs it in `n_threads` threads, by default as many as `n_threads(n)` says.
        """

    def n_threads(self, n: int) -> int:
        """How many threads such a kernel is given for n things: `first` is below that."""


class Cpu:
    """The processor's cores."""

    array_type: type = np.ndarray

    def zeros(self, shape: tuple[int, ...], dtype: DTypeLike) -> Any:
        return np.zeros(shape, dtype=dtype)

    def asarray(self, values: Any, dtype: DTypeLike | None = None) -> Any:
        return np.asarray(values, dtype=dtype)

    def dtype(self, array: Any) -> np.dtype[Any]:
        dtype: np.dtype[Any] = array.dtype
        return dtype

    def copy(self, array: Any) -> Any:
        return array.copy()

    def from_host(self, array: NDArray[Any]) -> Any:
        return array.copy()

    def to_host(self, array: Any) -> NDArray[Any]:
        return np.asarray(array)

    def kernel(
        self, kernel: Kernel, task: TaskFunctions | None = None, n_threads: int | None = None
    ) -> Callable[..., None]:
        return partial(_launch, kernel.of(task))

    def n_threads(self, n: int) -> int:
        return 1


def _launch(compiled: Callable[..., None], n: int, *args: Any) -> None:
    compiled(0, n, 1, *args)


CPU: Device = Cpu()


def device_named(name: str) -> Device:
    """The device "cpu" or "cuda".

    Raises:
        ValueError: It is neither.
        RuntimeError: It is "cuda", and there is no GPU or what programs it is not installed.
    """
    if name == "cpu":
        return CPU
    if name == "cuda":
        from karel_gym.simulation.cuda import cuda_device

        return cuda_device()
    raise ValueError(f"device must be one of {', '.join(map(repr, NAMES))}, got {name!r}")
