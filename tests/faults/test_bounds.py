"""Kernels with their array indices checked, on worlds of odd sizes."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from karel_gym.registration import TASKS

CHECK = """
import sys
import gymnasium
import numpy as np
import karel_gym
from karel_gym import sample_worlds
from karel_gym.registration import task_of
from programmatic import execute
from programmatic.dsl.sampling import sample_programs

for env_id in sys.argv[2:]:
    task = task_of(env_id)
    sizes, kinds = [task.shape], ("grid", "percepts+action")
    if not task.fixed_shape:
        low, wide = task.min_shape
        sizes = [(low, wide), (low, 40), (low + 1, wide + 2)]
        sizes += [(1000, 1000)] if sys.argv[1] == "large" else []
    if sys.argv[1] == "small":
        kinds = kinds[1:]
    for height, width in sizes:
        n = 1 if height == 1000 else 3
        for obs in kinds[1:] if height == 1000 else kinds:
            envs = gymnasium.make_vec(env_id, n, obs=obs, height=height, width=width, max_steps=50)
            envs.reset(seed=1)
            for actions in np.random.default_rng(0).integers(5, size=(200, n)):
                envs.step(actions)
        worlds = sample_worlds(env_id, n, 2, height, width)
        programs = sample_programs(20, 3)
        execute(programs, worlds, env_id, max_calls=500)
        execute(programs, worlds, env_id, max_calls=None, max_actions=100)
print("checked")
"""


def check(env_ids: list[str], size: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", CHECK, size, *env_ids],
        env={**os.environ, "NUMBA_BOUNDSCHECK": "1"},
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
    )
    assert done.stdout.strip() == "checked", done.stderr


def test_no_kernel_leaves_its_arrays() -> None:
    check(["Karel-Snake-v0"], "small")


@pytest.mark.long
@pytest.mark.parametrize("env_id", TASKS)
def test_no_kernel_leaves_its_arrays_in_any_task(env_id: str) -> None:
    check([env_id], "large")
