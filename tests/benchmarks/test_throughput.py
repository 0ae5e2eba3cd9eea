"""The benchmarks measure what they say; how fast it is, is not tested."""

from __future__ import annotations

import time

import numpy as np

from benchmarks.free_env import FreeVecEnv
from benchmarks.machine import machine_name
from benchmarks.throughput import execution_rates, measure, memory_of_worlds, tree_rates
from karel_gym import KarelSB3VecEnv


def test_measure_leaves_the_first_call_out_and_takes_the_median() -> None:
    pauses = iter([0.2, 0.01, 0.02, 0.04])

    def work() -> int:
        time.sleep(next(pauses))
        return 10

    rate = measure("sleeping", "naps", work, repeats=3)
    assert rate.slowest < rate.per_second < rate.fastest
    assert 100 < rate.per_second <= 500


def test_execution_is_measured_in_rollouts_and_calls() -> None:
    rates = list(execution_rates(copies=4, n_worlds=3))
    assert [rate.unit for rate in rates] == ["rollouts", "calls"] * 2
    assert all(rate.slowest > 0 for rate in rates)


def test_tree_programs_are_measured_in_episodes_and_steps() -> None:
    episodes, steps = tree_rates(copies=2, n_episodes=3)
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


def test_the_machine_is_named() -> None:
    assert "cores" in machine_name()
