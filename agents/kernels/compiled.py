"""Policies of percepts whose episodes run in a kernel, in worlds of any size.

They are those without memory, as tables, and those with one LSTM layer.
"""

from __future__ import annotations

from typing import Any

from agents.kernels.kernel_episodes import Outcomes
from agents.kernels.percept_tables import action_probabilities, has_table, is_masked, run_table
from agents.kernels.recurrent_kernel import is_lstm, run_recurrent
from karel_gym.envs.observations import SIGNATURES
from karel_gym.tasks.task import Task
from karel_gym.world import WorldBatch


def can_compile(policy: Any, obs: str, deterministic: bool) -> bool:
    """Whether there is a kernel for a policy.

    Args:
        policy: The policy.
        obs: The kind of observation it was made for.
        deterministic: Whether it takes its most probable action.
    """
    return obs in SIGNATURES and (has_table(policy, deterministic) or is_lstm(policy))


def run_compiled(
    policy: Any,
    obs: str,
    deterministic: bool,
    task: Task,
    worlds: WorldBatch,
    seed: int,
    max_steps: int,
) -> Outcomes:
    """Let a policy act from each of N start worlds, on all cores.

    Args:
        policy: One that `can_compile`.
        obs: "percepts" or "percepts+action".
        deterministic: Whether it takes its most probable action.
        task: The task that judges.
        worlds: N start worlds.
        seed: Of the draws; episode i's are the same whatever N is.
        max_steps: Horizon.
    """
    where = task, worlds, seed, max_steps
    if is_lstm(policy):
        return run_recurrent(policy, deterministic, *where)
    table = action_probabilities(policy, obs)
    return run_table(table, *where, greedy=deterministic, masked=is_masked(policy))
