"""The benchmarks measure what they say; how fast it is, is not tested."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.speed.free_env import FreeVecEnv
from benchmarks.speed.rates import plain_interpreter
from benchmarks.speed.throughput import (
    MEASURED_PROGRAMS,
    execution_rates,
    memory_of_worlds,
    plain_python_rates,
    tree_rates,
)
from karel_gym import KarelSB3VecEnv, sample_worlds
from programmatic import execute


def test_execution_is_measured_in_rollouts_and_calls() -> None:
    env_id = "Karel-Maze-v0"
    rollouts, calls, *_ = execution_rates(copies=4, n_worlds=3)
    assert (rollouts.unit, rollouts.do()) == ("rollouts", 4 * 3)
    once = execute([MEASURED_PROGRAMS[env_id]], sample_worlds(env_id, 3), env_id)
    assert (calls.unit, calls.do()) == ("calls", 4 * once.calls.sum())


def test_tree_programs_are_measured_in_episodes_and_steps() -> None:
    episodes, steps = tree_rates(copies=2, n_episodes=3)
    assert (episodes.unit, episodes.do()) == ("episodes", 2 * 3)
    assert (steps.unit, steps.do()) == ("steps", 2 * 3 * 200)  # the program holds the pole up


def test_the_plain_interpreter_is_the_named_module() -> None:
    first, _ = plain_python_rates("tests.reference", n_worlds=2)
    assert (first.unit, first.do()) == ("rollouts", 2)
    for module, message in (("tests.nothing", "No module named"), ("json", "a function run")):
        with pytest.raises(ValueError, match=message):
            plain_interpreter(module)


def test_a_million_worlds_fit() -> None:
    assert memory_of_worlds(1000) < 400_000


def test_the_free_env_returns_the_same_arrays() -> None:
    task = KarelSB3VecEnv("Karel-Maze-v0", 3)
    env = FreeVecEnv(task)
    observations = env.reset()
    assert observations.shape == task.reset().shape
    stepped, rewards, dones, infos = env.step(np.zeros(3, dtype=int))
    assert stepped is observations
    assert not rewards.any()
    assert not dones.any()
    assert len(infos) == 3
