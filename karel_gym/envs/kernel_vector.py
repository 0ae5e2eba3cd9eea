"""Base class of the vector envs; one call of a compiled kernel steps all episodes."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, ClassVar

import gymnasium
import numpy as np
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space
from numpy.typing import NDArray

from karel_gym.envs.safety import (
    SafetyConstraint,
    Verdicts,
    at_reset,
    check_constraints,
    cleared,
    verdicts_on,
)
from karel_gym.envs.signature import Signature, unknown_action
from karel_gym.envs.wrappers import LookAhead
from karel_gym.simulation.episode_arrays import EpisodeArrays, EpisodeState
from karel_gym.specs import OwnHorizon

RENDER_MODES = ("rgb_array", "rgb_array_list")
Step = tuple[
    NDArray[Any], NDArray[np.float64], NDArray[np.bool_], NDArray[np.bool_], dict[str, Any]
]


class KernelVectorEnv(OwnHorizon, VectorEnv[NDArray[Any], NDArray[np.int64], NDArray[Any]], ABC):
    """N episodes, stepped by one call of a compiled kernel.

    Env i behaves like a single env: the same seed gives the same trajectory, through every reset.
    `info` has, as arrays of shape (N,), the episode's `return` (the sum of rewards) and `length`
    (in actions) so far, `is_success`, whether it ended with the task solved, and `constraints`, if
    there are any: for each name the `margin` and whether the step `violated` it. `_key`, bool,
    (N,), says which entries of `key` are valid; the others are 0.

    Args:
        episodes: The episodes.
        observation_space: The space of one env.
        signature: The names of features and actions; None if observations are not flat.
        autoreset_mode: The time of the next episode: the step after the end ("NextStep": that
            step's action is ignored, its reward is 0), the same step ("SameStep": the last
            observation and info are `final_obs` and `final_info`), or a call of
            `reset(options={"reset_mask": bool (N,)})` ("Disabled").
        render_mode: None, "rgb_array" or "rgb_array_list": `render` then returns for each env the
            list of images since its last call or since the episode began.
        constraints: The constraints that infos report.

    Raises:
        ValueError: An argument is out of its range; the message says what is allowed.
    """

    metadata: dict[str, Any] = {"render_modes": ["rgb_array"], "render_fps": 10}  # noqa: RUF012
    start_option: ClassVar[str]
    """The option of `reset` that gives starts; without its s, that of a single env."""
    action_names: ClassVar[Sequence[str]]

    def __init__(
        self,
        episodes: EpisodeArrays,
        observation_space: gymnasium.Space[Any],
        signature: Signature | None,
        autoreset_mode: AutoresetMode | str,
        render_mode: str | None,
        constraints: Sequence[SafetyConstraint],
    ) -> None:
        super().__init__()
        if render_mode not in (None, *RENDER_MODES):
            raise ValueError(
                f"render_mode must be None, 'rgb_array' or 'rgb_array_list', got {render_mode!r}"
            )
        self.device = episodes.device
        self.num_envs = len(episodes)
        self.signature = signature
        self.autoreset_mode = AutoresetMode(autoreset_mode)
        self.metadata = {**self.metadata, "autoreset_mode": self.autoreset_mode}
        self.render_mode = render_mode
        self.constraints = check_constraints(constraints)
        if self.constraints and (signature is None or self.device.array_type is not np.ndarray):
            raise ValueError("constraints need flat observations and the device 'cpu'")
        self.single_observation_space = observation_space
        self.single_action_space = gymnasium.spaces.Discrete(len(self.action_names))
        self.observation_space = batch_space(self.single_observation_space, self.num_envs)
        self.action_space = batch_space(self.single_action_space, self.num_envs)
        self.episodes = episodes
        self._ended = self._no_envs()
        self._seeded = np.zeros(self.num_envs, dtype=np.bool_)
        self._observed: Any = None  # at the step before, for the constraints
        self._frames: list[list[NDArray[np.uint8]]] = [[] for _ in range(self.num_envs)]

    def reset(
        self,
        *,
        seed: int | Sequence[int | None] | None = None,
        options: dict[str, Any] | None = None,
    ) -> tuple[NDArray[Any], dict[str, Any]]:
        """Begin an episode in every env, or in some.

        Args:
            seed: Env i is seeded with `seed + i`, or with `seed[i]` where that is not None; an env
                that was never seeded draws a seed from the operating system.
            options: The N starts, and `reset_mask`, bool, (N,), the envs to reset, at least one.

        Raises:
            ValueError: The seeds or an option have the wrong length or name.
            TypeError: The mask is not an array of bool.
        """
        options = dict(options or {})
        which = self._reset_mask(options.pop("reset_mask", None))
        starts = options.pop(self.start_option, None)
        if options:
            raise ValueError(
                f"the options of reset are {self.start_option!r} and 'reset_mask', "
                f"got {sorted(options)}"
            )
        self._seed(seed, which)
        begun = self.device.from_host(which)
        if starts is None:
            self.episodes.reset(begun)
        else:
            self._check_length(self.start_option, starts)
            for i in np.flatnonzero(which):
                self.episodes.load(int(i), starts[i])
        self._ended = self._ended & ~begun
        observations = self._remembered()
        info = self._info(self._no_envs(), at_reset(self.constraints, self.num_envs))
        self._collect_frames(begun)
        return observations, self._masked(info, None if which.all() else begun)

    def step(self, actions: NDArray[np.integer[Any]]) -> Step:
        """Do the actions, int, (N,), one per env; with the device "cuda" possibly a tensor.

        Returns:
            Observations (N, ...), rewards float64 (N,), terminated and truncated bool (N,), info.

        Raises:
            ValueError: There are not N actions, or one is out of range.
            gymnasium.error.ResetNeeded: An env was never reset, or has ended (autoreset disabled).
        """
        actions = self._check_actions(actions)
        if self.autoreset_mode is AutoresetMode.DISABLED:
            self._check_running()
        else:
            self._check_begun()
        observed, begun = self._observed, self._ended
        rewards, terminated, truncated = self.episodes.step(actions, begun)
        ended = terminated | truncated
        observations = self._remembered()
        verdicts = cleared(verdicts_on(self.constraints, observed, actions, observations), begun)
        info = self._info(self._solved(terminated, truncated), verdicts)
        if self.autoreset_mode is AutoresetMode.SAME_STEP:
            final: dict[str, Any] = {}
            if ended.any():
                observations, info, final = self._restart(ended, observations, info)
                begun = ended
            info = self._masked(info) | final
            ended = self._no_envs()
        else:
            info = self._masked(info)
        self._ended = ended
        self._collect_frames(begun)
        return observations, rewards, terminated, truncated, info

    def look_ahead(self) -> LookAhead:
        """The result of each action in each env; the envs stay as they are.

        Returns:
            Observations (N, A, ...), rewards (N, A) and terminated (N, A).

        Raises:
            gymnasium.error.ResetNeeded: An env was never reset, or has ended.
        """
        self._check_running()
        return LookAhead(*self.episodes.outcomes(len(self.action_names), self._observe))

    def get_states(self) -> list[EpisodeState]:
        """A copy of each episode's state, for `set_states` here or `set_state` of a single env."""
        self._check_running()
        return [self.episodes.get_state(i) for i in range(self.num_envs)]

    def set_states(self, states: Sequence[EpisodeState]) -> NDArray[Any]:
        """Continue from N states, copied here or in single envs; return the observations there.

        Raises:
            ValueError: There are not N states, or one is of other envs.
        """
        self._check_length("states", states)
        for i, state in enumerate(states):
            self.episodes.set_state(i, state)
        self._ended = self._no_envs()
        self._seeded[:] = True
        return self._remembered()

    def render(self) -> tuple[Any, ...] | None:
        """An rgb array per env, a list of them per env, or None (`render_mode`)."""
        if self.render_mode is None:
            return None
        if self.render_mode == "rgb_array":
            return self._images()
        frames, self._frames = self._frames, [[] for _ in range(self.num_envs)]
        return tuple(frames)

    @abstractmethod
    def _images(self) -> tuple[NDArray[np.uint8], ...]:
        """An rgb array per env."""

    @abstractmethod
    def _observe(self) -> NDArray[Any]:
        """The present observations, (N, ...)."""

    @abstractmethod
    def _solved(self, terminated: Any, truncated: Any) -> Any:
        """Whether the task is solved in episodes that end in these ways, bool, (N,)."""

    def _restart(
        self, ended: NDArray[np.bool_], observations: NDArray[Any], info: dict[str, Any]
    ) -> tuple[NDArray[Any], dict[str, Any], dict[str, Any]]:
        """Reset the envs that have ended: observations, info, and final observations and infos."""
        final_obs = observations
        if isinstance(observations, np.ndarray):  # Gymnasium's form
            final_obs = np.full(self.num_envs, None, dtype=object)
            for i in self._numbers(ended):
                final_obs[i] = observations[i]
        final: dict[str, Any] = {"final_obs": final_obs, "_final_obs": ended}
        final |= {"final_info": self._masked(info, ended), "_final_info": ended}
        self.episodes.reset(ended)
        verdicts = cleared(info.get("constraints", {}), ended)
        return self._remembered(), self._info(self._no_envs(), verdicts), final

    def _masked(self, info: dict[str, Any], mask: Any = None) -> dict[str, Any]:
        """The info with a mask beside each entry, in Gymnasium's form; None: all envs."""
        masked: dict[str, Any] = {}
        of = ~self._no_envs() if mask is None else mask
        for key, value in info.items():
            if isinstance(value, dict):
                value = self._masked(value, mask)
            elif mask is not None:
                value = self.device.copy(value)
                value[~mask] = 0
            masked[key], masked[f"_{key}"] = value, of
        return masked

    def _collect_frames(self, begun: Any) -> None:
        """Store the present images; drop those before the episodes `begun`, bool, (N,)."""
        if self.render_mode != "rgb_array_list":
            return
        for i in self._numbers(begun):
            self._frames[i] = []
        for frames, image in zip(self._frames, self._images(), strict=True):
            frames.append(image)

    def _remembered(self) -> NDArray[Any]:
        """The present observations, also stored for the constraints of the next step."""
        observations = self._observe()
        if self.constraints:
            self._observed = observations.copy()  # users may change what they are given
        return observations

    def _no_envs(self) -> Any:
        """A mask that is false for all envs, bool, (N,)."""
        return self.device.zeros((self.num_envs,), np.bool_)

    def _numbers(self, mask: Any) -> list[int]:
        """The numbers of the envs for which a mask is true."""
        numbers: list[int] = np.flatnonzero(self.device.to_host(mask)).tolist()
        return numbers

    def _reset_mask(self, mask: Any) -> NDArray[np.bool_]:
        if mask is None:
            return np.ones(self.num_envs, dtype=np.bool_)
        if not isinstance(mask, (np.ndarray, self.device.array_type)):
            raise TypeError(f"reset_mask must be an array of bool, got a {type(mask).__name__}")
        mask = self.device.to_host(self.device.asarray(mask))
        if mask.shape != (self.num_envs,):
            raise ValueError(
                f"reset_mask must be of shape ({self.num_envs},), got the shape {mask.shape}"
            )
        if mask.dtype != np.bool_:
            raise TypeError(f"reset_mask must be of bool, got {mask.dtype}")
        if not mask.any():
            raise ValueError("reset_mask must be true for at least one env")
        return mask

    def _seed(self, seed: int | Sequence[int | None] | None, which: NDArray[np.bool_]) -> None:
        seeds: Sequence[int | None]
        if seed is None:
            seeds = [None] * self.num_envs
        elif isinstance(seed, (int, np.integer)):
            self._np_random, self._np_random_seed = gymnasium.utils.seeding.np_random(int(seed))
            seeds = range(int(seed), int(seed) + self.num_envs)
        else:
            seeds = seed
            self._check_length("seed", seeds)
        for i in np.flatnonzero(which).tolist():
            own = seeds[i]
            if own is None and not self._seeded[i]:
                own = int(self.np_random.integers(2**63))
            if own is not None:
                self.episodes.seed(i, int(own))
                self._seeded[i] = True

    def _check_length(self, name: str, values: Sequence[Any]) -> None:
        if len(values) != self.num_envs:
            raise ValueError(
                f"{name} must have one entry per env: {self.num_envs}, got {len(values)}"
            )

    def _check_actions(self, actions: Any) -> Any:
        actions = self.device.asarray(actions)
        shape, dtype = tuple(actions.shape), self.device.dtype(actions)
        if shape != (self.num_envs,) or not np.issubdtype(dtype, np.integer):
            raise ValueError(
                f"actions must be integers of shape ({self.num_envs},), got {dtype}, {shape}"
            )
        if actions.min() < 0 or actions.max() >= len(self.action_names):
            faulty = actions[(actions < 0) | (actions >= len(self.action_names))][0]
            raise unknown_action(self.action_names, int(faulty))
        return self.device.asarray(actions, np.int64)

    def _check_begun(self) -> None:
        if not self._seeded.all():
            raise gymnasium.error.ResetNeeded("call reset() to begin an episode in every env")

    def _check_running(self) -> None:
        self._check_begun()
        if self._ended.any():
            raise gymnasium.error.ResetNeeded(
                f"envs {self._numbers(self._ended)} have ended: "
                'call reset(options={"reset_mask": ...})'
            )

    def _info(self, solved: Any, verdicts: Verdicts) -> dict[str, Any]:
        info = {
            "return": self.device.copy(self.episodes.returns),
            "length": self.device.copy(self.episodes.lengths),
            "is_success": solved,
        }
        return info | ({"constraints": verdicts} if verdicts else {})
