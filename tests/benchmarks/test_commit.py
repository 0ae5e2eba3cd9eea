"""A measurement knows the code that it was made with."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from karel_gym import __version__

ROOT = Path(__file__).parents[2]
SAY = "from benchmarks.commit import commit_name; print(commit_name())"
needs_git = pytest.mark.skipif(shutil.which("git") is None, reason="needs git")


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A copy of what `commit_name` needs."""
    (tmp_path / "karel_gym").mkdir()
    (tmp_path / "karel_gym/__init__.py").write_text(f'__version__ = "{__version__}"\n')
    (tmp_path / "benchmarks").mkdir()
    for name in ("__init__.py", "commit.py"):
        shutil.copy(ROOT / "benchmarks" / name, tmp_path / "benchmarks")
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
    (copy / "benchmarks/new.py").write_text("")
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
