"""Every env as Stable-Baselines3's `VecEnv`: `make_sb3_vec_env`, and the classes that it makes."""

from __future__ import annotations

import copy
import time
from abc import abstractmethod
from collections.abc import Sequence
from typing import Any, cast

import gymnasium
import numpy as np
from gymnasium.vector import AutoresetMode
from numpy.typing import NDArray
from stable_baselines3.common.monitor import Monitor
from stable_baselines3.common.vec_env import DummyVecEnv, VecEnv
from stable_baselines3.common.vec_env.base_vec_env import VecEnvIndices, VecEnvObs, VecEnvStepReturn

from karel_gym.envs.cartpole import CartPoleVectorEnv
from karel_gym.envs.karel_vector import KarelVectorEnv
from karel_gym.envs.kernel_vector import KernelVectorEnv
from karel_gym.envs.safety import SafetyConstraint, Verdicts, split
from karel_gym.envs.signature import Signature
from karel_gym.envs.wrappers import LookAhead, MORLWrapper
from karel_gym.registration import CARTPOLE, is_karel, obs_of, spec_of, task_of
from karel_gym.simulation.cartpole import MAX_STEPS
from karel_gym.specs import OwnHorizonSpec
from karel_gym.world import World


def make_sb3_vec_env(
    env_id: str,
    num_envs: int = 1,
    seed: int | None = None,
    constraints: Sequence[SafetyConstraint] | None = None,
    **kwargs: Any,
) -> MORLVecEnv:
    """N envs for Stable-Baselines3, with names, safety constraints, states and look-ahead.

    Karel tasks (observing percepts, unless `obs` or the id says otherwise) and CartPole-MORL are
    stepped by kernels, any other env by itself, in `MORLWrapper`.

    Args:
        env_id: A Karel task's id, CartPole-MORL's, or that of any env with numbered actions and a
            flat observation.
        num_envs: N.
        seed: Env i's first reset is seeded with `seed + i`; None draws seeds from the system.
        constraints: What infos report on; None: what the env reports on by itself.
        kwargs: Further arguments of the env.

    Raises:
        ValueError: The id is unknown, or the env is of another kind; or an argument is out of its
            range.

    Example:
        >>> envs = make_sb3_vec_env("CartPole-MORL-v0", 2, seed=0)
        >>> envs.reset().shape, envs.signature.actions
        ((2, 4), ('left', 'right'))
        >>> envs.look_ahead().observations.shape
        (2, 2, 4)
    """
    spec = spec_of(env_id)
    if is_karel(env_id):
        obs = obs_of(env_id) or "percepts"
        kwargs = {"obs": obs, "constraints": constraints or (), **kwargs}
        return KarelSB3VecEnv(env_id, num_envs, seed, **kwargs)
    if spec.id == CARTPOLE:
        return CartPoleSB3VecEnv(num_envs, seed, constraints=constraints, **kwargs)
    return WrappedSB3VecEnv(env_id, num_envs, seed, constraints or (), **kwargs)


class MORLVecEnv(VecEnv):
    """N envs whose features and actions have names, and of which one can ask: what if?"""

    @property
    @abstractmethod
    def signature(self) -> Signature:
        """What a policy maps."""

    @abstractmethod
    def look_ahead(self) -> LookAhead:
        """What each action would lead to in each env; the envs stay as they are.

        Returns:
            Observations (N, A, D), rewards (N, A) and terminated (N, A).
        """

    @abstractmethod
    def get_states(self) -> list[Any]:
        """A copy of all that each env's episode is."""

    @abstractmethod
    def set_states(self, states: Sequence[Any]) -> VecEnvObs:
        """Let the envs' episodes go on from states that `get_states` copied.

        Returns:
            What is observed there, (N, D).

        Raises:
            ValueError: There are not N states, or one is of other envs.
        """


class KernelSB3VecEnv(MORLVecEnv):
    """N episodes for Stable-Baselines3, over the kernels of a vector env.

    It tells what SB3's `Monitor` tells: at the end of an episode `info["episode"]` has its return
    `r`, length `l` and end `t` in seconds since the env was made; besides `is_success`,
    `terminal_observation` and `TimeLimit.truncated`. `info["constraints"]`, if there are any, has
    by their names the `margin` and whether it is `violated` by the step.

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
        """What a policy maps.

        Raises:
            ValueError: The observations are grids, whose entries have no names.
        """
        if self.envs.signature is None:
            raise ValueError('grids have no named features: make the envs with obs="percepts"')
        return self.envs.signature

    def look_ahead(self) -> LookAhead:
        """What each action would lead to in each env; see `KernelVectorEnv.look_ahead`."""
        return self.envs.look_ahead()

    def get_states(self) -> list[Any]:
        """A copy of all that each env's episode is; see `KernelVectorEnv.get_states`."""
        return self.envs.get_states()

    def set_states(self, states: Sequence[Any]) -> VecEnvObs:
        """Let the envs' episodes go on from states; see `KernelVectorEnv.set_states`."""
        return self.envs.set_states(states)

    def reset(self) -> VecEnvObs:
        """Begin an episode in every env, with the seeds and options given before.

        Raises:
            ValueError: An option is unknown, or a start is none of these envs'.
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
        """Take the actions, int, (N,), that `step_wait` will do."""
        self._actions = actions

    def step_wait(self) -> VecEnvStepReturn:
        """Do the actions: observations (N, ...), rewards float32, dones bool, and N infos."""
        observations, rewards, terminated, truncated, info = self.envs.step(self._actions)
        infos: list[dict[str, Any]] = [{} for _ in range(self.num_envs)]
        if "constraints" in info:
            verdicts = split(_verdicts(info), range(self.num_envs))
            infos = [{"constraints": verdict} for verdict in verdicts]
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
        """Nothing is open."""

    def get_images(self) -> Sequence[NDArray[np.uint8] | None]:
        """An rgb array an env, or None each without a render mode."""
        return self.envs.render() or [None] * self.num_envs

    def get_attr(self, attr_name: str, indices: VecEnvIndices = None) -> list[Any]:
        """An attribute of each env: its `world`, one that was set, or one that all envs share."""
        return [getattr(view, attr_name) for view in self._views(indices)]

    def set_attr(self, attr_name: str, value: Any, indices: VecEnvIndices = None) -> None:
        """Set an attribute of some envs, or one that all envs share of all of them.

        Raises:
            ValueError: All envs share the attribute, and `indices` leaves one out.
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
                f"the {self.num_envs} envs share {attr_name!r}: set it in all of them, or in a "
                "DummyVecEnv, which has an env of its own for each"
            )
        else:
            setattr(self.envs, attr_name, value)

    def env_method(
        self, method_name: str, *args: Any, indices: VecEnvIndices = None, **kwargs: Any
    ) -> list[Any]:
        """Call a method of each env.

        Raises:
            AttributeError: There is none, or it is "reset" or "step", which are of all envs.
        """
        if method_name == "set_wrapper_attr":
            return self._set_wrapper_attr(indices, *args, **kwargs)
        return [getattr(view, method_name)(*args, **kwargs) for view in self._views(indices)]

    def _set_wrapper_attr(
        self, indices: VecEnvIndices, name: str, value: Any, *, force: bool = True
    ) -> list[bool]:
        """What `gymnasium.Env.set_wrapper_attr` does, in some envs."""
        views = self._views(indices)
        are_set = [force or view.has_wrapper_attr(name) for view in views]
        which = [view.index for view, is_set in zip(views, are_set, strict=True) if is_set]
        if which:
            self.set_attr(name, value, which)
        return are_set

    def env_is_wrapped(self, wrapper_class: type[Any], indices: VecEnvIndices = None) -> list[bool]:
        """Whether each env does what `wrapper_class` does: so it is with `Monitor`."""
        return [wrapper_class is Monitor for _ in self._get_indices(indices)]

    def _views(self, indices: VecEnvIndices) -> list[_EnvView]:
        return [_EnvView(self.envs, i, self._own[i]) for i in self._get_indices(indices)]


class KarelSB3VecEnv(KernelSB3VecEnv):
    """N episodes of a Karel task for Stable-Baselines3, over the kernels of `KarelVectorEnv`.

    Infos are those of `KernelSB3VecEnv`.

    Args:
        env_id: The task's id.
        num_envs: N.
        seed: Env i's first reset is seeded with `seed + i`; None draws seeds from the system.
        obs, height, width, max_steps, reward: As `KarelEnv`'s; None: what is registered under the
            id, or the default.
        render_mode: None or "rgb_array".
        constraints: What infos report on; they need the observations "percepts".

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
        render_mode: str | None = None,
        constraints: Sequence[SafetyConstraint] = (),
    ) -> None:
        task_of(env_id)  # or the error that says what there is
        spec = copy.deepcopy(OwnHorizonSpec.of(spec_of(env_id)))
        given = {"obs": obs, "height": height, "width": width, "reward": reward}
        limit = spec.time_limit if max_steps is None else max_steps
        given |= {"max_steps": limit, "render_mode": render_mode}
        kwargs = {name: value for name, value in given.items() if value is not None}
        spec.kwargs = {"obs": "grid"} | spec.kwargs | kwargs
        spec.max_episode_steps = None  # it follows from the arguments
        mode = AutoresetMode.SAME_STEP
        envs = KarelVectorEnv(
            num_envs=num_envs, autoreset_mode=mode, constraints=constraints, **spec.kwargs
        )
        envs.spec = spec
        super().__init__(envs, seed)

    def env_method(
        self, method_name: str, *args: Any, indices: VecEnvIndices = None, **kwargs: Any
    ) -> list[Any]:
        """Call a method of each env; MaskablePPO asks for `action_masks`, bool, (5,), this way."""
        if method_name == "action_masks":
            masks = self.envs.action_masks()
            return [masks[i] for i in self._get_indices(indices)]
        return super().env_method(method_name, *args, indices=indices, **kwargs)


class CartPoleSB3VecEnv(KernelSB3VecEnv):
    """N episodes of CartPole-MORL for Stable-Baselines3, over the kernels of `CartPoleVectorEnv`.

    Infos are those of `KernelSB3VecEnv`.

    Args:
        num_envs: N.
        seed: Env i's first reset is seeded with `seed + i`; None draws seeds from the system.
        max_steps, constraints: As `CartPoleMORLEnv`'s.
        render_mode: None or "rgb_array".

    Raises:
        ValueError: An argument is out of its range; the message says what is allowed.
    """

    def __init__(
        self,
        num_envs: int = 1,
        seed: int | None = None,
        max_steps: int = MAX_STEPS,
        render_mode: str | None = None,
        constraints: Sequence[SafetyConstraint] | None = None,
    ) -> None:
        mode = AutoresetMode.SAME_STEP
        super().__init__(
            CartPoleVectorEnv(num_envs, max_steps, mode, render_mode, constraints), seed
        )


class WrappedSB3VecEnv(DummyVecEnv, MORLVecEnv):
    """N envs of any kind for Stable-Baselines3, each in `MORLWrapper` and SB3's `Monitor`.

    `Monitor` counts an episode from its reset on: `set_states` does not change what it has counted.

    Args:
        env_id: The id of an env with numbered actions and a flat observation.
        num_envs: N.
        seed: Env i's first reset is seeded with `seed + i`; None draws seeds from the system.
        constraints: What infos report on, beside what the env itself reports on.
        signature: The names; None: those of `signature_of`.
        kwargs: Further arguments of `gymnasium.make`.

    Raises:
        ValueError: The env is of another kind, or `num_envs` is below 1.
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
        """What a policy maps."""
        return self._wrappers()[0].signature

    def look_ahead(self) -> LookAhead:
        """What each action would lead to in each env; see `MORLWrapper.look_ahead`."""
        outcomes = [wrapper.look_ahead() for wrapper in self._wrappers()]
        return LookAhead(*(np.stack(parts) for parts in zip(*outcomes, strict=True)))

    def get_states(self) -> list[Any]:
        """A copy of all that each env's episode is; see `MORLWrapper.get_state`."""
        return [wrapper.get_state() for wrapper in self._wrappers()]

    def set_states(self, states: Sequence[Any]) -> VecEnvObs:
        """Let the envs' episodes go on from states; see `MORLWrapper.set_state`.

        Raises:
            ValueError: There are not N states.
        """
        if len(states) != self.num_envs:
            raise ValueError(
                f"states must have one entry an env: {self.num_envs}, got {len(states)}"
            )
        observed = [w.set_state(state) for w, state in zip(self._wrappers(), states, strict=True)]
        return np.stack(observed)

    def _wrappers(self) -> list[MORLWrapper]:
        return [cast(MORLWrapper, cast(Monitor, env).env) for env in self.envs]


class _EnvView:
    """One env of a `KernelVectorEnv`, as `get_attr` and `env_method` see it."""

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
    """What the info of a vector env tells of some envs, one by one."""
    keys = ("return", "length", "is_success")
    columns = [(key, info[key].tolist()) for key in keys]
    infos = [{key: values[i] for key, values in columns} for i in which]
    if "constraints" in info:
        for own, verdict in zip(infos, split(_verdicts(info), which), strict=True):
            own["constraints"] = verdict
    return infos


def _verdicts(info: dict[str, Any]) -> Verdicts:
    """The verdicts in the info of a vector env, without Gymnasium's masks."""
    verdicts: Verdicts = info["constraints"]
    return {name: verdict for name, verdict in verdicts.items() if isinstance(verdict, dict)}
