"""What unmodified clients of Gymnasium and Stable-Baselines3 do with the envs."""

from __future__ import annotations

import copy
import json
import pickle
from collections.abc import Callable
from typing import Any

import gymnasium
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env, data_equivalence
from gymnasium.vector import AsyncVectorEnv, SyncVectorEnv
from gymnasium.wrappers import (
    FlattenObservation,
    FrameStackObservation,
    NormalizeObservation,
    RescaleObservation,
    TimeAwareObservation,
)
from gymnasium.wrappers import vector as of_vectors
from stable_baselines3 import PPO
from stable_baselines3.common.env_checker import check_env as check_sb3_env
from stable_baselines3.common.monitor import Monitor
from stable_baselines3.common.vec_env import (
    SubprocVecEnv,
    VecCheckNan,
    VecFrameStack,
    VecMonitor,
    VecNormalize,
)

from karel_gym import KarelEnv, KarelSB3VecEnv, make_sb3_vec_env
from karel_gym.registration import CARTPOLE, TASKS, task_of
from karel_gym.tasks.task import Task

IDS = (*TASKS, CARTPOLE)
COPIES: dict[str, Callable[[Any], Any]] = {
    "pickle": lambda env: pickle.loads(pickle.dumps(env)),
    "deepcopy": copy.deepcopy,
}
N, HORIZON = 3, 11


def actions_of(env: Any, steps: int = 30) -> list[Any]:
    """Random actions; each is an array of all that a vector env takes at once."""
    env.action_space.seed(0)
    return [env.action_space.sample() for _ in range(steps)]


def results_of(env: Any, actions: list[Any]) -> list[Any]:
    """The results of steps and, in a single env, of resets."""
    results = []
    for action in actions:
        results.append(env.step(action))
        _, _, terminated, truncated, _ = results[-1]
        if isinstance(env, gymnasium.Env) and (terminated or truncated):
            results.append(env.reset())
    return results


@pytest.mark.parametrize("how", COPIES)
@pytest.mark.parametrize("env_id", IDS)
def test_copies_of_single_envs_go_on_where_they_were(env_id: str, how: str) -> None:
    env = gymnasium.make(env_id, max_steps=HORIZON, render_mode="rgb_array")
    env.reset(seed=0)
    actions = actions_of(env)
    results_of(env, actions[:15])
    before = env.render()
    other = COPIES[how](env)
    assert data_equivalence(results_of(env, actions), results_of(other, actions))
    assert np.array_equal(env.render(), other.render())
    assert not np.array_equal(env.render(), before)


@pytest.mark.parametrize("how", COPIES)
@pytest.mark.parametrize("env_id", IDS)
def test_copies_of_vector_envs_go_on_where_they_were(env_id: str, how: str) -> None:
    envs = gymnasium.make_vec(env_id, N, max_steps=HORIZON, render_mode="rgb_array")
    envs.reset(seed=0)
    envs.render()
    actions = actions_of(envs)
    results_of(envs, actions[:15])
    other = COPIES[how](envs)
    assert data_equivalence(results_of(envs, actions), results_of(other, actions))


@pytest.mark.parametrize("how", COPIES)
@pytest.mark.parametrize("env_id", IDS)
def test_copies_of_sb3_envs_go_on_where_they_were(env_id: str, how: str) -> None:
    envs = make_sb3_vec_env(env_id, N, seed=0, max_steps=HORIZON)
    envs.reset()
    rng = np.random.default_rng(0)
    actions = rng.integers(2, size=(30, N))
    for action in actions:
        envs.step(action)
    other = COPIES[how](envs)
    for action in actions:
        *arrays, infos = envs.step(action)
        *same, same_infos = other.step(action)
        assert data_equivalence(arrays, same)
        for info in (*infos, *same_infos):
            info.get("episode", {}).pop("t", None)
        assert data_equivalence(infos, same_infos)


@pytest.mark.parametrize("reward", ["default", "sparse", "dense"])
def test_a_task_is_pickled_by_its_name(reward: str) -> None:
    task = task_of("Karel-Maze-v0").with_reward(reward)
    assert COPIES["pickle"](task) is COPIES["deepcopy"](task) is task


def test_a_task_without_a_name_says_why_it_cannot_be_pickled() -> None:
    maze = task_of("Karel-Maze-v0")
    own = Task("doc", (8, 8), (4, 5), maze.generate, maze.begin, maze.reward)
    with pytest.raises(pickle.PicklingError, match="an attribute of a module"):
        pickle.dumps(KarelEnv(own))


def test_windows_stay_where_they_are() -> None:
    for env_id in ("Karel-Maze-v0", CARTPOLE):
        env: Any = gymnasium.make(env_id, render_mode="human")
        env.reset(seed=0)
        other = COPIES["pickle"](env)
        env.close()
        other.step(0)
        other.close()


@pytest.mark.parametrize("env_id", ["Karel-Maze-v0", CARTPOLE])
def test_attributes_cross_processes(env_id: str) -> None:
    def make() -> Any:
        return Monitor(gymnasium.make(f"karel_gym:{env_id}"))

    envs = SubprocVecEnv([make] * 2)
    try:
        for name in ("unwrapped", "spec", "episodes"):
            assert len(envs.get_attr(name)) == 2
    finally:
        envs.close()


def scalars_of(info: Any) -> list[Any]:
    """The values in an info and in the dicts in it."""
    if isinstance(info, dict):
        return [scalar for value in info.values() for scalar in scalars_of(value)]
    return [info]


@pytest.mark.parametrize("env_id", IDS)
def test_infos_of_single_envs_hold_pythons_scalars(env_id: str) -> None:
    env = gymnasium.make(env_id, max_steps=HORIZON)
    infos = [env.reset(seed=0)[1]]
    for _ in range(5):
        infos += [result[-1] for result in results_of(env, actions_of(env, 60))]
    assert {type(scalar) for info in infos for scalar in scalars_of(info)} <= {bool, int, float}
    assert all(json.loads(json.dumps(info)) == info for info in infos)


def test_a_solved_episode_says_so_with_pythons_bool() -> None:
    env = gymnasium.make("Karel-Maze-v0", max_episode_steps=10_000, max_steps=10_000)
    env.reset(seed=0)
    terminated = False
    while not terminated:
        _, _, terminated, _, info = env.step(env.action_space.sample())
    assert info["is_success"] is True


@pytest.mark.parametrize("env_id", IDS)
def test_infos_of_sb3_envs_hold_pythons_scalars(env_id: str) -> None:
    envs = make_sb3_vec_env(env_id, N, seed=0, max_steps=HORIZON)
    envs.reset()
    seen = 0
    for _ in range(2 * HORIZON):
        infos = envs.step(np.zeros(N, int))[3]
        for info in (*infos, *envs.reset_infos):
            seen += "terminal_observation" in info
            info = {name: v for name, v in info.items() if name != "terminal_observation"}
            assert json.loads(json.dumps(info)) == info
    assert seen


PERCEPTS = ("percepts", "percepts+action")
WRAPPERS: dict[str, Callable[[Any], Any]] = {
    "NormalizeObservation": NormalizeObservation,
    "FrameStackObservation": lambda env: FrameStackObservation(env, 3),
    "RescaleObservation": lambda env: RescaleObservation(env, np.float32(-1), np.float32(1)),
    "FlattenObservation": FlattenObservation,
    "TimeAwareObservation": lambda env: TimeAwareObservation(env, flatten=True),
}
VECTOR_WRAPPERS: dict[str, Callable[[Any], Any]] = {
    "NormalizeObservation": of_vectors.NormalizeObservation,
    "NormalizeReward": of_vectors.NormalizeReward,
    "RescaleObservation": lambda envs: of_vectors.RescaleObservation(
        envs, np.float32(-1), np.float32(1)
    ),
    "FlattenObservation": of_vectors.FlattenObservation,
    "RecordEpisodeStatistics": of_vectors.RecordEpisodeStatistics,
}
SB3_WRAPPERS: dict[str, Callable[[Any], Any]] = {
    "VecNormalize": VecNormalize,
    "VecFrameStack": lambda envs: VecFrameStack(envs, 3),
    "VecMonitor": VecMonitor,
    "VecCheckNan": lambda envs: VecCheckNan(envs, raise_exception=True),
}


@pytest.mark.parametrize("wrapper", WRAPPERS)
@pytest.mark.parametrize("obs", PERCEPTS)
def test_wrappers_take_percepts(obs: str, wrapper: str) -> None:
    env = WRAPPERS[wrapper](gymnasium.make("Karel-Maze-v0", obs=obs, max_steps=HORIZON))
    observation, _ = env.reset(seed=0)
    assert env.observation_space.contains(observation)
    for result in results_of(env, actions_of(env)):
        assert env.observation_space.contains(result[0])


@pytest.mark.parametrize("wrapper", VECTOR_WRAPPERS)
@pytest.mark.parametrize("obs", PERCEPTS)
def test_vector_wrappers_take_percepts(obs: str, wrapper: str) -> None:
    envs = gymnasium.make_vec("Karel-Maze-v0", N, obs=obs, max_steps=HORIZON)
    envs = VECTOR_WRAPPERS[wrapper](envs)
    observations, _ = envs.reset(seed=0)
    for result in results_of(envs, actions_of(envs)):
        assert result[0].shape == observations.shape == envs.observation_space.shape
        assert np.isfinite(result[0]).all()


@pytest.mark.parametrize("wrapper", SB3_WRAPPERS)
@pytest.mark.parametrize("obs", PERCEPTS)
def test_sb3_wrappers_take_percepts(obs: str, wrapper: str) -> None:
    envs = SB3_WRAPPERS[wrapper](KarelSB3VecEnv("Karel-Maze-v0", N, 0, obs, max_steps=HORIZON))
    model = PPO("MlpPolicy", envs, n_steps=16, batch_size=16, n_epochs=1, seed=0, device="cpu")
    model.learn(32 * N)
    observations = envs.reset()
    assert observations.shape == (N, *envs.observation_space.shape)
    assert observations.dtype == np.float32


@pytest.mark.parametrize("obs", PERCEPTS)
@pytest.mark.parametrize("vector_class", [SyncVectorEnv, AsyncVectorEnv])
def test_vector_envs_of_single_envs_take_percepts(vector_class: Any, obs: str) -> None:
    def make() -> Any:
        return gymnasium.make("karel_gym:Karel-Maze-v0", obs=obs, max_steps=HORIZON)

    envs = vector_class([make] * N)
    native = gymnasium.make_vec("Karel-Maze-v0", N, obs=obs, max_steps=HORIZON)
    try:
        assert data_equivalence(envs.reset(seed=0), native.reset(seed=0))
        for action in actions_of(native):
            assert data_equivalence(envs.step(action), native.step(action))
    finally:
        envs.close()


@pytest.mark.parametrize("env_id", TASKS)
def test_checkers_take_percepts_with_the_previous_action(env_id: str) -> None:
    env = gymnasium.make(env_id, obs="percepts+action").unwrapped
    check_env(env, skip_render_check=True)
    check_sb3_env(env)


def test_gymnasiums_play_finds_the_keys() -> None:
    import pygame

    keys = gymnasium.make("Karel-Maze-v0").get_wrapper_attr("get_keys_to_action")()
    assert keys[(pygame.K_UP,)] == 0
    assert keys[(pygame.K_LEFT,)] == 1
    assert set(keys.values()) == set(range(5))
