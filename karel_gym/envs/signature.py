"""Signatures: the named features of an observation and the named actions."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import Any

import gymnasium
import numpy as np
from gymnasium.spaces import Box, Discrete, MultiBinary, MultiDiscrete

from karel_gym.registration import is_karel, obs_of

NO_BOUND = float("inf")


@dataclass(frozen=True)
class Feature:
    """One entry of a flat observation.

    It has a name (an identifier), a unit such as "rad/s", and bounds, and may be `boolean`, 0 or 1.
    A `ValueError` reports a wrong name, or bounds in the wrong order.
    """

    name: str
    unit: str = ""
    low: float = -NO_BOUND
    high: float = NO_BOUND
    boolean: bool = False

    def __post_init__(self) -> None:
        if not self.name.isidentifier():
            raise ValueError(f"a feature's name must be an identifier, got {self.name!r}")
        if not self.low <= self.high:
            raise ValueError(f"{self.name} is bounded by {self.low} and {self.high}: low > high")


@dataclass(frozen=True)
class Signature:
    """Observed features, (D,), and the actions; a `ValueError` if names are equal or absent."""

    features: tuple[Feature, ...]
    actions: tuple[str, ...]

    def __post_init__(self) -> None:
        for what, names in (("feature", self.feature_names), ("action", self.actions)):
            if not names:
                raise ValueError(f"a signature needs at least one {what}")
            twice = [name for i, name in enumerate(names) if name in names[:i]]
            if twice:
                raise ValueError(f"two {what}s are named {twice[0]!r}")

    @property
    def feature_names(self) -> tuple[str, ...]:
        """The names of the features."""
        return tuple(feature.name for feature in self.features)

    def feature(self, name: str) -> int:
        """The number of a feature; a `ValueError` for an unknown name lists the known ones."""
        return _index(self.feature_names, name, "feature")

    def action(self, name: str) -> int:
        """The number of an action; a `ValueError` for an unknown name lists the known ones."""
        return _index(self.actions, name, "action")


def _index(names: Sequence[str], name: str, what: str) -> int:
    if name not in names:
        raise ValueError(f"there is no {what} {name!r}; known are {', '.join(names)}")
    return names.index(name)


NAMES = {
    "CartPoleEnv": (
        "cart_position m, cart_velocity m/s, pole_angle rad, pole_angular_velocity rad/s",
        "left right",
    ),
    "MountainCarEnv": ("car_position m, car_velocity m/step", "left coast right"),
    "AcrobotEnv": (
        "cos_joint_1, sin_joint_1, cos_joint_2, sin_joint_2, "
        "joint_1_angular_velocity rad/s, joint_2_angular_velocity rad/s",
        "negative_torque no_torque positive_torque",
    ),
}
"""By the class of a Gymnasium env: the features with their units, and the actions."""


def signature_of(env: str | gymnasium.Env[Any, Any] | Any) -> Signature:
    """The signature of an env.

    The names are the env's own, those of Gymnasium's CartPole, MountainCar and Acrobot, or x0, x1,
    ... and action0, action1, ... The bounds are those of the observation space.

    Args:
        env: An env, a vector env of `make_sb3_vec_env`, or an id. The id of a Karel task without an
            observation means its percepts.

    Raises:
        ValueError: The id is unknown, actions do not begin at 0, or observations are not flat.

    Example:
        >>> signature_of("MountainCar-v0").actions
        ('left', 'coast', 'right')
    """
    if isinstance(env, str):
        kwargs: dict[str, Any] = {"obs": obs_of(env) or "percepts"} if is_karel(env) else {}
        with closing(gymnasium.make(env, **kwargs)) as made:
            return signature_of(made)
    for layer in layers(env):
        # The names of inner layers do not fit a wrapper that changes the observation.
        if layer.observation_space != env.observation_space:
            break
        own = getattr(layer, "signature", None)
        if isinstance(own, Signature):
            return own
    n_actions, bounds = _n_actions(env.action_space), _bounds(env.observation_space)
    features, actions = _names(env) or (
        tuple((f"x{i}", "") for i in range(len(bounds))),
        tuple(f"action{i}" for i in range(n_actions)),
    )
    boolean = isinstance(env.observation_space, MultiBinary)
    return Signature(
        tuple(
            Feature(name, unit, low, high, boolean)
            for (name, unit), (low, high) in zip(features, bounds, strict=True)
        ),
        actions,
    )


def layers(env: Any) -> Iterator[Any]:
    """The wrappers of an env, from the outermost one, and the env itself."""
    while isinstance(env, gymnasium.Wrapper):
        yield env
        env = env.env
    yield env


def unknown_action(actions: Sequence[str], action: Any) -> ValueError:
    """The error for an action that is not a number of `actions`."""
    choices = ", ".join(f"{i} {name}" for i, name in enumerate(actions))
    return ValueError(f"an action is one of {choices}; got {action!r}")


def _n_actions(space: gymnasium.Space[Any]) -> int:
    if not isinstance(space, Discrete) or space.start != 0:
        raise ValueError(f"the actions must be Discrete and numbered from 0, got {space}")
    return int(space.n)


def _bounds(space: gymnasium.Space[Any]) -> list[tuple[float, float]]:
    """The bounds of each entry of a flat observation."""
    if isinstance(space, Box) and len(space.shape) == 1:
        low, high = space.low, space.high
    elif isinstance(space, MultiBinary) and len(space.shape) == 1:
        low, high = np.zeros(space.shape), np.ones(space.shape)
    elif isinstance(space, MultiDiscrete) and len(space.shape) == 1:
        low, high = space.start, space.start + space.nvec - 1
    else:
        raise ValueError(
            "the observation must be flat: a Box, MultiBinary or MultiDiscrete of one dimension, "
            f"got {space}; gymnasium.wrappers.FlattenObservation flattens others, and Karel tasks "
            'have obs="percepts"'
        )
    return [(float(least), float(greatest)) for least, greatest in zip(low, high, strict=True)]


def _names(env: Any) -> tuple[tuple[tuple[str, str], ...], tuple[str, ...]] | None:
    """The usual names; None: the env is unknown, or a wrapper changes its observation."""
    base = getattr(env, "unwrapped", env)
    if (base.observation_space, base.action_space) != (env.observation_space, env.action_space):
        return None
    for ancestor in type(base).__mro__:
        if ancestor.__name__ in NAMES:
            features, actions = NAMES[ancestor.__name__]
            pairs = (feature.partition(" ") for feature in features.split(", "))
            return tuple((name, unit) for name, _, unit in pairs), tuple(actions.split())
    return None
