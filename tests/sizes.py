"""Sizes of worlds for tests."""

from __future__ import annotations

from karel_gym.tasks.task import Task


def larger(task: Task, rows: int, cols: int) -> tuple[int, int]:
    """A size with that many rows and columns more than the least; as near as the task has it."""
    if task.fixed_shape:
        return task.shape
    height, width = task.min_shape[0] + rows, task.min_shape[1] + cols
    return (max(height, width),) * 2 if task.is_square else (height, width)
