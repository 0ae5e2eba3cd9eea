"""`KarelSB3VecEnv`: many Karel episodes as Stable-Baselines3's `VecEnv`."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

import numpy as np
from gymnasium.vector import AutoresetMode
from numpy.typing import NDArray
from stable_baselines3.common.monitor import Monitor
from stable_baselines3.common.vec_env import VecEnv
from stable_baselines3.common.vec_env.base_vec_env import VecEnvIndices, VecEnvObs, VecEnvStepReturn

from karel_gym.registration import task_of
from karel_gym.vector import KarelVectorEnv
from karel_gym.world import World


class KarelSB3VecEnv(VecEnv):
    """N episodes of a Karel task for Stable-Baselines3, over the kernels of `KarelVectorEnv`.

    It tells what SB3's `Monitor` tells: at the end of an episode `info["episode"]` has its return
    `r`, length `l` and end `t` in seconds since the env was made; besides `is_success`,
    `terminal_observation` and `TimeLimit.truncated`.

    Args:
        env_id: The task's id.
        num_envs: N.
        seed: Env i's first reset is seeded with `seed + i`; None draws seeds from the system.
        obs, height, width, max_steps, reward: As `KarelEnv`'s.
        render_mode: None or "rgb_array".

    Raises:
        ValueError: An argument is out of its range; the message says what is allowed.
    """

    def __init__(
        self,
        env_id: str,
        num_envs: int = 1,
        seed: int | None = None,
        obs: str = "grid",
        height: int | None = None,
        width: int | None = None,
        max_steps: int | None = None,
        reward: str = "default",
        render_mode: str | None = None,
    ) -> None:
        self.envs = KarelVectorEnv(
            task_of(env_id),
            num_envs,
            obs,
            height,
            width,
            max_steps,
            reward,
            AutoresetMode.SAME_STEP,
            render_mode,
        )
        super().__init__(
            num_envs, self.envs.single_observation_space, self.envs.single_action_space
        )
        self._start = time.time()
        self._actions: NDArray[np.integer[Any]] = np.zeros(num_envs, dtype=np.int64)
        if seed is not None:
            self.seed(seed)

    def reset(self) -> VecEnvObs:
        """Begin an episode in every env, with the seeds and options given before.

        Raises:
            ValueError: An option is unknown, or a world has another size than these envs'.
        """
        unknown = {name for options in self._options for name in options} - {"world"}
        if unknown:
            raise ValueError(f"the only option of reset is 'world', got {sorted(unknown)}")
        worlds = [options.get("world") for options in self._options]
        observations, info = self.envs.reset(seed=self._seeds)
        if any(worlds):
            mask = np.array([world is not None for world in worlds])
            options = {"worlds": worlds, "reset_mask": mask}
            observations, info = self.envs.reset(options=options)
        self.reset_infos = self._infos(info)
        self._reset_seeds()
        self._reset_options()
        return observations

    def step_async(self, actions: NDArray[Any]) -> None:
        """Take the actions, int, (N,), that `step_wait` will do."""
        self._actions = actions

    def step_wait(self) -> VecEnvStepReturn:
        """Do the actions: observations (N, ...), rewards float32, dones bool, and N infos."""
        observations, rewards, terminated, truncated, info = self.envs.step(self._actions)
        infos: list[dict[str, Any]] = [{} for _ in range(self.num_envs)]
        if "final_obs" in info:
            now = round(time.time() - self._start, 6)
            final = info["final_info"]
            for i in np.flatnonzero(info["_final_obs"]):
                infos[i] = {
                    "terminal_observation": info["final_obs"][i],
                    "TimeLimit.truncated": bool(truncated[i]),
                    "is_success": bool(final["is_success"][i]),
                    "episode": {
                        "r": float(final["return"][i]),
                        "l": int(final["length"][i]),
                        "t": now,
                    },
                }
                self.reset_infos[i] = {"return": 0.0, "length": 0, "is_success": False}
        return observations, rewards.astype(np.float32), terminated | truncated, infos

    def close(self) -> None:
        """Nothing is open."""

    def get_images(self) -> Sequence[NDArray[np.uint8] | None]:
        """An rgb array an env, or None each without a render mode."""
        return self.envs.render() or [None] * self.num_envs

    def get_attr(self, attr_name: str, indices: VecEnvIndices = None) -> list[Any]:
        """An attribute of each env: `world`, or one that all envs share."""
        return [getattr(view, attr_name) for view in self._views(indices)]

    def set_attr(self, attr_name: str, value: Any, indices: VecEnvIndices = None) -> None:
        """Set an attribute of all envs; they share it, so `indices` must name all of them.

        Raises:
            ValueError: `indices` leaves an env out.
        """
        if len(set(self._get_indices(indices))) < self.num_envs:
            raise ValueError("the envs share their attributes: set_attr must name all of them")
        setattr(self.envs, attr_name, value)

    def env_method(
        self, method_name: str, *args: Any, indices: VecEnvIndices = None, **kwargs: Any
    ) -> list[Any]:
        """Call a method of each env."""
        return [getattr(view, method_name)(*args, **kwargs) for view in self._views(indices)]

    def env_is_wrapped(self, wrapper_class: type[Any], indices: VecEnvIndices = None) -> list[bool]:
        """Whether each env does what `wrapper_class` does: so it is with `Monitor`."""
        return [wrapper_class is Monitor for _ in self._get_indices(indices)]

    def _views(self, indices: VecEnvIndices) -> list[_EnvView]:
        return [_EnvView(self.envs, i) for i in self._get_indices(indices)]

    def _infos(self, info: dict[str, Any]) -> list[dict[str, Any]]:
        return [{key: info[key][i].item() for key in info} for i in range(self.num_envs)]


class _EnvView:
    """One env of a `KarelVectorEnv`, as `get_attr` and `env_method` see it."""

    def __init__(self, envs: KarelVectorEnv, index: int) -> None:
        self._envs = envs
        self._index = index

    @property
    def world(self) -> World:
        return self._envs.episodes.world(self._index)

    def get_wrapper_attr(self, name: str) -> Any:
        return getattr(self, name)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._envs, name)
