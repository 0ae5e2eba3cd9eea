"""The YAML files are RL Baselines3 Zoo's, and what they say is read without `eval`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from torch import nn

from agents.drl.hyperparameters import (
    FOLDER,
    HyperparameterError,
    arguments,
    check_names,
    parse_dict,
    read_hyperparameters,
)
from karel_gym.envs.observations import KINDS
from karel_gym.registration import TASKS
from programmatic.algorithms import ALGORITHMS, algorithm_class

LEAPS_TASKS = ("StairClimber", "FourCorners", "TopOff", "Maze", "CleanHouse", "Harvester")
ENV_KWARGS = {
    *("obs", "max_steps", "reward", "height", "width"),
    *("horizon", "option_calls", "max_markers", "model"),
}
"""What `train` takes from env_kwargs."""
FIRST = tuple(f"Karel-{task}-v0" for task in LEAPS_TASKS)


@pytest.mark.parametrize("algo", ALGORITHMS)
def test_every_file_has_defaults_and_what_the_zoo_looks_for(algo: str) -> None:
    blocks = yaml.safe_load((FOLDER / f"{algo}.yml").read_text())
    for obs in ("grid", "percepts+action"):
        assert blocks[f"default/{obs}"]["env_kwargs"]["obs"] == obs
    for env_id in (*FIRST, "default"):  # the zoo knows no defaults, and looks ids up as they are
        assert blocks[env_id]["env_kwargs"]["obs"] == "percepts"
    assert all(block["env_kwargs"].keys() <= ENV_KWARGS for block in blocks.values())


@pytest.mark.parametrize("algo", ALGORITHMS)
@pytest.mark.parametrize("obs", KINDS)
@pytest.mark.parametrize("env_id", [*TASKS, "Karel-Unheard-v9"])
def test_blocks_are_what_the_zoo_reads(algo: str, obs: str, env_id: str) -> None:
    block = read_hyperparameters(algo, env_id, obs)
    check_names(algorithm_class(algo), block)
    assert isinstance(block["n_timesteps"], float)
    assert isinstance(block["n_envs"], int)
    assert isinstance(block["policy"], str)
    # The zoo evaluates these strings where `nn` is torch's.
    for value in block.values():
        if isinstance(value, str) and value.startswith("dict("):
            assert parse_dict(value) == eval(value, {"nn": nn})
    ready = arguments(block)
    assert not {"n_envs", "n_timesteps", "env_kwargs"} & set(ready)


@pytest.mark.parametrize(
    ("algo", "obs", "action", "horizon"),
    [
        ("ppo", "percepts", "option", None),
        ("ppo", "percepts", "option-length", None),
        ("ppo", "grid", "option", None),
        ("ppo_lstm", "percepts", "program", 5),
        ("ppo_lstm", "grid", "program", 5),
    ],
)
def test_policies_of_skills_have_blocks_of_their_own(
    algo: str, obs: str, action: str, horizon: int | None
) -> None:
    block = read_hyperparameters(algo, "Karel-Maze-v0", obs, action)
    assert block != read_hyperparameters(algo, "Karel-Maze-v0", obs)
    assert (block["env_kwargs"]["obs"], block["env_kwargs"].get("horizon")) == (obs, horizon)
    with pytest.raises(HyperparameterError, match=f"Karel-Maze-v0.*/{action}"):
        read_hyperparameters("dqn", "Karel-Maze-v0", obs, action)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("dict()", {}),
        (
            "dict(a=-1.5, b=None, c='x', d=(1, True))",
            {"a": -1.5, "b": None, "c": "x", "d": (1, True)},
        ),
        ("dict(net_arch=dict(pi=[64], vf=[64, 32]))", {"net_arch": {"pi": [64], "vf": [64, 32]}}),
        (
            " dict(activation_fn=nn.Tanh, x={'a': [nn.ReLU]})",
            {"activation_fn": nn.Tanh, "x": {"a": [nn.ReLU]}},
        ),
    ],
)
def test_dicts(text: str, value: dict[str, Any]) -> None:
    assert parse_dict(text) == value


@pytest.mark.parametrize(
    "text",
    [
        "",
        "dict(",
        "[1]",
        "dict(1)",
        "dict(**{})",
        "dict(a=open('x'))",
        "dict(a=nn.Linear)",
        "dict(a=nn.functional.relu)",
        "dict(a=torch.nn.ReLU)",
        "dict(a=[i for i in ()])",
        "dict(a=().__class__)",
        "dict(a=" + "[" * 3000,
    ],
)
def test_other_code_is_refused(text: str) -> None:
    with pytest.raises(HyperparameterError, match="policy_kwargs") as caught:
        parse_dict(text)
    assert "\n" not in str(caught.value)


def test_schedules() -> None:
    rate = arguments({"learning_rate": "lin_0.002"})["learning_rate"]
    assert rate(1.0) == pytest.approx(0.002)
    assert rate(0.5) == pytest.approx(0.001)
    assert arguments({"learning_rate": 0.1}) == {"learning_rate": 0.1}


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    file = tmp_path / "ppo.yml"
    with pytest.raises(HyperparameterError, match=r"ppo\.yml cannot be read: No such file"):
        read_hyperparameters("ppo", "Karel-Maze-v0", file=file)
    file.write_text("a: [1")
    with pytest.raises(HyperparameterError, match="is not valid YAML"):
        read_hyperparameters("ppo", "Karel-Maze-v0", file=file)
    file.write_text("a: 1")
    with pytest.raises(HyperparameterError, match="neither a block Karel-Maze-v0 nor default"):
        read_hyperparameters("ppo", "Karel-Maze-v0", file=file)
    whole = "policy: MlpPolicy, n_envs: 8, n_timesteps: 1000"
    for block, message in (
        ("policy: MlpPolicy", "n_envs must be a whole number from 1 up, got None"),
        ("policy: MlpPolicy, n_envs: .inf, n_timesteps: 10", "n_envs must be a whole number"),
        ("policy: MlpPolicy, n_envs: 1, n_timesteps: 1e6", "n_timesteps must be .* got '1e6'"),
        (f"{whole}, learning_rat: 0.1", "PPO has no hyperparameter 'learning_rat'; did you mean"),
        (f"{whole}, env_kwargs: 9", "env_kwargs must be a mapping"),
    ):
        file.write_text(f"Karel-Maze-v0: {{{block}}}")
        with pytest.raises(HyperparameterError, match=f"Karel-Maze-v0 of .*ppo.yml: {message}"):
            read_hyperparameters("ppo", "Karel-Maze-v0", file=file)
    file.write_text(f"default/grid: {{{whole}}}")
    assert read_hyperparameters("ppo", "Karel-Maze-v0", "grid", file=file)["n_envs"] == 8
