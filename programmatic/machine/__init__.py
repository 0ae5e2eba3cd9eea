"""The machine: programs compiled to bytecode, run by compiled kernels."""

from programmatic.machine.execution import ExecutionResult, TraceStep, execute, trace

__all__ = ["ExecutionResult", "TraceStep", "execute", "trace"]
