"""Envs for trainings, with the robot's actions or with skills."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from agents.hierarchy.actions import PRIMITIVE
from karel_gym.envs.sb3 import KarelSB3VecEnv


def training_env(
    settings: Mapping[str, Any], num_envs: int, max_steps: int | None, reward: str
) -> KarelSB3VecEnv:
    """Envs for a training or its evaluations; a `ValueError` for invalid settings.

    Args:
        settings: env_id, obs, height, width, action, horizon, possibly max_markers and, for
            skills, model, options and option_calls; see `TrainConfig`.
        num_envs: Number of envs.
        max_steps: Horizon of an episode, in actions of the robot.
        reward: "default", "dense" or "sparse".
    """
    kwargs = {name: settings[name] for name in ("obs", "height", "width")}
    kwargs |= {"max_steps": max_steps, "reward": reward, "max_markers": settings.get("max_markers")}
    env_id, action, horizon = (settings[name] for name in ("env_id", "action", "horizon"))
    if action == PRIMITIVE:
        if horizon is not None:
            raise ValueError(f"a horizon counts skills; the action is {PRIMITIVE!r}, no skill")
        return KarelSB3VecEnv(env_id, num_envs, **kwargs)
    from agents.hierarchy.skill_env import SkillVecEnv  # compiles, and reads the skills' networks
    from agents.hierarchy.skills import skills_of

    return SkillVecEnv(env_id, num_envs, skills_of(settings), horizon, **kwargs)
