from __future__ import annotations

from typing import Any

import gymnasium
import numpy as np
import pytest

from karel_gym import World
from karel_gym.registration import TASKS, task_of
from tests.sizes import larger

KINDS = ("grid", "percepts")
PUT = 4


def another_size(env_id: str) -> dict[str, int]:
    """A size that is not square, unless the task has no such size."""
    height, width = larger(task_of(env_id), 1, 4)
    return {"height": height, "width": width}


def make(env_id: str = "Karel-Maze-v0", **kwargs: Any) -> Any:
    """The bare env, without Gymnasium's checking wrappers."""
    return gymnasium.make(env_id, **kwargs).unwrapped


def test_spaces_follow_the_size() -> None:
    env = make(height=10, width=7)
    assert env.shape == (10, 7)
    assert env.reset(seed=0)[0].shape == env.observation_space.shape == (16, 10, 7)
    for kind, n in (("percepts", 5), ("percepts+action", 10)):
        assert make(obs=kind).observation_space == gymnasium.spaces.Box(0, 1, (n,), np.float32)


def percepts_of(world: World) -> list[int]:
    """The percepts, in plain Python."""
    steps = ((-1, 0), (0, 1), (1, 0), (0, -1))
    clear = []
    for turn in (0, -1, 1):
        row, col = steps[(world.heading + turn) % 4]
        clear.append(int(not world.walls[world.row + row, world.col + col]))
    markers = int(world.markers[world.row, world.col] > 0)
    return [*clear, markers, 1 - markers]


def assert_shows(grid: Any, world: World) -> None:
    assert grid.dtype == np.uint8
    assert set(np.unique(grid)) <= {0, 1}
    assert np.argwhere(grid[:4]).tolist() == [[world.heading, world.row, world.col]]
    assert np.array_equal(grid[4], world.walls)
    assert (grid[5:].sum(axis=0) == 1).all()
    assert np.array_equal(grid[5:].argmax(axis=0), world.markers)


@pytest.mark.parametrize("env_id", TASKS)
def test_observations_show_the_world(env_id: str) -> None:
    envs = [make(env_id, obs=kind, **another_size(env_id)) for kind in KINDS]
    rng = np.random.default_rng(0)
    for seed in range(10):
        (grid, info), (percepts, _) = (env.reset(seed=seed) for env in envs)
        assert info == {"return": 0.0, "length": 0, "is_success": False}
        for _ in range(40):
            world = envs[0].world
            assert envs[1].world == world
            assert_shows(grid, world)
            assert percepts.dtype == np.float32
            assert percepts.tolist() == percepts_of(world)
            action = int(rng.integers(5))
            (grid, *end, _), (percepts, *same_end, _) = (env.step(action) for env in envs)
            assert end == same_end
            if end[1] or end[2]:
                break


def test_a_crowded_cell_is_shown() -> None:
    env = make("Karel-Harvester-v0")
    env.reset(seed=0)
    for count in (*range(2, 11), 10):
        grid, *_ = env.step(PUT)
        assert env.world.markers[6, 1] == count
        assert_shows(grid, env.world)
