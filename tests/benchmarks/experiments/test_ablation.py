"""`karel-gym benchmark ablation`."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from benchmarks.experiments.ablation import summarise
from benchmarks.runs.method_grid import planned
from benchmarks.runs.methods import ABLATION
from benchmarks.settings import AblationSettings
from karel_gym.cli import main

ENV = "Karel-PathFollow-v0"


def test_the_command_compares_variants(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["benchmark", "ablation", "--tasks", "PathFollow", "--seeds", "2"]
    arguments += ["--budget", "200", "--methods", "cghc", "without edits", "hc"]
    arguments += ["--run", str(tmp_path)]
    assert main(arguments) == 0
    assert "without edits" in capsys.readouterr().out
    runs = pd.read_csv(tmp_path / "runs.csv")
    assert runs["method"].tolist() == ["cghc"] * 4 + ["hc"] * 2
    assert (runs["evaluations"] <= 200).all()
    summary = pd.read_csv(tmp_path / "summary.csv")
    assert summary["variant"].tolist() == ["cghc", "without edits", "hc"]
    assert (summary["seeds"] == 2).all()
    means = [runs["fresh_return"][i : i + 2].mean() for i in (0, 2, 4)]
    assert summary["fresh_return"].tolist() == pytest.approx(means)
    assert main(arguments) == 0
    assert "[1 of 6]" not in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--methods", "hc", "tabu"], "there is no method 'tabu'; known are"),
        (["--methods", "hc", "DRL"], "benchmark ablation compares searches, got DRL"),
        (["--tasks", "Mze"], "'Karel-Mze-v0' is no Karel task"),
        (["--seeds", "0"], "seeds must be a whole number from 1 up"),
    ],
)
def test_errors(
    arguments: list[str], message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["benchmark", "ablation", "--run", str(tmp_path / "out"), *arguments]) == 2
    assert message in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_each_variant_is_another_search() -> None:
    searches, _ = planned(AblationSettings(tasks=("PathFollow",), seeds=1))
    assert len({search.id for search in searches}) == len(searches) == len(ABLATION)


def test_a_summary_has_a_row_a_task_and_variant() -> None:
    numbers = {"evaluations": [10, 30, 20], "seconds": [1.0, 3.0, 2.0]}
    returns = {"search_return": [1.0, 0.5, 1.0], "fresh_return": [0.9, 0.5, 1.0]}
    runs = pd.DataFrame({"label": ["hc", "hc", "cghc"], "env_id": ENV, **returns, **numbers})
    rows = summarise(runs).set_index("variant")
    assert rows["seeds"].to_dict() == {"hc": 2, "cghc": 1}
    assert rows["fresh_return"].to_dict() == pytest.approx({"hc": 0.7, "cghc": 1.0})
    assert rows["solved"].to_dict() == {"hc": 0.5, "cghc": 1.0}
    assert rows["evaluations"].to_dict() == {"hc": 20, "cghc": 20}
