"""`karel-gym benchmark latent_search`."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from benchmarks.experiments.latent_search import summarise
from benchmarks.statistics.published import LARGE, LEAPS, published_return, published_returns
from karel_gym.cli import main
from karel_gym.registration import CARTPOLE, TASKS
from tests.benchmarks.small_model import small_model

TINY = ["--options", "iterations=2", "population_size=4", "n_worlds=2"]


def test_the_command_leaves_tables_and_a_picture(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model, out = small_model(tmp_path), tmp_path / "out"
    arguments = ["benchmark", "latent_search", "--tasks", "Harvester", "CleanHouse"]
    arguments += ["--seeds", "2", "--model", model, "--run", str(out), *TINY]
    assert main(arguments) == 0
    shown = capsys.readouterr().out
    assert re.search(r"Harvester-v0 +│ +-?\d\.\d\d \[-?\d\.\d\d, -?\d\.\d\d\]", shown)
    assert "0.45" in shown  # LEAPS's published return
    assert (out / "curves_evaluations.png").read_bytes().startswith(b"\x89PNG")
    config = json.loads((out / "config.json").read_text())
    assert (config["seeds"], config["horizon"]) == (2, "task")
    summary = pd.read_csv(out / "summary.csv")
    assert summary["env_id"].tolist() == ["Karel-Harvester-v0", "Karel-CleanHouse-v0"]
    assert summary["large_return"].isna().tolist() == [False, True]
    assert len(pd.read_csv(out / "results.csv")) == 4 * 2 + 2  # two in worlds of 100x100
    assert main(arguments) == 0
    assert "[1 of 4]" not in capsys.readouterr().out


def test_other_methods_and_tasks_have_no_published_columns(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["benchmark", "latent_search", "--methods", "cebs", "--env-version", "v1"]
    arguments += ["--tasks", "Harvester", "--seeds", "1", "--budget", "50"]
    arguments += ["--model", small_model(tmp_path), "--run", str(tmp_path / "out")]
    assert main([*arguments, "--options", "population_size=16", "elites=4"]) == 0
    shown = capsys.readouterr().out
    assert "Karel-Harvester-v1, seed 0" in shown
    assert "LEAPS" not in shown


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--seeds", "0"], "seeds must be a whole number from 1 up"),
        (["--tasks", "Labyrinth"], "is no Karel task"),
        (["--options", "sigma"], "of the form NAME=VALUE"),
        (["--options", "sgma=1"], "did you mean sigma"),
        (["--budget", "0"], "budget must be a whole number from 1 up"),
        (["--model", "nowhere.pt"], "nowhere.pt"),
    ],
)
def test_errors_are_one_line(
    arguments: list[str], message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    given = ["--model", small_model(tmp_path), "--run", str(tmp_path / "out"), *arguments]
    assert main(["benchmark", "latent_search", *given]) == 2
    error = capsys.readouterr().err.strip()
    assert "\n" not in error
    assert re.search(message, error)


def test_kept_folders_have_the_table_that_reports_show() -> None:
    kept = Path("benchmarks/results")
    folders = [
        path.parent for path in kept.glob("*/config.json") if "latent_search" in path.read_text()
    ]
    assert len(folders) >= 2
    for folder in folders:
        results, runs = (pd.read_csv(folder / name) for name in ("results.csv", "runs.csv"))
        own = results[results["worlds"] == "own"].set_index("run")["return"]
        assert own.to_dict() == runs.set_index("run")["fresh_return"].to_dict()


def rows(env_id: str, search: list[float], fresh: list[float]) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "env_id": env_id,
            "method": "cem",
            "seed": range(len(search)),
            "search_return": search,
            "fresh_return": fresh,
            "large_return": float("nan"),
        }
    )


def test_the_summary_adds_up() -> None:
    harvester = rows("Karel-Harvester-v0", [0.9, 1.0, 1.0], [0.8, 0.7, 0.9])
    four_corners = rows("Karel-FourCorners-v0", [0.25, 0.5], [0.25, 0.5])
    summary = summarise(pd.concat([harvester, four_corners])).set_index("env_id")
    found = summary.loc["Karel-Harvester-v0"]
    assert found["seeds"] == 3
    assert found["search_return"] == pytest.approx(2.9 / 3)
    assert found["fresh_return"] == pytest.approx(0.8)
    low, high = found["fresh_return_low"], found["fresh_return_high"]
    assert 0.69 < low < 0.8 < high < 0.91
    # The best seed is chosen by what the search saw; of equals it is the first.
    assert (found["best_seed"], found["best_fresh_return"]) == (1, 0.7)
    assert (found["leaps"], found["leaps_by_hprl"]) == (0.45, 0.82)
    assert (found["reached_in_search"], found["reached"]) == ("yes", "within CI")
    assert summary.loc["Karel-FourCorners-v0", "reached"] == "within CI"


def test_one_seed_has_no_interval() -> None:
    summary = summarise(rows("Karel-Maze-v1", [1.0], [0.3]))
    assert np.isnan(summary["fresh_return_low"][0])
    assert summary["reached"][0] == ""


def test_published_returns_are_of_tasks_that_there_are() -> None:
    table = published_returns()
    assert set(table["task"]) <= {*TASKS, CARTPOLE}
    is_karel = table["task"] != CARTPOLE
    assert table["return"][is_karel].between(-1, 1).all()
    assert table["return"][~is_karel].between(0, 200).all()
    assert not table.duplicated(["method", "task", "worlds"]).any()
    assert published_return(LEAPS, "Karel-TopOff-v0", LARGE) == 0.21
    assert np.isnan(published_return(LEAPS, "Karel-CleanHouse-v0", LARGE))
