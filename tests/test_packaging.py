"""The wheel and the sdist: what is in them, and that the wheel works in an empty environment."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

import karel_gym
from karel_gym.packages import ROOMS
from karel_gym.registration import TASKS

ROOT = Path(__file__).resolve().parents[1]
SOURCES = ("docs", "tests", ".ci", *ROOMS)
NOT_IN_WHEEL = ("benchmarks/results/",)  # rows behind the docs' tables

USE = """\
import karel_gym, gymnasium
from programmatic import execute
from programmatic.leaps import ProgramVAE
from programmatic.references import reference_program
from programmatic.search.run_settings import config_of
from agents.drl.hyperparameters import read_hyperparameters
from benchmarks.statistics.published import published_returns

worlds = karel_gym.sample_worlds("Karel-Maze-v0", 10)
program = reference_program("Karel-Maze-v0")
assert execute([program], worlds, "Karel-Maze-v0").returns.mean() == 1
assert ProgramVAE.load("default").latent_dim == 256
assert config_of("cem", "Karel-Maze-v0", {}) != config_of("cem", "Karel-DoorKey-v0", {})
assert read_hyperparameters("ppo", "Karel-Maze-v0")
assert len(published_returns())
"""


def run(*command: str | Path, cwd: Path) -> str:
    done = subprocess.run(
        [str(part) for part in command], cwd=cwd, capture_output=True, text=True, timeout=1800
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def data_files(root: Path) -> set[str]:
    """What lies in the packages beside Python code."""
    files = (path for room in ROOMS for path in (root / room).rglob("*") if path.is_file())
    skipped = (".py", ".pyc")
    return {str(p.relative_to(root)) for p in files if p.suffix not in skipped}


@pytest.fixture(scope="module")
def sources(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the sources, as a fresh clone has them."""
    folder = tmp_path_factory.mktemp("sources") / "karel-gym"
    ignored = shutil.ignore_patterns("__pycache__", "*.egg-info")
    folder.mkdir()
    for name in SOURCES:
        shutil.copytree(ROOT / name, folder / name, ignore=ignored)
    for path in ROOT.iterdir():
        if path.is_file():
            shutil.copy(path, folder)
    return folder


@pytest.fixture(scope="module")
def built(sources: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The sdist, and the wheel that was built from it."""
    out = tmp_path_factory.mktemp("dist")
    run(sys.executable, "-m", "build", "--outdir", out, sources, cwd=out)
    (sdist,), (wheel,) = out.glob("*.tar.gz"), out.glob("*.whl")
    return sdist, wheel


@pytest.mark.long
def test_the_wheel_has_the_packages_and_all_of_their_data(
    sources: Path, built: tuple[Path, Path]
) -> None:
    _, wheel = built
    names = set(zipfile.ZipFile(wheel).namelist())
    assert wheel.name.startswith(f"karel_gym-{karel_gym.__version__}-py3-")
    wanted = {name for name in data_files(sources) if not name.startswith(NOT_IN_WHEEL)}
    assert len(wanted) > 30
    assert wanted <= names
    modules = {
        str(p.relative_to(sources)) for room in ROOMS for p in (sources / room).rglob("*.py")
    }
    assert modules <= names
    assert not [name for name in names if name.startswith(("tests/", "docs/", *NOT_IN_WHEEL))]


@pytest.mark.long
def test_the_sdist_has_all_that_the_tests_need(sources: Path, built: tuple[Path, Path]) -> None:
    sdist, _ = built
    with tarfile.open(sdist) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    kept = {str(p.relative_to(sources)) for p in sources.rglob("*") if p.is_file()}
    assert len(kept) > 300
    assert kept - names <= {".gitignore"}


@pytest.mark.long
def test_the_wheel_works_in_an_empty_environment(built: tuple[Path, Path], tmp_path: Path) -> None:
    _, wheel = built
    run(sys.executable, "-m", "venv", tmp_path / "venv", cwd=tmp_path)
    binaries = tmp_path / "venv" / ("Scripts" if sys.platform == "win32" else "bin")
    constraints = ["-c", ROOT / "constraints.txt"] if sys.version_info[:2] == (3, 11) else []
    run(binaries / "python", "-m", "pip", "install", "--quiet", *constraints, wheel, cwd=tmp_path)
    listing = run(binaries / "karel-gym", "tasks", cwd=tmp_path)
    assert all(env_id in listing for env_id in TASKS)
    run(binaries / "python", "-c", USE, cwd=tmp_path)
