"""Programs: what they are, how they run, how they are found."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

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

# numba is slow to import: what needs it is imported when used.
_LAZY = {
    "ExecutionResult": "programmatic.machine",
    "ProgramPolicy": "programmatic.machine.policy",
    "TraceStep": "programmatic.machine",
    "execute": "programmatic.machine",
    "trace": "programmatic.machine",
}


def __getattr__(name: str) -> Any:
    if name in _LAZY:
        return getattr(importlib.import_module(_LAZY[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


warn_if_shadowed()
