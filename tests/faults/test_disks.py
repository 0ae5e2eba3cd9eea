"""Full disks, folders that cannot be written, and bare environments: a line of error, or work."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file

from programmatic.leaps.data.dataset import ProgramDataset
from programmatic.leaps.data.generation import generate
from programmatic.leaps.settings import DatasetConfig

START = "import sys\nfrom karel_gym.cli import main\nsys.exit(main())"
FULL = "import resource\nresource.setrlimit(resource.RLIMIT_FSIZE, ({0}, {0}))\n"
"""Longer files cannot be written: to a program, the same as a full disk."""
DATASET = "dataset --programs 200 --demonstrations 4 --seed 1 --out data.h5"
TRAIN = (
    "train ppo --env Karel-Maze-v0 --steps 200 --run run --num-envs 2 --checkpoint-every 32 "
    "--hyperparameters n_steps=8 batch_size=16"
)
COMMANDS = {
    "dataset": DATASET,
    "train": TRAIN,
    "search": "search cem --env Karel-Maze-v0 --budget 200 --run run",
    "evaluate": "evaluate random --env Karel-Maze-v0 --episodes 2000 --run run",
    "report": "report random --env Karel-Maze-v0 --out report.html",
}


def run(
    command: str, folder: Path, first: str = "", **variables: str | None
) -> subprocess.CompletedProcess[str]:
    env: dict[str, str] = {**os.environ}
    for name, value in variables.items():
        env.pop(name, None)
        if value is not None:
            env[name] = value
    words = [sys.executable, "-c", first + START, *command.split()]
    path = os.pathsep.join([str(Path(__file__).parents[2]), env.get("PYTHONPATH", "")])
    env["PYTHONPATH"] = path
    return subprocess.run(words, cwd=folder, env=env, capture_output=True, text=True)


def check_error(done: subprocess.CompletedProcess[str], *texts: str) -> None:
    """A command has ended with one line of error, which has one of the texts."""
    lines = [line for line in done.stderr.splitlines() if "Warning" not in line and line[:1] != " "]
    assert done.returncode == 2, done.stderr
    assert len(lines) == 1, done.stderr
    assert any(text in lines[0] for text in texts), lines


def check_full(name: str, folder: Path, limit: int) -> None:
    pytest.importorskip("resource")
    done = run(COMMANDS[name], folder, FULL.format(limit))
    check_error(done, "File too large", "file too large")
    for file in folder.rglob("*"):
        assert file.suffix not in (".h5", ".html", ".zip"), file
        if file.suffix == ".safetensors":  # small enough to be there as a whole
            load_file(file)


@pytest.mark.long
@pytest.mark.parametrize("limit", [500, 1500, 8000])
@pytest.mark.parametrize("name", COMMANDS)
def test_a_full_disk_is_a_line_of_error(name: str, limit: int, tmp_path: Path) -> None:
    if name == "search" and limit == 8000:
        pytest.skip("none of its files is that long")
    check_full(name, tmp_path, limit)


@pytest.mark.long
@pytest.mark.parametrize("name", COMMANDS)
def test_a_place_that_cannot_be_written_is_a_line_of_error(name: str, tmp_path: Path) -> None:
    command = COMMANDS[name]
    for place in ("data.h5", "run", "report.html"):
        command = command.replace(f" {place}", f" /dev/null/{place}")
    check_error(run(command, tmp_path), "/dev/null", "Not a directory")


@pytest.mark.long
@pytest.mark.parametrize(
    "variables",
    [
        {"HOME": None},
        {"HOME": "/dev/null/no", "XDG_CACHE_HOME": None, "MPLCONFIGDIR": None},
        {"TERM": "dumb"},
        {"TERM": None, "LANG": "C", "LC_ALL": "C", "PYTHONIOENCODING": "ascii"},
        {"COLUMNS": "1"},
    ],
)
@pytest.mark.parametrize("name", ["train", "evaluate", "report"])
def test_a_bare_environment_is_enough(
    name: str, variables: dict[str, str | None], tmp_path: Path
) -> None:
    done = run(COMMANDS[name].replace("2000", "20"), tmp_path, **variables)
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    assert "\x1b" not in done.stdout


def test_what_cannot_be_replaced_stays(tmp_path: Path) -> None:
    pytest.importorskip("resource")
    small = generate(DatasetConfig(20, demonstrations=2))
    small.save(tmp_path / "data.h5")
    check_error(run(f"{DATASET} --overwrite", tmp_path, FULL.format(20_000)), "File too large")
    kept = ProgramDataset.load(tmp_path / "data.h5")
    assert np.array_equal(kept.tokens, small.tokens)
    assert [path.name for path in tmp_path.iterdir()] == ["data.h5"]
