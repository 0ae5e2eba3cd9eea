"""One table of results: a row for each run and kind of worlds."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from benchmarks.runs.method_grid import GridRuns
from benchmarks.statistics.tidy import COLUMNS, RESULTS_FILE, WORLDS, tidy, write_results
from tests.benchmarks.conftest import STEPS


def test_every_run_has_a_row_for_each_kind_of_worlds(grid: GridRuns) -> None:
    results = tidy(grid)
    assert list(results.columns) == list(COLUMNS)
    assert len(results) == (len(grid.searches) + len(grid.trainings)) * len(WORLDS)
    assert set(results.groupby("run")["worlds"].agg(tuple)) == {WORLDS}
    for run in results["run"]:
        assert (grid.folder / run / "config.json").exists()
    assert results["commit"].ne("").all()
    assert results["machine"].str.contains("cores").all()
    hc, drl = (results[results["algo"] == algo] for algo in ("hc", "DRL-abs-MLP"))
    assert hc["frames"].isna().all()
    assert (drl["frames"] == STEPS).all()
    assert drl["evaluations"].isna().all()
    row = grid.searches.iloc[1]
    own = hc[(hc["seed"] == 1) & (hc["worlds"] == "own")].iloc[0]
    assert (own["return"], own["evaluations"]) == (row["fresh_return"], row["evaluations"])


@pytest.mark.parametrize("greedy", [False, True])
def test_a_network_acts_as_in_its_own_evaluations(grid: GridRuns, greedy: bool) -> None:
    config = f'{{"deterministic": {str(greedy).lower()}}}'
    numbers = {"drawn": 0.25, "greedy": 0.75, "large_drawn": 0.1, "large_greedy": 0.2}
    trainings = grid.trainings.assign(config=config, **numbers)
    results = tidy(replace(grid, trainings=trainings))
    drl = results[results["algo"] == "DRL-abs-MLP"].groupby("worlds")["return"].first()
    assert (drl["own"], drl["100x100"]) == ((0.75, 0.2) if greedy else (0.25, 0.1))


def test_where_there_are_no_large_worlds_there_is_no_row(grid: GridRuns) -> None:
    searches = grid.searches.assign(large_return=np.nan)
    results = tidy(replace(grid, searches=searches))
    assert set(results[results["algo"] == "hc"]["worlds"]) == {"search", "own"}


def test_the_file_has_empty_texts_where_a_count_does_not_apply(
    grid: GridRuns, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("tidy")
    write_results(tidy(grid), folder)
    text = pd.read_csv(folder / RESULTS_FILE, dtype=str, keep_default_na=False)
    assert set(text[text["algo"] == "hc"]["frames"]) == {""}
    assert set(text[text["algo"] == "DRL-abs-MLP"]["evaluations"]) == {""}
    assert set(text[text["algo"] == "DRL-abs-MLP"]["frames"]) == {str(STEPS)}
