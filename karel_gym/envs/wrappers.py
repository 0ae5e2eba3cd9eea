"""Wrappers for any env with numbered actions."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from types import FunctionType, MethodType, ModuleType
from typing import Any, NamedTuple

import gymnasium
import numpy as np
from gymnasium.envs.registration import EnvSpec
from gymnasium.spaces import Box, Discrete, MultiBinary
from gymnasium.utils import RecordConstructorArgs
from numpy.typing import NDArray

from karel_gym.envs.safety import (
    SafetyConstraint,
    Verdicts,
    at_reset,
    check_constraints,
    split,
    verdicts_on,
)
from karel_gym.envs.signature import Signature, layers, signature_of

NO_STATE = (
    *(gymnasium.Env, gymnasium.spaces.Space, EnvSpec),
    *(FunctionType, MethodType, ModuleType),
)
"""Types of attributes that are not part of an env's state."""
CONSTANTS = ("metadata", "_metadata", "_saved_kwargs", "render_mode")
"""Names of such attributes."""


class LastAction(gymnasium.Wrapper[Any, Any, Any, Any], RecordConstructorArgs):
    """Appends the previous action to a flat observation, one-hot; zeros before the first.

    With it, a reactive policy of percepts can follow a wall or climb stairs, in worlds of any size
    (Rajabpour et al., 2025). Karel tasks have it built in: `obs="percepts+action"`.

    Args:
        env: An env with actions numbered from 0 and a `MultiBinary` or `Box` of one axis.

    Raises:
        ValueError: The env has other actions or observations.

    Example:
        >>> env = LastAction(gymnasium.make("CartPole-v1"))
        >>> env.reset(seed=0)[0][4:].tolist(), env.step(1)[0][4:].tolist()
        ([0.0, 0.0], [0.0, 1.0])
    """

    def __init__(self, env: gymnasium.Env[Any, Any]) -> None:
        RecordConstructorArgs.__init__(self)
        gymnasium.Wrapper.__init__(self, env)
        actions, space = env.action_space, env.observation_space
        if not isinstance(actions, Discrete) or actions.start != 0:
            raise ValueError(f"LastAction needs actions numbered from 0, got {actions}")
        self.n_actions = int(actions.n)
        if isinstance(space, MultiBinary) and isinstance(space.n, int):
            self.observation_space = MultiBinary(space.n + self.n_actions)
        elif isinstance(space, Box) and len(space.shape) == 1:
            low = np.concatenate([space.low, np.zeros(self.n_actions)]).astype(space.dtype)
            high = np.concatenate([space.high, np.ones(self.n_actions)]).astype(space.dtype)
            self.observation_space = Box(low, high, dtype=space.dtype)
        else:
            raise ValueError(f"LastAction needs flat observations, got {space}")

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[NDArray[Any], dict[str, Any]]:
        observation, info = self.env.reset(seed=seed, options=options)
        return self._extended(observation, None), info

    def step(self, action: Any) -> tuple[NDArray[Any], Any, bool, bool, dict[str, Any]]:
        observation, reward, terminated, truncated, info = self.env.step(action)
        return self._extended(observation, int(action)), reward, terminated, truncated, info

    def _extended(self, observation: NDArray[Any], action: int | None) -> NDArray[Any]:
        previous = np.zeros(self.n_actions, dtype=observation.dtype)
        if action is not None:
            previous[action] = 1
        return np.concatenate([observation, previous])


class LookAhead(NamedTuple):
    """The results of each of A actions, in one env or, with a leading axis N, in many."""

    observations: NDArray[Any]  # (A, D) or (N, A, D)
    rewards: NDArray[np.float64]  # (A,) or (N, A)
    terminated: NDArray[np.bool_]  # (A,) or (N, A)


class MORLWrapper(gymnasium.Wrapper[Any, Any, Any, Any], RecordConstructorArgs):
    """Adds named features and actions, safety constraints, states and look-ahead to an env.

    Put it around the wrappers that are part of the problem, such as `TimeLimit`, and inside those
    that record. `info["constraints"]` has for each constraint's name the `margin` and whether the
    step `violated` it.

    Args:
        env: An env with numbered actions and a flat observation.
        constraints: The constraints that infos report, in addition to the env's own.
        signature: The names; None: those of `signature_of`.

    Raises:
        ValueError: The env or the signature does not fit, or two constraints have the same name.

    Example:
        >>> env = MORLWrapper(gymnasium.make("MountainCar-v0"))
        >>> _ = env.reset(seed=0)
        >>> env.signature.feature_names
        ('car_position', 'car_velocity')
        >>> env.look_ahead().observations[:, 1]
        array([-0.00138094, -0.00038094,  0.00061906], dtype=float32)
    """

    def __init__(
        self,
        env: gymnasium.Env[Any, Any],
        constraints: Sequence[SafetyConstraint] = (),
        signature: Signature | None = None,
    ) -> None:
        RecordConstructorArgs.__init__(self, constraints=constraints, signature=signature)
        gymnasium.Wrapper.__init__(self, env)
        found = signature_of(env)
        self.signature = signature or found
        n_features, n_actions = len(self.signature.features), len(self.signature.actions)
        if (n_features, n_actions) != (len(found.features), len(found.actions)):
            raise ValueError(
                f"the signature has {n_features} features and {n_actions} actions, the env "
                f"{len(found.features)} and {len(found.actions)}"
            )
        self.constraints = check_constraints(constraints)
        self._observed: Any = None
        self._running = False

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Any, dict[str, Any]]:
        observation, info = self.env.reset(seed=seed, options=options)
        self._observed = np.array(observation)
        self._running = True
        return observation, self._reported(info, at_reset(self.constraints, 1))

    def step(self, action: Any) -> tuple[Any, Any, bool, bool, dict[str, Any]]:
        observation, reward, terminated, truncated, info = self.env.step(action)
        before, self._observed = self._observed, np.array(observation)
        self._running = not (terminated or truncated)
        verdicts = verdicts_on(
            self.constraints, before[None], np.array([action]), self._observed[None]
        )
        return observation, reward, terminated, truncated, self._reported(info, verdicts)

    def get_state(self) -> Any:
        """A copy of the episode's state, including its random numbers and time limit.

        Raises:
            gymnasium.error.ResetNeeded: The episode has ended, or none was begun.
            ValueError: An attribute of the env cannot be copied; the message names it.
        """
        if not self._running:
            raise gymnasium.error.ResetNeeded("call reset() to begin an episode: it has a state")
        return self._observed.copy(), [_state_of(layer) for layer in layers(self.env)]

    def set_state(self, state: Any) -> Any:
        """Continue from a state copied here or in an equal env; return the observation there."""
        observed, states = state
        for layer, own in zip(layers(self.env), states, strict=True):
            _set_state(layer, own)
        self._observed = observed.copy()
        self._running = True
        return observed.copy()

    def look_ahead(self) -> LookAhead:
        """The result of each action, with the next step's random numbers; the env stays as it is.

        Returns:
            Observations (A, D), rewards (A,) and terminated (A,).

        Raises:
            gymnasium.error.ResetNeeded: The episode has ended, or none was begun.
            ValueError: An attribute of the env cannot be copied; the message names it.
        """
        state, steps = self.get_state(), []
        with _unseen(self.unwrapped):
            for action in range(len(self.signature.actions)):
                steps.append(self.env.step(action))
                self.set_state(state)
        return LookAhead(
            np.array([step[0] for step in steps]),
            np.array([step[1] for step in steps], dtype=np.float64),
            np.array([step[2] for step in steps], dtype=np.bool_),
        )

    def _reported(self, info: dict[str, Any], verdicts: Verdicts) -> dict[str, Any]:
        if not verdicts:
            return info
        own = info.get("constraints", {})
        return {**info, "constraints": {**own, **split(verdicts, [0])[0]}}


class _Draws(NamedTuple):
    """The state of a random generator, much cheaper to copy than the generator."""

    state: Any


def _state_of(layer: Any) -> Any:
    """A copy of the changing attributes of a wrapper or env."""
    if hasattr(layer, "get_state"):
        return layer.get_state()
    state: dict[str, Any] = {}
    memo: dict[int, Any] = {}
    for name, value in vars(layer).items():
        if not _is_state(name, value):
            continue
        if isinstance(value, np.random.Generator):
            state[name] = _Draws(value.bit_generator.state)
            continue
        try:
            state[name] = copy.deepcopy(value, memo)
        except Exception as error:
            raise ValueError(
                f"the state of {type(layer).__name__} cannot be copied: its attribute {name!r} is "
                f"a {type(value).__name__} ({error}); give the env get_state() and set_state()"
            ) from error
    return state


def _set_state(layer: Any, state: Any) -> None:
    if hasattr(layer, "set_state"):
        layer.set_state(state)
        return
    attributes = vars(layer)
    memo: dict[int, Any] = {}
    for name, value in state.items():
        if isinstance(value, _Draws):
            if not isinstance(attributes.get(name), np.random.Generator):
                bits = getattr(np.random, value.state["bit_generator"])
                attributes[name] = np.random.Generator(bits())
            attributes[name].bit_generator.state = value.state
        elif _is_state(name, attributes.get(name)):  # a window may have been opened since
            attributes[name] = copy.deepcopy(value, memo)


def _is_state(name: str, value: Any) -> bool:
    """Whether an attribute is part of the state, and not of the env's making or drawing."""
    is_drawing = type(value).__module__.startswith("pygame")
    return not (name in CONSTANTS or is_drawing or isinstance(value, NO_STATE))


@contextmanager
def _unseen(env: Any) -> Iterator[None]:
    """Keep an env from rendering."""
    mode, env.render_mode = env.render_mode, None
    try:
        yield
    finally:
        env.render_mode = mode
