"""An env whose steps cost nothing: an upper bound for the speed of an algorithm."""

from __future__ import annotations

from typing import Any

import numpy as np
from stable_baselines3.common.vec_env import VecEnv, VecEnvWrapper
from stable_baselines3.common.vec_env.base_vec_env import VecEnvObs, VecEnvStepReturn


class FreeVecEnv(VecEnvWrapper):
    """Envs with the spaces of others that return the same arrays at every step and never end."""

    def __init__(self, envs: VecEnv) -> None:
        super().__init__(envs)
        shape = (self.num_envs, *(self.observation_space.shape or ()))
        self._observations = np.zeros(shape, self.observation_space.dtype)
        self._rewards = np.zeros(self.num_envs, dtype=np.float32)
        self._dones = np.zeros(self.num_envs, dtype=np.bool_)
        self._infos: list[dict[str, Any]] = [{} for _ in range(self.num_envs)]

    def reset(self) -> VecEnvObs:
        """The observations, (N, ...)."""
        return self._observations

    def step_async(self, actions: np.ndarray[Any, Any]) -> None:
        """Do nothing."""

    def step_wait(self) -> VecEnvStepReturn:
        """The same arrays every time."""
        return self._observations, self._rewards, self._dones, self._infos
