"""`Task`: start worlds and rewards as three functions, whose signatures are shown here."""

from __future__ import annotations

import importlib
import inspect
import pickle
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from karel_gym.robot import Effect
from karel_gym.simulation.kernels import inner
from karel_gym.world import MAX_MARKERS, MAX_SIDE

N_COUNTERS = 8
"""The number of counters of an episode."""
FLAG = 0x10
"""The first of the three bits of a cell (0x10, 0x20, 0x40) that belong to the task."""
Cells = NDArray[np.uint8]
"""uint8, (H, W); the cells of an episode, with the task's bits."""
Counters = NDArray[np.int32]
"""int32, (N_COUNTERS,); the counters of an episode."""
ChooseLooks = Callable[[Cells, int, Counters], NDArray[np.integer[Any]]]
"""Choose what the cells look like in a picture; plain Python, called once per picture.

The arguments are copies of the cells, the robot's position (row * W + column) and the counters. The
result has a member of `karel_gym.tasks.looks.Look` for each cell, (H, W).
"""


def generate(cells: Any, width: int, rng: Any) -> tuple[int, int]:
    """Write a random start world.

    Args:
        cells: uint8, (H*W,), zeros; the walls and markers are written here.
        width: W.
        rng: uint64, (1,), the world's random state; `karel_gym.simulation.rng.below` draws from it.

    Returns:
        The robot's position (row * W + column) and heading.
    """
    raise TypeError("a stand-in: kernels call the task's own generate")


def begin(cells: Any, width: int, position: int, counters: Any) -> None:
    """Prepare an episode in a world, which was generated or given by a user.

    Args:
        cells: uint8, (H*W,); the task may set its bits.
        width: W.
        position: The robot's position.
        counters: int32, (N_COUNTERS,), zeros; the memory of `reward`.
    """
    raise TypeError("a stand-in: kernels call the task's own begin")


def reward(cells: Any, width: int, effect: Effect, counters: Any, rng: Any) -> tuple[float, bool]:
    """The reward of an action, and whether the episode ends.

    Its only memory are `counters` and the task's bits of `cells`: the interpreter recognizes an
    endless loop when all of this state recurs.

    Args:
        cells: uint8, (H*W,); the world after the action. The task may change it.
        width: W.
        effect: The effect of the action.
        counters: int32, (N_COUNTERS,).
        rng: uint64, (1,), the world's random state.
    """
    raise TypeError("a stand-in: kernels call the task's own reward")


def sparse(reward: Any) -> Any:
    """The reward 1 for the action that completes the task, and 0 for others."""

    @inner
    def only_success(
        cells: Any, width: int, effect: Effect, counters: Any, rng: Any
    ) -> tuple[float, bool]:
        gain, terminated = reward(cells, width, effect, counters, rng)
        return 1.0 if terminated and gain > 0 else 0.0, terminated

    return only_success


@dataclass(frozen=True, eq=False)
class Task:
    """A task. It is pickled by its name: it must be an attribute of a module.

    Args:
        doc: Its documentation: goal, start worlds, reward, termination and source.
        shape, min_shape: The default and the smallest height and width.
        generate, begin, reward: Its functions; see those of this module.
        dense: A reward for progress, with the signature of `reward`; None if the task has none.
        fixed_shape: Whether `shape` is the only one.
        is_square: Whether worlds have as many rows as columns.
        max_return: The return of a solved episode, or an upper bound if actions have a cost.
        ends_solved: Whether every episode that terminates is solved, whatever its return.
        threshold: The mean return at which the task counts as solved; None: 0.99 * `max_return`.
        actions_per_cell: The horizon, in actions per cell inside the border.
        fixed_horizon: The horizon in actions, whatever the size; None: `actions_per_cell` counts.
        random_reward: Whether `reward` draws random numbers. If not, worlds that differ only in
            their random streams are one to a search.
        looks: A `ChooseLooks` function; None: pictures show walls, markers and the robot only.
        counts_idle_runs: Whether a program that does nothing is rewarded as if it had turned left
            once.
        max_markers: The number of markers from which on a cell is full: putMarker does nothing.
        variant_of: The method of `Task` that made this one, and its arguments.
    """

    doc: str
    shape: tuple[int, int]
    min_shape: tuple[int, int]
    generate: Any
    begin: Any
    reward: Any
    dense: Any = None
    fixed_shape: bool = False
    is_square: bool = False
    max_return: float = 1.0
    ends_solved: bool = False
    threshold: float | None = None
    actions_per_cell: int = 10
    fixed_horizon: int | None = None
    random_reward: bool = False
    looks: ChooseLooks | None = None
    counts_idle_runs: bool = True
    max_markers: int = MAX_MARKERS
    variant_of: tuple[Any, ...] | None = None

    def __reduce__(self) -> tuple[Any, ...]:
        if self.variant_of is not None:
            return self.variant_of
        return _task_in, _place_of(self)

    def __deepcopy__(self, memo: Any) -> Task:
        return self

    @cache  # noqa: B019 (tasks live as long as the program)
    def with_reward(self, kind: str) -> Task:
        """This task with another reward.

        Args:
            kind: "default"; "sparse", 1 when the task is complete; or "dense", the progress in
                Manhattan distance over the initial distance, if the task has it.

        Raises:
            ValueError: The task has no such reward.
        """
        if kind == "default":
            return self
        made = Task.with_reward, (self, kind)
        if kind == "sparse":
            return replace(
                self,
                reward=sparse(self.reward),
                max_return=1.0,
                ends_solved=False,
                variant_of=made,
            )
        if kind == "dense" and self.dense is not None:
            return replace(self, reward=self.dense, variant_of=made)
        kinds = ["'default'", "'sparse'", *(["'dense'"] if self.dense is not None else [])]
        raise ValueError(f"this task's reward is one of {', '.join(kinds)}; got {kind!r}")

    @cache  # noqa: B019
    def with_max_markers(self, max_markers: int | None) -> Task:
        """This task in which `max_markers` markers fill a cell; None: this task.

        Raises:
            ValueError: The number is not in 1 .. 10.
        """
        if max_markers is None or max_markers == self.max_markers:
            return self
        if not isinstance(max_markers, (int, np.integer)) or not 1 <= max_markers <= MAX_MARKERS:
            raise ValueError(
                f"max_markers must be a whole number from 1 to {MAX_MARKERS}, got {max_markers!r}"
            )
        made = Task.with_max_markers, (self, int(max_markers))
        return replace(self, max_markers=int(max_markers), variant_of=made)

    @property
    def goal(self) -> str:
        """The goal in a few words, the first line of `doc`: "find the marker in a random maze."."""
        return inspect.cleandoc(self.doc).partition("\n")[0].partition(": ")[2]

    def horizon(self, height: int, width: int) -> int:
        """The default number of actions after which an episode is truncated."""
        if self.fixed_horizon is not None:
            return self.fixed_horizon
        return self.actions_per_cell * (height - 2) * (width - 2)

    @property
    def reward_threshold(self) -> float:
        """The mean return at which a task counts as solved; its reference program reaches it."""
        return 0.99 * self.max_return if self.threshold is None else self.threshold

    def size(self, height: int | None, width: int | None) -> tuple[int, int]:
        """Height and width of worlds, by default the task's; a `ValueError` for other sizes."""
        size = (
            self.shape[0] if height is None else height,
            self.shape[1] if width is None else width,
        )
        self.check_shape(*size)
        return size

    def check_shape(self, height: int, width: int) -> None:
        """Raise a `ValueError` unless the task has worlds of this size."""
        if self.fixed_shape and (height, width) != self.shape:
            raise ValueError(
                f"this task's worlds are {self.shape[0]}x{self.shape[1]} only, got {height}x{width}"
            )
        if self.is_square and height != width:
            raise ValueError(f"this task's worlds are square, got {height}x{width}")
        if not all(
            isinstance(side, (int, np.integer)) and low <= side <= MAX_SIDE
            for side, low in zip((height, width), self.min_shape, strict=True)
        ):
            raise ValueError(
                f"this task's worlds have {self.min_shape[0]} to {MAX_SIDE} rows and "
                f"{self.min_shape[1]} to {MAX_SIDE} columns, got {height}x{width}"
            )


def _place_of(task: Task) -> tuple[str, str]:
    """The module that has a task as an attribute, and the attribute's name."""
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
