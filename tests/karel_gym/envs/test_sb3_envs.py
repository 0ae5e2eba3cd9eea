"""`make_sb3_vec_env`: any env for SB3, with the same abilities and infos."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import gymnasium
import numpy as np
import pytest
import torch
from sb3_contrib import TRPO
from stable_baselines3 import PPO
from stable_baselines3.common.evaluation import evaluate_policy
from stable_baselines3.common.monitor import Monitor
from stable_baselines3.common.vec_env import DummyVecEnv, VecNormalize

from karel_gym import make_sb3_vec_env, sample_worlds, signature_of
from karel_gym.envs.safety import Bound
from karel_gym.envs.sb3 import KarelSB3VecEnv, KernelSB3VecEnv, WrappedSB3VecEnv
from karel_gym.envs.signature import Feature, Signature
from karel_gym.simulation.cartpole import sample_states

ENVS: dict[str, tuple[type, dict[str, Any]]] = {
    "CartPole-MORL-v0": (KernelSB3VecEnv, {"max_steps": 25}),
    "MountainCar-v0": (WrappedSB3VecEnv, {"max_episode_steps": 25}),
    "Acrobot-v1": (WrappedSB3VecEnv, {"max_episode_steps": 25}),
    "Karel-Harvester-v0": (KarelSB3VecEnv, {"max_steps": 25}),
}
N, STEPS = 3, 70


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def make(env_id: str, **kwargs: Any) -> Any:
    return make_sb3_vec_env(env_id, N, **{"seed": 0, **ENVS[env_id][1], **kwargs})


def actions_of(env_id: str) -> Any:
    """Random actions, (STEPS, N)."""
    n_actions = len(signature_of(env_id).actions)
    return np.random.default_rng(5).integers(n_actions, size=(STEPS, N))


@pytest.mark.parametrize("env_id", ENVS)
def test_each_env_gets_its_kind(env_id: str) -> None:
    envs = make(env_id)
    assert type(envs) is ENVS[env_id][0]
    assert envs.num_envs == N
    assert envs.signature == signature_of(envs) == signature_of(env_id)
    assert envs.observation_space.shape == (len(envs.signature.features),)
    assert envs.env_is_wrapped(Monitor) == [True] * N
    envs.close()


@pytest.mark.parametrize("env_id", ENVS)
def test_trajectories_and_infos_are_those_of_monitored_envs(env_id: str) -> None:
    kwargs = ENVS[env_id][1] | ({"obs": "percepts"} if "Karel" in env_id else {})
    dummy = DummyVecEnv([lambda: Monitor(gymnasium.make(env_id, **kwargs))] * N)
    dummy.seed(0)
    bound = Bound("bound", 0, -0.01, 0.5)
    envs = make(env_id, constraints=[bound])
    observations = envs.reset()
    assert np.array_equal(observations, dummy.reset())
    n_ended = 0
    for actions in actions_of(env_id):
        before = observations
        observations, rewards, dones, infos = envs.step(actions)
        same_observations, same_rewards, same_dones, same_infos = dummy.step(actions)
        assert np.array_equal(observations, same_observations)
        assert np.array_equal(rewards, same_rewards)
        assert np.array_equal(dones, same_dones)
        for i, (info, same) in enumerate(zip(infos, same_infos, strict=True)):
            after = info["terminal_observation"] if dones[i] else observations[i]
            margin = bound.margin(before[[i]], actions[[i]], after[None]).item()
            assert info["constraints"] == {"bound": {"margin": margin, "violated": margin < 0}}
            if dones[i]:
                n_ended += 1
                assert np.array_equal(after, same["terminal_observation"])
                assert info["TimeLimit.truncated"] == same["TimeLimit.truncated"]
                assert info.get("is_success") == same.get("is_success")
                assert info["episode"]["r"] == pytest.approx(same["episode"]["r"], abs=1e-5)
                assert info["episode"]["l"] == same["episode"]["l"]
                begun = envs.reset_infos[i]["constraints"]["bound"]
                assert begun == {"margin": np.inf, "violated": False}
    assert n_ended >= N


@pytest.mark.parametrize("env_id", ENVS)
def test_look_ahead_and_states(env_id: str) -> None:
    envs = make(env_id)
    observations = envs.reset()
    n_actions = len(envs.signature.actions)
    for actions in actions_of(env_id)[:40]:
        outcomes = envs.look_ahead()
        states = envs.get_states()
        assert outcomes.observations.shape == (N, n_actions, observations.shape[1])
        assert outcomes.rewards.shape == outcomes.terminated.shape == (N, n_actions)
        for action in range(n_actions):
            after, rewards, dones, infos = envs.step(np.full(N, action))
            for i in range(N):
                if dones[i]:
                    after[i] = infos[i]["terminal_observation"]
                    dones[i] = not infos[i]["TimeLimit.truncated"]
            assert np.array_equal(outcomes.observations[:, action], after)
            assert np.array_equal(outcomes.rewards[:, action].astype(np.float32), rewards)
            assert np.array_equal(outcomes.terminated[:, action], dones)
            assert np.array_equal(envs.set_states(states), observations)
        observations, *_ = envs.step(actions)
    with pytest.raises(ValueError, match="states must have one entry per env: 3, got 2"):
        envs.set_states(states[:2])


@pytest.mark.parametrize("env_id", ENVS)
def test_abilities_are_reached_through_sb3s_wrappers(env_id: str) -> None:
    envs = VecNormalize(make(env_id), norm_obs=False)
    envs.reset()
    assert envs.signature == signature_of(env_id)
    assert len(envs.look_ahead().observations) == N
    envs.set_states(envs.get_states())


@pytest.mark.parametrize("algorithm", [PPO, TRPO])
@pytest.mark.parametrize("env_id", ENVS)
def test_algorithms_learn(env_id: str, algorithm: Any) -> None:
    model = algorithm(
        "MlpPolicy", make(env_id, constraints=[Bound("b", 0, 0)]), n_steps=32, batch_size=32, seed=0
    )
    before = torch.cat([p.flatten().clone() for p in model.policy.parameters()])
    model.learn(2 * 32 * N)
    after = torch.cat([p.flatten() for p in model.policy.parameters()])
    assert model.num_timesteps == 2 * 32 * N
    assert not torch.equal(before, after)
    assert torch.isfinite(after).all()
    assert len(model.ep_info_buffer) >= N
    _, lengths = evaluate_policy(model, make(env_id), 4, return_episode_rewards=True)
    assert all(1 <= length <= 25 for length in lengths)


def test_seeds_are_those_of_single_envs() -> None:
    envs = make_sb3_vec_env("CartPole-MORL-v0", N, seed=7)
    expected = [sample_states(1, 7 + i)[0] for i in range(N)]
    assert np.allclose(envs.reset(), expected)
    karel = make_sb3_vec_env("Karel-Maze-v0", N, seed=7)
    karel.reset()
    assert karel.get_attr("world") == [
        sample_worlds("Karel-Maze-v0", 1, 7 + i)[0] for i in range(N)
    ]


def test_options_give_states() -> None:
    envs = make("CartPole-MORL-v0")
    random = envs.reset()
    envs.seed(0)
    envs.set_options([{"state": np.zeros(4)}, {}, {"state": (0.5, 0, 0, 0)}])
    assert np.allclose(envs.reset(), [np.zeros(4), random[1], (0.5, 0, 0, 0)])
    envs.set_options({"world": 1})
    with pytest.raises(ValueError, match="only option of reset is 'state'"):
        envs.reset()


def test_own_constraints_unless_others_are_given() -> None:
    for given, names in (
        (None, ["pole_upright", "cart_on_track"]),
        ([Bound("b", 0)], ["b"]),
    ):
        envs = make("CartPole-MORL-v0", constraints=given)
        envs.reset()
        assert list(envs.step(np.zeros(N, int))[3][0]["constraints"]) == names
    envs = make("CartPole-MORL-v0", constraints=[])
    envs.reset()
    assert envs.step(np.zeros(N, int))[3] == [{}] * N


def test_users_name_the_features() -> None:
    own = Signature((Feature("place"), Feature("speed")), ("west", "wait", "east"))
    assert make("MountainCar-v0", signature=own).signature == own


def test_grids_have_no_signature() -> None:
    envs = make("Karel-Harvester-v0", obs="grid")
    envs.reset()
    assert envs.look_ahead().observations.shape == (N, 5, 16, 8, 8)
    with pytest.raises(ValueError, match='obs="percepts"'):
        _ = envs.signature


def test_images() -> None:
    envs = make("CartPole-MORL-v0", render_mode="rgb_array")
    envs.reset()
    assert [image.shape for image in envs.get_images()] == [(400, 600, 3)] * N


@pytest.mark.parametrize(
    ("env_id", "n", "message"),
    [
        ("Karel-Labyrinth-v0", 1, "there is no env 'Karel-Labyrinth-v0'"),
        ("Pendulum-v1", 1, "actions must be Discrete"),
        ("FrozenLake-v1", 1, "observation must be flat"),
        ("MountainCar-v0", 0, "num_envs must be at least 1"),
        ("CartPole-MORL-v0", 0, "num_envs must be at least 1"),
        ("Karel-Maze-v0", -1, "num_envs must be at least 1"),
    ],
)
def test_bad_arguments_are_refused(env_id: str, n: int, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make_sb3_vec_env(env_id, n)
