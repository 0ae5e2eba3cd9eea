"""Adapters that make every env a `VecEnv` of Stable-Baselines3."""

from __future__ import annotations

import copy
import time
from abc import abstractmethod
from collections.abc import Sequence
from typing import Any

import gymnasium
import numpy as np
from gymnasium.vector import AutoresetMode
from numpy.typing import NDArray
from stable_baselines3.common.monitor import Monitor
from stable_baselines3.common.vec_env import DummyVecEnv, VecEnv
from stable_baselines3.common.vec_env.base_vec_env import VecEnvIndices, VecEnvObs, VecEnvStepReturn

from karel_gym.envs.karel_vector import KarelVectorEnv
from karel_gym.envs.kernel_vector import KernelVectorEnv
from karel_gym.envs.safety import SafetyConstraint, split
from karel_gym.envs.signature import Signature
from karel_gym.envs.wrappers import LookAhead, MORLWrapper
from karel_gym.registration import CARTPOLE, is_karel, obs_of, spec_of, task_of
from karel_gym.world import World


def make_sb3_vec_env(
    env_id: str,
    num_envs: int = 1,
    seed: int | None = None,
    constraints: Sequence[SafetyConstraint] | None = None,
    **kwargs: Any,
) -> MORLVecEnv:
    """Make N envs for Stable-Baselines3, with named features, constraints, states and look-ahead.

    Compiled kernels step Karel tasks and CartPole-MORL. `MORLWrapper` adds the rest to other envs.

    Args:
        env_id: The id of any env with numbered actions and a flat observation. Karel tasks observe
            percepts, unless `obs` or the id says otherwise.
        num_envs: N.
        seed: Env i's first reset is seeded with `seed + i`; None draws seeds from the system.
        constraints: The constraints that infos report; None: the env's own.
        kwargs: Further arguments of the env.

    Raises:
        ValueError: The id is unknown, the env does not fit, or an argument is out of its range.

    Example:
        >>> envs = make_sb3_vec_env("CartPole-MORL-v0", 2, seed=0)
        >>> envs.reset().shape, envs.signature.actions
        ((2, 4), ('left', 'right'))
        >>> envs.look_ahead().observations.shape
        (2, 2, 4)
    """
    if is_karel(env_id):
        obs = obs_of(env_id) or "percepts"
        kwargs = {"obs": obs, "constraints": constraints or (), **kwargs}
        return KarelSB3VecEnv(env_id, num_envs, seed, **kwargs)
    if spec_of(env_id).id == CARTPOLE:
        return KernelSB3VecEnv(_native(env_id, num_envs, constraints=constraints, **kwargs), seed)
    return WrappedSB3VecEnv(env_id, num_envs, seed, constraints or (), **kwargs)


def _native(env: Any, num_envs: int, **kwargs: Any) -> Any:
    """The native vector env; episodes restart in the step in which they end, as SB3 expects."""
    given = {name: value for name, value in kwargs.items() if value is not None}
    return gymnasium.make_vec(env, num_envs, autoreset_mode=AutoresetMode.SAME_STEP, **given)


class MORLVecEnv(VecEnv):
    """N envs with named features and actions, states that can be set, and look-ahead."""

    @property
    @abstractmethod
    def signature(self) -> Signature:
        """The features and the actions; a `ValueError` for grids, whose entries have no names."""

    @abstractmethod
    def look_ahead(self) -> LookAhead:
        """The observations (N, A, D), rewards and terminated (N, A) after each action."""

    @abstractmethod
    def get_states(self) -> list[Any]:
        """A copy of the state of each env's episode."""

    @abstractmethod
    def set_states(self, states: Sequence[Any]) -> VecEnvObs:
        """Continue from N states of `get_states`; return the observations there, (N, D).

        Raises:
            ValueError: There are not N states, or one is of other envs.
        """


class KernelSB3VecEnv(MORLVecEnv):
    """Adapter of a `KernelVectorEnv` for Stable-Baselines3.

    At the end of an episode its info has `is_success`, `terminal_observation`,
    `TimeLimit.truncated` and, as with SB3's `Monitor`, `episode`: the return `r`, the length `l`
    and the time `t` in seconds since the env was made. `info["constraints"]`, if there are any, has
    for each constraint's name the `margin` and whether the step `violated` it.

    Args:
        envs: The vector env, in the autoreset mode "SameStep".
        seed: Env i's first reset is seeded with `seed + i`; None draws seeds from the system.
    """

    def __init__(self, envs: KernelVectorEnv, seed: int | None) -> None:
        self.envs = envs
        if envs.render_mode not in (None, "rgb_array"):
            raise ValueError(f"render_mode must be None or 'rgb_array', got {envs.render_mode!r}")
        self._own: list[dict[str, Any]] = [{} for _ in range(envs.num_envs)]
        super().__init__(envs.num_envs, envs.single_observation_space, envs.single_action_space)
        self._start = time.time()
        self._actions: NDArray[np.integer[Any]] = np.zeros(envs.num_envs, dtype=np.int64)
        if seed is not None:
            self.seed(seed)

    @property
    def signature(self) -> Signature:
        if self.envs.signature is None:
            raise ValueError('grids have no named features: make the envs with obs="percepts"')
        return self.envs.signature

    def look_ahead(self) -> LookAhead:
        return self.envs.look_ahead()

    def get_states(self) -> list[Any]:
        return self.envs.get_states()

    def set_states(self, states: Sequence[Any]) -> VecEnvObs:
        return self.envs.set_states(states)

    def reset(self) -> VecEnvObs:
        """Begin an episode in every env, with the seeds and options given before.

        Raises:
            ValueError: An option is unknown, or its start does not fit these envs.
        """
        plural = self.envs.start_option
        option = plural[:-1]
        unknown = {name for options in self._options for name in options} - {option}
        if unknown:
            raise ValueError(f"the only option of reset is {option!r}, got {sorted(unknown)}")
        starts = [options.get(option) for options in self._options]
        mask = np.array([start is not None for start in starts])
        observations, info = self.envs.reset(seed=self._seeds)
        if mask.any():
            options = {plural: starts, "reset_mask": mask}
            observations, info = self.envs.reset(options=options)
        self.reset_infos = _infos(info, range(self.num_envs))
        self._reset_seeds()
        self._reset_options()
        return observations

    def step_async(self, actions: NDArray[Any]) -> None:
        """Store the actions, int, (N,), for `step_wait`."""
        self._actions = actions

    def step_wait(self) -> VecEnvStepReturn:
        """Do the actions: observations (N, ...), rewards float32, dones bool, and N infos."""
        observations, rewards, terminated, truncated, info = self.envs.step(self._actions)
        infos: list[dict[str, Any]] = [{} for _ in range(self.num_envs)]
        if "constraints" in info:
            infos = _infos({"constraints": info["constraints"]}, range(self.num_envs))
        if "final_obs" in info:
            now = round(time.time() - self._start, 6)
            ended = np.flatnonzero(info["_final_obs"]).tolist()
            begun, final = _infos(info, ended), _infos(info["final_info"], ended)
            for i, first, last in zip(ended, begun, final, strict=True):
                self.reset_infos[i] = first
                episode = {"r": last.pop("return"), "l": last.pop("length"), "t": now}
                infos[i] = last | {
                    "terminal_observation": info["final_obs"][i],
                    "TimeLimit.truncated": bool(truncated[i]),
                    "episode": episode,
                }
        return observations, rewards.astype(np.float32), terminated | truncated, infos

    def close(self) -> None:
        """Do nothing: no resource is open."""

    def get_images(self) -> Sequence[NDArray[np.uint8] | None]:
        """An rgb array per env, or None for each without a render mode."""
        return self.envs.render() or [None] * self.num_envs

    def get_attr(self, attr_name: str, indices: VecEnvIndices = None) -> list[Any]:
        """An attribute of each env: its `world`, one that was set, or one that all envs share."""
        return [getattr(view, attr_name) for view in self._views(indices)]

    def set_attr(self, attr_name: str, value: Any, indices: VecEnvIndices = None) -> None:
        """Set an attribute of some envs, or a shared attribute of all envs.

        Raises:
            ValueError: The attribute is shared, and `indices` does not name all envs.
            AttributeError: The attribute cannot be set.
        """
        which = self._get_indices(indices)
        if hasattr(_EnvView, attr_name):
            raise AttributeError(f"{attr_name!r} of an env cannot be set")
        if not hasattr(self.envs, attr_name):
            for i in which:
                self._own[i][attr_name] = value
        elif len(set(which)) < self.num_envs:
            raise ValueError(
                f"the {self.num_envs} envs share {attr_name!r}: set it in all of them, or use a "
                "DummyVecEnv, whose envs share nothing"
            )
        else:
            setattr(self.envs, attr_name, value)

    def env_method(
        self, method_name: str, *args: Any, indices: VecEnvIndices = None, **kwargs: Any
    ) -> list[Any]:
        """Call a method, not "reset" or "step", of each env, as MaskablePPO does `action_masks`."""
        if method_name == "set_wrapper_attr":
            return self._set_wrapper_attr(indices, *args, **kwargs)
        if method_name == "action_masks":  # one kernel call for all envs
            masks = self.get_attr(method_name, 0)[0]()
            return [masks[i] for i in self._get_indices(indices)]
        return [getattr(view, method_name)(*args, **kwargs) for view in self._views(indices)]

    def _set_wrapper_attr(
        self, indices: VecEnvIndices, name: str, value: Any, *, force: bool = True
    ) -> list[bool]:
        """Do what `gymnasium.Env.set_wrapper_attr` does, in some envs."""
        views = self._views(indices)
        are_set = [force or view.has_wrapper_attr(name) for view in views]
        which = [view.index for view, is_set in zip(views, are_set, strict=True) if is_set]
        if which:
            self.set_attr(name, value, which)
        return are_set

    def env_is_wrapped(self, wrapper_class: type[Any], indices: VecEnvIndices = None) -> list[bool]:
        """True for `Monitor`, whose job these envs do themselves."""
        return [wrapper_class is Monitor for _ in self._get_indices(indices)]

    def _views(self, indices: VecEnvIndices) -> list[_EnvView]:
        return [_EnvView(self.envs, i, self._own[i]) for i in self._get_indices(indices)]


class KarelSB3VecEnv(KernelSB3VecEnv):
    """N episodes of a Karel task for Stable-Baselines3; infos are those of `KernelSB3VecEnv`.

    Args:
        env_id: The task's id.
        num_envs: N.
        seed: Env i's first reset is seeded with `seed + i`; None draws seeds from the system.
        obs, height, width, max_steps, reward, max_markers: As for `KarelEnv`; None: the id's, or
            the default.
        render_mode: None or "rgb_array".
        constraints: The constraints that infos report; they need the observation "percepts".

    Raises:
        ValueError: An argument is out of its range; the message says what is allowed.
    """

    envs: KarelVectorEnv

    def __init__(
        self,
        env_id: str,
        num_envs: int = 1,
        seed: int | None = None,
        obs: str | None = None,
        height: int | None = None,
        width: int | None = None,
        max_steps: int | None = None,
        reward: str | None = None,
        max_markers: int | None = None,
        render_mode: str | None = None,
        constraints: Sequence[SafetyConstraint] = (),
    ) -> None:
        task_of(env_id)  # raises for other ids
        spec: Any = copy.deepcopy(spec_of(env_id))
        spec.vector_entry_point = KarelVectorEnv
        envs = _native(
            spec,
            num_envs,
            obs=obs,
            height=height,
            width=width,
            max_episode_steps=max_steps,
            reward=reward,
            max_markers=max_markers,
            render_mode=render_mode,
            constraints=constraints,
        )
        super().__init__(envs, seed)


class WrappedSB3VecEnv(DummyVecEnv, MORLVecEnv):
    """N envs of any kind for Stable-Baselines3, each in `MORLWrapper` and SB3's `Monitor`.

    `Monitor` counts an episode from its reset: `set_states` does not change its counts. `seed` is
    as in `make_sb3_vec_env`, `constraints` and `signature` are as in `MORLWrapper`, and `kwargs`
    are further arguments of `gymnasium.make`.

    Raises:
        ValueError: The env does not fit `MORLWrapper`, or `num_envs` is below 1.
    """

    def __init__(
        self,
        env_id: str,
        num_envs: int = 1,
        seed: int | None = None,
        constraints: Sequence[SafetyConstraint] = (),
        signature: Signature | None = None,
        **kwargs: Any,
    ) -> None:
        if num_envs < 1:
            raise ValueError(f"num_envs must be at least 1, got {num_envs}")

        def make() -> gymnasium.Env[Any, Any]:
            return Monitor(MORLWrapper(gymnasium.make(env_id, **kwargs), constraints, signature))

        super().__init__([make] * num_envs)
        if seed is not None:
            self.seed(seed)

    @property
    def signature(self) -> Signature:
        return self.get_attr("signature", 0)[0]

    def look_ahead(self) -> LookAhead:
        outcomes = self.env_method("look_ahead")
        return LookAhead(*(np.stack(parts) for parts in zip(*outcomes, strict=True)))

    def get_states(self) -> list[Any]:
        return self.env_method("get_state")

    def set_states(self, states: Sequence[Any]) -> VecEnvObs:
        if len(states) != self.num_envs:
            raise ValueError(
                f"states must have one entry per env: {self.num_envs}, got {len(states)}"
            )
        observed = [self.env_method("set_state", s, indices=i)[0] for i, s in enumerate(states)]
        return np.stack(observed)


class _EnvView:
    """One env of a `KernelVectorEnv`, for `get_attr` and `env_method`."""

    def __init__(self, envs: Any, index: int, own: dict[str, Any]) -> None:
        self._envs = envs
        self._own = own
        self.index = index

    @property
    def world(self) -> World:
        world: World = self._envs.episodes.world(self.index)
        return world

    @property
    def observation_space(self) -> gymnasium.Space[Any]:
        space: gymnasium.Space[Any] = self._envs.single_observation_space
        return space

    @property
    def action_space(self) -> gymnasium.Space[Any]:
        space: gymnasium.Space[Any] = self._envs.single_action_space
        return space

    @property
    def unwrapped(self) -> _EnvView:
        return self

    def render(self) -> Any:
        images = self._envs.render()
        return None if images is None else images[self.index]

    def get_wrapper_attr(self, name: str) -> Any:
        return getattr(self, name)

    def has_wrapper_attr(self, name: str) -> bool:
        return hasattr(self, name)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") or name in ("reset", "step"):
            raise AttributeError(f"one of several envs that are stepped together has no {name!r}")
        return self._own[name] if name in self._own else getattr(self._envs, name)


def _infos(info: dict[str, Any], which: Sequence[int]) -> list[dict[str, Any]]:
    """The entries of a vector env's info for some envs, one dict per env."""
    keys = [key for key in ("return", "length", "is_success") if key in info]
    columns = [(key, info[key].tolist()) for key in keys]
    infos: list[dict[str, Any]] = [{key: values[i] for key, values in columns} for i in which]
    if "constraints" in info:  # without Gymnasium's masks
        verdicts = {k: v for k, v in info["constraints"].items() if isinstance(v, dict)}
        for own, verdict in zip(infos, split(verdicts, which), strict=True):
            own["constraints"] = verdict
    return infos
