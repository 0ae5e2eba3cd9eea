"""Kernels of policies of percepts, which play episodes in worlds of any size."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from sb3_contrib import MaskablePPO

from agents.kernels.percept_tables import Table, action_probabilities, has_table, run_table
from agents.kernels.recurrent_kernel import is_lstm, run_recurrent
from karel_gym.envs.observations import SIGNATURES
from karel_gym.tasks.task import Task
from karel_gym.world import WorldBatch
from programmatic.rollout import Outcomes


def kernel_of(
    policy: Any, obs: str, deterministic: bool
) -> Callable[[Task, WorldBatch, int, int], Outcomes] | None:
    """The kernel of a policy (a table, or the weights of an LSTM layer); None if there is none.

    Returns:
        `play(task, worlds, seed, max_steps)`: an episode in each of N start worlds, on all cores.
        The seed is that of the draws; those of episode i do not depend on N.
    """
    if obs not in SIGNATURES:
        return None
    if is_lstm(policy):
        return partial(run_recurrent, policy, deterministic)
    if not has_table(policy, deterministic):
        return None

    def play(task: Task, worlds: WorldBatch, seed: int, max_steps: int) -> Outcomes:
        table = Table(action_probabilities(policy, obs), isinstance(policy, MaskablePPO))
        return run_table(table, deterministic, task, worlds, seed, max_steps)

    return play
