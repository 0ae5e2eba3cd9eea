"""A run knows the code, the machine and the command that it was made with."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from karel_gym import __version__
from karel_gym.cli import main
from karel_gym.cli.command_line import LONGEST, called_with, command_line
from programmatic.provenance import PROVENANCE, machine_name, provenance
from programmatic.runs import (
    CONFIG_FILE,
    begin_run,
    go_on_with_run,
    read_config,
    versions,
    write_json,
)
from programmatic.search import search

ROOT = Path(__file__).parents[2]
SAY = "from programmatic.provenance import commit_name; print(commit_name())"
needs_git = pytest.mark.skipif(shutil.which("git") is None, reason="needs git")


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A copy of what `commit_name` needs."""
    (tmp_path / "karel_gym/cli").mkdir(parents=True)
    (tmp_path / "karel_gym/__init__.py").write_text(f'__version__ = "{__version__}"\n')
    (tmp_path / "programmatic").mkdir()
    (tmp_path / "programmatic/__init__.py").touch()
    for name in ("karel_gym/cli/command_line.py", "programmatic/provenance.py"):
        shutil.copy(ROOT / name, tmp_path / name)
    return tmp_path


def git(folder: Path, *arguments: str) -> str:
    identity = ["-c", "user.name=A", "-c", "user.email=a@b.c"]
    command = ["git", *identity, *arguments]
    return subprocess.run(
        command, cwd=folder, check=True, capture_output=True, text=True
    ).stdout.strip()


def said(folder: Path) -> str:
    command = [sys.executable, "-c", SAY]
    return subprocess.run(
        command, cwd=folder, check=True, capture_output=True, text=True
    ).stdout.strip()


@needs_git
def test_a_checkout_has_a_commit_and_says_whether_the_code_was_changed(copy: Path) -> None:
    git(copy, "init", "-q")
    git(copy, "add", ".")
    git(copy, "commit", "-q", "-m", "x")
    hash_ = git(copy, "rev-parse", "--short", "HEAD")
    assert said(copy) == hash_
    (copy / "results.csv").write_text("a\n")  # no code
    assert said(copy) == hash_
    (copy / "programmatic/new.py").write_text("")
    assert said(copy) == f"{hash_}+"


@needs_git
def test_in_a_checkout_of_something_else_it_is_the_version(copy: Path) -> None:
    git(copy, "init", "-q")
    (copy / "mine.py").write_text("")
    git(copy, "add", "mine.py")
    git(copy, "commit", "-q", "-m", "x")
    assert said(copy) == __version__


def test_without_a_checkout_it_is_the_version(copy: Path) -> None:
    assert said(copy) == __version__


def test_the_machine_is_named() -> None:
    assert "cores" in machine_name()


def test_git_is_asked_once(monkeypatch: pytest.MonkeyPatch) -> None:
    first = provenance()
    monkeypatch.setattr(subprocess, "run", None)  # nothing else can be started
    assert provenance() == first


def test_every_run_folder_tells_where_it_comes_from(tmp_path: Path) -> None:
    begin_run(tmp_path, {"a": 1})
    config = read_config(tmp_path)
    assert list(config) == ["a", "versions", *PROVENANCE]
    assert {name: config[name] for name in PROVENANCE} == provenance()
    assert config["command_line"] is None


def test_a_run_that_goes_on_comes_from_where_it_was_begun(tmp_path: Path) -> None:
    begin_run(tmp_path, {"a": 1})
    begun = read_config(tmp_path)
    with called_with(["train", "--resume", "run"]):
        go_on_with_run(tmp_path, {"a": 2})
    assert read_config(tmp_path) == begun | {"a": 2}
    write_json(tmp_path / CONFIG_FILE, {"a": 1})  # a run without provenance
    go_on_with_run(tmp_path, {"a": 2})
    assert read_config(tmp_path) == {"a": 2, "versions": versions()}


def test_a_search_has_its_command_line_and_can_be_gone_on_with(tmp_path: Path) -> None:
    run = tmp_path / "a folder"
    arguments = ["search", "random", "--env", "Karel-Maze-v0", "--run", str(run), "--worlds", "2"]
    assert main([*arguments, "--options", "n_programs=20"]) == 0
    config = read_config(run)
    expected = "karel-gym search random --env Karel-Maze-v0 --run "
    assert config["command_line"] == f"{expected}'{run}' --worlds 2 --options n_programs=20"
    assert command_line() is None
    (run / "result.json").unlink()
    options = {"run_dir": run, "resume": True, "n_programs": 20, "n_worlds": 2}
    assert search("random", "Karel-Maze-v0", **options).evaluations == 20
    assert read_config(run) == config


def test_processes_that_a_command_starts_know_it_too() -> None:
    code = "from karel_gym.cli.command_line import command_line; print(command_line())"
    with called_with(["report", "a b"]), called_with(["report", "it's"]):
        command = [sys.executable, "-c", code]
        done = subprocess.run(command, check=True, capture_output=True, text=True)
        assert done.stdout.strip() == command_line() == "karel-gym report 'it'\"'\"'s'"


def test_a_line_that_would_keep_processes_from_starting_is_not_told() -> None:
    with called_with(["report", "x" * LONGEST]):
        assert command_line() is None
        subprocess.run([sys.executable, "-c", ""], check=True)
