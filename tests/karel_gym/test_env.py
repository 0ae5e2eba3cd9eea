from __future__ import annotations

import warnings
from typing import Any

import gymnasium
import numpy as np
import pytest
from gymnasium.error import ResetNeeded
from gymnasium.utils.env_checker import check_env as check_gymnasium_env
from stable_baselines3.common.env_checker import check_env as check_sb3_env

from karel_gym import KarelEnv, World, sample_worlds
from karel_gym.registration import TASKS, task_of

KINDS = ("grid", "percepts")
MOVE, TURN_LEFT, TURN_RIGHT, PICK, PUT = range(5)


def another_size(env_id: str) -> dict[str, int]:
    """A size that is not square; CleanHouse has one size only."""
    task = task_of(env_id)
    if task.fixed_shape:
        return {}
    return {"height": task.min_shape[0] + 1, "width": task.min_shape[1] + 4}


def make(env_id: str = "Karel-Maze-v0", **kwargs: Any) -> Any:
    """The bare env, without Gymnasium's checking wrappers."""
    return gymnasium.make(env_id, **kwargs).unwrapped


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("env_id", TASKS)
def test_checkers_are_content(env_id: str, kind: str) -> None:
    large = {} if task_of(env_id).fixed_shape else {"height": 100, "width": 100}
    for size in ({}, another_size(env_id), large):
        env = make(env_id, obs=kind, **size)
        with warnings.catch_warnings():
            # SB3 would rather have images of 0..255, which a one-hot grid is not.
            warnings.filterwarnings("ignore", module="stable_baselines3")
            check_sb3_env(env)
        check_gymnasium_env(env, skip_render_check=True)


@pytest.mark.parametrize("env_id", TASKS)
def test_ids_can_be_made(env_id: str) -> None:
    env = gymnasium.make(env_id)
    assert isinstance(env.unwrapped, KarelEnv)
    assert env.spec is not None
    assert env.spec.id == env_id
    height, width = task_of(env_id).shape
    assert env.unwrapped.shape == (height, width)
    assert env.observation_space == gymnasium.spaces.Box(0, 1, (16, height, width), np.uint8)
    assert env.action_space == gymnasium.spaces.Discrete(5)


def test_the_module_may_be_part_of_the_id() -> None:
    assert isinstance(gymnasium.make("karel_gym:Karel-Maze-v0").unwrapped, KarelEnv)
    assert list(sample_worlds("karel_gym:Karel-Maze-v0", 2)) == list(
        sample_worlds("Karel-Maze-v0", 2)
    )


def test_spaces_follow_the_size() -> None:
    env = make(height=10, width=7)
    assert env.shape == (10, 7)
    assert env.reset(seed=0)[0].shape == env.observation_space.shape == (16, 10, 7)
    assert make(obs="percepts").observation_space == gymnasium.spaces.MultiBinary(5)


@pytest.mark.parametrize(
    ("env_id", "arguments", "allowed"),
    [
        ("Karel-Maze-v0", {"height": 3}, "4 to 1000 rows"),
        ("Karel-Maze-v0", {"width": 4}, "5 to 1000 columns"),
        ("Karel-Maze-v0", {"width": 1001}, "5 to 1000 columns"),
        ("Karel-Maze-v0", {"height": -8}, "4 to 1000 rows"),
        ("Karel-Maze-v0", {"height": 8.5}, "8.5x8"),
        ("Karel-CleanHouse-v0", {"height": 15}, "14x22 only"),
        ("Karel-CleanHouse-v0", {"height": 100, "width": 100}, "14x22 only"),
        ("Karel-Maze-v0", {"obs": "pixels"}, "'grid', 'percepts'"),
        ("Karel-Maze-v0", {"obs": None}, "'grid', 'percepts'"),
        ("Karel-Maze-v0", {"render_mode": "rgb"}, "'human', 'rgb_array' or 'ansi'"),
        ("Karel-Maze-v0", {"max_steps": 0}, "1 up"),
        ("Karel-Maze-v0", {"max_steps": -1}, "1 up"),
        ("Karel-Maze-v0", {"max_steps": 2.5}, "1 up"),
    ],
)
def test_bad_arguments_are_refused(env_id: str, arguments: dict[str, Any], allowed: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of Gymnasium, about the render mode
        with pytest.raises(ValueError, match=allowed):
            gymnasium.make(env_id, **arguments)


@pytest.mark.parametrize("env_id", TASKS)
def test_the_least_size_is_one(env_id: str) -> None:
    height, width = task_of(env_id).min_shape
    env = make(env_id, height=height, width=width)
    env.reset(seed=0)
    for size in ((height - 1, width), (height, width - 1)):
        with pytest.raises(ValueError, match=f"got {size[0]}x{size[1]}"):
            make(env_id, height=size[0], width=size[1])


@pytest.mark.parametrize("action", [5, -1, 2.5, "move", None, np.array([0]), np.float32(1)])
def test_bad_actions_are_refused_and_do_nothing(action: Any) -> None:
    env = make()
    env.reset(seed=0)
    before = env.world
    with pytest.raises(ValueError, match="0 move, 1 turnLeft, 2 turnRight"):
        env.step(action)
    assert env.world == before
    assert env.step(TURN_LEFT)[4]["length"] == 1


@pytest.mark.parametrize("action", [MOVE, np.int64(MOVE), np.uint8(MOVE), np.array(MOVE)])
def test_actions_may_be_of_any_integer_type(action: Any) -> None:
    env = make("Karel-Harvester-v0")
    env.reset(seed=0)
    env.step(action)
    assert env.world.robot == (6, 2, 1)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"wrold": 1}, "the only option of reset is 'world', got .'wrold'"),
        ({"world": "maze"}, "must be a World"),
        ({"world": sample_worlds("Karel-Maze-v0", 1, 0, 8, 9)[0]}, "8x8, got one of 8x9"),
    ],
)
def test_bad_options_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make().reset(options=options)


def test_an_episode_must_be_begun() -> None:
    env = make(max_steps=2)
    with pytest.raises(ResetNeeded):
        env.step(0)
    env.reset(seed=0)
    env.step(TURN_LEFT)
    assert env.step(TURN_LEFT)[3]
    with pytest.raises(ResetNeeded):
        env.step(0)
    env.reset()
    env.step(0)


@pytest.mark.parametrize("env_id", TASKS)
def test_episodes_are_truncated_at_the_horizon(env_id: str) -> None:
    shape = task_of(env_id).shape
    # In a maze the marker may lie below the robot, which then has arrived.
    worlds = sample_worlds(env_id, 9, 3)
    starts = [world for world in worlds if "Maze" not in env_id or world.markers[6, 1] == 0]
    for horizon, env in (
        (10 * (shape[0] - 2) * (shape[1] - 2), make(env_id, obs="percepts")),
        (3, make(env_id, obs="percepts", max_steps=3)),
    ):
        env.reset(options={"world": starts[0]})
        for step in range(1, horizon + 1):
            _, _, terminated, truncated, info = env.step(TURN_LEFT)
            assert not terminated
            assert truncated == (step == horizon)
            assert info["length"] == step
            assert not info["is_success"]


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
            assert percepts.dtype == np.int8
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


@pytest.mark.parametrize("env_id", TASKS)
def test_info_sums_the_episode_up(env_id: str) -> None:
    env = make(env_id)
    rng = np.random.default_rng(1)
    for seed in range(5):
        env.reset(seed=seed)
        total, length, ended = 0.0, 0, False
        while not ended:
            _, reward, terminated, truncated, info = env.step(int(rng.integers(5)))
            assert isinstance(reward, float)
            total, length, ended = total + reward, length + 1, terminated or truncated
            assert info["return"] == pytest.approx(total)
            assert info["length"] == length
            assert info["is_success"] == (terminated and total > 1 - 1e-6)


@pytest.mark.parametrize("env_id", TASKS)
def test_a_seed_begins_in_its_world(env_id: str) -> None:
    env = make(env_id)
    for seed in (0, 1, 12345, 2**63):
        env.reset(seed=seed)
        assert env.world == sample_worlds(env_id, 1, seed)[0]
    worlds = sample_worlds(env_id, 4, 3)
    for seed, world in zip((3, None, None, None), worlds, strict=True):
        env.reset(seed=seed)
        assert env.world == world
        env.step(PUT)


@pytest.mark.parametrize("env_id", TASKS)
def test_rewards_that_a_task_does_not_have_are_refused(env_id: str) -> None:
    with pytest.raises(ValueError, match=r"'default', 'sparse'.*got 'lavish'"):
        make(env_id, reward="lavish")
    if env_id.split("-")[1] not in ("Maze", "StairClimber"):
        with pytest.raises(ValueError, match="'default', 'sparse'; got 'dense'"):
            make(env_id, reward="dense")


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


def second_worlds(options: dict[str, Any]) -> list[World]:
    """The worlds of the second episodes of envs with the seeds 0 to 4."""
    worlds = []
    for seed in range(5):
        env = make()
        env.reset(seed=seed, options=options)
        env.reset()
        worlds.append(env.world)
    return worlds


def test_the_following_worlds_come_from_the_seed() -> None:
    world = sample_worlds("Karel-Maze-v0", 1, 99)[0]
    assert len(set(second_worlds({}))) == 5
    assert len(set(second_worlds({"world": World(world.cells, *world.robot)}))) == 5


@pytest.mark.parametrize("touch", [False, True])
def test_unseeded_envs_differ(touch: bool) -> None:
    worlds = set()
    for _ in range(5):
        env = make()
        if touch:  # as wrappers do that draw from it
            env.np_random.random()
        env.reset()
        worlds.add(env.world)
    assert len(worlds) == 5


@pytest.mark.parametrize("env_id", TASKS)
def test_an_episode_can_start_from_a_given_world(env_id: str) -> None:
    env, other = make(env_id), make(env_id)
    actions = np.random.default_rng(2).integers(5, size=60).tolist()
    env.reset(seed=8)
    world = env.world
    other.reset(seed=1)
    other.step(MOVE)
    obs, info = other.reset(options={"world": world})
    assert other.world == world
    assert info["return"] == info["length"] == 0
    assert np.array_equal(obs, env._observe())
    for action in actions:
        step, same = env.step(action), other.step(action)
        assert np.array_equal(step[0], same[0])
        assert step[1:] == same[1:]
        if step[2] or step[3]:
            break


def test_a_given_world_is_not_changed() -> None:
    env = make("Karel-Harvester-v0")
    world = sample_worlds("Karel-Harvester-v0", 1)[0]
    before = str(world)
    env.reset(options={"world": world})
    env.step(PICK)
    snapshot = env.world
    env.step(PUT)
    assert str(world) == before
    assert snapshot.markers[6, 1] == 0


def test_render_modes_return_what_they_say() -> None:
    image = gymnasium.make("Karel-Maze-v0", render_mode="rgb_array")
    image.reset(seed=0)
    picture = image.render()
    assert picture.dtype == np.uint8
    assert picture.ndim == 3
    assert picture.shape[2] == 3
    text = gymnasium.make("Karel-Maze-v0", render_mode="ansi")
    text.reset(seed=0)
    assert isinstance(text.render(), str)
    assert str(text.unwrapped.world).splitlines()[2] in text.render()
    window = gymnasium.make("Karel-Maze-v0", render_mode="human")
    window.reset(seed=0)
    window.step(TURN_LEFT)
    assert window.render() is None
    window.close()
    window.close()
    nothing = make()
    nothing.reset(seed=0)
    with pytest.warns(UserWarning, match="without a render_mode"):
        assert nothing.render() is None


def test_rendering_before_the_first_episode_needs_a_reset() -> None:
    with pytest.raises(ResetNeeded):
        gymnasium.make("Karel-Maze-v0", render_mode="rgb_array").render()
