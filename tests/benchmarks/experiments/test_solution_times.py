"""`karel-gym benchmark solution_times`."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest

from karel_gym.cli import main


def test_tasks_that_no_trial_solves_are_left(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    arguments = ["benchmark", "solution_times", "--tasks", "Karel-StairClimber-v1", "Farmer"]
    arguments += ["--seeds", "3", "--trials", "2", "--worlds", "4", "--run", str(out)]
    arguments += ["--budget", "2000", "--options", "batch_size=400"]
    assert main(arguments) == 0
    assert "StairClimber-v1" in capsys.readouterr().out
    runs = pd.read_csv(out / "runs.csv")
    easy, hard = "Karel-StairClimber-v1", "Karel-Farmer-v0"
    assert [(row.env_id, row.seed) for row in runs.itertuples()] == [
        *((easy, seed) for seed in (100, 101, 102)),
        *((hard, seed) for seed in (100, 101)),
    ]
    options = [json.loads(config) for config in runs["config"]]
    assert [own.get("target") for own in options] == [None] * 3 + [0.73] * 2
    assert {(own["members"], own["seconds"]) for own in options} == {(4, 60.0)}
    solved = pd.read_csv(out / "solved.csv").set_index("env_id")
    assert solved["seeds"].to_dict() == {easy: 3, hard: 2}
    assert solved["solved_60_s"][easy] > 0
    assert solved["solved_60_s"][hard] == 0
    assert main(arguments) == 0
    assert "seed 100" not in capsys.readouterr().out


def test_errors(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    given = ["benchmark", "solution_times", "--run", str(tmp_path / "out")]
    for arguments, message in (
        (["--trials", "0"], "trials must be a whole number from 1 up"),
        (["--seconds", "-1"], "seconds must be a number above 0"),
        (["--methods", "climb"], "climb"),
    ):
        assert main([*given, *arguments]) == 2
        assert message in capsys.readouterr().err
