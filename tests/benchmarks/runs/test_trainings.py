"""Trainings as a measurement: a row each, none done twice."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from agents.hierarchy.skills import read_options
from benchmarks.runs.ledger import PROVENANCE, RUNS_FILE, TableLedger, do_jobs, records
from benchmarks.runs.methods import BASELINES, OF_OPTIONS
from benchmarks.runs.trainings import TRAINING_COLUMNS, TrainingJob, training_seconds
from programmatic.runs import RunError
from tests.benchmarks.conftest import STEPS

ENV_ID = "Karel-WallAvoider-v0"  # its worlds are small, and its episodes soon over
pytestmark = pytest.mark.usefixtures("short_trainings")


def done(jobs: list[TrainingJob], folder: Path) -> pd.DataFrame:
    return TRAINING_COLUMNS.table(do_jobs(jobs, TableLedger(folder, TRAINING_COLUMNS)))


def plans(*baselines: str, seeds: int = 1) -> list[TrainingJob]:
    return [TrainingJob(name, ENV_ID, seed, STEPS) for name in baselines for seed in range(seeds)]


def test_a_row_tells_what_a_training_reached(tmp_path: Path) -> None:
    rows = done(plans("DRL", "DRL-abs-MLP", "DRL-FCN"), tmp_path)
    assert list(rows.columns) == [*TRAINING_COLUMNS.names, *PROVENANCE]
    assert rows["obs"].tolist() == ["grid", "percepts", "grid"]
    assert rows["steps"].tolist() == [STEPS] * 3
    assert rows["drawn"].between(-1, 1).all()
    assert rows["greedy"].between(-1, 1).all()
    # A network for worlds of one size has no return in larger ones.
    assert np.isnan(rows["large_drawn"]).tolist() == [True, False, False]
    # Of those that can act there, one that is no table is judged in one way only.
    assert np.isnan(rows["large_greedy"]).tolist() == [True, False, True]
    for run, best in zip(rows["run"], rows["train_return"], strict=True):
        assert (tmp_path / run / "final.zip").exists()
        assert best == pd.read_csv(tmp_path / run / "evaluations.csv")["mean_return"].max()


@pytest.mark.parametrize("name", list(OF_OPTIONS))
def test_options_are_found_before_the_training(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    searched = {
        **(OF_OPTIONS[name].options_search or {}),
        "searches": 1,
        "iterations": 1,
        "n_options": 2,
    }
    monkeypatch.setitem(BASELINES, name, replace(OF_OPTIONS[name], options_search=searched))
    (row,) = records(done(plans(name), tmp_path))
    assert json.loads(row["config"])["options"] == searched
    found = (tmp_path / f"{row['run']}-options" / "options.karel").read_text().split("DEF")
    assert len(found) == 3
    trained = json.loads((tmp_path / row["run"] / "config.json").read_text())["options"]
    assert trained == read_options(str(tmp_path / f"{row['run']}-options"))[0]
    assert row["seconds"] > training_seconds(tmp_path / row["run"])


def test_a_quick_one_is_judged_in_large_worlds_where_that_is_quick(tmp_path: Path) -> None:
    quick = [replace(plan, quick=True) for plan in plans("DRL-abs-MLP", "DRL-FCN")]
    rows = done(quick, tmp_path)
    assert np.isnan(rows["large_drawn"]).tolist() == [False, True]


def test_what_was_done_is_not_done_again(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first = done(plans("DRL-abs-MLP"), tmp_path)
    assert "[1 of 1] DRL-abs-MLP, Karel-WallAvoider-v0, seed 0" in capsys.readouterr().out
    both = done(plans("DRL-abs-MLP", seeds=2), tmp_path)
    assert "[1 of 2]" not in capsys.readouterr().out
    assert both.iloc[0].to_dict()["seconds"] == first.iloc[0].to_dict()["seconds"]
    pd.testing.assert_frame_equal(TRAINING_COLUMNS.read(tmp_path / RUNS_FILE), both)

    # Without its row a finished training is judged anew, not done.
    (tmp_path / RUNS_FILE).unlink()
    written = (tmp_path / both["run"][0] / "final.zip").stat().st_mtime_ns
    again = done(plans("DRL-abs-MLP", seeds=2), tmp_path)
    assert (tmp_path / both["run"][0] / "final.zip").stat().st_mtime_ns == written
    pd.testing.assert_frame_equal(again, both)


def test_seconds_are_those_of_all_parts(tmp_path: Path) -> None:
    elapsed = pd.DataFrame({"time/time_elapsed": [1, 3, 5, 2, 4]})
    elapsed.to_csv(tmp_path / "progress.csv", index=False)
    assert training_seconds(tmp_path) == 9


def test_what_cannot_be_is_said_before_any_work(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"no baseline 'DRL-x'; .*nown are DRL, DRL-abs,"):
        done(plans("DRL-abs-MLP", "DRL-x"), tmp_path)
    assert not list(tmp_path.iterdir())
    (tmp_path / RUNS_FILE).write_text("id,baseline\n1,DRL\n")
    with pytest.raises(RunError, match=r"runs\.csv is damaged: 'it has no env_id"):
        done(plans("DRL-abs-MLP"), tmp_path)
