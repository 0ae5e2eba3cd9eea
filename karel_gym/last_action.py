"""`LastAction`: an observation with the previous action behind it."""

from __future__ import annotations

from typing import Any

import gymnasium
import numpy as np
from gymnasium.spaces import Box, Discrete, MultiBinary
from numpy.typing import NDArray


class LastAction(gymnasium.Wrapper[Any, Any, Any, Any], gymnasium.utils.RecordConstructorArgs):
    """Puts the previous action behind a flat observation, one-hot; zeros before the first.

    With it, percepts let a reactive policy follow a wall or climb stairs, in worlds of any size
    (Rajabpour et al., 2025). Karel tasks have it built in, as `obs="percepts+action"`, and in
    batches too; the wrapper is for other envs.

    Args:
        env: An env with numbered actions from 0 up and observations in a `MultiBinary` or `Box`
            with one axis.

    Raises:
        ValueError: Actions or observations are others.

    Example:
        >>> env = LastAction(gymnasium.make("CartPole-v1"))
        >>> env.reset(seed=0)[0][4:].tolist(), env.step(1)[0][4:].tolist()
        ([0.0, 0.0], [0.0, 1.0])
    """

    def __init__(self, env: gymnasium.Env[Any, Any]) -> None:
        gymnasium.utils.RecordConstructorArgs.__init__(self)
        gymnasium.Wrapper.__init__(self, env)
        actions, space = env.action_space, env.observation_space
        if not isinstance(actions, Discrete) or actions.start != 0:
            raise ValueError(f"LastAction needs actions that are numbered from 0 up, got {actions}")
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
        """Begin an episode, as the env does."""
        observation, info = self.env.reset(seed=seed, options=options)
        return self._extended(observation, None), info

    def step(self, action: Any) -> tuple[NDArray[Any], Any, bool, bool, dict[str, Any]]:
        """Do one action, as the env does."""
        observation, reward, terminated, truncated, info = self.env.step(action)
        return self._extended(observation, int(action)), reward, terminated, truncated, info

    def _extended(self, observation: NDArray[Any], action: int | None) -> NDArray[Any]:
        previous = np.zeros(self.n_actions, dtype=observation.dtype)
        if action is not None:
            previous[action] = 1
        return np.concatenate([observation, previous])
