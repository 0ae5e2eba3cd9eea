"""Models in folders, as policy.zip."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from gymnasium.spaces import MultiBinary
from stable_baselines3.common.base_class import BaseAlgorithm

from agents import load
from agents.drl.models import SETTINGS
from agents.morl.models import load_policy, new_model, save_policy
from agents.morl.run_folder import MODEL_FILE
from agents.morl.settings import ORACLES
from karel_gym.envs.sb3 import make_sb3_vec_env
from programmatic.runs import RunError
from tests.programmatic.trees.linear_oracles import cartpole

ENVS = ("CartPole-MORL-v0", "Karel-Harvester-v0", "Acrobot-v1")
RELU = "dict(net_arch=[8, 16], activation_fn=nn.ReLU)"


def weights(model: BaseAlgorithm) -> list[Any]:
    return [parameter.tolist() for parameter in model.policy.parameters()]


@pytest.mark.parametrize("algo", ORACLES)
@pytest.mark.parametrize("env_id", ENVS)
def test_a_loaded_policy_acts_the_same(algo: str, env_id: str, tmp_path: Path) -> None:
    env = make_sb3_vec_env(env_id, 4, seed=0)
    model = new_model(algo, env, seed=3, policy_kwargs=RELU, gamma=0.9)
    save_policy(model, tmp_path / "new" / "folder")
    observations = np.concatenate([env.reset() for _ in range(5)])
    expected, _ = model.predict(observations, deterministic=True)
    for place in (None, env):
        loaded: Any = load_policy(tmp_path / "new" / "folder", place)
        np.testing.assert_array_equal(loaded.predict(observations, deterministic=True)[0], expected)
        assert type(loaded) is type(model)
        assert loaded.gamma == 0.9
        assert loaded.observation_space == env.observation_space
        assert weights(loaded) == weights(model)
    assert [path.name for path in (tmp_path / "new" / "folder").iterdir()] == [MODEL_FILE]
    assert weights(load(tmp_path / "new" / "folder")) == weights(model)
    assert weights(load(tmp_path / "new" / "folder" / MODEL_FILE)) == weights(model)


@pytest.mark.parametrize("algo", ORACLES)
def test_a_loaded_policy_learns_on(algo: str, tmp_path: Path) -> None:
    env = cartpole(4)
    few = {"n_steps": 16}
    if "dqn" in algo:
        few = {"learning_starts": 8, "train_freq": 4, "gradient_steps": 1}
    save_policy(new_model(algo, env, **few), tmp_path)
    model: Any = load_policy(tmp_path, env)
    for name, value in few.items():
        kept = getattr(model, name)
        assert value in (kept, getattr(kept, "frequency", None))
    before = weights(model)
    model.learn(64)
    assert weights(model) != before


def test_iterations_have_about_the_steps_of_the_paper_in_any_number_of_envs() -> None:
    steps = [(m.n_steps, m.batch_size) for m in (new_model("trpo", cartpole(n)) for n in (10, 7))]  # type: ignore[attr-defined]
    assert steps == [(200, 125), (286, 91)]


def test_says_that_the_env_is_another(tmp_path: Path) -> None:
    save_policy(new_model("trpo", cartpole(2)), tmp_path)
    with pytest.raises(RunError, match=r"policy.zip.* the env has Box.*\(5,\)"):
        load_policy(tmp_path, make_sb3_vec_env("Karel-Maze-v0", 2))
    with pytest.raises(RunError, match=r"there is no model .*nowhere"):
        load_policy(tmp_path / "nowhere")


def test_a_policy_of_percepts_that_were_multi_binary_acts_and_learns_on(tmp_path: Path) -> None:
    envs = make_sb3_vec_env("Karel-Maze-v0", 2, seed=0)
    model = new_model("ppo", envs, policy_kwargs=RELU, n_steps=8, batch_size=16)
    vars(model)[SETTINGS]["observation_space"] = {"type": "MultiBinary", "n": [5]}
    save_policy(model, tmp_path)
    observation = envs.reset()
    expected = model.predict(observation, deterministic=True)[0]
    for loaded in (load_policy(tmp_path), load_policy(tmp_path, envs)):
        assert np.array_equal(loaded.predict(observation, deterministic=True)[0], expected)
    assert isinstance(load_policy(tmp_path).observation_space, MultiBinary)
    loaded.learn(16)
