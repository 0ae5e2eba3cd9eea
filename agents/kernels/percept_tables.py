"""Memoryless policies of percepts as tables, whose episodes run compiled, in worlds of any size."""

from __future__ import annotations

from typing import Any

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
from karel_gym.simulation.kernels import kernel
from karel_gym.tasks.task import Task
from karel_gym.world import WorldBatch
from programmatic.rollout import Outcomes
from programmatic.trees.policy import TreePolicy

N_ROWS = 2**N_PERCEPTS
"""Rows of a table for each previous action; a row's number has percept k as its bit k."""
N_ACTIONS = len(ACTIONS)


@kernel
def act_by_table(
    first: int,
    last: int,
    probabilities: Any,
    masked: bool,
    greedy: bool,
    cells: Any,
    width: int,
    robots: Any,
    rngs: Any,
    counters: Any,
    draws: Any,
    max_steps: int,
    returns: Any,
    lengths: Any,
    terminated: Any,
) -> None:
    """Let a table act in the episodes `first` to `last - 1`, which have begun.

    Args:
        first, last: The episodes.
        probabilities: float64, (R, 5), of the actions. R is 32, or 32 for each previous action
            after 32 for none.
        masked: Whether useless actions are never taken.
        greedy: Whether the most probable action is taken.
        cells: uint8, (N, H*W). Changed, as the next five.
        width: W.
        robots: int64, (N, 2).
        rngs: uint64, (N, 1).
        counters: int32, (N, N_COUNTERS).
        draws: uint64, (N, 1); where uniform numbers come from.
        max_steps: Horizon.
        returns, lengths, terminated: float64, int64 and bool, each (N,); written.
    """
    remembers = len(probabilities) > N_ROWS
    for i in range(first, last):
        returns[i], lengths[i], terminated[i] = 0.0, 0, False
        offset = 0
        while lengths[i] < max_steps and not terminated[i]:
            row = offset + sense(cells[i], width, robots[i, 0], robots[i, 1])
            allowed = ALL_ACTIONS
            if masked:
                allowed = useful(cells[i], width, robots[i, 0], robots[i, 1])
            action = choose(probabilities[row], allowed, greedy, draws[i])
            gain, terminated[i] = act_in(cells[i], width, robots[i], rngs[i], counters[i], action)
            returns[i] += gain
            lengths[i] += 1
            if remembers:
                offset = N_ROWS * (action + 1)


def has_table(policy: Any, deterministic: bool) -> bool:
    """Whether what a policy of percepts does depends on its observation and a mask alone.

    Args:
        policy: A policy that observes "percepts" or "percepts+action".
        deterministic: Whether it takes its most probable action: a value-based one draws in another
            way than from probabilities.
    """
    if isinstance(policy, TreePolicy):
        return True
    if isinstance(policy, (DQN, QRDQN)):
        return deterministic
    return is_masked(policy) or is_actor_without_memory(policy)


def is_masked(policy: Any) -> bool:
    """Whether a policy never takes useless actions: see `karel_gym.envs.masks`."""
    return isinstance(policy, MaskablePPO)


def is_actor_without_memory(model: Any) -> bool:
    """Whether a model is an SB3 actor-critic whose probabilities depend on what it sees alone."""
    network = getattr(model, "policy", None)
    return (
        isinstance(network, ActorCriticPolicy)
        and not isinstance(network, RecurrentActorCriticPolicy)
        and not is_masked(model)
    )


@torch.no_grad()
def action_probabilities(policy: Any, obs: str) -> NDArray[np.float64]:
    """The table of a policy: the probabilities of the five actions for whatever it may observe.

    Args:
        policy: One that has a table; see `has_table`. The actions of trees and of value-based ones
            have probability 1. Those of one that `is_masked` are given as without a mask.
        obs: "percepts" or "percepts+action".

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
    probabilities: NDArray[np.float64],
    task: Task,
    worlds: WorldBatch,
    seed: int,
    max_steps: int,
    greedy: bool = False,
    masked: bool = False,
) -> Outcomes:
    """Let a table act from each of N start worlds, on all cores.

    Args:
        probabilities: As `action_probabilities` returns them.
        task: The task that judges.
        worlds: N start worlds.
        seed: Of the draws; episode i's are the same whatever N is.
        max_steps: Horizon.
        greedy: Whether it takes its most probable action.
        masked: Whether it never takes useless actions.
    """
    policy = probabilities, masked, greedy
    return run_episodes(act_by_table, policy, task, worlds, seed, max_steps)


def _observations(obs: str) -> NDArray[np.float32]:
    """Whatever may be observed: a row each, in the order of a table's rows."""
    percepts = (np.arange(N_ROWS)[:, None] >> np.arange(N_PERCEPTS)) & 1  # (32, 5)
    if obs == "percepts":
        return percepts.astype(np.float32)
    previous = np.concatenate([np.zeros((1, N_ACTIONS)), np.eye(N_ACTIONS)])  # (6, 5)
    rows = [np.tile(percepts, (len(previous), 1)), np.repeat(previous, N_ROWS, axis=0)]
    return np.concatenate(rows, axis=1).astype(np.float32)
