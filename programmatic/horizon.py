"""Horizons: the limits of a program's run in a task."""

from __future__ import annotations

from typing import NamedTuple

MAX_CALLS = 10_000
"""The limit of calls with which the literature runs programs."""
CALLS_PER_ACTION = 100
"""Calls that a program may make for each action of its horizon: it must not perceive forever."""
TASK, PUBLISHED = "task", "published"


class Limits(NamedTuple):
    """The limits of a run, as `execute` takes them."""

    max_calls: int
    max_actions: int | None = None

    def __str__(self) -> str:
        if self.max_actions is None:
            return f"{self.max_calls:,} calls"
        return f"{self.max_actions:,} actions"


def limits_of(horizon: str | int, max_steps: int) -> Limits:
    """The limits of a run.

    Args:
        horizon: "task", the task's own horizon, in which envs run too; "published", the 10,000
            calls of the literature; or a number of actions.
        max_steps: The task's horizon in actions, `Task.horizon(height, width)`.

    Raises:
        ValueError: There is no such horizon.

    Example:
        >>> str(limits_of("task", 360)), str(limits_of("published", 360)), str(limits_of(50, 360))
        ('360 actions', '10,000 calls', '50 actions')
    """
    horizon = checked_horizon(horizon)
    if horizon == PUBLISHED:
        return Limits(MAX_CALLS)
    actions = max_steps if isinstance(horizon, str) else horizon
    return Limits(CALLS_PER_ACTION * actions, actions)


def horizon_text(horizon: str | int) -> str:
    """A horizon in words, for the notes of a table.

    Example:
        >>> horizon_text("task"), horizon_text("published"), horizon_text(50)
        ("within the task's horizon", 'within 10,000 calls', 'within 50 actions')
    """
    if horizon == TASK:
        return "within the task's horizon"
    return f"within {limits_of(horizon, 1)}"


def checked_horizon(horizon: str | int) -> str | int:
    """A horizon, a number as an integer.

    Raises:
        ValueError: It is neither "task", "published" nor a whole number from 1 up.
    """
    if horizon in (TASK, PUBLISHED):
        return horizon
    if isinstance(horizon, str) and horizon.isdecimal():
        horizon = int(horizon)
    if not isinstance(horizon, int) or isinstance(horizon, bool) or horizon < 1:
        raise ValueError(
            f"horizon must be {TASK!r}, {PUBLISHED!r} or a number of actions from 1 up, "
            f"got {horizon!r}"
        )
    return horizon
