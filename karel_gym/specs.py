"""Specs of envs that truncate their episodes themselves.

`gymnasium.make` puts a `TimeLimit` of the spec's `max_episode_steps` around an env, whatever its
arguments. The horizon of our envs depends on them: it is longer in larger worlds.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Mapping
from dataclasses import fields
from types import FrameType
from typing import TYPE_CHECKING, Any

from gymnasium.envs import registration
from gymnasium.envs.registration import EnvSpec

if TYPE_CHECKING:
    from karel_gym.tasks.task import Task

FIELDS = tuple(field.name for field in fields(EnvSpec) if field.init)
MAKERS = (registration.make.__code__, registration.make_vec.__code__)


class OwnHorizonSpec(EnvSpec):
    """The spec of an env that truncates its episodes itself.

    `max_episode_steps` and `reward_threshold`, unless they are set, are those of the env that the
    spec makes, computed when read. Only `gymnasium.make` and `make_vec` read a `max_episode_steps`
    of None, since the arguments of their calls may change the horizon.
    """

    _limit: int | None = None
    _threshold: float | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.version:
            # Both versions of a task are current. Gymnasium calls a version out of date if the
            # registry has a higher one of the same name.
            self.name, self.version = f"{self.name}-v{self.version}", None

    @classmethod
    def of(cls, spec: EnvSpec) -> OwnHorizonSpec:
        """A spec as an `OwnHorizonSpec`."""
        if isinstance(spec, OwnHorizonSpec):
            return spec
        return cls(**{name: getattr(spec, name) for name in FIELDS})

    @property
    def time_limit(self) -> int | None:
        """The `max_episode_steps` that was set; None: the horizon depends on the arguments."""
        return self._limit

    @property
    def max_episode_steps(self) -> int | None:
        """The number of steps after which an episode is truncated."""
        if self._limit is not None:
            return self._limit
        if sys._getframe(1).f_code in MAKERS:
            return None
        return _horizon(self.kwargs)

    @max_episode_steps.setter
    def max_episode_steps(self, value: int | None) -> None:
        self._limit = value

    @property
    def reward_threshold(self) -> float | None:
        """The mean return at which the env counts as solved."""
        if self._threshold is not None or "task" not in self.kwargs:
            return self._threshold
        return _task(self.kwargs["task"]).reward_threshold

    @reward_threshold.setter
    def reward_threshold(self, value: float | None) -> None:
        self._threshold = value

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, EnvSpec):
            return NotImplemented
        return all(getattr(self, name) == getattr(other, name) for name in FIELDS)

    __hash__ = None  # type: ignore[assignment]


class OwnHorizon:
    """Mixin of envs that truncate their episodes themselves.

    The n of `gymnasium.make(..., max_episode_steps=n)` becomes the horizon, beside a `TimeLimit`.
    """

    episodes: Any
    _spec: OwnHorizonSpec | None = None

    @property
    def spec(self) -> EnvSpec | None:
        """The spec that the env was made from; None if it was made without `gymnasium.make`."""
        return self._spec

    @spec.setter
    def spec(self, spec: EnvSpec | None) -> None:
        self._spec = None if spec is None else OwnHorizonSpec.of(spec)
        limit = _limit_in(sys._getframe(1))
        if self._spec is not None and limit is not None:
            self._spec.max_episode_steps = self.episodes.max_steps = limit


def task_named(name: str) -> Task:
    """The task 'module:NAME'; a `ValueError` if there is none."""
    if not isinstance(name, str):
        raise TypeError(f"a task must be a Task or 'module:NAME', got {type(name).__name__}")
    module, _, attribute = name.partition(":")
    try:
        task: Task = getattr(importlib.import_module(module), attribute)
    except (AttributeError, ImportError, TypeError, ValueError) as error:
        raise ValueError(
            f"there is no task {name!r}: {error}. Name it by 'module:NAME'; ids such as "
            "Karel-Maze-v0 are for gymnasium.make and gymnasium.make_vec"
        ) from None
    return task


def _task(task: Task | str) -> Task:
    return task_named(task) if isinstance(task, str) else task


def _horizon(kwargs: Mapping[str, Any]) -> int | None:
    """The horizon of an env with these arguments."""
    for name in ("max_episode_steps", "max_steps"):
        if kwargs.get(name) is not None:
            return int(kwargs[name])
    if "task" not in kwargs:
        return None
    task = _task(kwargs["task"])
    return task.horizon(kwargs.get("height") or task.shape[0], kwargs.get("width") or task.shape[1])


def _limit_in(frame: FrameType) -> int | None:
    """The steps of the `TimeLimit` that `gymnasium.make` will add, if this is its frame."""
    if frame.f_code is not registration.make.__code__:
        return None
    limit: int | None = frame.f_locals["max_episode_steps"]
    if limit is None:
        spec = frame.f_locals["env_spec"]
        own = isinstance(spec, OwnHorizonSpec)
        limit = spec.time_limit if own else spec.max_episode_steps
    return None if limit == -1 else limit
