"""RL Baselines3 Zoo trains, evaluates and enjoys with the files of hyperparameters as they are.

The commands are those of docs/other_libraries.md.
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from agents.drl.hyperparameters import FOLDER
from programmatic.algorithms import ALGORITHMS

ROOT = Path(__file__).resolve().parents[3]
PAGE = ROOT / "docs" / "other_libraries.md"
COMMAND = re.compile(r"^python (-m rl_zoo3\.\w+ .*)$", re.MULTILINE)
SHORT = {
    "train": ("--n-timesteps", "2048", "--eval-freq", "1024", "--eval-episodes", "1"),
    "enjoy": ("--n-timesteps", "400", "--no-render"),
}


def run(command: str, folder: Path, *more: str) -> str:
    """Run a command of the page in a folder: what it printed."""
    done = subprocess.run(
        [sys.executable, *shlex.split(command), *more],
        cwd=folder,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.long
@pytest.mark.parametrize("algo", sorted(set(ALGORITHMS) - {"maskable_ppo"}))
def test_the_zoo_trains_evaluates_and_enjoys(algo: str, tmp_path: Path) -> None:
    pytest.importorskip("rl_zoo3", reason="rl_zoo3 is not installed: make test-long does it")
    train, enjoy = (
        command.replace("--algo ppo", f"--algo {algo}").replace(
            "agents/drl/hyperparams/ppo.yml", str(FOLDER / f"{algo}.yml")
        )
        for command in COMMAND.findall(PAGE.read_text(encoding="utf-8").replace("\\\n", " "))
    )
    run(train, tmp_path, *SHORT["train"])
    (evaluations,) = tmp_path.rglob("evaluations.npz")
    with np.load(evaluations) as data:
        assert len(data["results"]) >= 1
    assert "Mean reward" in run(enjoy, tmp_path, *SHORT["enjoy"])
