"""`KarelVectorEnv`: many episodes of a Karel task, stepped by the kernels of `KarelEnv`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from gymnasium.vector import AutoresetMode
from numpy.typing import NDArray

from karel_gym.envs.karel import chosen_task, is_solved
from karel_gym.envs.kernel_vector import KernelVectorEnv
from karel_gym.envs.observations import SIGNATURES, action_masks, observation_space, observe
from karel_gym.envs.safety import SafetyConstraint
from karel_gym.rendering.layout import Frame
from karel_gym.rendering.renderer import Renderer
from karel_gym.robot import ACTIONS
from karel_gym.simulation.devices import device_named
from karel_gym.simulation.episodes import Episodes
from karel_gym.tasks.task import Task
from karel_gym.world import World


class KarelVectorEnv(KernelVectorEnv):
    """N episodes of a Karel task, stepped by one call of a kernel.

    Env i behaves like a `KarelEnv`: the same seed gives the same trajectory, through every reset.
    `info` has the entries of `KarelEnv`, as arrays of shape (N,). The option `worlds` of `reset` is
    a sequence of N start worlds.

    Args:
        task: The task, or its place 'module:NAME'. `gymnasium.make_vec` fills it in.
        num_envs: N.
        obs, height, width, max_steps, reward, max_markers: As in `KarelEnv`.
        autoreset_mode, render_mode: As in `KernelVectorEnv`.
        device: "cpu" or "cuda". With "cuda", one GPU thread steps one env, and all arrays, also
            those in infos, are torch tensors on the GPU; `final_obs` is one tensor, valid in the
            rows where `_final_obs` is true.
        constraints: The constraints that infos report; they need the observation "percepts".
        max_episode_steps: Gymnasium's name of `max_steps`; it takes precedence.

    Raises:
        ValueError: An argument is out of its range; the message says what is allowed.
        RuntimeError: The device is "cuda", and there is none or numba-cuda is not installed.
    """

    start_option = "worlds"
    action_names = ACTIONS
    episodes: Episodes

    def __init__(
        self,
        task: Task | str,
        num_envs: int = 1,
        obs: str = "grid",
        height: int | None = None,
        width: int | None = None,
        max_steps: int | None = None,
        reward: str = "default",
        max_markers: int | None = None,
        autoreset_mode: AutoresetMode | str = AutoresetMode.NEXT_STEP,
        render_mode: str | None = None,
        device: str = "cpu",
        constraints: Sequence[SafetyConstraint] = (),
        max_episode_steps: int | None = None,
    ) -> None:
        if max_episode_steps is not None:
            max_steps = max_episode_steps
        self.task = chosen_task(task, reward, max_markers)
        self.episodes = Episodes(
            self.task, num_envs, height, width, max_steps, device_named(device)
        )
        self.obs = obs
        super().__init__(
            self.episodes,
            observation_space(obs, *self.shape),
            SIGNATURES.get(obs),
            autoreset_mode,
            render_mode,
            constraints,
        )
        self._renderer: Renderer | None = None

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width of the worlds, walls included."""
        return self.episodes.height, self.episodes.width

    @property
    def worlds(self) -> list[World]:
        """The present world of each env."""
        return [self.episodes.world(i) for i in range(self.num_envs)]

    def action_masks(self) -> Any:
        """The useful actions in each env, bool, (N, 5); see `karel_gym.robot.useful`."""
        return action_masks(self.episodes.worlds, self.task, self.device)

    def _images(self) -> tuple[NDArray[np.uint8], ...]:
        if self._renderer is None:
            self._renderer = Renderer(self.shape)
        title = self.spec.id if self.spec else ""
        lengths, returns = self.episodes.lengths.tolist(), self.episodes.returns.tolist()
        return tuple(
            self._renderer.draw(
                self.episodes.world(i), Frame(lengths[i], returns[i], title), self.episodes.looks(i)
            )
            for i in range(self.num_envs)
        )

    def _observe(self) -> NDArray[Any]:
        episodes = self.episodes
        observations: NDArray[Any] = observe(
            self.obs, episodes.worlds, episodes.previous, self.device
        )
        return observations

    def _solved(self, terminated: Any, truncated: Any) -> Any:
        return terminated & is_solved(self.task, self.episodes.returns)
