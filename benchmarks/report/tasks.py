"""The tasks of a report: their names and the sizes of their worlds."""

from __future__ import annotations

from dataclasses import dataclass

import gymnasium

from benchmarks.report.findings import OWN_WORLDS, size_name
from karel_gym.registration import is_karel, task_of

Shape = tuple[int, int]


@dataclass(frozen=True)
class ReportedTask:
    """A task of the report, possibly one that is not registered here.

    `sizes` are the height and width of its worlds by name: its own and, unless it has only one,
    larger ones. (None, None) for an env without worlds.
    """

    env_id: str
    sizes: dict[str, tuple[int | None, int | None]]

    @property
    def shapes(self) -> dict[str, Shape]:
        """The sizes that replays can show."""
        return {
            name: (height, width)
            for name, (height, width) in self.sizes.items()
            if height is not None and width is not None
        }

    @property
    def title(self) -> str:
        """The id without its prefix Karel-."""
        return self.env_id.removeprefix("Karel-")

    @property
    def summary(self) -> str:
        """The first sentence of the task's documentation; empty if unknown."""
        if not self.shapes:
            return ""
        line = task_of(self.env_id).doc.strip().partition("\n")[0]
        goal = line.partition(": ")[2] or line
        return goal[:1].upper() + goal[1:]


def reported_task(env_id: str, larger: int | None = None) -> ReportedTask:
    """A task with the sizes of its worlds; an id that is not registered has none.

    `larger` is the side of the larger worlds; None: twice the height and width of its own.

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
