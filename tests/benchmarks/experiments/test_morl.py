from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import benchmarks.experiments.morl
from agents.morl.run_folder import load_program
from benchmarks.experiments.morl import (
    SCRATCH,
    Experiment,
    Learning,
    Loop,
    Repair,
    RobustClone,
    morl_results,
)
from benchmarks.experiments.morl_report import first_solved, report_morl
from benchmarks.report.contents import contestant_of
from benchmarks.report.reading import read_all
from benchmarks.runs.ledger import FileLedger, Record, do_jobs
from benchmarks.settings import MORLSettings
from benchmarks.statistics.tidy import COLUMNS, write_results
from programmatic.examples import PROGRAMS
from programmatic.provenance import code_and_machine
from programmatic.trees.policy import TreePolicy
from tests.agents.morl.test_loop import tiny

LEARNED = 26  # iterations: those of the paper's table and one more


def done(experiment: Experiment, folder: Path) -> Record:
    (record,) = do_jobs([experiment], FileLedger(folder))
    return record


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("morl") / "runs"


@pytest.fixture(scope="module")
def learning(folder: Path) -> dict[str, Any]:
    return done(Learning("worst", 0, 20, 1), folder)


def test_a_program_is_cloned_and_learned_from(learning: dict[str, Any]) -> None:
    assert 8 < learning["program_return"] < 11
    assert learning["cloning"][-1]["epoch"] == 20
    assert {"validation_loss", "validation_accuracy", "mean_return"} <= set(learning["cloning"][0])
    assert [row["iteration"] for row in learning["learning"]] == [0, 1]
    assert learning["learning"][1]["timesteps"] == 2000


def test_what_is_done_is_not_done_again(
    learning: dict[str, Any], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Learning, "results", None)  # it cannot be done again
    assert done(Learning("worst", 0, 20, 1), folder) == learning
    with pytest.raises(TypeError):
        done(Learning("worst", 0, 30, 1), folder)


def test_every_experiment_tells_the_code_and_the_machine(
    learning: dict[str, Any], folder: Path
) -> None:
    for row in (learning, done(Repair("worst"), folder)):
        assert {name: row[name] for name in ("commit", "machine")} == code_and_machine()


def test_returns_are_rows_of_results(learning: dict[str, Any], folder: Path) -> None:
    repair = done(Repair("worst"), folder)
    older = {name: value for name, value in repair.items() if name not in code_and_machine()}
    curve = [{**learning["learning"][0], "iteration": i, "mean_return": i} for i in range(LEARNED)]
    table = morl_results(
        [Learning("worst", 0, 20, 1), Learning(SCRATCH, 1, 20, 1), RobustClone(2), Repair("worst")],
        [
            {**learning, "learning": curve},
            {"learning": curve},
            {"mean_return": 150.0, "seconds": 9.0},
            older,
        ],
    )
    assert list(table.columns) == list(COLUMNS)
    assert set(table["worlds"]) == {"own"}
    assert set(table["env_id"]) == {"CartPole-MORL-v0"}
    returns = dict(zip(table["algo"], table["return"], strict=True))
    assert returns == {
        "MORL worst program": learning["program_return"],
        "MORL worst clone": learning["clone_return"],
        "MORL worst optimised": 25.0,
        "TRPO from worst": LEARNED - 1.0,
        "TRPO from random weights": LEARNED - 1.0,
        "MORL near_optimal robust clone": 150.0,
        "MORL worst repaired": repair["after"],
    }
    assert table["seed"].fillna(-1).tolist() == [0, 0, 0, 0, 1, 2, -1]
    assert table["commit"].ne("").tolist() == [True] * 4 + [False] * 3
    for run in table["run"].unique()[[0, -1]]:
        assert (folder.parent / run).exists()


def test_the_report_takes_the_results(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        benchmarks.experiments.morl, "MORLConfig", lambda env_id, _, seed: tiny(env_id, seed=seed)
    )
    loop = Loop("CartPole-MORL-v0", 3)
    row = done(loop, tmp_path / "runs")
    write_results(morl_results([loop], [row]), tmp_path)
    found = read_all([str(tmp_path)])
    assert [(score.method, score.worlds, score.seed, score.value) for score in found.scores] == [
        ("MORL program", "search", 3, row["program_return"]),
        ("MORL policy", "search", 3, row["policy_return"]),
    ]
    (run,) = found.runs
    assert run.method == "MORL program"
    policy = contestant_of(run, 0).policy
    assert isinstance(policy, TreePolicy)
    assert policy.program == load_program(tmp_path / "runs" / "loop-CartPole-MORL-v0-3")
    places = pd.read_csv(tmp_path / "results.csv")["run"]
    assert all((tmp_path / place).is_dir() for place in places)


def test_repairs_are_proven(folder: Path) -> None:
    row = done(Repair("worst"), folder)
    assert row["proven"]
    assert row["before"] < 11 < 190 < row["after"]


def test_the_report_has_all_that_was_measured(
    learning: dict[str, Any], folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = learning["learning"]
    curve = [{**lines[min(i, 1)], "iteration": i} for i in range(LEARNED)]
    rows = [
        *(
            {
                **learning,
                "experiment": {**learning["experiment"], "start": start, "seed": seed},
                "learning": curve,
            }
            for start in (*PROGRAMS, SCRATCH)
            for seed in (0, 1)
        ),
        done(Repair("worst"), folder),
    ]
    for row in rows:
        if row["experiment"].get("start") == SCRATCH:
            row.pop("cloning")
    for seed in (0, 1):
        loop = {"kind": Loop.kind, "env_id": "CartPole-MORL-v0", "seed": seed}
        results = {"program_return": 200.0, "policy_return": 199.0, "proven": True, "seconds": 9.0}
        rows.append({"experiment": loop, "iterations": [{}], "program": "left", **results})
        clone = {"kind": RobustClone.kind, "seed": seed}
        rows.append({"experiment": clone, "mean_return": 199.0})
    settings = MORLSettings(seeds=2, run=folder.parent / "out")
    report_morl(settings, rows)
    told = capsys.readouterr().out
    assert "(9.3)" in told  # the paper's return of its worst program
    assert "2 of 2" in told
    assert "199.00" in told
    for picture in ("learning.png", "cloning.png"):
        assert (settings.folder / picture).stat().st_size > 10_000
    table = pd.read_csv(settings.folder / "programs.csv").set_index("start")
    assert table.loc["worst", "published_optimised"] == 38.65
    assert table.loc["worst", "program"] == pytest.approx(learning["program_return"])
    assert table.loc[SCRATCH, "seeds"] == 2


def test_a_single_good_evaluation_is_not_solved() -> None:
    returns = [10.0, 199.0, 150.0, *[198.0] * 12]
    curve = [{"iteration": i, "mean_return": value} for i, value in enumerate(returns)]
    assert first_solved(curve) == 3.0
    assert first_solved(curve[:3]) == float("inf")
