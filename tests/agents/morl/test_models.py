"""Models in folders: policy.zip, and the two files of older versions."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from stable_baselines3.common.base_class import BaseAlgorithm

from agents import load
from agents.drl.spaces import space_to_json
from agents.morl.models import WEIGHTS_FILE, load_policy, new_model, save_policy
from agents.morl.run_folder import MODEL_FILE, OLD_MODEL_FILE
from agents.morl.settings import ORACLES
from karel_gym.envs.sb3 import make_sb3_vec_env
from programmatic.runs import RunError
from tests.programmatic.trees.linear_oracles import cartpole

ENVS = ("CartPole-MORL-v0", "Karel-Harvester-v0", "Acrobot-v1")
RELU = "dict(net_arch=[8, 16], activation_fn=nn.ReLU)"


def save_as_before(model: BaseAlgorithm, folder: Path, **hyperparameters: Any) -> None:
    """Write the files that versions before policy.zip wrote."""
    settings = {
        "algo": "ppo",
        "policy_kwargs": {"net_arch": [8, 16], "activation_fn": "ReLU"},
        "hyperparameters": hyperparameters,
        "observation_space": space_to_json(model.observation_space),
        "action_space": space_to_json(model.action_space),
    }
    (folder / OLD_MODEL_FILE).write_text(json.dumps(settings))
    save_file(model.policy.state_dict(), folder / WEIGHTS_FILE)


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


def test_policies_of_older_versions_act_and_learn_on(tmp_path: Path) -> None:
    env = cartpole(4)
    model = new_model("ppo", env, policy_kwargs=RELU, n_steps=16, gamma=0.9)
    save_as_before(model, tmp_path, n_steps=16, gamma=0.9, batch_size=64, max_grad_norm=0.5)
    for place in (None, env):
        loaded: Any = load_policy(tmp_path, place)
        assert weights(loaded) == weights(model)
        assert (loaded.gamma, loaded.n_steps) == (0.9, 16)
    loaded.learn(64)
    assert weights(loaded) != weights(model)
    assert weights(load(tmp_path)) == weights(model)


def cut_off(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:-10])


def of_other_shape(file: Path) -> None:
    weights = load_file(file)
    weights["action_net.weight"] = torch.zeros(3, 16)
    save_file(weights, file)


def with_another_name(file: Path) -> None:
    weights = load_file(file)
    weights["more"] = torch.zeros(1)
    save_file(weights, file)


def changed(**values: Any) -> Callable[[Path], None]:
    def change(file: Path) -> None:
        file.write_text(json.dumps(json.loads(file.read_text()) | values))

    return change


def without_spaces(file: Path) -> None:
    settings = json.loads(file.read_text())
    del settings["action_space"]
    file.write_text(json.dumps(settings))


@pytest.mark.parametrize(
    ("file", "damage", "message"),
    [
        (WEIGHTS_FILE, Path.unlink, "No such file"),
        (WEIGHTS_FILE, cut_off, "makes no policy"),
        (WEIGHTS_FILE, of_other_shape, r"size mismatch for action_net.weight"),
        (WEIGHTS_FILE, with_another_name, "more"),
        (OLD_MODEL_FILE, cut_off, "is damaged"),
        (OLD_MODEL_FILE, without_spaces, "makes no policy: KeyError.'action_space'"),
        (OLD_MODEL_FILE, changed(algo="sac"), "there is no algorithm 'sac'"),
        (OLD_MODEL_FILE, changed(policy_kwargs=3), "makes no policy"),
        (OLD_MODEL_FILE, changed(policy_kwargs={"activation_fn": "Sine"}), "nn.Sine is not one of"),
        (OLD_MODEL_FILE, changed(hyperparameters={"speed": 1}), "makes no policy: .*speed"),
        (OLD_MODEL_FILE, changed(action_space={"type": "Any"}), "there is no space 'Any'"),
        (OLD_MODEL_FILE, changed(action_space=[1]), "makes no policy"),
    ],
)
def test_says_which_file_is_wrong(
    file: str, damage: Callable[[Path], None], message: str, tmp_path: Path
) -> None:
    save_as_before(new_model("ppo", cartpole(2), policy_kwargs=RELU), tmp_path)
    damage(tmp_path / file)
    with pytest.raises(RunError, match=message) as error:
        load_policy(tmp_path)
    assert str(tmp_path / file) in str(error.value)


def test_says_that_the_env_is_another(tmp_path: Path) -> None:
    save_policy(new_model("trpo", cartpole(2)), tmp_path)
    with pytest.raises(RunError, match=r"policy.zip.* the env has Box.*\(5,\)"):
        load_policy(tmp_path, make_sb3_vec_env("Karel-Maze-v0", 2))
    with pytest.raises(RunError, match=r"there is no model .*nowhere"):
        load_policy(tmp_path / "nowhere")


def test_a_policy_of_percepts_that_were_multi_binary_acts_and_learns_on(tmp_path: Path) -> None:
    envs = make_sb3_vec_env("Karel-Maze-v0", 2, seed=0)
    model = new_model("ppo", envs, policy_kwargs=RELU)
    save_as_before(model, tmp_path, n_steps=8, batch_size=16)
    changed(observation_space={"type": "MultiBinary", "n": [5]})(tmp_path / OLD_MODEL_FILE)
    observation = envs.reset()
    expected = model.predict(observation, deterministic=True)[0]
    for loaded in (load_policy(tmp_path), load_policy(tmp_path, envs)):
        assert np.array_equal(loaded.predict(observation, deterministic=True)[0], expected)
    loaded.learn(16)
