"""Gymnasium's specs and ids: the horizon is the env's own, and ids that bind the observation."""

from __future__ import annotations

import warnings
from typing import Any

import gymnasium
import numpy as np
import pytest
from gymnasium.envs.registration import EnvSpec
from gymnasium.utils.env_checker import check_env
from gymnasium.wrappers import TimeAwareObservation, TimeLimit

from agents import evaluate
from agents.drl.hyperparameters import read_hyperparameters
from agents.drl.settings import TrainConfig, resolve
from karel_gym import KarelSB3VecEnv, make_sb3_vec_env, register, sample_worlds, signature_of
from karel_gym.registration import CARTPOLE, TASKS, obs_of, plain_id, task_of
from karel_gym.simulation.cartpole import MAX_STEPS
from programmatic import execute
from programmatic.references import reference_program, reference_return
from programmatic.search.run_settings import task_settings

IDS = (*TASKS, CARTPOLE)
BOUND = {"percepts": ("-percepts", 5), "percepts+action": ("-percepts-action", 10)}
STILL = 1  # turnLeft
ARGUMENTS: list[dict[str, Any]] = [
    {},
    {"height": 16, "width": 16},
    {"height": 4, "width": 5},
    {"max_steps": 7},
    {"max_steps": 2000},
    {"max_episode_steps": 7},
    {"max_episode_steps": 2000},
    {"height": 16, "max_steps": 9},
]


def bound_id(env_id: str, obs: str) -> str:
    name, version = env_id.rsplit("-", 1)
    return f"{name}{BOUND[obs][0]}-{version}"


def length_of(env: Any, action: int = STILL) -> int:
    """The number of steps after which an episode is truncated; its task is not solved meanwhile."""
    env.reset(seed=3)
    for length in range(1, 10_000):
        _, _, terminated, truncated, _ = env.step(action)
        assert not terminated
        if truncated:
            return length
    raise AssertionError


@pytest.mark.parametrize("env_id", [*IDS, *(bound_id(i, obs) for i in TASKS for obs in BOUND)])
def test_specs_have_a_horizon_and_a_threshold(env_id: str) -> None:
    spec = gymnasium.spec(env_id)
    expected = MAX_STEPS
    if env_id == CARTPOLE:
        assert spec.reward_threshold == 0.975 * MAX_STEPS
    else:
        task = task_of(env_id)
        expected = task.horizon(*task.shape)
        assert spec.reward_threshold == (task.threshold or 0.99 * task.max_return)
        assert reference_return(env_id)[0] >= spec.reward_threshold
    for made in (spec, gymnasium.make(env_id).spec, gymnasium.make_vec(env_id, 2).spec):
        assert made is not None
        assert made.max_episode_steps == expected
        assert made.reward_threshold == spec.reward_threshold


@pytest.mark.parametrize("arguments", ARGUMENTS)
def test_episodes_end_at_the_horizon_of_the_spec(arguments: dict[str, Any]) -> None:
    task = task_of("Karel-Seeder-v0")
    size = [arguments.get(name, 8) for name in ("height", "width")]
    given = [arguments[name] for name in ("max_episode_steps", "max_steps") if name in arguments]
    expected = (*given, task.horizon(*size))[0]
    env = gymnasium.make("Karel-Seeder-v0", **arguments)
    assert env.spec is not None
    again = gymnasium.make(env.spec)
    read = gymnasium.make(EnvSpec.from_json(env.spec.to_json()))
    for made in (env, again, read):
        assert length_of(made) == expected
        assert made.spec is not None
        assert made.spec.max_episode_steps == expected
    assert again.spec == env.spec == read.spec
    assert length_of(env.unwrapped) == expected


@pytest.mark.parametrize("mode", [None, "sync"])
@pytest.mark.parametrize("arguments", ARGUMENTS)
def test_vector_envs_end_at_the_horizon_of_the_spec(
    arguments: dict[str, Any], mode: str | None
) -> None:
    single = gymnasium.make("Karel-Seeder-v0", **arguments).spec
    envs = gymnasium.make_vec("Karel-Seeder-v0", 2, vectorization_mode=mode, **arguments)
    assert single is not None
    for made in (envs, gymnasium.make_vec(envs.spec)):  # type: ignore[arg-type]
        assert made.spec is not None
        assert made.spec.max_episode_steps == single.max_episode_steps
        made.reset(seed=0)
        for _ in range(single.max_episode_steps or 0):
            *_, truncated, _ = made.step(np.full(2, STILL))
        assert truncated.all()


def test_no_layer_slows_envs_that_have_their_own_horizon() -> None:
    env: Any = gymnasium.make("Karel-Maze-v0", height=16)
    while isinstance(env, gymnasium.Wrapper):
        assert not isinstance(env, TimeLimit)
        env = env.env
    assert gymnasium.spec("CartPole-v1").max_episode_steps == 500
    assert isinstance(gymnasium.make("CartPole-v1"), TimeLimit)


def test_wrappers_take_the_horizon_from_the_spec() -> None:
    for arguments in ({}, {"height": 16, "width": 16}):
        env = TimeAwareObservation(
            gymnasium.make("Karel-Maze-percepts-v0", **arguments), flatten=True
        )
        assert env.spec is not None
        observation, _ = env.reset(seed=0)
        assert observation.shape == (6,)
        assert env.observation_space.high[-1] == env.spec.max_episode_steps


@pytest.mark.parametrize("limit", [None, 5, 1000])
def test_variants_that_users_register_work(limit: int | None) -> None:
    of = gymnasium.spec("Karel-Seeder-v0")
    gymnasium.register(
        "Variant-v3",
        of.entry_point,
        vector_entry_point=of.vector_entry_point,
        max_episode_steps=limit,
        kwargs={**of.kwargs, "obs": "percepts", "height": 9},
    )
    try:
        expected = limit or 10 * 7 * 6
        env = gymnasium.make("Variant-v3")
        assert env.spec is not None
        assert (env.spec.max_episode_steps, length_of(env)) == (expected, expected)
        envs: Any = gymnasium.make_vec("Variant-v3", 2)
        assert envs.spec.max_episode_steps == envs.episodes.max_steps == expected
        assert KarelSB3VecEnv("Variant-v3").observation_space.shape == (5,)
    finally:
        del gymnasium.registry["Variant-v3"]


def test_nothing_is_called_out_of_date() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for env_id in IDS:
            gymnasium.make(env_id).reset(seed=0)
            gymnasium.make_vec(env_id, 2).reset(seed=0)
    with pytest.warns(DeprecationWarning, match="out of date"):
        gymnasium.make("CartPole-v0")


@pytest.mark.parametrize("obs", BOUND)
@pytest.mark.parametrize("env_id", TASKS)
def test_ids_bind_the_observation(env_id: str, obs: str) -> None:
    bound, shape = bound_id(env_id, obs), (BOUND[obs][1],)
    assert (obs_of(bound), plain_id(bound)) == (obs, env_id)
    assert obs_of(env_id) is None
    assert task_of(bound) is task_of(env_id)
    env = gymnasium.make(f"karel_gym:{bound}")
    check_env(env.unwrapped, skip_render_check=True)
    assert env.observation_space.shape == shape
    assert env.spec is not None
    assert env.spec.max_episode_steps == gymnasium.spec(env_id).max_episode_steps
    assert gymnasium.make_vec(bound, 2).observation_space.shape == (2, *shape)
    assert KarelSB3VecEnv(bound, 2).observation_space.shape == shape
    assert make_sb3_vec_env(bound, 2).observation_space.shape == shape
    assert len(signature_of(bound).features) == shape[0]
    assert list(sample_worlds(bound, 2)) == list(sample_worlds(env_id, 2))
    assert str(reference_program(bound)) == str(reference_program(env_id))


@pytest.mark.parametrize("obs", BOUND)
def test_programs_are_run_and_evaluated_by_bound_ids(obs: str) -> None:
    bound, program = bound_id("Karel-Maze-v0", obs), reference_program("Karel-Maze-v0")
    assert (execute([program], sample_worlds(bound, 3), bound).returns == 1.0).all()
    assert evaluate(program, bound, episodes=3).mean_return[0] == 1.0


def test_an_explicit_observation_wins() -> None:
    for make in (gymnasium.make, KarelSB3VecEnv, make_sb3_vec_env):
        envs: Any = make("Karel-Maze-percepts-v0", obs="grid")
        assert envs.observation_space.shape == (16, 8, 8)
    assert TrainConfig("ppo", "Karel-Maze-percepts-v0", obs="grid").obs == "grid"


@pytest.mark.parametrize("obs", BOUND)
def test_settings_of_a_task_are_those_of_its_bound_ids(obs: str) -> None:
    bound = bound_id("Karel-Maze-v0", obs)
    config = resolve(TrainConfig("ppo", f"karel_gym:{bound}"))
    assert (config.env_id, config.obs) == ("karel_gym:Karel-Maze-v0", obs)
    assert config == resolve(TrainConfig("ppo", "karel_gym:Karel-Maze-v0", obs=obs))
    assert resolve(TrainConfig("ppo", "Karel-Maze-v0")).obs == "percepts"
    assert read_hyperparameters("ppo", bound, obs) == read_hyperparameters(
        "ppo", "Karel-Maze-v0", obs
    )
    for method in ("cem", "cgcem", "cebs"):
        assert task_settings(method, bound) == task_settings(method, "Karel-Maze-v0")


def test_tasks_of_users_have_bound_ids() -> None:
    register("Karel-Ring-v2", TASKS["Karel-Maze-v0"])
    added = [env_id for env_id in gymnasium.registry if "-Ring-" in env_id]
    try:
        assert added == ["Karel-Ring-v2", *(bound_id("Karel-Ring-v2", obs) for obs in BOUND)]
        assert gymnasium.make("Karel-Ring-percepts-v2").observation_space.shape == (5,)
    finally:
        for env_id in added:
            del gymnasium.registry[env_id]
