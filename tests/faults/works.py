"""Work for threads and processes: functions of a seed that other processes can import."""

from __future__ import annotations

from typing import Any

import gymnasium
import numpy as np

from karel_gym import sample_worlds
from programmatic import execute
from programmatic.dsl.sampling import sample_programs
from programmatic.search import search


def returns_of_env(seed: int) -> Any:
    env = gymnasium.make("karel_gym:Karel-Harvester-v0", obs="percepts")
    env.reset(seed=seed)
    rng, rewards = np.random.default_rng(seed), []
    for _ in range(300):
        _, reward, terminated, truncated, _ = env.step(int(rng.integers(5)))
        rewards.append(float(reward))
        if terminated or truncated:
            env.reset()
    return rewards


def returns_of_envs(seed: int) -> Any:
    envs = gymnasium.make_vec("karel_gym:Karel-Snake-v0", 64)
    envs.reset(seed=seed)
    rng = np.random.default_rng(seed)
    return [envs.step(rng.integers(5, size=64))[1].tolist() for _ in range(50)]


def returns_of_programs(seed: int) -> Any:
    worlds = sample_worlds("Karel-Maze-v0", 20, seed)
    return execute(sample_programs(200, seed), worlds, "Karel-Maze-v0").returns.tolist()


def result_of_search(seed: int) -> Any:
    result = search("hc", "Karel-Harvester-v1", seed=seed, budget=20_000)
    return str(result.program), result.mean_return


WORKS = (returns_of_env, returns_of_envs, returns_of_programs, result_of_search)
