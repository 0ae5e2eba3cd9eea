"""An env that costs nothing: what an algorithm reaches on it is the most that it can reach."""

from __future__ import annotations

from typing import Any

import gymnasium
import numpy as np
from stable_baselines3.common.vec_env import VecEnv
from stable_baselines3.common.vec_env.base_vec_env import VecEnvIndices, VecEnvObs, VecEnvStepReturn


class FreeVecEnv(VecEnv):
    """N envs that return the same arrays at every step and never end.

    Args:
        num_envs: N.
        observation_space, action_space: Those of one env.
    """

    def __init__(
        self,
        num_envs: int,
        observation_space: gymnasium.Space[Any],
        action_space: gymnasium.Space[Any],
    ) -> None:
        super().__init__(num_envs, observation_space, action_space)
        shape = (num_envs, *(observation_space.shape or ()))
        self._observations = np.zeros(shape, observation_space.dtype)
        self._rewards = np.zeros(num_envs, dtype=np.float32)
        self._dones = np.zeros(num_envs, dtype=np.bool_)
        self._env_infos: list[dict[str, Any]] = [{} for _ in range(num_envs)]

    def reset(self) -> VecEnvObs:
        """The observations, (N, ...)."""
        return self._observations

    def step_async(self, actions: np.ndarray[Any, Any]) -> None:
        """Nothing."""

    def step_wait(self) -> VecEnvStepReturn:
        """The same arrays as always."""
        return self._observations, self._rewards, self._dones, self._env_infos

    def close(self) -> None:
        """Nothing is open."""

    def get_attr(self, attr_name: str, indices: VecEnvIndices = None) -> list[Any]:
        """The render mode, None; there are no other attributes."""
        if attr_name != "render_mode":
            raise AttributeError(attr_name)
        return [None] * self.num_envs

    def set_attr(self, attr_name: str, value: Any, indices: VecEnvIndices = None) -> None:
        """Refused: there are no attributes."""
        raise AttributeError(attr_name)

    def env_method(
        self, method_name: str, *args: Any, indices: VecEnvIndices = None, **kwargs: Any
    ) -> list[Any]:
        """Refused: there are no methods."""
        raise AttributeError(method_name)

    def env_is_wrapped(self, wrapper_class: type[Any], indices: VecEnvIndices = None) -> list[bool]:
        """False for every env."""
        return [False] * self.num_envs
