"""The state of the code that a measurement was made with."""

from __future__ import annotations

import subprocess
from functools import cache
from pathlib import Path

from karel_gym import __version__

CODE = ("*.py", "*.yml", "*.safetensors")


@cache
def commit_name() -> str:
    """The short hash of the checkout's commit, with a + if the code was changed since.

    Outside of a git checkout, the version of the package.
    """
    if not _git("ls-files", "__init__.py"):  # a checkout of something else, or none
        return __version__
    changed = "+" if _git("status", "--porcelain", "--", *(f":/{name}" for name in CODE)) else ""
    return _git("rev-parse", "--short", "HEAD") + changed


def _git(*arguments: str) -> str:
    """What git says in this file's folder; nothing where it fails."""
    command = ["git", "--no-optional-locks", *arguments]
    try:
        done = subprocess.run(command, cwd=Path(__file__).parent, capture_output=True, text=True)
    except OSError:
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""
