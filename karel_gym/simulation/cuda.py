"""CUDA: the kernels on a GPU, over torch tensors; numba.cuda and torch are slow to import.

The functions of the CPU are compiled for the GPU too. With `NUMBA_ENABLE_CUDASIM=1` numba simulates
the GPU, and the tensors are in the memory of the CPU.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from functools import cache, partial
from importlib import import_module
from importlib.util import find_spec
from types import FunctionType
from typing import Any, cast

import numpy as np
import torch
from numba.core import config
from numba.core.dispatcher import Dispatcher
from numpy.typing import DTypeLike, NDArray

from karel_gym.simulation.compiling import compiling
from karel_gym.simulation.kernels import Kernel, TaskFunctions, bind, product

INSTALL = "pip install 'karel-gym[cuda]'"

if find_spec("numba_cuda") is None:
    raise RuntimeError(f'device="cuda" needs numba-cuda: {INSTALL}')

cuda: Any = import_module("numba.cuda")  # numba-cuda's, in the place of numba's own

IS_SIMULATED = bool(config.ENABLE_CUDASIM)  # type: ignore[attr-defined]
MEMORY = "cpu" if IS_SIMULATED else "cuda"
THREADS_PER_BLOCK = 2 if IS_SIMULATED else 128
THREADS_PER_PROCESSOR = 2048


class Cuda:
    """The current CUDA device of torch, with the interface of `Device`."""

    array_type: type = torch.Tensor

    def zeros(self, shape: tuple[int, ...], dtype: DTypeLike) -> Any:
        kind = np.dtype(dtype)
        # torch cannot fill all unsigned types.
        filled = np.dtype(f"i{kind.itemsize}") if kind.kind == "u" else kind
        zeros = torch.zeros(shape, dtype=_torch_type(filled), device=MEMORY)
        return zeros.view(_torch_type(kind))

    def asarray(self, values: Any, dtype: DTypeLike | None = None) -> Any:
        if isinstance(values, np.ndarray):
            values = self.from_host(values)
        wanted = None if dtype is None else _torch_type(dtype)
        return torch.as_tensor(values, dtype=wanted, device=MEMORY)

    def dtype(self, array: Any) -> np.dtype[Any]:
        return np.dtype(str(array.dtype).removeprefix("torch."))

    def copy(self, array: Any) -> Any:
        return array.clone()

    def from_host(self, array: NDArray[Any]) -> Any:
        return torch.tensor(array, device=MEMORY)

    def to_host(self, array: Any) -> NDArray[Any]:
        host: NDArray[Any] = array.cpu().numpy()
        return host

    def kernel(
        self, kernel: Kernel, task: TaskFunctions | None = None, n_threads: int | None = None
    ) -> Callable[..., None]:
        return partial(self._launch, kernel, task, n_threads)

    def _launch(
        self, kernel: Kernel, task: TaskFunctions | None, n_threads: int | None, n: int, *args: Any
    ) -> None:
        function = kernel.function
        loop = _loop_of(function, task)
        threads = self.n_threads(n) if n_threads is None else n_threads
        blocks = -(-threads // THREADS_PER_BLOCK)
        configured = loop[blocks, THREADS_PER_BLOCK, _stream()]
        arguments = n, threads, tuple(map(_as_numba, args))
        if loop.overloads:
            configured(*arguments)
        else:
            with compiling(function.__name__, lambda: bool(loop.overloads), is_kept=False):
                configured(*arguments)

    def n_threads(self, n: int) -> int:
        if IS_SIMULATED:
            return min(n, 2 * THREADS_PER_BLOCK)
        processors = torch.cuda.get_device_properties().multi_processor_count
        return min(n, processors * THREADS_PER_PROCESSOR)


@cache
def cuda_device() -> Cuda:
    """The GPU; a `RuntimeError` if there is none, or a library to program it is missing."""
    if IS_SIMULATED:
        return Cuda()
    if not cuda.is_available():
        reason = cuda.cuda_error() or "the compiler's library, NVVM, was not found"
        raise RuntimeError(
            'device="cuda" needs an NVIDIA GPU with its driver, and numba-cuda with its libraries '
            f"({INSTALL}); here: {' '.join(str(reason).split())}"
        )
    if not torch.cuda.is_available():
        raise RuntimeError(
            'device="cuda" needs a torch built for CUDA; '
            f"this one, {torch.__version__}, finds no GPU"
        )
    warnings.filterwarnings("ignore", message="Grid size .* will likely result in GPU under-util")
    return Cuda()


@cache
def _loop_of(function: FunctionType, task: TaskFunctions | None) -> Any:
    """The GPU's kernel (n, n_threads, arguments) that runs `function` in each thread."""
    do = cuda.jit(device=True)(bind(function, task, _on_gpu))

    @cuda.jit
    def loop(n: int, n_threads: int, args: Any) -> None:
        first = cuda.grid(1)
        if first < n_threads:
            do(first, n, n_threads, *args)

    return loop


@cache
def _on_gpu(function: Dispatcher, task: TaskFunctions | None) -> Any:
    """An inner function, compiled for the GPU."""
    if function is product and not IS_SIMULATED:
        return _rounded_product
    return cuda.jit(device=True)(bind(cast(FunctionType, function.py_func), task, _on_gpu))


@cuda.jit(device=True)
def _rounded_product(a: float, b: float) -> float:
    return cuda.libdevice.dmul_rn(float(a), float(b))


class _SimulatedArray(np.ndarray[Any, Any]):
    """An array of the simulated GPU: arithmetic of small integers has 64 bits, as in numba."""

    def __getitem__(self, key: Any) -> Any:
        value = super().__getitem__(key)
        is_small = isinstance(value, np.integer) and not isinstance(value, np.uint64)
        return int(value) if is_small else value


def _as_numba(value: Any) -> Any:
    """An argument for numba's kernels: tensors, also those in tuples, as views of their memory."""
    if isinstance(value, tuple):
        return tuple.__new__(type(value), map(_as_numba, value))
    if not isinstance(value, torch.Tensor):
        return value
    return value.numpy().view(_SimulatedArray) if IS_SIMULATED else cuda.as_cuda_array(value, False)


def _stream() -> Any:
    """The stream of torch, so that its operations and the kernels run in order."""
    if IS_SIMULATED:
        return 0
    stream = torch.cuda.current_stream().cuda_stream
    return cuda.external_stream(stream) if stream else 0


def _torch_type(dtype: DTypeLike) -> torch.dtype:
    found: torch.dtype = getattr(torch, np.dtype(dtype).name)
    return found
