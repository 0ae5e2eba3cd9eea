"""RL Baselines3 Zoo trains with the hyperparameters as they are in their files."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from agents.hyperparameters import FOLDER
from programmatic.algorithms import ALGORITHMS

pytest.importorskip("rl_zoo3", reason="rl_zoo3 is not installed")


@pytest.mark.parametrize("algo", sorted(set(ALGORITHMS) - {"maskable_ppo"}))
def test_the_zoo_trains_with_a_file(algo: str, tmp_path: Path) -> None:
    arguments = ["--algo", algo, "--env", "Karel-Maze-v0", "--gym-packages", "karel_gym"]
    arguments += ["--conf-file", str(FOLDER / f"{algo}.yml"), "--n-timesteps", "512"]
    arguments += ["--eval-freq", "-1", "--log-folder", str(tmp_path), "--seed", "0"]
    done = subprocess.run(
        [sys.executable, "-m", "rl_zoo3.train", *arguments],
        cwd=tmp_path,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert list(tmp_path.rglob("Karel-Maze-v0.zip"))
