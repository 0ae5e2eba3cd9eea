"""`SkillVecEnv`: many Karel episodes at once, whose actions are latents of skills."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
from gymnasium.spaces import Box
from numpy.typing import NDArray
from stable_baselines3.common.vec_env.base_vec_env import VecEnvObs, VecEnvStepReturn

from agents.hierarchy.actions import LARGEST, SKILLS, check_kinds, share_of
from agents.hierarchy.skills import Skills
from karel_gym.envs.karel import is_solved
from karel_gym.envs.observations import observe
from karel_gym.envs.sb3 import KarelSB3VecEnv
from karel_gym.simulation.devices import in_parallel
from karel_gym.simulation.episode_arrays import world_at
from karel_gym.simulation.kernels import kernel
from programmatic.horizon import Limits
from programmatic.machine.bytecode import compile_tokens
from programmatic.machine.execution import NO_LIMIT
from programmatic.machine.interpreter import run, turn_left


@kernel
def run_skills(
    first: int,
    last: int,
    codes: Any,
    worlds: Any,
    steps_left: Any,
    rewards: Any,
    steps: Any,
    terminated: Any,
) -> None:
    """Run program i in running episode i, for i from `first` to `last - 1`.

    A program without an action turns left once, as in `LatentProgramEnv`.

    Args:
        first, last: The episodes.
        codes: int64, (N, L).
        worlds: `WorldArrays` of the episodes; changed.
        steps_left: int64, (N,); most actions of each program, from 1 up.
        rewards, steps, terminated: float64, int64 and bool, each (N,); written.
    """
    no_trace = worlds.counters[0, :0]
    for i in range(first, last):
        episode, limits = world_at(worlds, i), Limits(NO_LIMIT, steps_left[i])
        # The episode goes on from the end of an endless loop, so that no anchor is needed.
        outcome = run(codes[i], episode, episode, limits, False, no_trace)
        rewards[i], steps[i], terminated[i] = outcome.total, outcome.actions, outcome.terminated
        if steps[i] == 0:  # the turn's reward is in `outcome` already
            position, heading = episode.robots
            episode.robots[1] = turn_left(position, heading).heading
            steps[i] = 1


class SkillVecEnv(KarelSB3VecEnv):
    """N episodes of a Karel task for a high-level policy, whose actions are latents of skills.

    A skill acts until it ends, has taken its share of steps, or the task's episode ends. Its reward
    is the sum of the rewards of these steps. Infos are those of `KarelSB3VecEnv`; an episode's
    length counts the robot's actions.

    Args:
        env_id: The task's id.
        num_envs: N.
        skills: The space of skills.
        horizon: Skills per episode, after which it is truncated; None: any number.
        seed, height, width, max_steps, reward: As `KarelSB3VecEnv`'s.
        obs: "grid" or "percepts".
        skill_steps: Most actions of a skill; default the task's horizon / `horizon`, rounded up.

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
    ) -> None:
        check_kinds(obs, SKILLS[0])
        super().__init__(env_id, num_envs, seed, obs, height, width, max_steps, reward)
        self.skills = skills
        self.horizon = horizon
        self.skill_steps = skill_steps or share_of(self.envs.episodes.max_steps, horizon)
        for name, number in (("horizon", horizon or 1), ("skill_steps", self.skill_steps)):
            if number < 1:
                raise ValueError(f"{name} must be at least 1, got {number}")
        self.action_space = Box(-LARGEST, LARGEST, (skills.latent_dim,), np.float32)
        self._used = np.zeros(num_envs, dtype=np.int64)  # skills in each episode
        self._latents = np.zeros((num_envs, skills.latent_dim), dtype=np.float32)
        self._run = run_skills.of(self.envs.task)

    def reset(self) -> VecEnvObs:
        """Begin an episode in every env; see `KernelSB3VecEnv.reset`."""
        self._used[:] = 0
        return super().reset()

    def step_async(self, actions: NDArray[Any]) -> None:
        """Set the latents, float, (N, latent_dim), of the next skills."""
        self._latents = np.asarray(actions, dtype=np.float32)

    def step_wait(self) -> VecEnvStepReturn:
        """Let the skills act: observations (N, ...), rewards float32, dones bool, and N infos."""
        rewards, terminated = self._act(compile_tokens(self.skills.tokens(self._latents)))
        episodes = self.envs.episodes
        self._used += 1
        truncated = episodes.lengths >= episodes.max_steps
        if self.horizon is not None:
            truncated |= self._used >= self.horizon
        dones = terminated | truncated
        observations = self._observed()
        infos: list[dict[str, Any]] = [{} for _ in range(self.num_envs)]
        solved = terminated & is_solved(self.envs.task, episodes.returns)
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
            self._used[dones] = 0
            observations = self._observed()
        return observations, rewards.astype(np.float32), dones, infos

    def _act(self, codes: NDArray[np.int64]) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
        """Run a program in each episode: rewards, and which episodes it terminated, each (N,)."""
        episodes, n = self.envs.episodes, self.num_envs
        results = np.empty(n), np.empty(n, dtype=np.int64), np.empty(n, dtype=np.bool_)
        left = np.minimum(episodes.max_steps - episodes.lengths, self.skill_steps)
        worlds, run = episodes.worlds, self._run
        in_parallel(lambda first, last: run(first, last, codes, worlds, left, *results), n)
        rewards, steps, terminated = results
        episodes.returns += rewards
        episodes.lengths += steps
        return rewards, terminated

    def _observed(self) -> NDArray[Any]:
        observations: NDArray[Any] = observe(self.envs.obs, self.envs.episodes.worlds)
        return observations
