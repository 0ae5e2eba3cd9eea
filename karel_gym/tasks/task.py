"""What a task is: the worlds that it starts from and its reward, as three kernels.

The three functions here are the signatures that a task's kernels have; kernels that call them are
compiled once a task, with the task's own in their place (see `karel_gym.simulation.kernels`).
"""

from __future__ import annotations

import importlib
import pickle
import sys
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import numpy as np

from karel_gym.robot import Effect
from karel_gym.simulation.kernels import inner
from karel_gym.world import MAX_SIDE

N_COUNTERS = 8
"""How many counters a task has for the episode."""
FLAG = 0x10
"""The first of the three bits of a cell (0x10, 0x20, 0x40) that are the task's own."""


def generate(cells: Any, width: int, rng: Any) -> tuple[int, int]:
    """Write a random start world.

    Args:
        cells: uint8, (H*W,), zeros; gets the walls and markers.
        width: W.
        rng: uint64, (1,), the world's random stream; `karel_gym.simulation.rng.below` draws from
            it.

    Returns:
        The robot's position (row * W + column) and heading.
    """
    raise TypeError("a stand-in: kernels call the task's own generate")


def begin(cells: Any, width: int, position: int, counters: Any) -> None:
    """Prepare the episode that starts from a world, generated or given by a user.

    Args:
        cells: uint8, (H*W,); the task may set its own bits.
        width: W.
        position: The robot's.
        counters: int32, (N_COUNTERS,), zeros; what `reward` has to remember.
    """
    raise TypeError("a stand-in: kernels call the task's own begin")


def reward(cells: Any, width: int, effect: Effect, counters: Any, rng: Any) -> tuple[float, bool]:
    """Judge an action that was just done.

    What it remembers lives in `counters` and in the task's bits of `cells` only, so that a run is
    recognised as an endless loop exactly when all of its state recurs.

    Args:
        cells: uint8, (H*W,); the world after the action. The task may change it.
        width: W.
        effect: What the action did.
        counters: int32, (N_COUNTERS,), as `begin` and earlier calls left them.
        rng: uint64, (1,), the world's random stream.

    Returns:
        The action's reward, and whether the episode ends here.
    """
    raise TypeError("a stand-in: kernels call the task's own reward")


def sparse(reward: Any) -> Any:
    """The kernel that pays 1 for the action that completes the task, which `reward` judges."""

    @inner
    def judge(
        cells: Any, width: int, effect: Effect, counters: Any, rng: Any
    ) -> tuple[float, bool]:
        gain, terminated = reward(cells, width, effect, counters, rng)
        return 1.0 if terminated and gain > 0 else 0.0, terminated

    return judge


@dataclass(frozen=True, eq=False)
class Task:
    """A task: its worlds and its reward.

    Args:
        doc: What the robot must do, start worlds, reward, termination and source.
        shape: The default height and width.
        min_shape: The smallest height and width at which the task makes sense.
        generate: Kernel, writes a start world.
        begin: Kernel, prepares the episode from a world.
        reward: Kernel, judges an action.
        dense: Kernel, judges an action by the progress it made; None if the task has none.
        fixed_shape: Whether `shape` is the only one.
        max_return: The return of an episode in which the task was solved.
        actions_per_cell: The horizon, in actions per cell inside the border.
        random_reward: Whether `reward` draws random numbers. If not, worlds that differ only in
            their random streams are one to a search.
        variant_of: The task and the kind of reward that this one is made from; None: from none.

    A task is pickled by its name: it must be an attribute of a module.
    """

    doc: str
    shape: tuple[int, int]
    min_shape: tuple[int, int]
    generate: Any
    begin: Any
    reward: Any
    dense: Any = None
    fixed_shape: bool = False
    max_return: float = 1.0
    actions_per_cell: int = 10
    random_reward: bool = False
    variant_of: tuple[Task, str] | None = None

    def __reduce__(self) -> tuple[Any, ...]:
        if self.variant_of is not None:
            return Task.with_reward, self.variant_of
        return _task_in, _place_of(self)

    def __deepcopy__(self, memo: Any) -> Task:
        return self

    @cache  # noqa: B019 (tasks live as long as the program)
    def with_reward(self, kind: str) -> Task:
        """This task with another reward.

        Args:
            kind: "default"; "dense", progress in Manhattan distance over the initial distance,
                where the task has it; or "sparse", 1 when the task is complete.

        Raises:
            ValueError: The task has no such reward.
        """
        if kind == "default":
            return self
        if kind == "sparse":
            return replace(self, reward=sparse(self.reward), variant_of=(self, kind))
        if kind == "dense" and self.dense is not None:
            return replace(self, reward=self.dense, variant_of=(self, kind))
        kinds = ["'default'", "'sparse'", *(["'dense'"] if self.dense is not None else [])]
        raise ValueError(f"this task's reward is one of {', '.join(kinds)}; got {kind!r}")

    def horizon(self, height: int, width: int) -> int:
        """The number of actions after which an episode is truncated unless the user sets another.

        Args:
            height, width: Size of the worlds, walls included.
        """
        return self.actions_per_cell * (height - 2) * (width - 2)

    @property
    def reward_threshold(self) -> float:
        """The mean return from which on the task counts as solved: 0.99 of the largest.

        A reference program of every task reaches it.
        """
        return 0.99 * self.max_return

    def check_shape(self, height: int, width: int) -> None:
        """Raise a ValueError unless the task has worlds of this size."""
        if self.fixed_shape and (height, width) != self.shape:
            raise ValueError(
                f"this task's worlds are {self.shape[0]}x{self.shape[1]} only, got {height}x{width}"
            )
        if not all(
            isinstance(side, (int, np.integer)) and low <= side <= MAX_SIDE
            for side, low in zip((height, width), self.min_shape, strict=True)
        ):
            raise ValueError(
                f"this task's worlds have {self.min_shape[0]} to {MAX_SIDE} rows and "
                f"{self.min_shape[1]} to {MAX_SIDE} columns, got {height}x{width}"
            )


def _place_of(task: Task) -> tuple[str, str]:
    """The module that a task is an attribute of, and its name there."""
    kernels = (task.reward, task.begin, task.generate)
    likely = [kernel.py_func.__module__ for kernel in kernels]
    for module in [*likely, *sys.modules]:
        for name, value in list(vars(sys.modules[module]).items()):
            if value is task:
                return module, name
    raise pickle.PicklingError("a task can be pickled only if it is an attribute of a module")


def _task_in(module: str, name: str) -> Task:
    task: Task = getattr(importlib.import_module(module), name)
    return task
