"""Recorded episodes of a policy in a vector env."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from stable_baselines3.common.vec_env import VecEnv

from karel_gym.envs.sb3 import make_sb3_vec_env
from karel_gym.envs.wrappers import LookAhead
from programmatic.machine.policy import Policy
from programmatic.rollout import Rollout
from programmatic.threads import torch_threads


@dataclass(frozen=True)
class Rollouts:
    """E whole episodes, S steps in all, one episode after the other."""

    observations: NDArray[Any]
    """(S, ...); before each action."""
    actions: NDArray[np.int64]
    """(S,)."""
    rewards: NDArray[np.float64]
    """(S,)."""
    next_observations: NDArray[Any]
    """(S, ...); after each action, the last of an episode included."""
    episodes: NDArray[np.int64]
    """(S,); the number of each step's episode, from 0 up, in order."""
    truncated: NDArray[np.bool_]
    """(E,)."""
    look_ahead: LookAhead | None
    """The outcome of every action in each step, (S, A, ...), if it was recorded."""

    @property
    def returns(self) -> NDArray[np.float64]:
        """The undiscounted sum of rewards of each episode, (E,)."""
        returns = np.zeros(len(self.truncated))
        np.add.at(returns, self.episodes, self.rewards)
        return returns


@torch_threads(1)
def roll_out(
    policy: Policy,
    env: VecEnv,
    episodes: int,
    seed: int,
    deterministic: bool = True,
    look_ahead: bool = False,
) -> Rollouts:
    """Record whole episodes of a policy, as many at once as there are envs.

    Args:
        policy: The policy.
        env: The vector env; it is reset, and episodes are still running at the end.
        episodes: E, from 1 up.
        seed: Episode i is seeded with `seed + i`; torch's generator with `seed`, then restored.
        deterministic: Whether a model takes its most probable action.
        look_ahead: Whether to record the outcome of every action in each step.

    Raises:
        ValueError: `episodes` is below 1, or the env has no `look_ahead`.
    """
    if episodes < 1:
        raise ValueError(f"episodes must be at least 1, got {episodes}")
    if look_ahead and not hasattr(env, "look_ahead"):
        raise ValueError(
            f"{type(env).__name__} has no look_ahead(): use an env of make_sb3_vec_env"
        )
    envs: Any = env
    steps: list[tuple[Any, ...]] = []
    truncated = np.zeros(episodes, dtype=np.bool_)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        for first in range(0, episodes, env.num_envs):
            env.seed(seed + first)
            numbers = np.arange(first, first + env.num_envs)
            rollout = Rollout(policy, env.reset(), env.step, deterministic)
            running = numbers < episodes
            while running.any():
                ahead = envs.look_ahead() if look_ahead else ()
                seen = np.array(rollout.observations)
                rewards, ended, infos = rollout.step()
                following = np.array(rollout.observations)
                for i in np.flatnonzero(running & ended):
                    following[i] = infos[i]["terminal_observation"]
                    truncated[numbers[i]] = infos[i].get("TimeLimit.truncated", False)
                step = numbers, seen, rollout.actions, rewards, following, *ahead
                steps.append(tuple(np.asarray(column)[running] for column in step))
                running &= ~ended
    columns = [np.concatenate(column) for column in zip(*steps, strict=True)]
    order = np.argsort(columns[0], kind="stable")
    places, observations, actions, rewards, following, *outcomes = (c[order] for c in columns)
    return Rollouts(
        observations,
        actions.astype(np.int64),
        rewards.astype(np.float64),
        following,
        places,
        truncated,
        LookAhead(*outcomes) if look_ahead else None,
    )


def joined(parts: Sequence[Rollouts]) -> Rollouts:
    """The episodes of several rollouts, numbered consecutively, without `look_ahead`."""
    counts = [len(part.truncated) for part in parts]
    firsts = np.cumsum([0, *counts[:-1]])
    return Rollouts(
        np.concatenate([part.observations for part in parts]),
        np.concatenate([part.actions for part in parts]),
        np.concatenate([part.rewards for part in parts]),
        np.concatenate([part.next_observations for part in parts]),
        np.concatenate([part.episodes + first for part, first in zip(parts, firsts, strict=True)]),
        np.concatenate([part.truncated for part in parts]),
        None,
    )


def episode_returns(
    policy: Policy, env: VecEnv | str, episodes: int, seed: int = 0, deterministic: bool = True
) -> NDArray[np.float64]:
    """The returns of a policy, float64, (episodes,); see `roll_out`.

    Args:
        policy: An SB3 model, or a program as a policy.
        env: A vector env; or an id, for which one env per episode is made.
        seed: Episode i is seeded with `seed + i`.
        deterministic: Whether a model takes its most probable action.

    Raises:
        ValueError: `episodes` is below 1, or the id is unknown.
    """
    if isinstance(env, VecEnv):
        return roll_out(policy, env, episodes, seed, deterministic).returns
    with closing(make_sb3_vec_env(env, max(episodes, 1), seed)) as made:
        return roll_out(policy, made, episodes, seed, deterministic).returns


def discounted_returns(rollouts: Rollouts, gamma: float) -> NDArray[np.float64]:
    """The discounted sum of rewards from each step on, (S,).

    With gamma below 1, a truncated episode is assumed to continue from a state of mean value.
    """
    returns = rollouts.rewards.copy()
    tails = np.zeros(len(returns))  # the weight of the state after the episode
    is_last = np.append(np.diff(rollouts.episodes) != 0, True)
    for t in reversed(range(len(returns))):
        if is_last[t]:
            tails[t] = gamma * rollouts.truncated[rollouts.episodes[t]]
        else:
            returns[t] += gamma * returns[t + 1]
            tails[t] = gamma * tails[t + 1]
    if gamma < 1:
        returns += tails * returns.mean() / (1 - tails.mean())
    return returns
