"""The previous action in an observation: built in and as a wrapper, one and the same."""

from __future__ import annotations

from typing import Any

import gymnasium
import numpy as np
import pytest
from gymnasium.spaces import Box, MultiBinary
from gymnasium.utils.env_checker import check_env

from karel_gym import KarelSB3VecEnv, KarelVectorEnv
from karel_gym.envs.observations import KINDS, SIGNATURES, kind_of, observation_space
from karel_gym.envs.wrappers import LastAction
from karel_gym.registration import TASKS, task_of

KIND = "percepts+action"
N, STEPS, HORIZON = 3, 50, 13


@pytest.mark.parametrize("env_id", TASKS)
def test_what_is_built_in_is_what_the_wrapper_does(env_id: str) -> None:
    envs = KarelVectorEnv(task_of(env_id), N, KIND, max_steps=HORIZON)
    sb3 = KarelSB3VecEnv(env_id, N, obs=KIND, max_steps=HORIZON)
    single: Any = gymnasium.make(env_id, obs=KIND, max_steps=HORIZON)
    wrapped = LastAction(gymnasium.make(env_id, obs="percepts", max_steps=HORIZON))
    assert envs.single_observation_space == single.observation_space == wrapped.observation_space
    batch, _ = envs.reset(seed=4)
    sb3.seed(4)
    np.testing.assert_array_equal(sb3.reset(), batch)
    (observation, _), (expected, _) = single.reset(seed=4), wrapped.reset(seed=4)
    rng = np.random.default_rng(0)
    ended, n_ended = False, 0
    for _ in range(STEPS):
        assert observation.dtype == expected.dtype == np.float32
        np.testing.assert_array_equal(observation, expected)
        np.testing.assert_array_equal(batch[0], expected)
        actions = rng.integers(5, size=N)
        batch, *_ = envs.step(actions)
        if ended:  # the vector env begins an episode at this step, and takes no action
            (observation, _), (expected, _) = single.reset(), wrapped.reset()
            ended = False
            continue
        observation, *_ = single.step(int(actions[0]))
        expected, _, terminated, truncated, _ = wrapped.step(int(actions[0]))
        ended = terminated or truncated
        n_ended += ended
    assert n_ended > 1


def test_an_episode_begins_without_a_previous_action_and_ends_with_one() -> None:
    envs = KarelSB3VecEnv("Karel-Harvester-v0", N, seed=0, obs=KIND, max_steps=3)
    assert not np.asarray(envs.reset())[:, 5:].any()
    for step in range(1, 7):
        seen, _, dones, infos = envs.step(np.array([1, 2, 3]))
        observations = np.asarray(seen)
        if step % 3:
            np.testing.assert_array_equal(observations[:, 5:].argmax(axis=1), [1, 2, 3])
            continue
        assert dones.all()
        assert not observations[:, 5:].any()
        last = [info["terminal_observation"][5:].argmax() for info in infos]
        assert last == [1, 2, 3]


def test_looking_ahead_shows_the_action_and_leaves_the_episode_as_it_is() -> None:
    envs = KarelVectorEnv(task_of("Karel-Maze-v0"), 2, KIND)
    envs.reset(seed=0)
    before, *_ = envs.step(np.array([1, 4]))
    ahead = envs.look_ahead().observations
    np.testing.assert_array_equal(ahead[:, :, 5:], np.broadcast_to(np.eye(5), (2, 5, 5)))
    np.testing.assert_array_equal(envs._observe(), before)


def test_the_signature_names_every_entry() -> None:
    for kind in ("percepts", KIND):
        signature = SIGNATURES.get(kind)
        assert signature is not None
        assert len(signature.features) == observation_space(kind, 8, 8).shape[0]  # type: ignore[index]


def test_a_space_tells_its_kind() -> None:
    for kind in KINDS:
        assert kind_of(observation_space(kind, 9, 14)) == kind
    for space in (Box(0, 1, (4,)), MultiBinary(4), Box(0, 255, (16, 8, 8), np.uint8)):
        assert kind_of(space) is None


def test_percepts_of_models_that_were_saved_with_multi_binary_are_percepts() -> None:
    assert [kind_of(MultiBinary(n)) for n in (5, 10)] == ["percepts", KIND]


def test_the_wrapper_extends_boxes() -> None:
    env = LastAction(gymnasium.make("CartPole-v1"))
    check_env(env, skip_render_check=True)
    observation, _ = env.reset(seed=0)
    assert env.observation_space.contains(observation)
    observation, *_ = env.step(np.int64(0))
    assert env.observation_space.contains(observation)
    assert observation[4:].tolist() == [1.0, 0.0]


@pytest.mark.parametrize(
    ("env_id", "message"),
    [("Pendulum-v1", "numbered from 0"), ("Karel-Maze-v0", "flat observations")],
)
def test_other_envs_are_refused(env_id: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        LastAction(gymnasium.make(env_id))
