"""Searches as a measurement: a row each, none done twice."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from benchmarks.runs.ledger import PROVENANCE, RUNS_FILE, TableLedger, do_jobs
from benchmarks.runs.searches import SEARCH_COLUMNS, SearchJob, large_return, result_of
from programmatic import Program
from programmatic.runs import RunError
from programmatic.search import HCConfig
from tests.benchmarks.small_model import small_model

HARVESTER = "Karel-Harvester-v0"
OPTIONS = {"iterations": 2, "population_size": 4, "n_worlds": 2}


def done(jobs: list[SearchJob], folder: Path) -> pd.DataFrame:
    return SEARCH_COLUMNS.table(do_jobs(jobs, TableLedger(folder, SEARCH_COLUMNS)))


def plans(model: str, seeds: int = 2) -> list[SearchJob]:
    return [SearchJob("cem", HARVESTER, seed, model, options=OPTIONS) for seed in range(seeds)]


def test_a_row_tells_what_a_search_found(tmp_path: Path) -> None:
    rows = done(plans(small_model(tmp_path)), tmp_path)
    assert list(rows.columns) == [*SEARCH_COLUMNS.names, *PROVENANCE]
    assert rows["seed"].tolist() == [0, 1]
    assert rows["evaluations"].tolist() == [2 * (4 + 1) + 1] * 2
    row = rows.iloc[0].to_dict()
    result = result_of(row, tmp_path)
    assert (row["search_return"], row["program"]) == (result.mean_return, str(result.program))
    assert row["iterations"] == len(result.iterations) == 3
    # Every world of Harvester is the same at the start.
    assert row["fresh_return"] == pytest.approx(row["search_return"])


def test_what_was_done_is_not_done_again(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model = small_model(tmp_path)
    first = done(plans(model, 1), tmp_path)
    assert "[1 of 1] cem" in capsys.readouterr().out
    both = done(plans(model), tmp_path)
    assert "[1 of 2]" not in capsys.readouterr().out
    assert both.iloc[0].to_dict()["seconds"] == first.iloc[0].to_dict()["seconds"]
    pd.testing.assert_frame_equal(SEARCH_COLUMNS.read(tmp_path / RUNS_FILE), both)
    moved = tmp_path / "moved.safetensors"
    moved.write_bytes(Path(model).read_bytes())
    done(plans(str(moved)), tmp_path)
    assert capsys.readouterr().out == ""  # it is the content of the file that counts


@pytest.mark.parametrize("change", [{"budget": 7}, {"options": {**OPTIONS, "sigma": 0.3}}])
def test_other_settings_are_other_searches(tmp_path: Path, change: dict[str, object]) -> None:
    model = small_model(tmp_path)
    done(plans(model, 1), tmp_path)
    changed: dict[str, object] = {"options": OPTIONS, **change}
    done([SearchJob("cem", HARVESTER, 0, model, **changed)], tmp_path)  # type: ignore
    assert len(SEARCH_COLUMNS.read(tmp_path / RUNS_FILE)) == 2


def test_other_weights_are_other_searches(tmp_path: Path) -> None:
    done(plans(small_model(tmp_path, 0), 1), tmp_path)
    done(plans(small_model(tmp_path, 1), 1), tmp_path)
    rows = SEARCH_COLUMNS.read(tmp_path / RUNS_FILE)
    assert rows["id"].nunique() == rows["model_sha256"].nunique() == 2


def test_a_search_that_has_a_run_folder_but_no_row_goes_on(tmp_path: Path) -> None:
    model = small_model(tmp_path)
    before = done(plans(model, 1), tmp_path)
    history = tmp_path / before["run"][0] / "history.csv"
    history_before = history.read_text()
    (tmp_path / RUNS_FILE).unlink()
    after = done(plans(model, 1), tmp_path)
    assert history.read_text() == history_before
    assert after["program"][0] == before["program"][0]


def test_errors_come_before_any_search(tmp_path: Path) -> None:
    good = plans(small_model(tmp_path), 1)
    with pytest.raises(RunError, match=r"nowhere.safetensors cannot be read: No such file"):
        done([*good, *plans("nowhere.safetensors", 1)], tmp_path)
    with pytest.raises(ValueError, match="no search method 'cme'"):
        done([*good, SearchJob("cme", HARVESTER, 0, good[0].model)], tmp_path)
    assert not (tmp_path / RUNS_FILE).exists()


def test_a_damaged_table_is_named(tmp_path: Path) -> None:
    (tmp_path / RUNS_FILE).write_text("id,method\n1,cem\n")
    with pytest.raises(RunError, match=r"runs.csv is damaged: .*it has no env_id"):
        done(plans(small_model(tmp_path), 1), tmp_path)


@pytest.mark.parametrize("horizon", ["task", "published"])
def test_programs_run_in_large_worlds_where_there_are_any(horizon: str) -> None:
    climb = Program.parse(
        "DEF run m( WHILE c( noMarkersPresent c) w( turnLeft move turnRight move w) m)"
    )
    config = HCConfig(horizon=horizon)
    assert large_return(climb, "Karel-StairClimber-v0", config) == 1.0
    assert pd.isna(large_return(climb, "Karel-CleanHouse-v0", config))


@pytest.mark.parametrize("horizon", ["task", "published"])
def test_a_program_that_harvests_a_large_world_is_not_cut_short(horizon: str) -> None:
    row = "WHILE c( frontIsClear c) w( pickMarker move w) pickMarker"
    there = f"{row} turnLeft move turnLeft"
    back = f"{row} turnRight move turnRight"
    # No space for more in a program's tokens: a REPEAT of a REPEAT walks all 98 rows.
    harvest = Program.parse(f"DEF run m( REPEAT R=7 r( REPEAT R=7 r( {there} {back} r) r) m)")
    assert large_return(harvest, HARVESTER, HCConfig(horizon=horizon)) == pytest.approx(1.0)
