"""The tasks of a report: what they are called, and in which sizes of worlds policies act."""

from __future__ import annotations

from dataclasses import dataclass

import gymnasium

from benchmarks.report.findings import OWN_WORLDS, size_name
from karel_gym.registration import is_karel, task_of

Shape = tuple[int, int]


@dataclass(frozen=True)
class ReportedTask:
    """A task of the report.

    Args:
        env_id: Its id, which need not be one that is known here.
        sizes: The height and width of worlds by what they are called: the task's own and, where
            the task has others, larger ones. Of an env without worlds (None, None).
    """

    env_id: str
    sizes: dict[str, tuple[int | None, int | None]]

    @property
    def shapes(self) -> dict[str, Shape]:
        """The sizes of worlds that there are to be seen."""
        return {
            name: (height, width)
            for name, (height, width) in self.sizes.items()
            if height is not None and width is not None
        }

    @property
    def title(self) -> str:
        """The id without what all have in common."""
        return self.env_id.removeprefix("Karel-")

    @property
    def summary(self) -> str:
        """What the robot must do, in a sentence; empty where that is not known."""
        if not self.shapes:
            return ""
        line = task_of(self.env_id).doc.strip().partition("\n")[0]
        told = line.partition(": ")[2] or line
        return told[:1].upper() + told[1:]


def reported_task(env_id: str, larger: int | None = None) -> ReportedTask:
    """A task, with its sizes of worlds.

    An id that is not registered has none: no module that it may name is imported.

    Args:
        env_id: The id.
        larger: Side of the larger worlds; by default they are twice as high and wide as its own.

    Example:
        >>> reported_task("Karel-WallAvoider-v0").sizes
        {'own': (8, 5), '16x10': (16, 10)}
        >>> reported_task("no_such_module:Karel-Maze-v0").sizes
        {}
    """
    if env_id not in gymnasium.registry:
        return ReportedTask(env_id, {})
    if not is_karel(env_id):
        return ReportedTask(env_id, {OWN_WORLDS: (None, None)})
    task = task_of(env_id)
    shape = (2 * task.shape[0], 2 * task.shape[1]) if larger is None else (larger, larger)
    sizes: dict[str, tuple[int | None, int | None]] = {OWN_WORLDS: task.shape}
    try:
        task.check_shape(*shape)
    except ValueError:
        return ReportedTask(env_id, sizes)
    return ReportedTask(env_id, sizes | ({} if shape == task.shape else {size_name(shape): shape}))
