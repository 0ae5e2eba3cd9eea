"""Curves say what was known after so many programs, frames or seconds."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from benchmarks.runs.ledger import records
from benchmarks.runs.method_grid import TRAININGS, GridRuns, do_grid
from benchmarks.runs.searches import result_of
from benchmarks.statistics.curves import bands, learning_curves, plot_bands
from benchmarks.statistics.solved import solved_within
from tests.benchmarks.conftest import SETTINGS, STEPS


@pytest.mark.parametrize("first_second", [0.01, 3600.0])  # the latter: searches that end sooner
def test_curves_of_searches_are_their_histories(
    grid: GridRuns, first_second: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("benchmarks.statistics.curves.FIRST_SECOND", first_second)
    curves = learning_curves(grid)
    for row in records(grid.searches):
        history = result_of(row, grid.folder).history
        for unit in ("evaluations", "seconds"):
            own = curves[
                (curves["algo"] == "hc")
                & (curves["seed"] == row["seed"])
                & (curves["unit"] == unit)
            ]
            known = [entry for entry in history if entry[unit] <= own["x"].iloc[0] + 1e-6]
            assert own["return"].iloc[0] == known[-1]["return"]
            assert own["return"].iloc[-1] == row["search_return"]
            assert own["return"].is_monotonic_increasing
        assert own["x"].iloc[-1] == pytest.approx(row["seconds"], abs=1e-3)


def test_curves_of_trainings_are_their_evaluations(grid: GridRuns) -> None:
    curves = learning_curves(grid)
    own = curves[(curves["algo"] == "DRL-abs-MLP") & (curves["unit"] == "frames")]
    assert own.groupby("seed")["x"].agg(["min", "max"]).to_numpy().tolist() == [[0, STEPS]] * 2
    seconds = curves[(curves["algo"] == "DRL-abs-MLP") & (curves["unit"] == "seconds")]
    ends = seconds.groupby("seed")["x"].max().to_numpy()
    np.testing.assert_allclose(ends, grid.trainings["seconds"], rtol=1e-6)


def test_a_tree_is_judged_and_has_no_curve(short_trainings: None, tmp_path: Path) -> None:
    runs = do_grid(replace(SETTINGS, methods=("VIPER",), seeds=1, worlds=None, run=tmp_path))
    ((row,), (folder,)) = records(runs.trainings), (tmp_path / TRAININGS / "runs").iterdir()
    trees = pd.read_csv(folder / "tree" / "iterations.csv")
    assert row["train_return"] == trees["mean_return"].max()
    assert row["drawn"] == row["greedy"]  # a tree always takes the same action
    assert len(learning_curves(runs)) == len(bands(learning_curves(runs))) == 0


def curve(algo: str, seed: int, unit: str, points: dict[float, float]) -> pd.DataFrame:
    return pd.DataFrame({"x": list(points), "return": list(points.values())}).assign(
        algo=algo, env_id="task", seed=seed, unit=unit
    )


def test_a_search_keeps_its_return_and_a_training_is_interpolated() -> None:
    curves = pd.concat(
        [
            curve("hc", 0, "evaluations", {1: 0.0, 10: 0.5, 100: 1.0}),
            curve("hc", 1, "evaluations", {2: 0.4, 4: 0.6}),
            curve("DRL", 0, "frames", {0: 0.0, 100: 1.0}),
            curve("DRL", 1, "frames", {0: 0.0, 50: 0.1, 100: 0.2}),
        ]
    )
    table = bands(curves)
    hc = table[table["algo"] == "hc"].set_index("x")["return"]
    assert hc.to_dict() == {2: 0.2, 4: 0.3, 10: 0.55, 100: pytest.approx(0.8)}
    drl = table[table["algo"] == "DRL"].set_index("x")
    assert drl["return"].to_dict() == pytest.approx({0: 0.0, 50: 0.3, 100: 0.6})
    assert drl["return_low"][50] <= 0.3 <= drl["return_high"][50]
    assert drl["seeds"].tolist() == [2, 2, 2]


def test_seconds_of_a_training_have_points_between_its_evaluations() -> None:
    table = bands(curve("DRL", 0, "seconds", {0: 0.0, 0.5: 0.5, 100: 1.0}))
    drl = table.set_index("x")["return"]
    assert {1, 10, 100} < set(drl.index)
    assert drl.index.min() == 1
    np.testing.assert_allclose(drl, np.interp(drl.index, [0.5, 100], [0.5, 1]), atol=1e-6)


def test_a_picture_of_each_unit(grid: GridRuns, tmp_path: Path) -> None:
    table = bands(learning_curves(grid))
    for unit in ("frames", "evaluations", "seconds"):
        plot_bands(table, unit, tmp_path / f"{unit}.png")
        assert (tmp_path / f"{unit}.png").read_bytes().startswith(b"\x89PNG")


@pytest.fixture
def histories(monkeypatch: pytest.MonkeyPatch) -> pd.DataFrame:
    """Four searches: solved after 5 s and 50 s, solved in their own worlds only, and not at all."""
    end = {"evaluations": 900, "seconds": 50.0, "return": 1.0}
    of = {
        "a": [{"evaluations": 30, "seconds": 5.0, "return": 1.0}],
        "b": [{"evaluations": 10, "seconds": 1.0, "return": 0.4}, end],
        "c": [{"evaluations": 50, "seconds": 2.0, "return": 1.0}],
        "d": [{"evaluations": 50, "seconds": 2.0, "return": 0.7}],
    }
    monkeypatch.setattr(
        "benchmarks.statistics.solved.result_of",
        lambda row, folder: SimpleNamespace(
            history=of[row["run"]], config={"target": row.get("target")}
        ),
    )
    fresh = {"a": 1.0, "b": 0.995, "c": 0.7, "d": 0.7}
    return pd.DataFrame(
        {
            **{"label": "LEAPS", "env_id": "task", "run": run},
            **{"search_return": of[run][-1]["return"], "fresh_return": fresh[run]},
        }
        for run in of
    )


def test_solved_is_solved_in_fresh_worlds_too(histories: pd.DataFrame) -> None:
    table = solved_within(histories, Path())
    row = table.iloc[0]
    assert (row["algo"], row["seeds"]) == ("LEAPS", 4)
    assert [row[f"solved_{t}_s"] for t in (10, 60, 600)] == [0.25, 0.5, 0.5]
    assert row["solved"] == 0.5
    assert row["median_evaluations"] == 475  # of 30, 50, 900 and never


def test_a_target_in_place_of_a_return_of_one_solves(histories: pd.DataFrame) -> None:
    table = solved_within(histories.iloc[3:].assign(target=0.7), Path())
    assert (table["solved"][0], table["solved_10_s"][0], table["median_evaluations"][0]) == (
        1,
        1,
        50,
    )
    assert solved_within(histories.iloc[3:].assign(target=0.72), Path())["solved"][0] == 0


def test_what_less_than_half_reach_has_no_median(histories: pd.DataFrame) -> None:
    assert np.isinf(solved_within(histories.iloc[3:], Path())["median_evaluations"][0])
