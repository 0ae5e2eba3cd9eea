"""`LatentProgramEnv`: a Karel task whose actions are programs, given as latents."""

from __future__ import annotations

import os
from typing import Any

import gymnasium
import numpy as np
import torch
from gymnasium.spaces import Box
from numpy.typing import NDArray

from agents.hierarchy.actions import LARGEST, share_of
from programmatic import Program, ProgramPolicy
from programmatic.leaps import ProgramVAE
from programmatic.rollout import Rollout

HORIZON = 5


class LatentProgramEnv(
    gymnasium.Wrapper[Any, Any, Any, Any], gymnasium.utils.RecordConstructorArgs
):
    """A Karel task for a policy that writes programs (HPRL, Liu et al., ICML 2023).

    An action is a latent vector, which is decoded into a program. The program acts until it halts,
    has taken its share of steps, or the task's episode ends; the reward is the sum of the rewards
    of these steps. A program without an action turns left once.

    `info` is the task's, with the text of the `program` and its number of actions, `steps`.

    Args:
        env: A Karel task that observes "grid" or "percepts".
        model: A `ProgramVAE`, its file, or "default".
        horizon: Programs per episode, after which it is truncated.
        program_steps: Most actions of a program; default the task's horizon / `horizon`, rounded
            up.

    Attributes:
        action_space: Box of shape (latent_dim,), entries from -3 to 3.

    Raises:
        ValueError: The env observes something else, or a number is below 1.
        RunError: The model's file is missing or damaged.

    Example:
        >>> env = LatentProgramEnv(gymnasium.make("Karel-Maze-v0", obs="percepts"))
        >>> _ = env.reset(seed=0)
        >>> *_, info = env.step(env.action_space.sample())
        >>> info["program"].startswith("DEF run m(")
        True
    """

    def __init__(
        self,
        env: gymnasium.Env[Any, Any],
        model: ProgramVAE | str | os.PathLike[str] = "default",
        horizon: int = HORIZON,
        program_steps: int | None = None,
    ) -> None:
        gymnasium.utils.RecordConstructorArgs.__init__(
            self,
            _disable_deepcopy=True,
            model=model,
            horizon=horizon,
            program_steps=program_steps,
        )
        gymnasium.Wrapper.__init__(self, env)
        kind = getattr(env.unwrapped, "obs", None)
        if kind not in ("grid", "percepts"):
            raise ValueError(f"programs need an env that observes grid or percepts, got {kind!r}")
        if program_steps is None:
            program_steps = share_of(env.get_wrapper_attr("episodes").max_steps, horizon)
        for name, number in (("horizon", horizon), ("program_steps", program_steps)):
            if number < 1:
                raise ValueError(f"{name} must be at least 1, got {number}")
        self.model = model if isinstance(model, ProgramVAE) else ProgramVAE.load(model)
        self.horizon = horizon
        self.program_steps = program_steps
        self.action_space = Box(-LARGEST, LARGEST, (self.model.latent_dim,), np.float32)
        self._observation: Any = None
        self._info: dict[str, Any] = {}  # of the task, at its last step
        self._programs = 0

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[NDArray[Any], dict[str, Any]]:
        """Begin an episode of the task."""
        self._observation, self._info = self.env.reset(seed=seed, options=options)
        self._programs = 0
        return self._observation, self._info

    def step(
        self, action: NDArray[np.float32]
    ) -> tuple[NDArray[Any], float, bool, bool, dict[str, Any]]:
        """Run the program of a latent, float32, (latent_dim,); a `ValueError` for other shapes.

        Raises:
            gymnasium.error.ResetNeeded: The episode has ended, or none was begun.
        """
        if np.shape(action) != self.action_space.shape:
            raise ValueError(
                f"a latent has the shape {self.action_space.shape}, got {np.shape(action)}"
            )
        if self._observation is None:
            raise gymnasium.error.ResetNeeded("call reset() to begin an episode")
        latents = torch.as_tensor(np.asarray(action, np.float32)[None], device=self.model.device)
        (program,) = self.model.decode(latents)
        reward, terminated, truncated, info = self._run(program)
        self._programs += 1
        truncated = not terminated and (truncated or self._programs == self.horizon)
        observation = self._observation
        if terminated or truncated:
            self._observation = None
        return observation, reward, terminated, truncated, info

    def _run(self, program: Program) -> tuple[float, bool, bool, dict[str, Any]]:
        """Run a program: the sum of rewards, terminated, truncated, and the info."""
        rollout = Rollout(ProgramPolicy(program), self._observation[None], self._step_task)
        total, steps, ended = 0.0, 0, np.zeros(1, np.bool_)
        self._ends = False, False
        while steps < self.program_steps and not ended[0]:
            rollout.decide()
            if rollout.state.executing[0] < 0 and steps:  # halted; one that never acts turns left
                break
            rewards, ended, _ = rollout.act()
            total += float(rewards[0])
            steps += 1
        info = {**self._info, "program": str(program), "steps": steps}
        return total, *self._ends, info

    def _step_task(self, actions: Any) -> tuple[Any, Any, NDArray[np.bool_], Any]:
        step = self.env.step(int(actions[0]))
        self._observation, reward, terminated, truncated, self._info = step
        self._ends = terminated, truncated
        return self._observation[None], [reward], np.array([terminated or truncated]), None
