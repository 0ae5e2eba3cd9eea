"""The benchmarks measure what they say; how fast it is, is not tested."""

from __future__ import annotations

import numpy as np

from benchmarks.speed.free_env import FreeVecEnv
from benchmarks.speed.throughput import execution_rates, memory_of_worlds, tree_rates
from karel_gym import KarelSB3VecEnv


def test_execution_is_measured_in_rollouts_and_calls() -> None:
    rates = [plan.measure() for plan in execution_rates(copies=4, n_worlds=3)]
    assert [rate.unit for rate in rates] == ["rollouts", "calls"] * 2
    assert all(rate.slowest > 0 for rate in rates)


def test_tree_programs_are_measured_in_episodes_and_steps() -> None:
    episodes, steps = (plan.measure() for plan in tree_rates(copies=2, n_episodes=3))
    assert (episodes.unit, steps.unit) == ("episodes", "steps")
    assert 0 < episodes.slowest < steps.fastest


def test_a_million_worlds_fit() -> None:
    assert memory_of_worlds(1000) < 400_000


def test_the_free_env_returns_the_same_arrays() -> None:
    task = KarelSB3VecEnv("Karel-Maze-v0", 3)
    env = FreeVecEnv(3, task.observation_space, task.action_space)
    observations = env.reset()
    assert observations.shape == task.reset().shape
    stepped, rewards, dones, infos = env.step(np.zeros(3, dtype=int))
    assert stepped is observations
    assert not rewards.any()
    assert not dones.any()
    assert len(infos) == 3
