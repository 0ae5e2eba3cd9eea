"""Compiled kernels: cached on disk, and specialised to a task.

Small functions are compiled with `inner` and called from kernels only. The functions that Python
calls are `Kernel`s. Both may call the three functions that every task defines (`generate`, `begin`,
`reward`: see `karel_gym.tasks.task`); such a kernel exists once a task, as `kernel.of(task)`,
compiled with that task's functions in their place.

numba's cache on disk only notices changes of the file that holds the outermost function. A kernel's
name in the cache therefore ends in a fingerprint of all the code that it calls.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from functools import cache, lru_cache
from types import CodeType, FunctionType
from typing import TYPE_CHECKING, Any, cast

import numba
import numpy as np
from numba.core import config as numba_config
from numba.core.dispatcher import Dispatcher

from karel_gym.spinner import compiling

if TYPE_CHECKING:
    from karel_gym.tasks.task import Task

TASK_FUNCTIONS = ("generate", "begin", "reward")
"""The names under which kernels call what a task defines."""

inner = numba.njit(nogil=True, error_model="numpy", forceinline=True)
"""Compile a function that kernels call. It compiles with its caller and is cached with it."""


class Kernel:
    """A compiled function that Python calls.

    Args:
        function: A function in numba's subset of Python, over arrays and numbers.
        parallel: Whether its `prange` loops use all threads.
    """

    def __init__(self, function: FunctionType, parallel: bool) -> None:
        self.function = function
        self.parallel = parallel
        self.__doc__ = function.__doc__
        self._compile_for = lru_cache(maxsize=None)(self._compile)

    def __call__(self, *args: Any) -> Any:
        return self._compile_for(None)(*args)

    def of(self, task: Task) -> Callable[..., Any]:
        """This kernel with `task`'s generate, begin and reward."""
        return self._compile_for(task)

    def _compile(self, task: Task | None) -> Callable[..., Any]:
        function = _bind(self.function, task)
        digest = hashlib.sha256(f"bounds checked: {numba_config.BOUNDSCHECK}".encode())  # type: ignore[attr-defined]
        _update(digest, function, set())
        function.__qualname__ = f"{self.function.__name__}_{digest.hexdigest()[:16]}"
        compiled = numba.njit(cache=True, nogil=True, error_model="numpy", parallel=self.parallel)(
            function
        )
        return _Announced(compiled, self.function.__name__)


class _Announced:
    """A compiled function whose first call may take seconds, and says so."""

    def __init__(self, compiled: Dispatcher, name: str) -> None:
        self.compiled = compiled
        self.name = name
        self._is_compiled = False

    def __call__(self, *args: Any) -> Any:
        if self._is_compiled:
            return self.compiled(*args)
        with compiling(self.name, lambda: bool(self.compiled.signatures)):
            result = self.compiled(*args)
        self._is_compiled = True
        return result


def kernel(parallel: bool = False) -> Callable[[Callable[..., Any]], Kernel]:
    """Make a function a `Kernel`."""
    return lambda function: Kernel(cast(FunctionType, function), parallel)


def _bind(function: FunctionType, task: Task | None) -> FunctionType:
    """A copy of `function` in which it and all that it calls use `task`'s functions."""
    scope = dict(function.__globals__)
    for name in function.__code__.co_names:
        value = scope.get(name)
        if task is not None and name in TASK_FUNCTIONS:
            scope[name] = getattr(task, name)
        elif isinstance(value, Dispatcher) and _needs_task(value.py_func):
            scope[name] = _bind_inner(value, task)
    return FunctionType(
        function.__code__, scope, function.__name__, function.__defaults__, function.__closure__
    )


@cache
def _bind_inner(function: Dispatcher, task: Task | None) -> Dispatcher:
    return inner(_bind(cast(FunctionType, function.py_func), task))


def _needs_task(function: FunctionType) -> bool:
    """Whether `function` calls what tasks define, itself or in what it calls."""
    called = {name: function.__globals__.get(name) for name in function.__code__.co_names}
    return any(
        name in TASK_FUNCTIONS or (isinstance(value, Dispatcher) and _needs_task(value.py_func))
        for name, value in called.items()
    )


def _update(digest: Any, function: FunctionType, seen: set[CodeType]) -> None:
    """Add to `digest` what `function` compiles to: its code and all that it calls and uses."""
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
