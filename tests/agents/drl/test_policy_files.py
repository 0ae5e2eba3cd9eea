"""Policies in safetensors files: exports act the same, shipped ones reach what they record."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from agents import evaluate, evaluate_episodes, export, load
from agents.drl.policy_files import SETTINGS_ENTRY
from agents.policies import PRETRAINED_FOLDER
from karel_gym import KarelSB3VecEnv
from karel_gym.cli import main
from karel_gym.envs.observations import KINDS
from karel_gym.registration import CARTPOLE, FRESH_SEED
from programmatic.algorithms import ALGORITHMS, algorithm_class
from programmatic.runs import RunError
from tests.agents.drl.test_drl import ENV_ID, short

SHIPPED = sorted(file.stem for file in PRETRAINED_FOLDER.glob("*.safetensors"))
TASKS = ("Karel-FourCorners-v0", "Karel-Maze-v0")
WORLDS = 200
TOLERANCE = 0.03  # of the mean return in `WORLDS`, with other draws than in the record


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("exported")
    short(folder / "run")
    export(folder / "run", folder / "new folder" / "policy.safetensors", episodes=2)
    return folder / "new folder" / "policy.safetensors"


@pytest.mark.parametrize(
    "settings", [*({"obs": obs} for obs in KINDS), {"action": "option"}], ids=str
)
def test_an_export_acts_as_the_run_it_is_from(settings: dict[str, Any], tmp_path: Path) -> None:
    run, out = tmp_path / "run", tmp_path / "policy.safetensors"
    model = short(run, seed=7, **settings)
    origin = export(run, out, episodes=3)
    assert (origin["env_id"], origin["seed"]) == (ENV_ID, 7)
    assert origin["steps"] == load(run).num_timesteps
    again: Any = load(out)
    assert again.origin == origin
    assert type(again) is type(model)
    expected, found = (
        evaluate_episodes(policy, ENV_ID, 3, FRESH_SEED).drop(columns=["policy", "seconds"])
        for policy in (run, out)
    )
    assert found.equals(expected)
    assert origin["mean_return"] == expected["return"].mean()


@pytest.mark.parametrize("algo", ALGORITHMS)
def test_a_model_of_another_program_is_exported(algo: str, tmp_path: Path) -> None:
    env = gymnasium.make(ENV_ID, obs="percepts")
    policy = "MlpLstmPolicy" if algo == "ppo_lstm" else "MlpPolicy"
    kwargs = {"net_arch": [5], "activation_fn": torch.nn.ReLU}
    buffer = {"buffer_size": 10} if "dqn" in algo else {}
    model: Any = algorithm_class(algo)(policy, env, policy_kwargs=kwargs, device="cpu", **buffer)
    model.save(tmp_path / "other.zip")
    out = tmp_path / "policy.safetensors"
    with pytest.warns(UserWarning, match="was not written by karel-gym"):
        export(tmp_path / "other.zip", out, env_id=ENV_ID, episodes=2)
    observations = KarelSB3VecEnv(ENV_ID, 64, seed=3, obs="percepts").reset()
    expected, _ = model.predict(observations, deterministic=True)
    np.testing.assert_array_equal(load(out).predict(observations, deterministic=True)[0], expected)


def test_a_policy_of_morl_is_exported(tmp_path: Path) -> None:
    from agents.morl.models import new_model, save_policy
    from tests.programmatic.trees.linear_oracles import cartpole

    save_policy(new_model("ppo", cartpole(2)), tmp_path)
    out = tmp_path / "policy.safetensors"
    with pytest.raises(ValueError, match="name the task of"):
        export(tmp_path, out)
    origin = export(tmp_path, out, env_id=CARTPOLE, episodes=5)
    (row,) = evaluate(out, CARTPOLE, 5, FRESH_SEED).to_dict("records")
    assert row["mean_return"] == origin["mean_return"] > 0


class Custom(torch.nn.ReLU):
    """An activation that has no text form."""


def test_what_cannot_be_exported_is_said(exported: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.safetensors"
    with pytest.raises(RunError, match=r"must end in \.safetensors"):
        export(exported, tmp_path / "out.zip")
    with pytest.raises(RunError, match="exists already"):
        export(exported, exported)
    with pytest.raises(ValueError, match="cannot be evaluated in CartPole-MORL-v0: n/a: made for"):
        export(exported, out, env_id=CARTPOLE)
    (tmp_path / "a file").write_text("")
    with pytest.raises(RunError, match="cannot be written"):
        export(exported, tmp_path / "a file" / "out.safetensors", episodes=1)
    env = gymnasium.make(ENV_ID, obs="percepts")
    custom = {"activation_fn": Custom}
    model: Any = algorithm_class("ppo")("MlpPolicy", env, policy_kwargs=custom, device="cpu")
    model.save(tmp_path / "custom.zip")
    with (
        pytest.warns(UserWarning, match="was not written"),
        pytest.raises(RunError, match=r"nn\.Custom is not one of nn\.ELU"),
    ):
        export(tmp_path / "custom.zip", out, env_id=ENV_ID)
    (tmp_path / "program").mkdir()
    (tmp_path / "program" / "program.json").write_text('{"program": "DEF run m( move m)"}')
    with pytest.raises(RunError, match="holds a program, not a model"):
        export(tmp_path / "program", out, env_id=ENV_ID)
    assert not out.exists()


def cut_off(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:-10])


def of_the_weights(change: Callable[[dict[str, torch.Tensor]], Any]) -> Callable[[Path], None]:
    def damage(file: Path) -> None:
        tensors, settings = load_file(file), settings_of(file)
        change(tensors)
        save_file(tensors, file, {SETTINGS_ENTRY: json.dumps(settings)})

    return damage


def settings_of(file: Path) -> dict[str, Any]:
    with safe_open(file, "pt") as opened:
        settings: dict[str, Any] = json.loads(opened.metadata()[SETTINGS_ENTRY])
    return settings


def of_the_settings(**values: Any) -> Callable[[Path], None]:
    def damage(file: Path) -> None:
        settings = settings_of(file) | values
        kept = {name: value for name, value in settings.items() if value != "missing"}
        save_file(load_file(file), file, {SETTINGS_ENTRY: json.dumps(kept)})

    return damage


def of_the_metadata(metadata: dict[str, str] | None) -> Callable[[Path], None]:
    return lambda file: save_file(load_file(file), file, metadata)


BIAS = "action_net.bias"


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (Path.unlink, "there is no policy"),
        (cut_off, "holds no policy"),
        (lambda file: file.write_bytes(b""), "holds no policy"),
        (lambda file: file.write_bytes(b"PK\x03\x04" * 40), "holds no policy"),
        (of_the_weights(lambda w: w[BIAS].fill_(torch.nan)), f"{BIAS} has a value"),
        (of_the_weights(lambda w: w.update({BIAS: torch.zeros(3)})), f"size mismatch for {BIAS}"),
        (of_the_weights(lambda w: w.pop(BIAS)), f'Missing .* "{BIAS}"'),
        (of_the_weights(lambda w: w.update(more=torch.zeros(1))), 'Unexpected .* "more"'),
        (of_the_metadata(None), "it lacks 'settings'"),
        (of_the_metadata({SETTINGS_ENTRY: "{"}), "holds no policy"),
        (of_the_metadata({SETTINGS_ENTRY: "3"}), "holds no policy"),
        (of_the_settings(algo="sac"), "there is no algorithm 'sac'; did you mean a2c"),
        (of_the_settings(algo="missing"), "it lacks 'algo'"),
        (of_the_settings(action_space="missing"), "it lacks 'action_space'"),
        (of_the_settings(action_space={"type": "Any"}), "there is no space 'Any'"),
        (of_the_settings(hyperparameters={"speed": 1}), "no hyperparameter 'speed'"),
        (of_the_settings(hyperparameters={"policy": "os.system"}), "Policy os.system unknown"),
        (
            of_the_settings(hyperparameters={"policy_kwargs": "dict(a=__import__('os'))"}),
            "is neither a literal",
        ),
    ],
)
def test_a_damaged_policy_is_one_line(
    damage: Callable[[Path], None], message: str, exported: Path, tmp_path: Path
) -> None:
    file = tmp_path / "policy.safetensors"
    shutil.copy(exported, file)
    damage(file)
    with pytest.raises(RunError, match=message) as caught:
        load(file)
    assert str(file) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_loading_imports_no_module_that_a_file_names(
    exported: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "named_in_a_file.py").write_text("")
    monkeypatch.syspath_prepend(tmp_path)
    file = tmp_path / "policy.safetensors"
    for others in ({}, {"observation_space": "missing", "action_space": "missing"}):
        shutil.copy(exported, file)
        of_the_settings(env_id="named_in_a_file:Karel-Own-v0", **others)(file)
        if others:
            with pytest.raises(RunError, match="it lacks 'observation_space'"):
                load(file)
        else:
            load(file)
    assert "named_in_a_file" not in sys.modules


def test_all_algorithms_are_shipped_for_the_same_tasks() -> None:
    assert [f"{algo}-{env_id}" for algo in sorted(ALGORITHMS) for env_id in TASKS] == SHIPPED
    assert sum(file.stat().st_size for file in PRETRAINED_FOLDER.iterdir()) < 400_000


@pytest.mark.parametrize("name", SHIPPED)
def test_a_shipped_policy_reaches_what_it_records(name: str) -> None:
    algo, _, env_id = name.partition("-")
    model: Any = load(f"pretrained:{algo}", env_id)
    origin = model.origin
    assert type(model) is algorithm_class(algo)
    assert settings_of(PRETRAINED_FOLDER / f"{name}.safetensors")["env_id"] == env_id
    assert origin["command_line"].startswith(f"karel-gym train {algo} --env {env_id} ")
    assert "+" not in origin["commit"]
    assert (origin["episodes"], origin["env_id"]) == (1000, env_id)
    assert origin["mean_return"] > 0.98
    episodes = evaluate_episodes(model, env_id, WORLDS, FRESH_SEED, compiled=True)
    assert episodes["return"].mean() == pytest.approx(origin["mean_return"], abs=TOLERANCE)


def test_shipped_policies_are_named_in_comparisons_and_animations(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    names = ["pretrained:dqn", "mine=pretrained:ppo"]
    table = evaluate(names, "karel_gym:Karel-FourCorners-percepts-v0", 5)
    assert table["policy"].tolist() == ["pretrained:dqn", "mine"]
    assert table["mean_return"].tolist() == [1, 1]
    more = ["--env", "Karel-FourCorners-v0", "--episodes", "2", "--render", "four.gif"]
    assert main(["evaluate", *names, *more]) == 0
    assert (tmp_path / "four.gif").stat().st_size > 0
    assert "pretrained:dqn" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("name", "env_id", "message"),
    [
        ("pretrained:", ENV_ID, "policy '-Karel-Maze-v0'; did you mean "),
        ("pretrained:pro", ENV_ID, "'pro-Karel-Maze-v0'; did you mean ppo-Karel-Maze-v0"),
        ("pretrained:ppo", "Karel-Maze-v1", "'ppo-Karel-Maze-v1'; did you mean ppo-Karel-Maze-v0"),
        (
            "pretrained:ppo",
            "Karel-Snake-v0",
            "are a2c-Karel-FourCorners-v0, a2c-Karel-Maze-v0, dqn",
        ),
    ],
)
def test_a_policy_that_is_not_shipped_is_one_line(
    name: str, env_id: str, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["evaluate", name, "--env", env_id]) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1
    with pytest.raises(ValueError, match="name the task of pretrained:ppo"):
        load("pretrained:ppo")
