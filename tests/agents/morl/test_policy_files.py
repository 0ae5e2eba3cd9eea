"""Policies in files: what is kept, and what is said of files that are wrong."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from stable_baselines3 import PPO, SAC
from stable_baselines3.common.utils import LinearSchedule

from agents.morl.models import ALGORITHMS, new_model
from agents.morl.policy_files import WEIGHTS_FILE, load_policy, save_policy
from agents.morl.run_folder import POLICY_FILE
from karel_gym.envs.sb3 import make_sb3_vec_env
from programmatic.runs import RunError
from tests.programmatic.trees.linear_oracles import cartpole

ENVS = ("CartPole-MORL-v0", "Karel-Harvester-v0", "Acrobot-v1")


@pytest.mark.parametrize("algo", ALGORITHMS)
@pytest.mark.parametrize("env_id", ENVS)
def test_a_loaded_policy_acts_the_same(algo: str, env_id: str, tmp_path: Path) -> None:
    env = make_sb3_vec_env(env_id, 4, seed=0)
    model = new_model(algo, env, seed=3, net_arch=(8, 16), activation="ReLU", gamma=0.9)
    save_policy(model, tmp_path / "new" / "folder")
    observations = np.concatenate([env.reset() for _ in range(5)])
    expected, _ = model.predict(observations, deterministic=True)
    for place in (None, env):
        loaded: Any = load_policy(tmp_path / "new" / "folder", place)
        np.testing.assert_array_equal(loaded.predict(observations, deterministic=True)[0], expected)
        assert type(loaded) is type(model)
        assert loaded.gamma == 0.9
        assert loaded.observation_space == env.observation_space
        weights = zip(model.policy.parameters(), loaded.policy.parameters(), strict=True)
        assert all(torch.equal(a, b) for a, b in weights)
    assert {path.name for path in (tmp_path / "new" / "folder").iterdir()} == {
        WEIGHTS_FILE,
        POLICY_FILE,
    }


@pytest.mark.parametrize("algo", ALGORITHMS)
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
    before = [parameter.clone() for parameter in model.policy.parameters()]
    model.learn(64)
    after = list(model.policy.parameters())
    assert any(not torch.equal(a, b) for a, b in zip(before, after, strict=True))


def test_settings_are_plain_json(tmp_path: Path) -> None:
    save_policy(new_model("ppo", cartpole(4), clip_range=0.3), tmp_path)
    settings = json.loads((tmp_path / POLICY_FILE).read_text(), parse_constant=pytest.fail)
    assert settings["algo"] == "ppo"
    assert settings["policy_kwargs"] == {"net_arch": [64, 64], "activation_fn": "Tanh"}
    assert settings["hyperparameters"]["clip_range"] == 0.3
    assert load_policy(tmp_path).clip_range(1.0) == 0.3  # type: ignore[attr-defined]


def test_a_schedule_is_not_kept_and_a_warning_says_so(tmp_path: Path) -> None:
    model = new_model("ppo", cartpole(4), learning_rate=LinearSchedule(1e-3, 0, 1))
    with pytest.warns(UserWarning, match="learning_rate is a function, which is not kept"):
        save_policy(model, tmp_path)
    assert load_policy(tmp_path).learning_rate == 3e-4


def test_says_which_models_it_cannot_keep(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="a policy of SAC cannot be kept; known are trpo, ppo"):
        save_policy(SAC("MlpPolicy", "Pendulum-v1", buffer_size=10), tmp_path)
    odd = PPO("MlpPolicy", cartpole(2), policy_kwargs={"optimizer_class": torch.optim.SGD})
    save_policy(odd, tmp_path)  # the optimiser makes no difference to what the policy does
    odd = PPO("MlpPolicy", cartpole(2), policy_kwargs={"activation_fn": torch.nn.Softsign})
    with pytest.raises(ValueError, match="there is no activation 'Softsign'"):
        save_policy(odd, tmp_path)


def cut_off(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:-10])


def of_other_shape(file: Path) -> None:
    weights = load_file(file)
    weights["action_net.weight"] = torch.zeros(3, 64)
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
        (WEIGHTS_FILE, Path.unlink, "there are no weights"),
        (WEIGHTS_FILE, cut_off, "cannot be read as weights"),
        (WEIGHTS_FILE, of_other_shape, r"action_net.weight is \(3, 64\), expected \(2, 64\)"),
        (WEIGHTS_FILE, with_another_name, r"more is \(1,\), expected nothing"),
        (POLICY_FILE, Path.unlink, "cannot be read: No such file"),
        (POLICY_FILE, cut_off, "is damaged"),
        (POLICY_FILE, without_spaces, "is damaged: it lacks 'action_space'"),
        (POLICY_FILE, changed(algo="sac"), "makes no policy: there is no algorithm 'sac'"),
        (POLICY_FILE, changed(policy_kwargs=3), "makes no policy"),
        (POLICY_FILE, changed(hyperparameters={"speed": 1}), "makes no policy: .*speed"),
        (POLICY_FILE, changed(action_space={"type": "Any"}), "there is no space 'Any'"),
        (POLICY_FILE, changed(action_space=[1]), "makes no policy"),
    ],
)
def test_says_which_file_is_wrong(
    file: str, damage: Callable[[Path], None], message: str, tmp_path: Path
) -> None:
    save_policy(new_model("trpo", cartpole(2)), tmp_path)
    damage(tmp_path / file)
    with pytest.raises(RunError, match=message) as error:
        load_policy(tmp_path)
    assert str(tmp_path / file) in str(error.value)


def test_says_that_the_env_is_another(tmp_path: Path) -> None:
    save_policy(new_model("trpo", cartpole(2)), tmp_path)
    with pytest.raises(RunError, match=r"the env has Box.*\(5,\)"):
        load_policy(tmp_path, make_sb3_vec_env("Karel-Maze-v0", 2))
    with pytest.raises(RunError, match=r"nowhere.*cannot be read"):
        load_policy(tmp_path / "nowhere")


def test_a_policy_of_percepts_that_were_multi_binary_acts_and_learns_on(tmp_path: Path) -> None:
    envs = make_sb3_vec_env("Karel-Maze-v0", 2, seed=0)
    model = new_model("trpo", envs)
    save_policy(model, tmp_path)
    changed(observation_space={"type": "MultiBinary", "n": [5]})(tmp_path / POLICY_FILE)
    observation = envs.reset()
    expected = model.predict(observation, deterministic=True)[0]
    for loaded in (load_policy(tmp_path), load_policy(tmp_path, envs)):
        assert np.array_equal(loaded.predict(observation, deterministic=True)[0], expected)
    loaded.learn(loaded.n_steps * 2)
