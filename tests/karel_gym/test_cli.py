"""The console script: help, output, one-line errors."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pandas as pd
import pytest

from karel_gym.cli import COMMANDS, EXTRAS, main
from karel_gym.registration import TASKS

WALK = "DEF run m( WHILE c( frontIsClear c) w( move w) m)"


def test_without_a_command_it_lists_the_commands(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == main(["--help"]) == 0
    out = capsys.readouterr().out
    assert all(f"\n  {name} " in out for name in COMMANDS)


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as exit_:
        main([name, "--help"])
    assert exit_.value.code == 0
    assert f"usage: karel-gym {name}" in capsys.readouterr().out


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == 0
    assert capsys.readouterr().out.startswith("karel-gym 0.")


def test_tasks_lists_the_suite_and_describes_one(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["tasks"]) == 0
    listing = capsys.readouterr().out
    assert all(env_id in listing for env_id in TASKS)
    assert main(["tasks", "Maze"]) == 0
    assert capsys.readouterr().out.startswith("Karel-Maze-v0, Karel-Maze-v1\n\nMaze: ")


@pytest.mark.parametrize("env_id", TASKS)
def test_every_task_is_described_under_the_same_headings(
    env_id: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["tasks", env_id]) == 0
    _, title, *lines = filter(None, capsys.readouterr().out.splitlines())
    assert title.startswith(f"{env_id.split('-')[1]}: ")
    assert [line for line in lines if not line.startswith("    ")] == [
        "What the robot must do",
        "Start worlds",
        "Reward",
        "Termination",
        "Definition",
        "Reference program",
    ]


def test_run_prints_the_program_and_its_return(capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["run", WALK, "--env", "Karel-Maze-v0", "--worlds", "10", "--trace", "2"]
    assert main(arguments) == 0
    out = capsys.readouterr().out
    assert "    WHILE c( frontIsClear c) w(" in out
    assert "mean return" in out
    assert "world 2:" in out


def test_evaluate_writes_the_table(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["evaluate", WALK, "random", "--env", "Karel-Maze-v0", "--episodes", "10"]
    arguments += ["--out", str(tmp_path / "out"), "--render", str(tmp_path / "a.gif")]
    assert main([*arguments, "--render-worlds", "1"]) == 0
    assert "mean return" in capsys.readouterr().out
    table = pd.read_csv(tmp_path / "out" / "table.csv")
    assert table["policy"].tolist() == ["program", "random"]
    assert json.loads((tmp_path / "out" / "table.json").read_text())[1]["policy"] == "random"
    assert len(pd.read_csv(tmp_path / "out" / "episodes.csv")) == 20
    assert json.loads((tmp_path / "out" / "config.json").read_text())["env_id"] == "Karel-Maze-v0"
    assert (tmp_path / "a.gif").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["foo"], "no command 'foo'"),
        (["tasks", "Chess"], "no task's id contains 'Chess'"),
        (["run", "DEF run m( mvoe m)", "--env", "Karel-Maze-v0"], "token 3.*did you mean 'move'"),
        (["run", WALK, "--env", "Karel-Mze-v0"], "'Karel-Mze-v0' is no Karel task"),
        (["run", WALK, "--env", "Karel-Maze-v0", "--height", "2"], "4 to 1000 rows"),
        (["run", WALK, "--env", "Karel-Maze-v0", "--trace", "100"], "0 to 99"),
        (["run", "nowhere.karel", "--env", "Karel-Maze-v0"], "neither a program .* nor a file"),
        (["evaluate", "--env", "Karel-Maze-v0"], "at least one policy"),
        (["evaluate", "nowhere", "--env", "Karel-Maze-v0"], "nor a run folder"),
        (["evaluate", WALK, "--env", "no_module:Karel-X-v0"], "cannot be imported"),
        (["train", "ppo"], "name the task with --env"),
        (["train", "--resume", "nowhere"], "nowhere"),
    ],
)
def test_errors_are_one_line(
    arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == 2
    captured = capsys.readouterr()
    lines = captured.err.strip().splitlines()
    assert len(lines) == 1
    assert lines[0].startswith("karel-gym: ")
    assert re.search(message, lines[0])


@pytest.mark.parametrize("package", EXTRAS)
def test_a_missing_extra_is_named(
    package: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def needs_it(module: str) -> None:
        raise ModuleNotFoundError(f"No module named {package!r}", name=package)

    monkeypatch.setattr("karel_gym.cli.importlib.import_module", needs_it)
    assert main(["morl"]) == 2
    assert f"pip install 'karel-gym[{EXTRAS[package]}]'" in capsys.readouterr().err
