"""Provenance of results: commit, machine and command line."""

from __future__ import annotations

import os
import platform
import subprocess
from functools import cache
from pathlib import Path

from karel_gym import __version__
from karel_gym.cli.command_line import command_line

CODE = ("*.py", "*.yml", "*.safetensors")
PROVENANCE = ("commit", "machine", "command_line")
"""The entries of config.json that are provenance; they may differ when a run is resumed."""


def provenance() -> dict[str, str | None]:
    """The `PROVENANCE` of this process; the command line is None in Python scripts."""
    return {**code_and_machine(), "command_line": command_line()}


def code_and_machine() -> dict[str, str]:
    """The `commit` and the `machine` of this process."""
    return {"commit": commit_name(), "machine": machine_name()}


@cache
def commit_name() -> str:
    """The short git hash, with a + if the code has changed; outside our checkout, the version."""
    if not _git("ls-files", "__init__.py"):
        return __version__
    changed = "+" if _git("status", "--porcelain", "--", *(f":/{name}" for name in CODE)) else ""
    return _git("rev-parse", "--short", "HEAD") + changed


@cache
def machine_name() -> str:
    """The processor's name and its number of usable cores."""
    processor = platform.processor() or platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        for line in cpuinfo.read_text().splitlines():
            if line.startswith("model name"):
                processor = line.partition(":")[2].strip()
                break
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return f"{processor}, {cores} cores, {platform.system()}"


def _git(*arguments: str) -> str:
    """The output of git in this file's folder; empty if it fails."""
    command = ["git", "--no-optional-locks", *arguments]
    try:
        done = subprocess.run(command, cwd=Path(__file__).parent, capture_output=True, text=True)
    except OSError:
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""
