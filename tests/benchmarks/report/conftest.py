"""Small run folders that reports are made of."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from agents import train
from benchmarks.report.settings import Settings
from benchmarks.report.writing import write_report
from programmatic.search import search

MAZE, DOORKEY, SNAKE = "Karel-Maze-v0", "Karel-DoorKey-v0", "Karel-Snake-v0"
QUICK = Settings(episodes=4, worlds=2, max_frames=40)
MakeReport = Callable[..., str]


@pytest.fixture(scope="session")
def training(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The run folder of a short training in the maze, from percepts and the last action."""
    run = tmp_path_factory.mktemp("training") / "ppo-3"
    small = {"num_envs": 2, "n_steps": 8, "batch_size": 16, "eval_episodes": 2}
    settings = {"seed": 3, "max_steps": 20, "total_timesteps": 64, "eval_every": 16}
    train("ppo", MAZE, obs="percepts+action", run_dir=run, **settings, **small)
    return run


@pytest.fixture(scope="session")
def searches(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the run folders of two searches in the maze, of the seeds 0 and 1."""
    folder = tmp_path_factory.mktemp("searches")
    for seed in range(2):
        run = folder / f"random-{seed}"
        search("random", MAZE, seed=seed, n_programs=60, n_worlds=4, run_dir=run)
    return folder


@pytest.fixture
def make_report(tmp_path: Path) -> MakeReport:
    """Makes a report and gives its text."""

    def make(*runs: object, env_id: str | None = MAZE, **options: Any) -> str:
        out = tmp_path / "report.html"
        options = {"settings": QUICK, "date": "2026-01-02"} | options
        write_report([str(run) for run in runs], out, env_id, **options)
        return out.read_text()

    return make


def write_results(folder: Path, rows: list[dict[str, Any]]) -> None:
    """Write the results.csv of a benchmark; what a row lacks is filled in."""
    import pandas as pd

    usual = {"algo": "hc", "env_id": MAZE, "seed": 0, "worlds": "own", "return": 0.5}
    usual |= {"frames": "", "evaluations": 1000, "seconds": 1.5, "commit": "abc1234"}
    usual |= {"machine": "a processor, 2 cores", "run": ""}
    folder.mkdir(parents=True, exist_ok=True)
    pd.DataFrame([usual | row for row in rows]).to_csv(folder / "results.csv", index=False)
    (folder / "config.json").write_text(json.dumps({"command": "benchmark returns"}))
