"""The docs are built without a warning, from this folder alone, with all generated pages."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from html import unescape
from pathlib import Path
from typing import Any

import imageio.v3 as iio
import pytest

from karel_gym.cli import COMMANDS
from karel_gym.registration import TASKS, task_of
from programmatic.references import reference_program, reference_return

ROOT = Path(__file__).resolve().parents[2]
LOADED = re.compile(
    r"<(?:script|img|iframe|source)\b[^>]*\bsrc=\"([^\"]*)\""
    r"|<link\b[^>]*\brel=\"(?:stylesheet|icon|preload|preconnect)\"[^>]*>"
    r"|@import[^;]*;|url\(([^)]*)\)"
)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(folder)],
        cwd=ROOT,
        env={**os.environ, "NO_MKDOCS_2_WARNING": "1"},
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


def text_of(page: Path) -> str:
    return unescape(re.sub(r"<[^>]+>", "", page.read_text(encoding="utf-8")))


def test_pages_load_nothing_from_elsewhere(site: Path) -> None:
    files = [*site.rglob("*.html"), *site.rglob("*.css"), *site.rglob("*.svg")]
    assert len(files) > 20
    for file in files:
        for match in LOADED.finditer(file.read_text(encoding="utf-8")):
            assert "//" not in match[0].replace("data:", "").partition("svg xmlns")[0], file


@pytest.mark.parametrize("env_id", TASKS)
def test_every_task_is_described_and_shown(site: Path, env_id: str) -> None:
    name = env_id.split("-")[1]
    page = (site / "tasks.html").read_text(encoding="utf-8")
    start = page.index(f'<h2 id="{name.lower()}">')
    section = page[start : page.index("<h2", start + 1)]
    shown = " ".join(unescape(re.sub(r"<[^>]+>", "", section)).split())
    for paragraph in task_of(env_id).doc.replace("`", "").split("\n    "):
        words = " ".join(paragraph.partition("\n")[0].split())
        assert words.partition(": ")[2] in shown if words.startswith(name) else words in shown
    assert " ".join(reference_program(env_id).pretty().split()) in shown
    assert f"--env {env_id}" in shown
    assert f"# {reference_return(env_id)[0]:.3f}" in shown
    assert f'src="tasks/{name.lower()}.png"' in section
    picture = iio.imread(site / "tasks" / f"{name.lower()}.png")
    assert len({tuple(pixel) for pixel in picture.reshape(-1, 3)[::7].tolist()}) > 3


def test_every_command_has_its_help(site: Path) -> None:
    page = text_of(site / "commands.html")
    for name in COMMANDS:
        assert f"usage: karel-gym {name} " in page
        assert len(page.partition(f"usage: karel-gym {name} ")[2].partition("usage:")[0]) > 100


def test_the_reference_shows_signatures_and_examples(site: Path) -> None:
    page = text_of(site / "api" / "programmatic.html")
    assert re.search(r"execute\(\s*programs: Program", page)
    assert '>>> program = Program.parse("DEF run m( WHILE' in page


def test_the_search_finds_words_in_pages_opened_from_a_folder(site: Path, browser: Any) -> None:
    page = browser.new_page()
    page.goto((site / "index.html").as_uri())
    page.click(".md-search__input")
    page.keyboard.type("counterexample")
    found = page.locator(".md-search-result__item").first
    found.wait_for()
    assert "counterexample" in found.inner_text().lower()
    page.close()
