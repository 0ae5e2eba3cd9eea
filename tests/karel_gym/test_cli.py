"""The console script: help, output, one-line errors."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from karel_gym.cli import COMMANDS, EXTRAS, main
from karel_gym.registration import TASKS
from programmatic.examples import CARTPOLE_CONSTRAINTS, program_file

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


HELP = """
import contextlib, sys
from karel_gym.cli import main
with contextlib.suppress(SystemExit):
    main([sys.argv[1], "--help"])
assert main([sys.argv[1], "--wrong"]) == 2
for name in ("torch", "stable_baselines3", "numba", "pandas"):
    assert name not in sys.modules, name
"""


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_help_and_errors_import_nothing_slow(name: str) -> None:
    done = subprocess.run([sys.executable, "-c", HELP, name], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert f"usage: karel-gym {name}" in done.stdout
    (error,) = done.stderr.splitlines()
    assert error.startswith("karel-gym: ")
    assert error.endswith(f" (see karel-gym {name} --help)")


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


def test_tasks_of_a_module_in_the_working_directory(tmp_path: Path) -> None:
    text = "import karel_gym\nkarel_gym.register('Karel-Own-v0', 'karel_gym.tasks.maze:V0')\n"
    (tmp_path / "own_tasks.py").write_text(text)
    # As the console script is started: without the working directory in sys.path.
    start = "import sys; sys.path.pop(0); from karel_gym.cli import main; sys.exit(main())"
    done = subprocess.run(
        [sys.executable, "-c", start, "tasks", "own_tasks:Karel-Own-v0"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parents[2])},
        capture_output=True,
        text=True,
    )
    assert done.stderr == ""
    assert done.stdout.startswith("own_tasks:Karel-Own-v0\n\nMaze: ")


def test_run_prints_the_program_and_its_return(capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["run", WALK, "--env", "Karel-Maze-v0", "--worlds", "10", "--trace", "2"]
    assert main(arguments) == 0
    out = capsys.readouterr().out
    assert "    WHILE c( frontIsClear c) w(" in out
    assert "mean return" in out
    assert "world 2:" in out


def test_evaluate_writes_the_table(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["evaluate", f"walker={WALK}", "random", "--env", "Karel-Maze-v0"]
    arguments += ["--episodes", "10", "--run", str(tmp_path / "out")]
    arguments += ["--render", str(tmp_path / "a.gif")]
    assert main([*arguments, "--render-worlds", "1"]) == 0
    assert "95 % CI" in capsys.readouterr().out
    table = pd.read_csv(tmp_path / "out" / "table.csv")
    assert table["policy"].tolist() == ["walker", "random"]
    assert json.loads((tmp_path / "out" / "table.json").read_text())[1]["policy"] == "random"
    assert len(pd.read_csv(tmp_path / "out" / "episodes.csv")) == 20
    assert json.loads((tmp_path / "out" / "config.json").read_text())["env_id"] == "Karel-Maze-v0"
    assert (tmp_path / "a.gif").exists()


def test_evaluating_again_takes_no_results_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    evaluate = ["evaluate", WALK, "--env", "karel_gym:Karel-Maze-v0", "--episodes", "2"]
    for _ in range(2):
        assert main(evaluate) == 0
    assert sorted(path.name for path in Path("runs").iterdir()) == [
        "evaluate-Karel-Maze-v0-8x8-0",
        "evaluate-Karel-Maze-v0-8x8-0-2",
    ]
    out = ["--run", "runs/evaluate-Karel-Maze-v0-8x8-0", "--seed", "1"]
    assert main([*evaluate, *out]) == 2
    assert "holds a run already" in capsys.readouterr().err
    assert main([*evaluate, *out, "--overwrite"]) == 0
    assert json.loads(Path(out[1], "config.json").read_text())["seed"] == 1


@pytest.mark.parametrize("place", [["--run", "file/run"], ["--render", "file/a.gif"], []])
def test_evaluate_refuses_a_place_before_it_evaluates(
    place: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("file" if place else "runs").touch()
    assert main(["evaluate", WALK, "--env", "Karel-Maze-v0", "--episodes", "2", *place]) == 2
    written = capsys.readouterr()
    assert "is not a directory" in written.err
    assert written.out == ""


GOOD, RULES = str(program_file("near_optimal")), str(CARTPOLE_CONSTRAINTS)


@pytest.mark.parametrize(
    "command",
    [
        "train ppo --env Karel-Maze-v0 --run OUT",
        "tune ppo --env Karel-Maze-v0 --run OUT",
        "search hc --env Karel-Maze-v0 --run OUT",
        "pretrain --data DATA --run OUT",
        f"morl --program {GOOD} --run OUT",
        "evaluate random --env Karel-Maze-v0 --run OUT",
        "evaluate random --env Karel-Maze-v0 --render OUT.gif",
        f"imitate {GOOD} --run OUT",
        "optimise POLICY --run OUT",
        "synthesise POLICY --out OUT.tree",
        f"repair {GOOD} --constraints {RULES} --out OUT.tree",
        f"repair {GOOD} --constraints {RULES} --out new.tree --picture OUT.png",
        "dataset --out OUT.h5",
        "report random --env Karel-Maze-v0 --out OUT.html",
        "benchmark throughput --run OUT",
    ],
)
def test_no_command_replaces_what_is_there(
    command: str,
    tmp_path: Path,
    policy: Path,
    dataset: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    for suffix in (".gif", ".tree", ".png", ".h5", ".html"):
        Path(f"OUT{suffix}").write_text("mine")
    Path("OUT").mkdir()
    Path("OUT", "config.json").write_text('{"command": "mine"}')
    before = {path: path.read_text() for path in tmp_path.rglob("*") if path.is_file()}
    places = {"POLICY": str(policy), "DATA": str(dataset)}
    assert main([places.get(word, word) for word in command.split()]) == 2
    captured = capsys.readouterr()
    assert re.search("--overwrite|another folder with --run", captured.err)
    assert len(captured.err.strip().splitlines()) == 1
    assert before == {path: path.read_text() for path in tmp_path.rglob("*") if path.is_file()}


@pytest.fixture(scope="module")
def policy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a policy of CartPole."""
    from agents.morl.models import new_model, save_policy
    from karel_gym.envs.sb3 import make_sb3_vec_env

    folder = tmp_path_factory.mktemp("policy")
    save_policy(new_model("ppo", make_sb3_vec_env("CartPole-MORL-v0", 2, 0), 0), folder)
    return folder


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small data set of programs."""
    from programmatic.leaps.data.generation import generate
    from programmatic.leaps.settings import DatasetConfig

    file = tmp_path_factory.mktemp("dataset") / "tiny.h5"
    generate(DatasetConfig(programs=30, demonstrations=2)).save(file)
    return file


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["foo"], "no command 'foo'"),
        (["tasks", "Chess"], "'Chess' is no Karel task; karel-gym tasks lists"),
        (["run", "DEF run m( mvoe m)", "--env", "Karel-Maze-v0"], "token 3.*did you mean 'move'"),
        (["tasks", "no_module:Karel-X-v0"], "cannot be imported"),
        (["tasks", "Snaek"], "did you mean Karel-Snake-v0"),
        (["play", "--env", "Maze"], "no env 'Maze'; did you mean Karel-Maze-v0 or Karel-Maze-v1"),
        (["play", "--env", "Karel-Snake-v7"], "did you mean Karel-Snake-v0"),
        (["run", WALK, "--env", "Karel-Mze-v0"], "is no Karel task; did you mean Karel-Maze-v0"),
        (["evaluate", WALK, "--env", "maze"], "did you mean Karel-Maze-v0 or Karel-Maze-v1"),
        (["evaluate", WALK, "--env", "Karel-Maze-v0", "--render", "a.avi"], "end in .gif or"),
        (["report", WALK, "--env", "Karel-Maze-v0", "--out", "a.pdf"], "must end in .html"),
        (["run", WALK, "--env", "Karel-Maze-v0", "--height", "2"], "4 to 1000 rows"),
        (["run", WALK, "--env", "Karel-Maze-v0", "--trace", "100"], "0 to 99"),
        (["run", "nowhere.karel", "--env", "Karel-Maze-v0"], "neither a program .* nor a file"),
        (["evaluate", "--env", "Karel-Maze-v0"], "at least one policy"),
        (["evaluate", "nowhere", "--env", "Karel-Maze-v0"], "nor a run folder"),
        (["evaluate", WALK, "--env", "no_module:Karel-X-v0"], "cannot be imported"),
        (["train", "ppo"], "name the task with --env"),
        (["train", "--resume", "nowhere"], "nowhere"),
        (["train", "dqn", "--resume", "x", "--seed", "1"], "leave out ALGO, --seed"),
        (["tune", "--resume", "x", "--run", "y", "--overwrite"], "leave out --run, --overwrite"),
        (["tune", "--env", "Karel-Maze-v0", "--steps", "1.5"], "whole number such as 50000 or 1e6"),
        (["train", "--env", "Karel-Maze-v0", "--hyperparameters", "x"], "of the form NAME=VALUE"),
        (["run", WALK], r"Missing from karel-gym run: --env STR .* \(see karel-gym run --help\)"),
        (["run", WALK, "--env"], "Missing value for argument '--env'"),
        (["run", WALK, "--env", "Karel-Maze-v0", "--sed", "3"], "--sed, 3; .*: --seed INT Seed"),
        (["play", "--env", "Karel-Maze-v0", "--seed", "x"], "parsing --seed: invalid literal"),
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


@pytest.mark.parametrize(
    "command",
    [
        "train ppo --env WRONG",
        "tune ppo --env WRONG",
        "search hc --env WRONG",
        "search cem --env WRONG",
        "morl --env WRONG",
        f"verify {GOOD} --constraints {RULES} --env WRONG",
        f"repair {GOOD} --constraints {RULES} --env WRONG",
        f"imitate {GOOD} --env WRONG",
        "optimise POLICY --env WRONG",
        "synthesise POLICY --env WRONG",
        "report random --env WRONG",
    ],
)
def test_a_wrong_id_is_answered_with_ids_like_it(
    command: str,
    tmp_path: Path,
    policy: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    words = {"WRONG": "Karel-Harvster-v0", "POLICY": str(policy)}
    assert main([words.get(word, word) for word in command.split()]) == 2
    (line,) = capsys.readouterr().err.strip().splitlines()
    assert "did you mean Karel-Harvester-v0" in line
    assert not list(tmp_path.iterdir())


def test_play_without_a_display_says_so(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.platform", "linux")
    for name in ("SDL_VIDEODRIVER", "DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    assert main(["play", "--env", "Karel-Maze-v0"]) == 2
    assert "there is no display to open a window on" in capsys.readouterr().err


@pytest.mark.parametrize("package", EXTRAS)
def test_a_missing_extra_is_named(
    package: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def needs_it(module: str) -> None:
        raise ModuleNotFoundError(f"No module named {package!r}", name=package)

    monkeypatch.setattr("karel_gym.cli.console.importlib.import_module", needs_it)
    assert main(["morl"]) == 2
    assert f"pip install 'karel-gym[{EXTRAS[package]}]'" in capsys.readouterr().err
