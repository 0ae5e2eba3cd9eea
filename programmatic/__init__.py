"""Programs: language, execution, search, verification and repair."""

from __future__ import annotations

from typing import TYPE_CHECKING

from karel_gym.lazy import lazy_imports
from karel_gym.packages import warn_if_shadowed
from programmatic.dsl import Program, ProgramSyntaxError

if TYPE_CHECKING:
    from programmatic.machine import ExecutionResult, TraceStep, execute, trace
    from programmatic.machine.policy import ProgramPolicy

__all__ = [
    "ExecutionResult",
    "Program",
    "ProgramPolicy",
    "ProgramSyntaxError",
    "TraceStep",
    "execute",
    "trace",
]

# numba is slow to import.
__getattr__, __dir__ = lazy_imports(__name__)
warn_if_shadowed()
