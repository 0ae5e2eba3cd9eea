"""VIPER on Karel: policies of percepts become trees, which are policies of the comparison."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from agents import evaluate_episodes, load, train
from agents.drl.training import load as load_model
from agents.morl.extraction import extract_tree
from agents.morl.step_commands import synthesise
from benchmarks.runs.methods import BASELINES
from karel_gym.envs.observations import SIGNATURES, kind_of
from programmatic.runs import RunError
from programmatic.synthesis.settings import ViperConfig
from programmatic.trees.policy import TreePolicy

MAZE = "Karel-Maze-v0"
SHORT = ViperConfig(iterations=3, rollouts=20, evaluation_episodes=20)
SETTINGS: dict[str, Any] = {"num_envs": 16, "n_steps": 64, "max_steps": 60, "device": "cpu"}


@pytest.fixture(scope="module", params=list(SIGNATURES))
def run(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs") / "oracle"
    train("ppo", MAZE, obs=request.param, total_timesteps=15_000, run_dir=folder, **SETTINGS)
    return folder


def test_a_tree_does_what_the_policy_most_probably_does(run: Path, tmp_path: Path) -> None:
    tree = extract_tree(run, tmp_path / "tree", SHORT)
    oracle = load_model(run)
    obs = kind_of(oracle.observation_space)
    assert tree.signature == SIGNATURES[str(obs)]
    policy = load(tmp_path / "tree")
    assert isinstance(policy, TreePolicy)
    assert policy.program == tree
    config = json.loads((tmp_path / "tree" / "config.json").read_text())
    assert (config["command"], config["env_id"], config["obs"]) == ("viper", MAZE, obs)
    iterations = pd.read_csv(tmp_path / "tree" / "iterations.csv")
    assert iterations["fidelity"].max() > 0.95
    table = evaluate_episodes([tmp_path / "tree", run], MAZE, 60, 1, deterministic=True)
    assert table["obs"].unique().tolist() == [obs]
    means = table.groupby("policy", sort=False)["return"].mean()
    assert means["tree"] == pytest.approx(means["oracle"], abs=0.15)


def test_equal_seeds_give_equal_trees_and_nothing_is_overwritten(run: Path, tmp_path: Path) -> None:
    trees = [str(extract_tree(run, tmp_path / name, SHORT)) for name in ("a", "b")]
    assert trees[0] == trees[1]
    with pytest.raises(RunError, match="holds a run already"):
        extract_tree(run, tmp_path / "a", SHORT)
    extract_tree(run, tmp_path / "a", SHORT, overwrite=True)


def test_the_file_of_a_tree_is_a_policy_whatever_it_tests(run: Path, tmp_path: Path) -> None:
    out = tmp_path / "maze.tree"
    synthesise(run, out=out, options={"iterations": 2, "rollouts": 10, "evaluation_episodes": 10})
    assert "move" in out.read_text()
    assert evaluate_episodes(out, MAZE, 3)["length"].between(1, 360).all()
    remembering = tmp_path / "remembering.tree"
    remembering.write_text("if after_turnLeft: move\nelse: turnLeft\n")
    table = evaluate_episodes(remembering, MAZE, 3)
    assert table["obs"].unique().tolist() == ["percepts+action"]
    remembering.write_text("if after_sleep: move\nelse: turnLeft\n")
    with pytest.raises(ValueError, match="after_sleep"):
        evaluate_episodes(remembering, MAZE, 3)


@pytest.mark.parametrize(
    ("settings", "message"),
    [({"obs": "grid"}, "observes grid"), ({"action": "option"}, "its actions are option")],
)
def test_other_policies_are_refused(settings: dict[str, str], message: str, tmp_path: Path) -> None:
    train(
        "ppo", MAZE, total_timesteps=16, run_dir=tmp_path, **{**SETTINGS, "n_steps": 1}, **settings
    )
    with pytest.raises(ValueError, match=message):
        extract_tree(tmp_path, tmp_path / "tree", SHORT)
    assert not (tmp_path / "tree").exists()


def test_the_row_viper_is_judged_by_its_tree(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("agents.morl.extraction.KAREL", SHORT)
    assert BASELINES["DRL-abs-MLP"].policy(run) == run
    tree = BASELINES["VIPER"].policy(run)
    assert isinstance(load(tree), TreePolicy)
    before = (tree / "program.tree").stat().st_mtime_ns
    assert BASELINES["VIPER"].policy(run) == tree
    assert (tree / "program.tree").stat().st_mtime_ns == before
    np.testing.assert_array_equal(
        evaluate_episodes(tree, MAZE, 5)["return"],
        evaluate_episodes(tree, MAZE, 5, compiled=True)["return"],
    )
