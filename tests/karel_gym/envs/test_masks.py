"""Masks: exactly the actions that would do something."""

from __future__ import annotations

from typing import Any

import gymnasium
import numpy as np
import pytest

from karel_gym import KarelSB3VecEnv, KarelVectorEnv
from karel_gym.registration import TASKS, task_of
from karel_gym.robot import MOVE, PICK_MARKER, PUT_MARKER

N, STEPS = 4, 60


def test_useless_actions_are_those_that_change_nothing_or_bump() -> None:
    env: Any = gymnasium.make("Karel-Harvester-v0", obs="percepts", max_steps=10**6).unwrapped
    env.reset(seed=0)
    rng = np.random.default_rng(0)
    useless = set()
    for step in range(2000):
        mask, before = env.action_masks(), env.world
        assert mask.dtype == np.bool_
        # First cells get empty, then full.
        pick, put = (0.5, 0.1) if step < 1000 else (0.1, 0.5)
        action = int(rng.choice(5, p=[0.2, 0.1, 0.1, pick, put]))
        env.step(action)
        after = env.world
        if action == MOVE:
            useful = (before.row, before.col) != (after.row, after.col)
        elif action in (PICK_MARKER, PUT_MARKER):
            useful = not np.array_equal(before.markers, after.markers)
        else:
            useful = True
        assert mask[action] == useful
        if not useful:
            useless.add(action)
    assert useless == {MOVE, PICK_MARKER, PUT_MARKER}


@pytest.mark.parametrize("env_id", TASKS)
def test_batches_have_the_masks_of_single_envs(env_id: str) -> None:
    envs = KarelVectorEnv(task_of(env_id), N, "percepts", autoreset_mode="SameStep")
    sb3 = KarelSB3VecEnv(env_id, N, obs="percepts")
    single: Any = gymnasium.make(env_id, obs="percepts")
    envs.reset(seed=1)
    sb3.seed(1)
    sb3.reset()
    single.reset(seed=1)
    rng = np.random.default_rng(2)
    for _ in range(STEPS):
        masks = envs.action_masks()
        assert masks.shape == (N, 5)
        np.testing.assert_array_equal(sb3.env_method("action_masks"), masks)
        np.testing.assert_array_equal(sb3.env_method("action_masks", indices=[2]), masks[2:3])
        np.testing.assert_array_equal(single.get_wrapper_attr("action_masks")(), masks[0])
        actions = rng.integers(5, size=N)
        envs.step(actions)
        sb3.step(actions)
        _, _, terminated, truncated, _ = single.step(int(actions[0]))
        if terminated or truncated:
            break
