"""Many episodes at once: Gymnasium's vector env, over the same kernels as `KarelEnv`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import gymnasium
import numpy as np
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space
from numpy.typing import NDArray

from karel_gym.devices import device_named
from karel_gym.env import is_solved
from karel_gym.episodes import Episodes
from karel_gym.observations import observation_space, observe
from karel_gym.registration import task_named
from karel_gym.rendering import Frame, Renderer
from karel_gym.robot import ACTIONS
from karel_gym.tasks.task import Task
from karel_gym.world import World

Observations = NDArray[np.uint8] | NDArray[np.int8]
Step = tuple[
    Observations, NDArray[np.float64], NDArray[np.bool_], NDArray[np.bool_], dict[str, Any]
]


class KarelVectorEnv(VectorEnv[Observations, NDArray[np.int64], NDArray[Any]]):
    """N episodes of a Karel task, stepped by one call of a kernel.

    Env i behaves like a `KarelEnv` of its own: the same seed gives the same trajectory, through
    every reset. `info` has what `KarelEnv`'s has, as arrays of shape (N,).

    Args:
        task: The task, or where it is: 'module:NAME'. `gymnasium.make_vec` fills it in.
        num_envs: N.
        obs, height, width, max_steps, reward: As `KarelEnv`'s.
        autoreset_mode: When an episode that has ended gives way to the next: at the next step
            ("NextStep": that step's action is ignored, its reward is 0), in the same one
            ("SameStep": the last observation and info are `final_obs` and `final_info`), or when
            `reset(options={"reset_mask": bool (N,)})` says ("Disabled").
        render_mode: None or "rgb_array".
        device: "cpu" or "cuda". The worlds of "cuda" are in the memory of torch's GPU, one thread
            steps an env, and all arrays, those in infos too, are torch tensors there; `final_obs`
            is one tensor, whose rows are of meaning where `_final_obs` is true.

    Raises:
        ValueError: An argument is out of its range; the message says what is allowed.
        RuntimeError: The device is "cuda", and there is none or numba-cuda is not installed.
    """

    metadata: dict[str, Any] = {  # noqa: RUF012 (as the base class has it)
        "render_modes": ["rgb_array"],
        "render_fps": 10,
    }

    def __init__(
        self,
        task: Task | str,
        num_envs: int = 1,
        obs: str = "grid",
        height: int | None = None,
        width: int | None = None,
        max_steps: int | None = None,
        reward: str = "default",
        autoreset_mode: AutoresetMode | str = AutoresetMode.NEXT_STEP,
        render_mode: str | None = None,
        device: str = "cpu",
    ) -> None:
        super().__init__()
        if num_envs < 1:
            raise ValueError(f"num_envs must be at least 1, got {num_envs}")
        if render_mode not in (None, *self.metadata["render_modes"]):
            raise ValueError(f"render_mode must be None or 'rgb_array', got {render_mode!r}")
        self.task = (task_named(task) if isinstance(task, str) else task).with_reward(reward)
        self.device = device_named(device)
        self.episodes = Episodes(self.task, num_envs, height, width, max_steps, self.device)
        self.obs = obs
        self.num_envs = num_envs
        self.autoreset_mode = AutoresetMode(autoreset_mode)
        self.metadata = {**self.metadata, "autoreset_mode": self.autoreset_mode}
        self.render_mode = render_mode
        self.single_observation_space = observation_space(obs, *self.shape)
        self.single_action_space = gymnasium.spaces.Discrete(len(ACTIONS))
        self.observation_space = batch_space(self.single_observation_space, num_envs)
        self.action_space = batch_space(self.single_action_space, num_envs)
        self._ended = self._no_envs()
        self._seeded = np.zeros(num_envs, dtype=np.bool_)
        self._renderer: Renderer | None = None

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width of the worlds, walls included."""
        return self.episodes.height, self.episodes.width

    @property
    def worlds(self) -> list[World]:
        """The present world of each env."""
        return [self.episodes.world(i) for i in range(self.num_envs)]

    def reset(
        self,
        *,
        seed: int | Sequence[int | None] | None = None,
        options: dict[str, Any] | None = None,
    ) -> tuple[Observations, dict[str, Any]]:
        """Begin an episode in every env, or in some.

        Args:
            seed: Env i is seeded with `seed + i`, or with `seed[i]` where that is not None; an env
                that was never seeded draws a seed from the operating system.
            options: `worlds`: a sequence of N Worlds to start from; `reset_mask`: bool, (N,),
                the envs to reset.

        Raises:
            ValueError: The seeds or an option have the wrong length, type or name.
        """
        options = dict(options or {})
        which = self._reset_mask(options.pop("reset_mask", None))
        worlds = options.pop("worlds", None)
        if options:
            raise ValueError(
                f"the options of reset are 'worlds' and 'reset_mask', got {sorted(options)}"
            )
        self._seed(seed, which)
        begun = self.device.from_host(which)
        if worlds is None:
            self.episodes.reset(begun)
        else:
            self._check_length("worlds", worlds)
            for i in np.flatnonzero(which):
                self.episodes.load(int(i), worlds[i])
        self._ended = self._ended & ~begun
        return self._observe(), self._info(self._no_envs())

    def step(self, actions: NDArray[np.integer[Any]]) -> Step:
        """Do one action in every env.

        Args:
            actions: int, (N,), each in 0..4; with the device "cuda" also a tensor.

        Returns:
            Observations (N, ...), rewards float64 (N,), terminated and truncated bool (N,), info.

        Raises:
            ValueError: There are not N actions, or one is none of 0..4.
            gymnasium.error.ResetNeeded: An env was never reset, or has ended with autoreset
                disabled.
        """
        actions = self._check_actions(actions)
        if not self._seeded.all():
            raise gymnasium.error.ResetNeeded("call reset() before step()")
        if self.autoreset_mode is AutoresetMode.DISABLED and self._ended.any():
            raise gymnasium.error.ResetNeeded(
                f"envs {self._numbers(self._ended)} have ended and autoreset is "
                'disabled: call reset(options={"reset_mask": ...})'
            )
        rewards, terminated, truncated = self.episodes.step(actions, self._ended)
        ended = terminated | truncated
        solved = terminated & is_solved(self.task, self.episodes.returns)
        observations, info = self._observe(), self._info(solved)
        if self.autoreset_mode is AutoresetMode.SAME_STEP:
            if ended.any():
                observations, info = self._restart(ended, observations, info)
            ended = self._no_envs()
        self._ended = ended
        return observations, rewards, terminated, truncated, info

    def render(self) -> tuple[NDArray[np.uint8], ...] | None:
        """An rgb array a env, or None without a render mode."""
        if self.render_mode is None:
            return None
        if self._renderer is None:
            self._renderer = Renderer(self.shape)
        title = self.spec.id if self.spec else ""
        return tuple(
            self._renderer.draw(
                world,
                Frame(
                    step=int(self.episodes.lengths[i]),
                    episode_return=float(self.episodes.returns[i]),
                    title=title,
                ),
            )
            for i, world in enumerate(self.worlds)
        )

    def _restart(
        self, ended: NDArray[np.bool_], observations: Observations, info: dict[str, Any]
    ) -> tuple[Observations, dict[str, Any]]:
        """Reset the envs that have ended; what they ended with goes into the info."""
        final_obs = observations
        if isinstance(observations, np.ndarray):  # then in the form that Gymnasium gives it
            final_obs = np.full(self.num_envs, None, dtype=object)
            for i in self._numbers(ended):
                final_obs[i] = observations[i]
        final: dict[str, Any] = {"final_obs": final_obs, "_final_obs": ended}
        final |= {"final_info": info | {f"_{key}": ended for key in info}, "_final_info": ended}
        self.episodes.reset(ended)
        return self._observe(), self._info(self._no_envs()) | final

    def _no_envs(self) -> Any:
        """A mask of the envs, bool, (N,), that holds none."""
        return self.device.zeros((self.num_envs,), np.bool_)

    def _numbers(self, mask: Any) -> list[int]:
        """The numbers of the envs that a mask holds."""
        numbers: list[int] = np.flatnonzero(self.device.to_host(mask)).tolist()
        return numbers

    def _reset_mask(self, mask: Any) -> NDArray[np.bool_]:
        if mask is None:
            return np.ones(self.num_envs, dtype=np.bool_)
        mask = self.device.to_host(self.device.asarray(mask))
        if mask.dtype != np.bool_ or mask.shape != (self.num_envs,):
            raise ValueError(
                f"reset_mask must be bool, ({self.num_envs},), got {mask.dtype}, {mask.shape}"
            )
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
                f"{name} must have one entry an env: {self.num_envs}, got {len(values)}"
            )

    def _check_actions(self, actions: Any) -> Any:
        actions = self.device.asarray(actions)
        shape, dtype = tuple(actions.shape), self.device.dtype(actions)
        if shape != (self.num_envs,) or not np.issubdtype(dtype, np.integer):
            raise ValueError(
                f"actions must be integers of shape ({self.num_envs},), got {dtype}, {shape}"
            )
        if actions.min() < 0 or actions.max() >= len(ACTIONS):
            choices = ", ".join(f"{i} {name}" for i, name in enumerate(ACTIONS))
            faulty = actions[(actions < 0) | (actions >= len(ACTIONS))][0]
            raise ValueError(f"an action is one of {choices}; got {faulty}")
        return self.device.asarray(actions, np.int64)

    def _observe(self) -> Observations:
        episodes = self.episodes
        observations: Observations = observe(
            self.obs, episodes.cells, episodes.robots, *self.shape, self.device
        )
        return observations

    def _info(self, solved: NDArray[np.bool_]) -> dict[str, Any]:
        return {
            "return": self.device.copy(self.episodes.returns),
            "length": self.device.copy(self.episodes.lengths),
            "is_success": solved,
        }
