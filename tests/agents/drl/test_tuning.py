"""A study of hyperparameters: what it leaves, and how it goes on."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any

import optuna
import pandas as pd
import pytest
import yaml

from agents.drl.hyperparameters import arguments, check_names, read_hyperparameters
from agents.drl.settings import TuneConfig
from agents.drl.tuning import DRAWS, STUDY_FILE, draws_of, tune
from karel_gym.cli import main
from programmatic.algorithms import ALGORITHMS, algorithm_class
from programmatic.runs import RunError, read_config

ENV_ID = "Karel-Maze-v0"


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Draws of short episodes."""
    monkeypatch.setitem(DRAWS, "max_steps", lambda trial: trial.suggest_int("max_steps", 5, 10))


def config(run: Path, **settings: Any) -> TuneConfig:
    return TuneConfig("ppo", ENV_ID, **{"trials": 2, "steps": 64, "run_dir": run, **settings})


def studied(run: Path) -> optuna.Study:
    return optuna.load_study(study_name="tune", storage=f"sqlite:///{run / STUDY_FILE}")


def test_the_best_trial_becomes_a_block(small: None, tmp_path: Path) -> None:
    block = tune(config(tmp_path))
    study = studied(tmp_path)
    assert len(study.trials) == 2
    for trial in study.trials:
        run = tmp_path / "trials" / str(trial.number)
        assert trial.value == pd.read_csv(run / "evaluations.csv")["mean_return"].mean()
        assert yaml.safe_load((run / "config.json").read_text())["train_max_steps"] <= 10
    best = max(study.trials, key=lambda trial: trial.value or 0.0)
    assert block["learning_rate"] == best.params["learning_rate"]
    assert block["env_kwargs"] == {"obs": "percepts", "max_steps": best.params["max_steps"]}
    assert block.keys() == read_hyperparameters("ppo", ENV_ID).keys()
    check_names(algorithm_class("ppo"), block)
    assert arguments(block)
    assert yaml.safe_load((tmp_path / "best.yml").read_text()) == {ENV_ID: block}


@pytest.mark.parametrize("obs", ["percepts", "percepts+action"])
def test_the_printed_command_trains_with_the_block(
    obs: str, small: None, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    study, run = tmp_path / "a study", tmp_path / "run"
    settings = ["--obs", obs, "--trials", "1", "--steps", "64", "--run", str(study)]
    assert main(["tune", "ppo", "--env", ENV_ID, *settings]) == 0
    name, *command = shlex.split(capsys.readouterr().out.splitlines()[-1])
    assert name == "karel-gym"
    assert main([*command, "--steps", "64", "--num-envs", "2", "--run", str(run)]) == 0
    (block,) = yaml.safe_load((study / "best.yml").read_text()).values()
    (study / "best.yml").unlink()
    config = read_config(run)
    assert config["hyperparameters"].items() <= block.items()
    assert config["train_max_steps"] == block["env_kwargs"]["max_steps"]
    assert main(["train", "--resume", str(run), "--steps", "128"]) == 0
    assert read_config(run)["hyperparameters"] == config["hyperparameters"]


def test_a_study_goes_on_where_it_was(small: None, tmp_path: Path) -> None:
    tune(config(tmp_path, trials=1))
    first = studied(tmp_path).trials[0]
    tune(config(tmp_path, trials=2), resume=True)
    again, second = studied(tmp_path).trials
    assert (again.params, again.value) == (first.params, first.value)
    assert second.params != first.params
    with pytest.raises(RunError, match="holds a run already"):
        tune(config(tmp_path))
    with pytest.raises(RunError, match="other settings: seed was 0, not 1"):
        tune(config(tmp_path, seed=1), resume=True)


def test_equal_seeds_draw_and_learn_the_same(small: None, tmp_path: Path) -> None:
    for name, seed in (("a", 3), ("b", 3), ("c", 4)):
        tune(config(tmp_path / name, seed=seed, trials=1, device="cpu"))
    a, b, c = (studied(tmp_path / name).trials[0] for name in "abc")
    assert (a.params, a.value) == (b.params, b.value)
    assert a.params != c.params


@pytest.mark.parametrize("algo", ALGORITHMS)
def test_what_is_drawn_are_hyperparameters_of_the_algorithm(algo: str) -> None:
    drawn = set(draws_of(TuneConfig(algo, ENV_ID, obs="percepts")))
    assert {"learning_rate", "gamma", "max_steps"} <= drawn
    assert ("n_steps" in drawn) == ("exploration_final_eps" in drawn) == (algo in ("dqn", "qrdqn"))
    check_names(algorithm_class(algo), dict.fromkeys(drawn - {"max_steps"}))


def test_what_cannot_be_is_said_and_leaves_nothing(tmp_path: Path) -> None:
    for settings, message in (
        ({"trials": 0}, "trials must be a whole number from 1 up, got 0"),
        ({"obs": "pixels"}, "obs must be one of"),
        ({"steps": 0}, "steps must be a whole number from 1 up"),
    ):
        with pytest.raises(ValueError, match=message):
            tune(config(tmp_path / "run", **settings))
    assert not (tmp_path / "run").exists()
