"""Memoryless policies of percepts as tables, which act in a kernel in worlds of any size."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from sb3_contrib import QRDQN, MaskablePPO
from sb3_contrib.common.recurrent.policies import RecurrentActorCriticPolicy
from stable_baselines3 import DQN
from stable_baselines3.common.policies import ActorCriticPolicy

from agents.kernels.kernel_episodes import ALL_ACTIONS, act_in, choose, run_episodes
from karel_gym.envs.observations import N_PERCEPTS
from karel_gym.robot import ACTIONS, sense, useful
from karel_gym.simulation.episode_arrays import world_at
from karel_gym.simulation.kernels import kernel
from karel_gym.tasks.task import Task
from karel_gym.world import WorldBatch
from programmatic.rollout import Outcomes
from programmatic.trees.policy import TreePolicy

N_ROWS = 2**N_PERCEPTS
"""Rows of a table for each previous action; a row's number has percept k as its bit k."""
N_ACTIONS = len(ACTIONS)


class Table(NamedTuple):
    """A policy as a table."""

    probabilities: NDArray[np.float64]
    """(R, 5), of the actions. R is 32, or 32 for each previous action after 32 for none."""
    masked: bool
    """Whether useless actions are never taken; see `karel_gym.robot.useful`."""


@kernel
def act_by_table(first: int, last: int, table: Any, episodes: Any) -> None:
    """Let a `Table` act in the `KernelEpisodes` `first` to `last - 1`."""
    remembers = len(table.probabilities) > N_ROWS
    for i in range(first, last):
        world, draws = world_at(episodes.worlds, i), episodes.draws[i]
        total, length, terminated, offset = 0.0, 0, False, 0
        while length < episodes.max_steps and not terminated:
            row = offset + sense(world.cells, world.width, world.robots[0], world.robots[1])
            allowed = ALL_ACTIONS
            if table.masked:
                allowed = useful(world.cells, world.width, world.robots[0], world.robots[1])
            action = choose(table.probabilities[row], allowed, episodes.greedy, draws)
            gain, terminated = act_in(world, action)
            total += gain
            length += 1
            if remembers:
                offset = N_ROWS * (action + 1)
        episodes.returns[i], episodes.lengths[i], episodes.terminated[i] = total, length, terminated


def has_table(policy: Any, deterministic: bool) -> bool:
    """Whether the action of a policy of percepts depends on its observation and a mask alone."""
    if isinstance(policy, (DQN, QRDQN)):
        return deterministic
    return isinstance(policy, (TreePolicy, MaskablePPO)) or is_actor_without_memory(policy)


def is_actor_without_memory(model: Any) -> bool:
    """Whether a model is an SB3 actor-critic whose probabilities depend on what it sees alone."""
    network = getattr(model, "policy", None)
    is_recurrent = isinstance(network, RecurrentActorCriticPolicy)
    return isinstance(network, ActorCriticPolicy) and not is_recurrent


@torch.no_grad()
def action_probabilities(policy: Any, obs: str) -> NDArray[np.float64]:
    """The probabilities of the five actions for every observation, without a mask.

    The actions of trees and of value-based policies have probability 1.

    Returns:
        float64, (32, 5), or (192, 5) with previous actions: 32 rows for none, then for each.
    """
    observations = _observations(obs)
    if isinstance(policy, (TreePolicy, DQN, QRDQN)):
        actions, _ = policy.predict(observations, deterministic=True)
        return np.eye(N_ACTIONS)[actions]
    network = policy.policy
    seen, _ = network.obs_to_tensor(observations)
    probabilities = network.get_distribution(seen).distribution.probs
    return probabilities.double().cpu().numpy()


def run_table(
    table: Table, greedy: bool, task: Task, worlds: WorldBatch, seed: int, max_steps: int
) -> Outcomes:
    """Let a table act from each of N start worlds; see `run_episodes`."""
    return run_episodes(act_by_table, table, greedy, task, worlds, seed, max_steps)


def _observations(obs: str) -> NDArray[np.float32]:
    """All observations, one per row, in the order of a table's rows."""
    percepts = (np.arange(N_ROWS)[:, None] >> np.arange(N_PERCEPTS)) & 1  # (32, 5)
    if obs == "percepts":
        return percepts.astype(np.float32)
    previous = np.concatenate([np.zeros((1, N_ACTIONS)), np.eye(N_ACTIONS)])  # (6, 5)
    rows = [np.tile(percepts, (len(previous), 1)), np.repeat(previous, N_ROWS, axis=0)]
    return np.concatenate(rows, axis=1).astype(np.float32)
