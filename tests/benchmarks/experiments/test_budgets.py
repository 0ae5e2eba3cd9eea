"""`karel-gym benchmark budgets`."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from benchmarks.experiments.budgets import summarise
from benchmarks.runs.method_grid import spending
from benchmarks.runs.methods import LATENT_SEARCHES, search_of
from karel_gym.cli import main
from tests.benchmarks.small_model import small_model


def test_the_command_compares_methods_within_a_budget(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    arguments = ["benchmark", "budgets", "--tasks", "Maze", "--seeds", "2", "--budget", "70"]
    arguments += ["--worlds", "4", "--model", small_model(tmp_path), "--run", str(out)]
    assert main(arguments) == 0
    shown = capsys.readouterr().out
    assert "mean of the tasks" in shown
    methods = [search_of(name)[0] for name in LATENT_SEARCHES]
    assert all(method in shown for method in methods)
    assert (out / "curves_evaluations.png").read_bytes().startswith(b"\x89PNG")
    runs = pd.read_csv(out / "runs.csv")
    assert len(runs) == 2 * len(methods)
    assert (runs["evaluations"] <= 70).all()
    assert runs["config"].str.contains('"n_worlds": 4').all()
    assert main(arguments) == 0
    assert "[1 of 8]" not in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--budget", "5"], "the budget must be at least 18 for cem on Karel-Maze-v0, got 5"),
        (["--worlds", "0"], "n_worlds must be a whole number from 1 up"),
    ],
)
def test_errors(
    arguments: list[str], message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    given = ["--tasks", "Maze", "--model", small_model(tmp_path), "--run", str(tmp_path / "out")]
    assert main(["benchmark", "budgets", *given, *arguments]) == 2
    assert message in capsys.readouterr().err


@pytest.mark.parametrize("task", ["Maze", "TopOff", "Harvester"])
@pytest.mark.parametrize("budget", [100, 30_000])
def test_the_cross_entropy_method_uses_what_it_can_of_a_budget(task: str, budget: int) -> None:
    sizes = {"Maze": 16, "TopOff": 64, "Harvester": 32}
    iterations = spending("cem", f"Karel-{task}-v0", budget, fills=True)["iterations"]
    used = iterations * (sizes[task] + 1) + 1
    assert used <= budget < used + sizes[task] + 1


def test_random_search_spends_a_budget() -> None:
    assert spending("random", "Karel-Maze-v0", 100_000, fills=False) == {"n_programs": 100_000}
    assert spending("latent_random", "Karel-Maze-v0", 100_000, fills=True) == {"n_latents": 100_000}
    assert spending("cebs", "Karel-Maze-v0", 100_000, fills=True) == {}


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
