"""`SkillVecEnv`: many Karel episodes at once, whose actions are skills."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
from gymnasium.spaces import Box
from numpy.typing import NDArray
from stable_baselines3.common.vec_env.base_vec_env import VecEnvObs, VecEnvStepReturn

from agents.hierarchy.actions import NO_CHOICE, SKILLS, STEP, check_kinds, of_envs, share_of
from agents.hierarchy.skills import Skills, step_numbers
from karel_gym.envs.karel import is_solved
from karel_gym.envs.observations import observe
from karel_gym.envs.sb3 import KarelSB3VecEnv
from karel_gym.simulation.devices import in_parallel
from karel_gym.simulation.episode_arrays import world_at
from karel_gym.simulation.kernels import kernel
from programmatic.horizon import Limits
from programmatic.machine.bytecode import compile_tokens
from programmatic.machine.execution import NO_LIMIT
from programmatic.machine.execution_kernels import run_on


@kernel
def run_skills(
    first: int,
    last: int,
    codes: Any,
    worlds: Any,
    max_calls: int,
    steps_left: Any,
    rewards: Any,
    steps: Any,
    terminated: Any,
) -> None:
    """Run program i in running episode i, for i from `first` to `last - 1`; see `run_on`.

    Args:
        first, last: The episodes.
        codes: int64, (N, L).
        worlds: `WorldArrays` of the episodes; changed.
        max_calls: Most calls of each program.
        steps_left: int64, (N,); most actions of each program, from 1 up.
        rewards, steps, terminated: float64, int64 and bool, each (N,); written.
    """
    for i in range(first, last):
        limits = Limits(max_calls, steps_left[i])
        outcome = run_on(codes[i], world_at(worlds, i), limits)
        rewards[i], steps[i], terminated[i] = outcome.total, outcome.actions, outcome.terminated


class SkillVecEnv(KarelSB3VecEnv):
    """N episodes of a Karel task for a high-level policy, whose actions are skills.

    A skill acts until it ends, has reached its limit, or the task's episode ends. Its reward is the
    sum of the rewards of these steps. A skill that ends the episode terminates it. Infos
    are those of `KarelSB3VecEnv`; an episode's length counts the robot's actions.

    Args:
        env_id: The task's id.
        num_envs: N.
        skills: The space of skills.
        horizon: Skills per episode, after which it is truncated; None: any number. If only the
            step is observed, this terminates the episode.
        seed, height, width, max_steps, reward, max_markers: As `KarelSB3VecEnv`'s.
        obs: "grid", "percepts" or "step"; see `agents.hierarchy.actions`.
        skill_steps: Most actions of a skill; default the task's horizon / `horizon`, rounded up, or
            no limit if the skills have a limit of calls.

    Raises:
        ValueError: An argument is out of its range.
    """

    def __init__(
        self,
        env_id: str,
        num_envs: int,
        skills: Skills,
        horizon: int | None = None,
        seed: int | None = None,
        obs: str = "grid",
        height: int | None = None,
        width: int | None = None,
        max_steps: int | None = None,
        reward: str = "default",
        skill_steps: int | None = None,
        max_markers: int | None = None,
    ) -> None:
        check_kinds(obs, SKILLS[0])
        self._sees_step = obs == STEP
        if self._sees_step and horizon is None:
            raise ValueError(f"the observation {STEP!r} needs a horizon in skills")
        sizes = height, width, max_steps, reward, max_markers
        super().__init__(env_id, num_envs, seed, of_envs(obs), *sizes)
        self.skills = skills
        self.horizon = horizon
        share = share_of(self.envs.episodes.max_steps, horizon)
        self.skill_steps = skill_steps or (share if skills.max_calls == NO_LIMIT else NO_LIMIT)
        for name, number in (("horizon", horizon or 1), ("skill_steps", self.skill_steps)):
            if number < 1:
                raise ValueError(f"{name} must be at least 1, got {number}")
        self.action_space = skills.action_space
        self.observation_space = skills.observation_space(self.observation_space)
        if horizon is not None and self._sees_step:
            self.observation_space = Box(0, 1, (horizon,), np.float32)
        self._used = np.zeros(num_envs, dtype=np.int64)  # skills in each episode
        self._chosen = np.zeros(
            (num_envs, *(skills.action_space.shape or ())), skills.action_space.dtype
        )
        self._run = run_skills.of(self.envs.task)

    def reset(self) -> VecEnvObs:
        """Begin an episode in every env; see `KernelSB3VecEnv.reset`."""
        self._used[:] = 0
        self._chosen = np.full_like(self._chosen, NO_CHOICE)
        super().reset()
        return self._observed()

    def step_async(self, actions: NDArray[Any]) -> None:
        """Set the choices, (N, ...), of the next skills."""
        self._chosen = np.array(actions, dtype=self._chosen.dtype)

    def step_wait(self) -> VecEnvStepReturn:
        """Let the skills act: observations (N, ...), rewards float32, dones bool, and N infos."""
        rewards, terminated = self._act(compile_tokens(self.skills.tokens(self._chosen)))
        episodes = self.envs.episodes
        self._used += 1
        truncated = episodes.lengths >= episodes.max_steps
        if self.horizon is not None:
            truncated |= self._used >= self.horizon
        observations = self._observed()
        infos: list[dict[str, Any]] = [{} for _ in range(self.num_envs)]
        solved = terminated & is_solved(self.envs.task, episodes.returns)
        terminated |= self.skills.ends(self._chosen)
        if self._sees_step:  # the end does not come unexpected: no return is estimated beyond it
            terminated |= truncated
        dones = terminated | truncated
        now = round(time.time() - self._start, 6)
        for i in np.flatnonzero(dones).tolist():
            returned, length = float(episodes.returns[i]), int(episodes.lengths[i])
            infos[i] = {
                "is_success": bool(solved[i]),
                "terminal_observation": observations[i],
                "TimeLimit.truncated": bool(not terminated[i]),
                "episode": {"r": returned, "l": length, "t": now},
            }
        if dones.any():
            episodes.reset(dones)
            self._used[dones], self._chosen[dones] = 0, NO_CHOICE
            observations = self._observed()
        return observations, rewards.astype(np.float32), dones, infos

    def _act(self, codes: NDArray[np.int64]) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
        """Run a program in each episode: rewards, and which episodes it terminated, each (N,)."""
        episodes, n = self.envs.episodes, self.num_envs
        results = np.empty(n), np.empty(n, dtype=np.int64), np.empty(n, dtype=np.bool_)
        left = np.minimum(episodes.max_steps - episodes.lengths, self.skill_steps)
        worlds, run, limit = episodes.worlds, self._run, self.skills.max_calls
        in_parallel(lambda first, last: run(first, last, codes, worlds, limit, left, *results), n)
        rewards, steps, terminated = results
        episodes.returns += rewards
        episodes.lengths += steps
        return rewards, terminated

    def _observed(self) -> NDArray[Any]:
        if self.horizon is not None and self._sees_step:
            return step_numbers(self._used, self.horizon)
        observations = observe(self.envs.obs, self.envs.episodes.worlds)
        return self.skills.observed(observations, self._chosen)
