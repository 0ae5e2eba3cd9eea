"""Horizons: limits on the run of a program in a task."""

from __future__ import annotations

from typing import NamedTuple

MAX_CALLS = 10_000
"""The limit of calls in the literature."""
CALLS_PER_ACTION = 100
"""Calls per action of the horizon; they limit a program that perceives without acting."""
TASK, PUBLISHED = "task", "published"


class Limits(NamedTuple):
    """The limits of a run, as arguments of `execute`."""

    max_calls: int
    max_actions: int | None = None

    def __str__(self) -> str:
        if self.max_actions is None:
            return f"{self.max_calls:,} calls"
        return f"{self.max_actions:,} actions"


def limits_of(horizon: str | int, max_steps: int) -> Limits:
    """The limits of a run; a `ValueError` if the horizon is invalid.

    Args:
        horizon: "task" for the task's horizon, "published" for the 10,000 calls of the literature,
            or a number of actions.
        max_steps: The task's horizon in actions, `Task.horizon(height, width)`.

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
    """A horizon in words.

    Example:
        >>> horizon_text("task"), horizon_text("published"), horizon_text(50)
        ("within the task's horizon", 'within 10,000 calls', 'within 50 actions')
    """
    if horizon == TASK:
        return "within the task's horizon"
    return f"within {limits_of(horizon, 1)}"


def checked_horizon(horizon: str | int) -> str | int:
    """A horizon, with a number as an integer; a `ValueError` if it is not a horizon."""
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
