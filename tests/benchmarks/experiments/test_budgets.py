"""`karel-gym benchmark budgets`."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from benchmarks.experiments.budgets import METHODS, best_returns, schedule, summarise
from karel_gym.cli import main
from programmatic import Program
from programmatic.search import SearchResult
from tests.benchmarks.small_model import small_model


def test_the_command_compares_methods_within_a_budget(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    arguments = ["benchmark", "budgets", "--tasks", "Maze", "--seeds", "2", "--budget", "70"]
    arguments += ["--worlds", "4", "--model", small_model(tmp_path), "--out", str(out)]
    assert main(arguments) == 0
    shown = capsys.readouterr().out
    assert "mean of the tasks" in shown
    assert all(method in shown for method in METHODS)
    assert (out / "curves.png").read_bytes().startswith(b"\x89PNG")
    runs = pd.read_csv(out / "runs.csv")
    assert len(runs) == 2 * len(METHODS)
    assert (runs["evaluations"] <= 70).all()
    assert runs["config"].str.contains('"n_worlds": 4').all()
    assert main(arguments) == 0
    assert "[1 of 8]" not in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ["--methods", "cem", "hc"],
            "methods must be of cem, cebs, latent_hc, latent_random, random, got 'hc'",
        ),
        (["--budget", "5"], "the budget must be at least 18 for cem on Karel-Maze-v0, got 5"),
        (["--worlds", "0"], "n_worlds must be a whole number from 1 up"),
    ],
)
def test_errors(
    arguments: list[str], message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    given = ["--tasks", "Maze", "--model", small_model(tmp_path), "--out", str(tmp_path / "out")]
    assert main(["benchmark", "budgets", *given, *arguments]) == 2
    assert message in capsys.readouterr().err


@pytest.mark.parametrize("task", ["Maze", "TopOff", "Harvester"])
@pytest.mark.parametrize("budget", [100, 30_000])
def test_the_cross_entropy_method_uses_what_it_can_of_a_budget(task: str, budget: int) -> None:
    sizes = {"Maze": 16, "TopOff": 64, "Harvester": 32}
    iterations = schedule("cem", f"Karel-{task}-v0", budget)["iterations"]
    used = iterations * (sizes[task] + 1) + 1
    assert used <= budget < used + sizes[task] + 1


def test_random_search_spends_a_budget() -> None:
    assert schedule("random", "Karel-Maze-v0", 100_000) == {"n_programs": 100_000}
    assert schedule("latent_random", "Karel-Maze-v0", 100_000) == {"n_latents": 100_000}
    assert schedule("cebs", "Karel-Maze-v0", 100_000) == {}


def test_over_all_tasks_a_seed_counts_once() -> None:
    runs = pd.DataFrame(
        [
            ("Karel-Maze-v0", "cem", 0, 1.0),
            ("Karel-Maze-v0", "cem", 1, 0.5),
            ("Karel-TopOff-v0", "cem", 0, 0.0),
            ("Karel-TopOff-v0", "cem", 1, 0.5),
        ],
        columns=["env_id", "method", "seed", "fresh_return"],
    ).assign(search_return=1.0, evaluations=10, seconds=1.0)
    overall = summarise(runs).set_index("env_id").loc["all"]
    assert overall["seeds"] == 2
    assert overall["fresh_return"] == overall["fresh_return_low"] == 0.5


def test_best_returns_count_from_the_end_of_their_batch() -> None:
    history = [{"evaluations": 4, "return": 0.1}, {"evaluations": 8, "return": 0.7}]
    program = Program.parse("DEF run m( move m)")
    result = SearchResult("cem", "Karel-Maze-v0", program, 0.7, 9, history, [], 1.0, {}, 0)
    found = best_returns(result, np.array([3, 4, 7, 8, 100]))
    np.testing.assert_equal(found, [np.nan, 0.1, 0.1, 0.7, 0.7])
