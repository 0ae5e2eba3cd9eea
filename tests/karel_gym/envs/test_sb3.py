from __future__ import annotations

from typing import Any

import gymnasium
import numpy as np
import pytest
from stable_baselines3 import PPO
from stable_baselines3.common.evaluation import evaluate_policy
from stable_baselines3.common.monitor import Monitor
from stable_baselines3.common.vec_env import (
    DummyVecEnv,
    VecEnv,
    VecFrameStack,
    VecMonitor,
    VecNormalize,
)

from karel_gym import KarelSB3VecEnv, sample_worlds
from karel_gym.registration import TASKS

N, STEPS, HORIZON = 4, 120, 23


def make(env_id: str = "Karel-Harvester-v0", n: int = N, **kwargs: Any) -> KarelSB3VecEnv:
    return KarelSB3VecEnv(env_id, n, **{"max_steps": HORIZON, **kwargs})


def make_dummy(env_id: str, n: int = N, **kwargs: Any) -> DummyVecEnv:
    def make_one() -> Any:
        return Monitor(gymnasium.make(env_id, max_steps=HORIZON, **kwargs))

    return DummyVecEnv([make_one] * n)


def actions_of(env_id: str) -> Any:
    """Random actions, (STEPS, N)."""
    return np.random.default_rng(list(env_id.encode())).integers(5, size=(STEPS, N))


def test_it_is_a_vec_env() -> None:
    envs = make()
    assert isinstance(envs, VecEnv)
    assert envs.num_envs == N
    assert envs.observation_space == gymnasium.spaces.Box(0, 1, (16, 8, 8), np.uint8)
    assert envs.action_space == gymnasium.spaces.Discrete(5)
    assert envs.env_is_wrapped(Monitor) == [True] * N
    envs.close()


@pytest.mark.parametrize("env_id", TASKS)
def test_trajectories_are_those_of_a_dummy_vec_env(env_id: str) -> None:
    kind = "percepts" if env_id.endswith("v1") else "grid"
    envs, dummy = make(env_id, obs=kind), make_dummy(env_id, obs=kind)
    envs.seed(31)
    dummy.seed(31)
    assert np.array_equal(envs.reset(), dummy.reset())
    assert envs.reset_infos == dummy.reset_infos
    n_ended = 0
    for actions in actions_of(env_id):
        obs, rewards, dones, infos = envs.step(actions)
        same_obs, same_rewards, same_dones, same_infos = dummy.step(actions)
        assert np.array_equal(obs, same_obs)
        assert obs.dtype == same_obs.dtype
        assert np.array_equal(rewards, same_rewards)
        assert rewards.dtype == same_rewards.dtype == np.float32
        assert dones.tolist() == same_dones.tolist()
        for done, info, same in zip(dones, infos, same_infos, strict=True):
            if done:
                n_ended += 1
                assert np.array_equal(info["terminal_observation"], same["terminal_observation"])
                assert info["TimeLimit.truncated"] == same["TimeLimit.truncated"]
                assert info["is_success"] == same["is_success"]
                assert info["episode"]["r"] == pytest.approx(same["episode"]["r"], abs=1e-5)
                assert info["episode"]["l"] == same["episode"]["l"]
                assert info["episode"]["t"] >= 0
            else:
                assert "terminal_observation" not in info
                assert "episode" not in info
    assert n_ended >= N


def test_seeds() -> None:
    envs, same, others = make(seed=5), make(), make("Karel-Maze-v0", seed=6)
    same.seed(5)
    envs, same = make("Karel-Maze-v0", seed=5), make("Karel-Maze-v0")
    same.seed(5)
    for each in (envs, same, others):
        each.reset()
    worlds = envs.get_attr("world")
    assert worlds == same.get_attr("world")
    assert worlds == [sample_worlds("Karel-Maze-v0", 1, 5 + i)[0] for i in range(N)]
    assert worlds[1:] == others.get_attr("world")[:-1]
    envs.reset()
    assert envs.get_attr("world") != worlds  # a seed counts for one reset


def test_unseeded_envs_differ() -> None:
    envs = make("Karel-Maze-v0")
    envs.reset()
    assert len(set(envs.get_attr("world"))) == N


def test_options_give_worlds() -> None:
    given = list(sample_worlds("Karel-Maze-v0", 2, 77))
    envs = make("Karel-Maze-v0", seed=0)
    envs.set_options({"world": given[0]})
    obs = envs.reset()
    assert envs.get_attr("world") == [given[0]] * N
    assert all(np.array_equal(obs[0], one) for one in obs)
    envs.set_options([{"world": given[1]}, {}, {}, {"world": given[0]}])
    envs.seed(3)
    envs.reset()
    expected = [sample_worlds("Karel-Maze-v0", 1, 3 + i)[0] for i in range(N)]
    assert envs.get_attr("world") == [given[1], *expected[1:3], given[0]]
    envs.reset()
    assert given[0] not in envs.get_attr("world")  # options count for one reset


def test_unknown_options_are_refused() -> None:
    envs = make()
    envs.set_options({"wrold": 1})
    with pytest.raises(ValueError, match="wrold"):
        envs.reset()


def test_attributes_and_methods() -> None:
    envs = make(seed=0)
    envs.reset()
    worlds = envs.get_attr("world")
    assert len(worlds) == N
    assert envs.get_attr("world", [2, 0]) == [worlds[2], worlds[0]]
    assert envs.get_attr("world", 1) == [worlds[1]]
    assert envs.get_attr("obs") == ["grid"] * N
    assert envs.get_attr("render_mode", 0) == [None]
    assert envs.env_method("get_wrapper_attr", "world") == worlds
    assert envs.env_method("get_wrapper_attr", "world", indices=[3]) == [worlds[3]]
    with pytest.raises(AttributeError):
        envs.get_attr("no_such_attribute")
    with pytest.raises(AttributeError, match="stepped together"):
        envs.env_method("reset")


def test_attributes_are_set_as_in_a_dummy_vec_env() -> None:
    kwargs: dict[str, Any] = {"obs": "percepts", "render_mode": "rgb_array"}
    for envs in (make(**kwargs), make_dummy("Karel-Harvester-v0", **kwargs)):
        envs.seed(0)
        envs.reset()
        envs.set_attr("level", 3)
        envs.set_attr("level", 4, [0, 2])
        assert envs.get_attr("level") == [4, 3, 4, 3]
        assert envs.env_method("set_wrapper_attr", "speed", 1.5) == [True] * N
        assert envs.env_method("set_wrapper_attr", "speed", 2.5, indices=[1]) == [True]
        assert envs.env_method("set_wrapper_attr", "mass", 1, force=False) == [False] * N
        assert envs.env_method("has_wrapper_attr", "mass") == [False] * N
        assert envs.get_attr("speed") == [1.5, 2.5, 1.5, 1.5]
        assert envs.has_attr("speed")
        for name in ("observation_space", "action_space"):
            assert envs.get_attr(name) == [getattr(envs, name)] * N
        assert {spec.max_episode_steps for spec in envs.get_attr("spec")} == {HORIZON}
        assert {spec.id for spec in envs.get_attr("spec")} == {"Karel-Harvester-v0"}
        assert [image.shape[2] for image in envs.env_method("render", indices=[0, 3])] == [3, 3]
        with pytest.raises(AttributeError):
            envs.env_method("set_wrapper_attr", "world", None)


def test_attributes_that_all_envs_share_are_set_in_all_or_none() -> None:
    envs = make()
    envs.set_attr("constraints", ())
    for set_some in (
        lambda: envs.set_attr("constraints", (), [0]),
        lambda: envs.env_method("set_wrapper_attr", "constraints", (), indices=[0, 1]),
    ):
        with pytest.raises(ValueError, match="the 4 envs share 'constraints'"):
            set_some()


def test_images() -> None:
    envs = make(n=2, render_mode="rgb_array", seed=0)
    envs.reset()
    assert [image.shape[2] for image in envs.get_images()] == [3, 3]
    assert envs.render().ndim == 3
    assert list(make(n=2).get_images()) == [None, None]


def test_vec_monitor() -> None:
    envs = VecMonitor(make(seed=0))
    envs.reset()
    seen = 0
    for actions in actions_of("monitor"):
        _, _, dones, infos = envs.step(actions)
        for i in np.flatnonzero(dones):
            seen += 1
            assert infos[i]["episode"]["l"] == HORIZON
            assert len(infos[i]["terminal_observation"]) == 16
    assert seen == N * (STEPS // HORIZON)


def test_vec_normalize() -> None:
    envs = VecNormalize(make(seed=0))
    obs = envs.reset()
    assert obs.shape == (N, 16, 8, 8)
    for actions in actions_of("normalize"):
        obs, rewards, dones, infos = envs.step(actions)
        assert np.isfinite(obs).all()
        assert np.isfinite(rewards).all()
        for i in np.flatnonzero(dones):
            assert infos[i]["terminal_observation"].dtype == np.float32
    assert envs.get_original_obs().dtype == np.uint8


def test_vec_frame_stack() -> None:
    plain, stacked = make(seed=0), VecFrameStack(make(seed=0), 2, channels_order="first")
    before = plain.reset()
    assert np.array_equal(stacked.reset()[:, 16:], before)
    for actions in actions_of("stack"):
        obs, _, dones, infos = plain.step(actions)
        stack, _, _, stacked_infos = stacked.step(actions)
        assert np.array_equal(stack[:, 16:], obs)
        assert np.array_equal(stack[~dones, :16], before[~dones])
        assert not stack[dones, :16].any()
        for i in np.flatnonzero(dones):
            last = stacked_infos[i]["terminal_observation"]
            assert np.array_equal(last[:16], before[i])
            assert np.array_equal(last[16:], infos[i]["terminal_observation"])
        before = obs


def test_algorithms_learn_and_are_evaluated() -> None:
    envs = make(obs="percepts", seed=0)
    model = PPO("MlpPolicy", envs, n_steps=32, batch_size=64, n_epochs=1, seed=0, device="cpu")
    model.learn(256)
    assert model.num_timesteps == 256
    assert len(model.ep_info_buffer) == 256 // N // HORIZON * N
    returns, lengths = evaluate_policy(
        model, make(obs="percepts", seed=1), n_eval_episodes=8, return_episode_rewards=True
    )
    assert lengths == [HORIZON] * 8
    assert all(-1 <= value <= 1 for value in returns)
    returns_of_dummy, _ = evaluate_policy(
        model,
        seeded(make_dummy("Karel-Harvester-v0", obs="percepts"), 1),
        n_eval_episodes=8,
        return_episode_rewards=True,
    )
    assert returns == pytest.approx(returns_of_dummy, abs=1e-5)


def seeded(envs: Any, seed: int) -> Any:
    envs.seed(seed)
    return envs


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"env_id": "Karel-Labyrinth-v0"}, "is no Karel task"),
        ({"n": 0}, "num_envs must be at least 1"),
        ({"obs": "pixels"}, "'grid', 'percepts'"),
        ({"render_mode": "rgb_array_list"}, "None or 'rgb_array'"),
        ({"height": 2}, "3 to 1000 rows"),
        ({"render_mode": "human"}, "None, 'rgb_array' or 'rgb_array_list'"),
    ],
)
def test_bad_arguments_are_refused(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make(**arguments)
