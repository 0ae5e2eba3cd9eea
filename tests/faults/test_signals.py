"""Commands that signals end at random moments, and that go on as if nothing had happened."""

from __future__ import annotations

import json
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml

from agents import load
from karel_gym.cli import main
from programmatic.leaps.data.dataset import DTYPES, ProgramDataset

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="there are no such signals")

START = "import sys\nfrom karel_gym.cli import main\nprint('begun', flush=True)\nsys.exit(main())"
TIMES = ("seconds", "commit", "machine", "versions", "command_line", "begun", "ended")
HARVESTER = "Karel-Harvester-v0"


def timeless(value: Any) -> Any:
    """JSON values without what depends on when and how they were made."""
    if isinstance(value, dict):
        return {name: timeless(v) for name, v in value.items() if name not in TIMES}
    return [timeless(v) for v in value] if isinstance(value, list) else value


def of_search(folder: Path) -> Any:
    return timeless(json.loads((folder / "run" / "result.json").read_text()))


def of_dataset(folder: Path) -> Any:
    dataset = ProgramDataset.load(folder / "data.h5")
    return {name: getattr(dataset, name).tobytes() for name in DTYPES}


def of_training(folder: Path) -> Any:
    """A training that went on ends with other weights: only its extent is the same."""
    steps = pd.read_csv(folder / "run" / "evaluations.csv")["timesteps"]
    assert steps.is_monotonic_increasing
    assert steps.is_unique
    return load(folder / "run" / "final.zip").num_timesteps


def of_pretraining(folder: Path) -> Any:
    about = timeless(json.loads((folder / "run" / "best.json").read_text()))
    return about["epoch"], about["valid"], about["test"]


def of_study(folder: Path) -> Any:
    return yaml.safe_load((folder / "run" / "best.yml").read_text())


def of_loop(folder: Path) -> Any:
    return timeless(json.loads((folder / "run" / "result.json").read_text()))


def of_benchmark(folder: Path) -> Any:
    rows = pd.read_csv(folder / "run" / "runs.csv")
    return rows[[name for name in rows if "second" not in name]].to_csv()


def of_report(folder: Path) -> Any:
    return (folder / "report.html").read_text()


@dataclass(frozen=True)
class Work:
    """A command that takes some seconds.

    Args:
        command: It, with {out} for its folder.
        goes_on: What goes on with it; None: the same command.
        result: What must come of it, interrupted or not.
        begins_with: A command whose results it takes.
    """

    command: str
    goes_on: str | None
    result: Callable[[Path], Any]
    begins_with: str | None = None

    def arguments(self, folder: Path) -> list[str]:
        """The command line that begins or goes on with the work in `folder`."""
        begun = (folder / "run" / "config.json").exists()
        chosen = self.goes_on if self.goes_on and begun else self.command
        return [word.format(out=folder) for word in chosen.split()]


WORKS = {
    "search": Work(
        "search hc --env Karel-DoorKey-v0 --budget 100000 --options save_interval=1 "
        "--run {out}/run",
        "search --resume {out}/run",
        of_search,
    ),
    "dataset": Work("dataset --programs 2000 --overwrite --out {out}/data.h5", None, of_dataset),
    "train": Work(
        f"train ppo --env {HARVESTER} --steps 60000 --checkpoint-every 5000 --eval-every 10000 "
        "--run {out}/run",
        "train --resume {out}/run",
        of_training,
    ),
    "pretrain": Work(
        "pretrain --data {out}/small.h5 --epochs 2 --batch-size 64 --valid-programs 20 "
        "--variant p --threads 1 --run {out}/run",
        "pretrain --resume {out}/run",
        of_pretraining,
        "dataset --programs 200 --out {out}/small.h5",
    ),
    "tune": Work(
        f"tune ppo --env {HARVESTER} --trials 3 --steps 5000 --run {{out}}/run",
        f"tune ppo --env {HARVESTER} --trials 3 --steps 5000 --resume --run {{out}}/run",
        of_study,
    ),
    "morl": Work(
        "morl --iterations 1 --episodes 4 --run {out}/run --options num_envs=4 "
        "oracle.max_timesteps=512 oracle.evaluation_interval=512 oracle.evaluation_episodes=4 "
        "viper.iterations=2 viper.rollouts=2 viper.max_depth=2 viper.evaluation_episodes=2 "
        "cloning.epochs=3 cloning.samples=200 optimisation.iterations=1 "
        "optimisation.evaluation_episodes=4",
        "morl --resume {out}/run",
        of_loop,
    ),
    "benchmark": Work(
        "benchmark budgets --methods random cem --tasks Harvester --seeds 2 --budget 600 "
        "--run {out}/run",
        "benchmark budgets --methods random cem --tasks Harvester --seeds 2 --budget 600 "
        "--run {out}/run",
        of_benchmark,
    ),
    "report": Work(
        "report search --overwrite --out report.html",
        None,
        of_report,
        f"search random --env {HARVESTER} --budget 200 --run {{out}}/search",
    ),
}
"""By command; each takes a few seconds beside its start."""
STATUS = {
    signal.SIGINT: (130, -signal.SIGINT),
    signal.SIGTERM: (143, -signal.SIGTERM),
    signal.SIGKILL: (-signal.SIGKILL,),
}
"""What a process ends with: of itself, or by the signal where its work was over."""


def run(work: Work, folder: Path, stop: signal.Signals | None = None, after: float = 0.0) -> float:
    """Run a command, and end it by a signal; check how it ends. Returns its seconds."""
    command = [sys.executable, "-c", START, *work.arguments(folder)]
    with subprocess.Popen(command, stdout=-1, stderr=-1, text=True, cwd=folder) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "begun\n"
        begin = time.perf_counter()
        try:
            _, errors = process.communicate(timeout=after if stop else 600)
        except subprocess.TimeoutExpired:
            assert stop is not None
            process.send_signal(stop)
            _, errors = process.communicate(timeout=60)
        seconds = time.perf_counter() - begin
    expected = (0,) if stop is None else (0, *STATUS[stop])
    assert process.returncode in expected, (command, after, errors)
    assert not re.search("Traceback|Exception ignored|Error:", errors), (command, after, errors)
    return seconds


def check(name: str, tmp_path: Path, stops: list[signal.Signals], seed: int) -> None:
    """Compare what a command leaves that was ended by one signal after the other."""
    work = WORKS[name]
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    whole.mkdir()
    if work.begins_with is not None:
        assert main([word.format(out=whole) for word in work.begins_with.split()]) == 0
    shutil.copytree(whole, parts)
    seconds = run(work, whole)
    for stop, moment in zip(stops, np.random.default_rng(seed).random(len(stops)), strict=True):
        run(work, parts, stop, seconds * moment)
    run(work, parts)
    assert work.result(parts) == work.result(whole)


def test_a_command_survives_a_signal(tmp_path: Path) -> None:
    check("search", tmp_path, [signal.SIGTERM, signal.SIGINT], 1)


@pytest.mark.long
@pytest.mark.parametrize("name", WORKS)
@pytest.mark.parametrize("stop", STATUS)
def test_a_command_survives_ten_signals(name: str, stop: signal.Signals, tmp_path: Path) -> None:
    check(name, tmp_path, [stop] * 10, int(stop))
