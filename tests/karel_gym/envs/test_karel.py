from __future__ import annotations

import warnings
from typing import Any

import gymnasium
import numpy as np
import pytest
from gymnasium.error import ResetNeeded
from gymnasium.utils.env_checker import check_env as check_gymnasium_env
from stable_baselines3.common.env_checker import check_env as check_sb3_env

from karel_gym import KarelEnv, KarelSB3VecEnv, World, sample_worlds
from karel_gym.registration import TASKS, task_of
from tests.sizes import larger

KINDS = ("grid", "percepts")
MOVE, TURN_LEFT, _TURN_RIGHT, PICK, PUT = range(5)


def another_size(env_id: str) -> dict[str, int]:
    """A size that is not square, unless the task has no such size."""
    height, width = larger(task_of(env_id), 1, 4)
    return {"height": height, "width": width}


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


@pytest.mark.parametrize("max_markers", [1, 2])
def test_every_env_fills_cells_up_to_the_given_number(max_markers: int) -> None:
    env_id, options = "Karel-OneStroke-v0", {"max_markers": max_markers}
    single, several = make(env_id, **options), gymnasium.make_vec(env_id, 2, **options)
    sb3 = KarelSB3VecEnv(env_id, 2, **options)
    single.reset(seed=0)
    several.reset(seed=0)
    sb3.reset()
    for n in (*range(1, max_markers + 1), max_markers):
        obs, *_ = single.step(PUT)
        observations, *_ = several.step(np.full(2, PUT))
        sb3.step_async(np.full(2, PUT))
        assert obs[5 + n].sum() == observations[0, 5 + n].sum() == 1
        np.testing.assert_array_equal(sb3.step_wait()[0][0, 5 + n].sum(), 1)
        assert single.action_masks()[PUT] == (n < max_markers)
        assert several.action_masks()[:, PUT].tolist() == [n < max_markers] * 2
    assert obs.shape == (16, 8, 8)


@pytest.mark.parametrize("max_markers", [0, 11, 1.5, "2"])
def test_impossible_capacities_are_refused(max_markers: Any) -> None:
    with pytest.raises(ValueError, match=f"max_markers must be .* 1 to 10, got {max_markers!r}"):
        make("Karel-OneStroke-v0", max_markers=max_markers)


def test_the_module_may_be_part_of_the_id() -> None:
    assert isinstance(gymnasium.make("karel_gym:Karel-Maze-v0").unwrapped, KarelEnv)
    assert list(sample_worlds("karel_gym:Karel-Maze-v0", 2)) == list(
        sample_worlds("Karel-Maze-v0", 2)
    )


@pytest.mark.parametrize(
    ("env_id", "arguments", "allowed"),
    [
        ("Karel-Maze-v0", {"height": 3}, "4 to 1000 rows"),
        ("Karel-Maze-v0", {"width": 4}, "5 to 1000 columns"),
        ("Karel-Maze-v0", {"width": 1001}, "5 to 1000 columns"),
        ("Karel-Maze-v0", {"height": -8}, "4 to 1000 rows"),
        ("Karel-Maze-v0", {"height": 8.5}, "8.5x8"),
        ("Karel-CleanHouse-v0", {"height": 15}, "14x22 only"),
        ("Karel-UpNDown-v0", {"height": 9}, "square, got 9x8"),
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
    actions_per_cell = 40 if "Snake" in env_id else 10
    usual = actions_per_cell * (shape[0] - 2) * (shape[1] - 2)
    for horizon, env in (
        (10_000 if ".long" in TASKS[env_id] else usual, make(env_id, obs="percepts")),
        (3, make(env_id, obs="percepts", max_steps=3)),
    ):
        env.reset(options={"world": starts[0]})
        for step in range(1, horizon + 1):
            _, _, terminated, truncated, info = env.step(TURN_LEFT)
            assert not terminated
            assert truncated == (step == horizon)
            assert info["length"] == step
            assert not info["is_success"]


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
            least = -np.inf if task_of(env_id).ends_solved else 1 - 1e-6
            assert info["is_success"] == (terminated and total > least)


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
    assert np.array_equal(obs, env._observe()[0])
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
