"""The tutorial's notebook is that of its page, and runs from the first cell to the last."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import nbformat
import pytest

from docs.notebook import NOTEBOOK, PAGE, code_blocks, execute, notebook_of, text_of
from tests.docs.test_code_blocks import ROOT, TRAINING_STEPS

FEWER = {"--steps 5e5": "--steps 8192", "report PPO": "report --episodes 2 --worlds 1 PPO"}


def test_the_notebook_is_that_of_the_page() -> None:
    notebook = notebook_of(PAGE.read_text(encoding="utf-8"))
    nbformat.validate(notebook)
    assert nbformat.read(NOTEBOOK, as_version=4) == notebook, "run: make tutorial"


def test_the_notebook_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    commands = Path(sys.executable).parent
    monkeypatch.setenv("PATH", f"{commands}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    for cell in cells:
        cell.source = TRAINING_STEPS.sub("total_timesteps=4096", cell.source)
        for much, less in FEWER.items():
            cell.source = cell.source.replace(much, less)
    execute(notebook, tmp_path)
    for block, cell in zip(code_blocks(PAGE.read_text(encoding="utf-8")), cells, strict=True):
        assert bool(text_of(cell.outputs)) == (block["text"] is not None), cell.source
        assert any("data" in out for out in cell.outputs) == bool(block["picture"]), cell.source
        if "search(" in cell.source:  # what the page says of the programs
            program = text_of(cell.outputs).partition("m)")[0]
            assert (block["text"] or "").startswith(program)
    assert {path.suffix for path in (tmp_path / "runs" / "tutorial").iterdir()} >= {".gif", ".html"}
