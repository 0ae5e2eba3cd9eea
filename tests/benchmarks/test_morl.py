from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from benchmarks.morl import SCRATCH, Learning, Loop, Repair, RobustClone, done
from benchmarks.morl_report import first_solved, report_morl
from benchmarks.morl_settings import MORLSettings
from programmatic.morl.examples import PROGRAMS

LEARNED = 26  # iterations: those of the paper's table and one more


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("morl") / "runs"


@pytest.fixture(scope="module")
def learning(folder: Path) -> dict[str, Any]:
    folder.mkdir()
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
    monkeypatch.setattr(Learning, "run", None)  # it cannot be done again
    assert done(Learning("worst", 0, 20, 1), folder) == learning
    with pytest.raises(TypeError):
        done(Learning("worst", 0, 30, 1), folder)


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
    settings = MORLSettings(seeds=2, out=folder.parent / "out")
    report_morl(settings, rows)
    told = capsys.readouterr().out
    assert "(9.3)" in told  # the paper's return of its worst program
    assert "2 of 2" in told
    assert "199.00" in told
    for picture in ("learning.png", "cloning.png"):
        assert (settings.out / picture).stat().st_size > 10_000
    table = pd.read_csv(settings.out / "programs.csv").set_index("start")
    assert table.loc["worst", "published_optimised"] == 38.65
    assert table.loc["worst", "program"] == pytest.approx(learning["program_return"])
    assert table.loc[SCRATCH, "seeds"] == 2


def test_a_single_good_evaluation_is_not_solved() -> None:
    returns = [10.0, 199.0, 150.0, *[198.0] * 12]
    curve = [{"iteration": i, "mean_return": value} for i, value in enumerate(returns)]
    assert first_solved(curve) == 3.0
    assert first_solved(curve[:3]) == float("inf")
