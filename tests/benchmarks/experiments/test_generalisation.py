"""From small worlds to large ones, with the runs that the returns are of."""

from __future__ import annotations

from dataclasses import fields, replace

import pandas as pd
import pytest

from benchmarks.experiments.generalisation import (
    measure_generalisation,
    small_and_large,
)
from benchmarks.runs.method_grid import GridRuns
from benchmarks.settings import GeneralisationSettings, ReturnsSettings
from tests.benchmarks.conftest import SETTINGS


def test_programs_have_a_row_and_networks_one_for_each_way_to_act(grid: GridRuns) -> None:
    table = small_and_large(grid)
    assert table[["algo", "acts"]].to_numpy().tolist() == [
        ["hc", ""],
        ["DRL-abs-MLP", "drawn"],
        ["DRL-abs-MLP", "greedy"],
    ]
    hc, _, greedy = (row for _, row in table.iterrows())
    assert hc["small"] == pytest.approx(grid.searches["fresh_return"].mean())
    assert hc["large"] == pytest.approx(grid.searches["large_return"].mean())
    assert hc["change"] == pytest.approx(hc["large"] - hc["small"])
    assert greedy["large"] == pytest.approx(grid.trainings["large_greedy"].mean())


def test_the_command_does_nothing_twice(grid: GridRuns, capsys: pytest.CaptureFixture[str]) -> None:
    shared = {f.name: getattr(SETTINGS, f.name) for f in fields(ReturnsSettings)}
    settings = GeneralisationSettings(**{**shared, "run": grid.folder})
    measure_generalisation(settings)
    told = capsys.readouterr().out
    assert "[1 of" not in told
    assert "DRL-abs-MLP" in told
    assert "greedy" in told
    kept = pd.read_csv(grid.folder / "generalisation/generalisation.csv", keep_default_na=False)
    assert kept["algo"].tolist() == ["hc", "DRL-abs-MLP", "DRL-abs-MLP"]
    assert (grid.folder / "results.csv").exists()


def test_methods_of_one_kind_are_enough(grid: GridRuns) -> None:
    assert list(small_and_large(replace(grid, trainings=grid.trainings[:0]))["algo"]) == ["hc"]
    networks = small_and_large(replace(grid, searches=grid.searches[:0]))
    assert set(networks["algo"]) == {"DRL-abs-MLP"}
