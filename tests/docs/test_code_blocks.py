"""The code blocks of the README and the docs run as they stand there."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGES = ["README.md", *(str(page.relative_to(ROOT)) for page in sorted(ROOT.glob("docs/*.md")))]
BLOCK = re.compile(r'```python(?: title="(?P<name>\S+)")?\n(?P<code>.*?)```', re.DOTALL)
TRAINING_STEPS = re.compile(r"total_timesteps=[\d_]+")


@pytest.mark.parametrize("page", PAGES)
def test_code_blocks_run(page: str, tmp_path: Path) -> None:
    blocks = list(BLOCK.finditer((ROOT / page).read_text(encoding="utf-8")))
    assert blocks, f"{page} has no code block"
    for number, block in enumerate(blocks):
        file = tmp_path / (block["name"] or f"block_{number}.py")
        code = TRAINING_STEPS.sub("total_timesteps=2048", block["code"])  # long enough to run
        file.write_text(code, encoding="utf-8")
        done = subprocess.run(
            [sys.executable, str(file)], cwd=tmp_path, capture_output=True, text=True, timeout=300
        )
        assert done.returncode == 0, done.stderr
