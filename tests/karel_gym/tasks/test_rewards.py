from __future__ import annotations

from typing import Any

import gymnasium
import numpy as np
import pytest

from karel_gym.registration import TASKS, task_of
from karel_gym.simulation.episodes import Episodes

MOVE, TURN_LEFT, TURN_RIGHT, _PICK, _PUT = range(5)


def make(env_id: str = "Karel-Maze-v0", **kwargs: Any) -> Any:
    """The bare env, without Gymnasium's checking wrappers."""
    return gymnasium.make(env_id, **kwargs).unwrapped


@pytest.mark.parametrize("env_id", TASKS)
def test_rewards_that_a_task_does_not_have_are_refused(env_id: str) -> None:
    with pytest.raises(ValueError, match=r"'default', 'sparse'.*got 'lavish'"):
        make(env_id, reward="lavish")
    if env_id.split("-")[1] not in ("Maze", "StairClimber"):
        with pytest.raises(ValueError, match="'default', 'sparse'; got 'dense'"):
            make(env_id, reward="dense")


@pytest.mark.parametrize("env_id", TASKS)
def test_only_rewards_that_say_so_draw_random_numbers(env_id: str) -> None:
    episodes = Episodes(task_of(env_id), 200)
    episodes.reset(np.ones(200, dtype=np.bool_))
    states, rng = episodes.rngs.copy(), np.random.default_rng(0)
    for _ in range(100):
        episodes.step(rng.integers(5, size=200))
    assert (episodes.rngs != states).any() == task_of(env_id).random_reward


@pytest.mark.parametrize(
    "env_id", ["Karel-Maze-v0", "Karel-StairClimber-v1", "Karel-Harvester-v0", "Karel-TopOff-v1"]
)
def test_the_sparse_reward_is_one_for_success(env_id: str) -> None:
    height, width = task_of(env_id).min_shape
    size = {"height": height, "width": width + 1}
    env, sparse = make(env_id, **size), make(env_id, **size, reward="sparse")
    rng = np.random.default_rng(4)
    results = set()
    for seed in range(60):
        env.reset(seed=seed)
        sparse.reset(seed=seed)
        ended = False
        while not ended:
            action = int(rng.integers(5))
            _, _, *end, info = env.step(action)
            _, reward, *same_end, same_info = sparse.step(action)
            ended = any(end)
            assert same_end == end
            assert reward == info["is_success"] == same_info["is_success"]
        results.add(info["is_success"])
    assert results == {True, False}


@pytest.mark.parametrize("env_id", ["Karel-Maze-v1", "Karel-StairClimber-v0"])
def test_the_dense_reward_is_the_progress(env_id: str) -> None:
    env, dense = make(env_id, max_steps=60), make(env_id, max_steps=60, reward="dense")
    rng = np.random.default_rng(4)
    results = set()
    for seed in range(60):
        env.reset(seed=seed)
        dense.reset(seed=seed)
        (goal,) = np.argwhere(env.world.markers)
        initial = abs(goal - env.world.robot[:2]).sum()
        ended = False
        while not ended:
            # Steps up the stairs, mostly.
            upward = (TURN_LEFT, MOVE, TURN_RIGHT, MOVE)[env.episodes.lengths[0] % 4]
            action = upward if rng.random() < 0.9 else int(rng.integers(5))
            _, reward, *end, _ = env.step(action)
            *_, info = dense.step(action)
            ended = any(end)
            progress = 1 - abs(goal - env.world.robot[:2]).sum() / initial
            if reward < 0:
                assert info["return"] < progress
            else:
                assert info["return"] == pytest.approx(progress)
            assert info["is_success"] == (reward == 1)
        results.add(reward)
    assert results == ({0, 1} if "Maze" in env_id else {-1, 0, 1})
