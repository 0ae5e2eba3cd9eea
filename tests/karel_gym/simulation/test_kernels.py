from __future__ import annotations

import importlib
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numba
import numpy as np
import pytest

import karel_gym
from karel_gym.simulation.devices import CPU
from karel_gym.simulation.episodes import Episodes, generate_worlds, step_episodes
from karel_gym.simulation.kernels import Kernel
from karel_gym.specs import task_named
from karel_gym.tasks.task import Task

HARVESTER, MAZE = "karel_gym.tasks.harvester:V0", "karel_gym.tasks.maze:V0"

SOURCE = """
import numpy as np
from karel_gym.simulation.kernels import inner
from karel_gym.tasks.harvester import V0 as HARVESTER
from karel_gym.tasks.task import Task

BONUS = 3.0
TABLE = np.arange(2000.0)
LIMITS = (1, 2)


@inner
def half(value):
    return value / 2


@inner
def plus(value, more=0.25):
    return value + more


@inner
def reward(cells, width, effect, counters, rng):
    return plus(half(BONUS)) + TABLE[1000] + LIMITS[1], False


V0 = Task("doc", (8, 8), (3, 3), HARVESTER.generate, HARVESTER.begin, reward)
"""
REWARD = 3.0 / 2 + 0.25 + 1000 + 2


def first_reward(task: Task) -> float:
    episodes = Episodes(task, 1)
    episodes.seed(0, 0)
    episodes.reset(np.ones(1, bool))
    rewards, _, _ = episodes.step(np.array([1]))
    return float(rewards[0])


def cache_name(task: Task, kernel: Kernel = step_episodes) -> str:
    """The name under which a kernel's compiled code for a task is kept."""
    name: str = kernel.of(task).compiled.py_func.__qualname__
    return name


@pytest.fixture
def load(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Task]:
    """Write source to a file and import it, as a new process would that finds the same cache."""
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    monkeypatch.setattr(numba.config, "CACHE_DIR", str(tmp_path / "cache"))

    def load_source(source: str, name: str = "rewarding") -> Task:
        for path in tmp_path.glob("*.py"):
            path.unlink()
            monkeypatch.delitem(sys.modules, path.stem, raising=False)
        (tmp_path / f"{name}.py").write_text(source)
        importlib.invalidate_caches()
        task: Task = importlib.import_module(name).V0
        return task

    return load_source


def test_kernels_are_specialised_to_tasks() -> None:
    harvester, maze = task_named(HARVESTER), task_named(MAZE)
    assert cache_name(harvester) != cache_name(maze)
    assert step_episodes.of(harvester) is step_episodes.of(harvester)
    picked = []
    for task in (harvester, maze):
        episodes = Episodes(harvester, 1)
        episodes.seed(0, 0)
        episodes.reset(np.ones(1, bool))
        episodes._step = CPU.kernel(step_episodes, task)
        rewards, _, _ = episodes.step(np.array([3]))
        picked.append(float(rewards[0]))
    assert picked == [pytest.approx(1 / 36), 0]


def test_the_functions_of_a_task_may_create_arrays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = SOURCE.replace("    return value / 2", "    return (np.ones(3) * value).sum() / 6")
    (tmp_path / "allocating.py").write_text(table)
    monkeypatch.syspath_prepend(tmp_path)
    assert first_reward(importlib.import_module("allocating").V0) == REWARD


def test_tasks_that_share_code_share_the_compiled_kernel() -> None:
    maze = task_named(MAZE)
    other = Task(maze.doc, maze.shape, maze.min_shape, maze.generate, maze.begin, maze.reward)
    names = {
        cache_name(task, kernel)
        for kernel in (step_episodes, generate_worlds)
        for task in (maze, other)
    }
    assert len(names) == 2


@pytest.mark.parametrize(
    ("before", "after", "change"),
    [
        ("return plus(half(BONUS))", "return 1 + plus(half(BONUS))", 1.0),
        ("value / 2", "value / 3", -0.5),
        ("BONUS = 3.0", "BONUS = 5.0", 1.0),
        ("np.arange(2000.0)", "np.arange(2000.0) + 7 * (np.arange(2000) == 1000)", 7.0),
        ("LIMITS = (1, 2)", "LIMITS = (1, 4)", 2.0),
        ("more=0.25", "more=0.75", 0.5),
        ("def half(value):\n    return value / 2", "half = inner(lambda value: 3 * value)", 7.5),
        ("value + more", "value - more", -0.5),
    ],
)
def test_changed_code_is_compiled_anew(
    load: Callable[..., Task], before: str, after: str, change: float
) -> None:
    assert SOURCE.count(before) == 1
    changed = SOURCE.replace(before, after)
    if after.startswith("half = "):
        changed = changed.replace("@inner\nhalf", "half")
    old = load(SOURCE)
    name = cache_name(old)
    assert first_reward(old) == pytest.approx(REWARD)
    new = load(changed)
    assert cache_name(new) != name
    assert first_reward(new) == pytest.approx(REWARD + change)


def test_unchanged_code_keeps_its_name(load: Callable[..., Task]) -> None:
    names = {cache_name(load(SOURCE)) for _ in range(2)}
    assert len(names) == 1
    moved = load("# A comment that moves all lines.\n" + SOURCE)
    assert cache_name(moved) in names


def test_a_renamed_module_is_compiled_anew(load: Callable[..., Task]) -> None:
    """Compiled code on disk looks its functions' modules up by name."""
    old = cache_name(load(SOURCE, "rewarding"))
    assert cache_name(load(SOURCE, "rewarding_well")) != old


COUNT_COMPILATIONS = """
from karel_gym import sample_worlds
from karel_gym.simulation.episodes import generate_worlds
from karel_gym.registration import task_of
sample_worlds("Karel-Harvester-v0", 2)
stats = generate_worlds.of(task_of("Karel-Harvester-v0")).compiled.stats
print(sum(stats.cache_hits.values()), sum(stats.cache_misses.values()))
"""


def count_compilations(cache: Path | str, first: str = "", **place: Any) -> tuple[str, str]:
    """Cache hits and misses of a kernel in a new process, and its warnings."""
    done = subprocess.run(
        [sys.executable, "-B", "-c", first + COUNT_COMPILATIONS],
        capture_output=True,
        text=True,
        check=True,
        **{"env": {**os.environ, "NUMBA_CACHE_DIR": str(cache)}} | place,
    )
    return done.stdout.strip(), done.stderr


def test_a_second_process_compiles_nothing(tmp_path: Path) -> None:
    assert [count_compilations(tmp_path) for _ in range(2)] == [("0 1", ""), ("1 0", "")]


def test_without_a_folder_for_the_cache_kernels_compile_and_a_warning_says_so_once(
    tmp_path: Path,
) -> None:
    package = tmp_path / "karel_gym"
    shutil.copytree(
        Path(karel_gym.__file__).parent, package, ignore=shutil.ignore_patterns("__pycache__")
    )
    for folder in (package, *(path for path in package.rglob("*") if path.is_dir())):
        (folder / "__pycache__").touch()  # unlike a mode, a file is in root's way too
    nowhere = dict.fromkeys(("HOME", "XDG_CACHE_HOME", "NUMBA_CACHE_DIR"), "/dev/null/no")
    env = {**os.environ, **nowhere, "PYTHONPATH": str(tmp_path)}
    another = "from karel_gym import sample_worlds\nsample_worlds('Karel-Seeder-v0', 2)\n"
    counts, warnings = count_compilations("", another, cwd=tmp_path, env=env)
    assert counts == "0 1"
    assert "no folder for the cache can be written" in warnings
    assert warnings.count("RuntimeWarning") == 1


def test_a_full_disk_costs_the_cache_only(tmp_path: Path) -> None:
    pytest.importorskip("resource")
    full = "import resource\nresource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))\n"
    counts, warnings = count_compilations(tmp_path, full)
    assert counts == "0 1"
    assert "cannot be written (File too large)" in warnings
    assert warnings.count("RuntimeWarning") == 1


@pytest.mark.parametrize(("suffix", "length"), [(".nbi", 40), (".nbc", 0)])
def test_a_damaged_cache_is_replaced(tmp_path: Path, suffix: str, length: int) -> None:
    count_compilations(tmp_path)
    for file in tmp_path.rglob(f"*{suffix}"):
        file.write_bytes(file.read_bytes()[:length])
    counts, warnings = count_compilations(tmp_path)
    assert counts == "0 1"
    assert "is damaged" in warnings
    assert count_compilations(tmp_path) == ("1 0", "")
