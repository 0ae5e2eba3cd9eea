from __future__ import annotations

import ast
import importlib
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from karel_gym.packages import ROOMS, explain, shadowing

ROOT = Path(__file__).resolve().parents[2]
MODULES = sorted(path for room in ROOMS for path in (ROOT / room).rglob("*.py"))
HEAVY = ("torch", "stable_baselines3", "numba", "pygame")


def python(code: str, cwd: Path = ROOT) -> subprocess.CompletedProcess[str]:
    """Run code in a fresh interpreter that finds our packages as an installation would."""
    environment = {**os.environ, "PYTHONPATH": "", "PYTHONWARNINGS": "always"}
    return subprocess.run(
        [sys.executable, "-c", code],
        cwd=cwd,
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )


def packages_imported_by(path: Path) -> set[str]:
    names = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path} imports relatively"
            names.add(node.module or "")
    return {name.partition(".")[0] for name in names}


@pytest.mark.parametrize(
    "code",
    [
        "import karel_gym",
        "import karel_gym, gymnasium; gymnasium.spec('Karel-Maze-v0')",
        "from karel_gym import World, WorldBatch, sample_worlds",
        "from karel_gym import Bound, MORLWrapper, signature_of; signature_of('MountainCar-v0')",
    ],
)
def test_the_import_is_light(code: str) -> None:
    loaded = f"{code}; import sys; print([name for name in {HEAVY} if name in sys.modules])"
    assert python(loaded).stdout.strip() == "[]"


def test_envs_need_no_learning_library() -> None:
    code = (
        "import gymnasium, karel_gym, sys; gymnasium.make('Karel-Maze-v0').reset(); "
        "gymnasium.make_vec('Karel-Maze-v0', 2).reset(); "
        "gymnasium.make('CartPole-MORL-v0').reset(); "
        "gymnasium.make_vec('CartPole-MORL-v0', 2).reset(); "
        "print([name for name in ('torch', 'stable_baselines3') if name in sys.modules])"
    )
    assert python(code).stdout.strip() == "[]"


def test_programs_need_no_learning_library() -> None:
    code = (
        "import programmatic, sys; programmatic.Program.parse('DEF run m( move m)'); "
        f"print([name for name in {HEAVY} if name in sys.modules])"
    )
    assert python(code).stdout.strip() == "[]"


def test_there_are_modules_to_look_at() -> None:
    assert len(MODULES) > 30
    assert ROOT / "karel_gym" / "world.py" in MODULES


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_point_down(path: Path) -> None:
    room = path.relative_to(ROOT).parts[0]
    above = set(ROOMS[ROOMS.index(room) + 1 :])
    imported = packages_imported_by(path)
    assert not imported & (above | {"tests"})


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_nothing_is_loaded_from_the_tests(path: Path) -> None:
    """Neither by a path nor by a name: no text but docstrings names their folder."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    documents = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    texts = [
        node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
        if id(node) not in documents
    ]
    assert not [text for text in texts if re.search(r"^tests$|\btests/|\btests\.\w", text)]


def test_no_module_loads_tests_by_path() -> None:
    loading = [
        path
        for path in MODULES
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Constant) and str(node.value).partition("/")[0] == "tests"
    ]
    assert loading == []


def modules_imported_by(path: Path, modules: set[str]) -> set[str]:
    """The modules of ours that a file imports anywhere, in functions and for type checking too."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom):
            found |= {f"{node.module}.{alias.name}" for alias in node.names} | {node.module or ""}
        elif isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
    return found & modules


def test_no_imports_are_in_a_circle() -> None:
    files = {
        ".".join(path.relative_to(ROOT).with_suffix("").parts): path
        for path in MODULES
        if path.name != "__init__.py"
    }
    below = {name: modules_imported_by(path, set(files)) for name, path in files.items()}
    while leaves := [name for name, imported in below.items() if not imported]:
        below = {name: imported.difference(leaves) for name, imported in below.items() if imported}
    assert not below


def test_a_folder_holds_at_most_a_dozen_or_so_modules() -> None:
    folders = [path.parent for path in MODULES if path.name != "__init__.py"]
    crowded = {str(f.relative_to(ROOT)): folders.count(f) for f in folders if folders.count(f) > 16}
    crowded.pop("karel_gym/tasks", None)  # one file a task
    assert not crowded


@pytest.mark.parametrize(
    "path",
    [path for path in MODULES if path.is_relative_to(ROOT / "karel_gym")],
    ids=lambda path: str(path.relative_to(ROOT)),
)
def test_only_the_adapters_import_learning_libraries(path: Path) -> None:
    if path.name not in ("sb3.py", "cuda.py"):
        assert not packages_imported_by(path) & {"torch", "stable_baselines3", "sb3_contrib"}


@pytest.mark.parametrize("package", ["karel_gym", "programmatic", "programmatic.search", "agents"])
def test_all_public_names_are_completed_and_found(package: str) -> None:
    module = importlib.import_module(package)
    assert set(module.__all__) <= set(dir(module))
    assert all(getattr(module, name) is not None for name in module.__all__)
    with pytest.raises(AttributeError, match=f"module '{package}' has no attribute 'nothing'"):
        getattr(module, "nothing")  # noqa: B009


def test_our_own_packages_are_not_reported() -> None:
    assert [room for room in ROOMS if shadowing(room)] == []
    assert python("import programmatic").stderr == ""


@pytest.mark.parametrize("is_package", [True, False])
def test_a_folder_that_hides_agents_is_reported(tmp_path: Path, is_package: bool) -> None:
    folder = tmp_path / "agents"
    folder.mkdir()
    if is_package:
        (folder / "__init__.py").write_text("raise RuntimeError('imported')")
        told = python("import programmatic", tmp_path).stderr
        assert "RuntimeWarning" in told
        assert explain("agents", str(folder.resolve())) in told
    else:
        (tmp_path / "agents.py").write_text("raise RuntimeError('imported')")
        told = python("import programmatic", tmp_path).stderr
        assert explain("agents", str((tmp_path / "agents.py").resolve())) in told
