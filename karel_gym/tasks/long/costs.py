"""The cost of an action, the horizon, and the markers of the tasks of Karel-Long."""

from __future__ import annotations

from typing import Any

from karel_gym.robot import Effect
from karel_gym.simulation.kernels import inner
from karel_gym.tasks.task import Task
from karel_gym.world import MARKERS

ACTION_COST = 0.0001
"""The cost of every action; the originals have no horizon and end by this cost."""
HORIZON = 10_000
OTHER_BITS = 0xFF ^ MARKERS


def long_task(doc: str, shape: tuple[int, int], min_shape: tuple[int, int], **rules: Any) -> Task:
    """A task with Karel-Long's horizon and capacity; `rules` are further arguments of `Task`."""
    rules |= {"fixed_horizon": HORIZON, "ends_solved": True, "counts_idle_runs": False}
    return Task(doc, shape, min_shape, **{"max_markers": 1, **rules})


@inner
def set_markers(cells: Any, cell: int, n: int) -> None:
    """Let a cell hold `n` markers."""
    cells[cell] = cells[cell] & OTHER_BITS | n


@inner
def take_back(cells: Any, effect: Effect) -> None:
    """Give the robot's cell the markers from before the action."""
    cells[effect.position] -= effect.change
