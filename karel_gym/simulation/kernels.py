"""Compiled kernels, cached on disk and specialized to a task.

Python calls `Kernel`s; they call small functions that are compiled with `inner`. Both may call the
functions of a task (see `karel_gym.tasks.task`): `kernel.of(task)` is compiled once per task.

A kernel for many independent items handles the items in range(first, last, step), its first
arguments. It also runs on a GPU, where the threads share the items.

numba counts references to arrays, several times per step of a run, which took most of the time of
the interpreter. Kernels count none. They and the functions that they call therefore create no
arrays; only the body of an `allocating_kernel` may. If a task's functions create arrays, the
kernels of this task count references.

numba's cache notices only changes of the file with the outermost function. A kernel's name in the
cache therefore ends in a hash of all the code that it calls.
"""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Callable
from contextlib import suppress
from functools import cache, lru_cache
from types import CellType, CodeType, FunctionType
from typing import Any, Protocol, cast

import numba
import numpy as np
from numba.core import config as numba_config
from numba.core.caching import FunctionCache
from numba.core.dispatcher import Dispatcher
from numba.core.errors import NumbaError

from karel_gym.simulation.compiling import compiling

TASK_FUNCTIONS = ("generate", "begin", "reward")
"""The names under which kernels call what a task defines."""
TASK_CONSTANTS = {"MAX_MARKERS": "max_markers", "COUNTS_IDLE_RUNS": "counts_idle_runs"}
"""The names under which kernels use constants of a task, with the task's attributes."""


class TaskFunctions(Protocol):
    """The functions of a task that kernels call; see `karel_gym.tasks.task`."""

    @property
    def generate(self) -> Any:
        """Write a start world."""

    @property
    def begin(self) -> Any:
        """Prepare the episode from a world."""

    @property
    def reward(self) -> Any:
        """Return the reward of an action."""

    @property
    def max_markers(self) -> int:
        """The number of markers that fill a cell."""

    @property
    def counts_idle_runs(self) -> bool:
        """Whether a run without any action is rewarded as if the robot had turned left once."""

    def __hash__(self) -> int:
        """Compiled kernels are kept by task."""


COUNTED: dict[str, Any] = {"nogil": True, "error_model": "numpy"}
UNCOUNTED = COUNTED | {"_nrt": False}

inner: Any = numba.njit(**UNCOUNTED, forceinline=True)
"""Compile a function that kernels call; it is compiled and cached with its caller.

It should create no arrays.
"""


@inner
def index(k: int) -> Any:
    """`k` as an unsigned index, which arrays need not check for negative values."""
    return np.uintp(k)


@inner
def product(a: float, b: float) -> float:
    """a * b, rounded; GPUs would otherwise fuse it with a sum around it."""
    return a * b


class Kernel:
    """A compiled function that Python calls; it is pickled by its name."""

    def __init__(self, function: FunctionType, allocates: bool = False) -> None:
        self.function = function
        self.allocates = allocates
        self.__doc__ = function.__doc__
        self.__module__ = function.__module__
        self._compile_for = lru_cache(maxsize=None)(self._compile)

    def __call__(self, *args: Any) -> Any:
        return self._compile_for(None)(*args)

    def __reduce__(self) -> str:
        return self.function.__qualname__

    def of(self, task: TaskFunctions | None) -> Callable[..., Any]:
        """This kernel with the functions of `task`; None: it calls none of them."""
        return self._compile_for(task)

    def _compile(self, task: TaskFunctions | None) -> Callable[..., Any]:
        return _Announced(self.compiled(task, self.allocates), self, task)

    def compiled(self, task: TaskFunctions | None, counts: bool) -> Any:
        """The function for a task, compiled at its first call; `counts`: references to arrays."""
        function = bind(self.function, task, _counting_for if counts else _inner_for)
        options = COUNTED if counts else UNCOUNTED
        digest = hashlib.sha256(f"{options}, {numba_config.BOUNDSCHECK}".encode())  # type: ignore[attr-defined]
        _update(digest, function, set())
        function.__qualname__ = f"{self.function.__name__}_{digest.hexdigest()[:16]}"
        compiled: Any = numba.njit(**options)(function)
        try:
            compiled._cache = _KernelCache(function)  # type: ignore[no-untyped-call]
        except RuntimeError:
            _say_uncached("no folder for the cache can be written")
        return compiled


class _KernelCache(FunctionCache):
    """numba's cache on disk; after an error (full disk, damaged file) it compiles anew."""

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        try:
            return super().load_overload(sig, target_context)  # type: ignore[no-untyped-call]
        except Exception as error:  # a damaged pickle raises anything
            _say_uncached(f"the cache in {self.cache_path} is damaged ({type(error).__name__})")
            with suppress(OSError):
                self.flush()  # type: ignore[no-untyped-call]
            return None

    def save_overload(self, sig: Any, data: Any) -> None:
        try:
            super().save_overload(sig, data)  # type: ignore[no-untyped-call]
        except OSError as error:
            _say_uncached(f"the cache in {self.cache_path} cannot be written ({error.strerror})")


@cache
def _say_uncached(reason: str) -> None:
    """Warn that kernels are compiled anew, once per reason."""
    warnings.warn(
        f"{reason}: kernels are compiled anew, which takes seconds to minutes. "
        "NUMBA_CACHE_DIR names another folder for the cache",
        RuntimeWarning,
        stacklevel=2,
    )


class _Announced:
    """A compiled function that shows a message if its first call takes long."""

    def __init__(self, compiled: Dispatcher, kernel: Kernel, task: TaskFunctions | None) -> None:
        self.compiled = compiled
        self.kernel = kernel
        self.task = task
        self._is_compiled = False

    def __reduce__(self) -> tuple[Any, ...]:
        return Kernel.of, (self.kernel, self.task)

    def __call__(self, *args: Any) -> Any:
        if self._is_compiled:
            return self.compiled(*args)
        with compiling(self.kernel.function.__name__, lambda: bool(self.compiled.signatures)):
            try:
                result = self.compiled(*args)
            except NumbaError:
                if self.task is None or self.kernel.allocates:
                    raise
                self.compiled = self.kernel.compiled(self.task, counts=True)
                result = self.compiled(*args)  # the task's functions create arrays
        self._is_compiled = True
        return result


def kernel(function: Callable[..., Any]) -> Kernel:
    """Make a function a `Kernel`."""
    return Kernel(cast(FunctionType, function))


def allocating_kernel(function: Callable[..., Any]) -> Kernel:
    """Make a function a `Kernel` that may create arrays."""
    return Kernel(cast(FunctionType, function), allocates=True)


def bind(
    function: FunctionType,
    task: TaskFunctions | None,
    compiled: Callable[[Dispatcher, TaskFunctions | None], Any],
) -> FunctionType:
    """A copy of `function` that calls other functions by the same names.

    Args:
        function: A function, not compiled.
        task: Its functions replace `generate`, `begin` and `reward`, and its constants those of
            `TASK_CONSTANTS`.
        compiled: `compiled(f, task)` replaces a compiled function f; None: f is of the task.
    """

    def replaced(value: Any) -> Any:
        return compiled(value, task) if isinstance(value, Dispatcher) else value

    scope = dict(function.__globals__)
    for name in scope.keys() & set(function.__code__.co_names):
        if task is not None and name in TASK_FUNCTIONS:
            scope[name] = compiled(getattr(task, name), None)
        elif task is not None and name in TASK_CONSTANTS:
            scope[name] = getattr(task, TASK_CONSTANTS[name])
        else:
            scope[name] = replaced(scope[name])
    cells = tuple(CellType(replaced(cell.cell_contents)) for cell in function.__closure__ or ())
    return FunctionType(
        function.__code__, scope, function.__name__, function.__defaults__, cells or None
    )


@cache
def _inner_for(function: Dispatcher, task: TaskFunctions | None) -> Dispatcher:
    if task is None or not _needs_task(cast(FunctionType, function.py_func)):
        return function
    return inner(bind(cast(FunctionType, function.py_func), task, _inner_for))


@cache
def _counting_for(function: Dispatcher, task: TaskFunctions | None) -> Dispatcher:
    """A function for an allocating kernel: views that it returns must be counted there."""
    own = bind(cast(FunctionType, function.py_func), task, _counting_for)
    return numba.njit(**COUNTED, forceinline=True)(own)


def _needs_task(function: FunctionType) -> bool:
    """Whether a function uses what a task defines, directly or indirectly."""
    called = {name: function.__globals__.get(name) for name in function.__code__.co_names}
    return any(
        name in TASK_FUNCTIONS
        or name in TASK_CONSTANTS
        or (isinstance(value, Dispatcher) and _needs_task(value.py_func))
        for name, value in called.items()
    )


def _update(digest: Any, function: FunctionType, seen: set[CodeType]) -> None:
    """Add a function's code, and all that it calls and uses, to `digest`."""
    code = function.__code__
    if code in seen:
        return
    seen.add(code)
    digest.update(function.__module__.encode())  # numba's cached code imports it by this name
    digest.update(code.co_code)
    digest.update(repr([c for c in code.co_consts if not isinstance(c, CodeType)]).encode())
    digest.update(repr((code.co_names, function.__defaults__, function.__kwdefaults__)).encode())
    cells = [cell.cell_contents for cell in function.__closure__ or ()]
    for value in [function.__globals__.get(name) for name in code.co_names] + cells:
        if isinstance(value, Dispatcher):
            _update(digest, value.py_func, seen)
        elif isinstance(value, FunctionType):
            _update(digest, value, seen)
        elif isinstance(value, type):
            digest.update(repr(getattr(value, "_fields", value.__qualname__)).encode())
        elif isinstance(value, np.ndarray):
            digest.update(f"{value.dtype} {value.shape}".encode() + value.tobytes())
        elif not callable(value):
            digest.update(repr(value).encode())
