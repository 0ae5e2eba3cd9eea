"""Searches and trainings side by side in one table, beside what was published."""

from __future__ import annotations

from dataclasses import replace

import pandas as pd
import pytest

from benchmarks.experiments.returns import measure_returns, summarise
from benchmarks.runs.method_grid import GridRuns
from benchmarks.statistics.published import published_return
from benchmarks.statistics.tidy import RESULTS_FILE, tidy
from tests.benchmarks.conftest import SETTINGS


def test_the_command_leaves_tables_and_pictures(
    grid: GridRuns, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = grid.folder
    measure_returns(replace(SETTINGS, run=folder))
    told = capsys.readouterr().out
    assert "[1 of" not in told  # the runs were there
    assert "Maze-v1" in told
    assert "Carvalho et al., ICLR 2024" in told  # whose hill climbing has a published return
    results = pd.read_csv(folder / RESULTS_FILE)
    assert len(results) == 12  # two methods, two seeds, three kinds of worlds
    summary = pd.read_csv(folder / "summary.csv").set_index("algo")
    assert summary["own"]["hc"] == pytest.approx(grid.searches["fresh_return"].mean())
    assert summary["search"]["hc"] == pytest.approx(grid.searches["search_return"].mean())
    assert summary["published_search"]["hc"] == 1.0
    assert summary["seeds"].tolist() == [2, 2]
    assert pd.read_csv(folder / "solved.csv")["algo"].tolist() == ["hc"]
    statistics = pd.read_csv(folder / "statistics.csv").set_index("algo")
    assert statistics["mean"]["hc"] == pytest.approx(summary["own"]["hc"], rel=1e-5)
    assert set(pd.read_csv(folder / "improvements.csv")["algo"]) == {"hc", "DRL-abs-MLP"}
    for table in ("curves", "bands", "profiles"):
        assert set(pd.read_csv(folder / f"{table}.csv")["algo"]) == {"hc", "DRL-abs-MLP"}
    for name in ("curves_frames", "curves_evaluations", "curves_seconds", "profiles"):
        assert (folder / f"{name}.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize("method", SETTINGS.methods)
def test_searches_or_trainings_alone(
    method: str, grid: GridRuns, capsys: pytest.CaptureFixture[str]
) -> None:
    measure_returns(replace(SETTINGS, run=grid.folder, methods=(method,)))
    told = capsys.readouterr().out
    assert "[1 of" not in told
    assert "Maze-v1" in told
    assert set(pd.read_csv(grid.folder / "summary.csv")["algo"]) == {method}
    assert ("Share of the searches" in told) == (method == "hc")


def test_a_summary_has_a_row_a_task_and_method(grid: GridRuns) -> None:
    results = tidy(grid)
    other = results.assign(env_id="Karel-Snake-v0")
    summary = summarise(pd.concat([results, other]))
    assert summary[["env_id", "algo"]].to_numpy().tolist() == [
        ["Karel-Maze-v1", "hc"],
        ["Karel-Maze-v1", "DRL-abs-MLP"],
        ["Karel-Snake-v0", "hc"],
        ["Karel-Snake-v0", "DRL-abs-MLP"],
    ]
    snake = summary[summary["env_id"] == "Karel-Snake-v0"].iloc[0]
    assert snake["published_search"] == published_return("hc", "Karel-Snake-v0", "search") == 0.654
    assert snake["own_low"] <= snake["own"] <= snake["own_high"]
