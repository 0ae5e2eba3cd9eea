"""docs/other_libraries.md: its code runs with each library, in the versions that it names."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
TEXT = (ROOT / "docs" / "other_libraries.md").read_text(encoding="utf-8")
SECTIONS = dict(re.findall(r"^## (.+?)\n(.*?)(?=^## |\Z)", TEXT, re.DOTALL | re.MULTILINE))
BLOCK = re.compile(r"^```(?P<info>\w*)\n(?P<code>.*?)^```$", re.DOTALL | re.MULTILINE)
ROW = re.compile(r"^\| \[(.+?)\]\(#.+?\) \| (\w+) ([\d.]+) \| (yes|no)\b", re.MULTILINE)
MODULES = {
    "Stable-Baselines3": "stable_baselines3",
    "RL Baselines3 Zoo": "rl_zoo3",  # commands, which tests/agents/drl/test_rl_zoo.py runs
    "CleanRL": "gymnasium",  # is no package that could be imported
    "RLlib": "ray.rllib",
    "TorchRL": "torchrl",
    "Tianshou": "tianshou",
    "skrl": "skrl",
    "Minari": "minari",
}
"""The module that each section needs."""

MAX_LINES = 10  # of code, imports not counted


def python_of(section: str) -> str:
    """The code of a section, empty where it has commands only."""
    return "".join(b["code"] for b in BLOCK.finditer(SECTIONS[section]) if b["info"] == "python")


def pins() -> dict[str, str]:
    """The pinned version of each package."""
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").split()
    return dict(line.lower().replace("-", "_").split("==") for line in lines)


def extra(name: str) -> set[str]:
    """The packages of an extra in setup.cfg."""
    setup = (ROOT / "setup.cfg").read_text(encoding="utf-8")
    lines = re.findall(rf"^{name} =\n((?:    .+\n)+)", setup, re.MULTILINE)[0]
    return {re.split(r"[\[>=]", line.strip())[0].replace("-", "_") for line in lines.splitlines()}


def test_sections_have_the_same_form() -> None:
    assert list(SECTIONS) == list(MODULES) == [row[0] for row in ROW.findall(TEXT)]
    for section, text in SECTIONS.items():
        install, code, *more = BLOCK.finditer(text)
        assert install["code"].startswith("pip install "), section
        assert not more, section
        lines = [
            line for line in code["code"].splitlines() if line and not re.match("import|from", line)
        ]
        assert len(lines) <= MAX_LINES, section
        assert text[code.end() :].strip().startswith("- "), section


def test_versions_are_those_that_the_long_tests_install() -> None:
    rows = {package: (version, beside) for _, package, version, beside in ROW.findall(TEXT)}
    beside = {package for package, (_, answer) in rows.items() if answer == "yes"}
    assert {package: rows[package][0] for package in beside} == {p: pins()[p] for p in beside}
    assert beside - {"stable_baselines3"} == extra("integrations")


@pytest.mark.long
@pytest.mark.parametrize("section", [name for name in SECTIONS if python_of(name)])
def test_its_code_runs(section: str, tmp_path: Path) -> None:
    pytest.importorskip(
        MODULES[section],
        reason=f"{section} is not installed, see docs/other_libraries.md",
        exc_type=ImportError,
    )
    file = tmp_path / "snippet.py"
    file.write_text(python_of(section), encoding="utf-8")
    done = subprocess.run(
        [sys.executable, file.name],
        cwd=tmp_path,
        env=os.environ | {"OMP_NUM_THREADS": "1", "MINARI_DATASETS_PATH": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
