"""The docs are built without a warning, from this folder alone, with all generated pages."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from html import unescape
from pathlib import Path
from typing import Any

import imageio.v3 as iio
import pandas as pd
import pytest

from benchmarks.commands import benchmark
from benchmarks.statistics.published import published_returns
from karel_gym.cli import COMMANDS
from karel_gym.cli.console import parse
from karel_gym.envs import cartpole
from karel_gym.registration import CARTPOLE, TASKS, task_of
from programmatic.references import reference_program, reference_return

ROOT = Path(__file__).resolve().parents[2]
RESULTS = ROOT / "benchmarks" / "results"
LOADED = re.compile(
    r"<(?:script|img|iframe|source)\b[^>]*\bsrc=\"([^\"]*)\""
    r"|<link\b[^>]*\brel=\"(?:stylesheet|icon|preload|preconnect)\"[^>]*>"
    r"|@import[^;]*;|url\(([^)]*)\)"
)

PACKAGES = ("karel_gym", "programmatic", "agents", "benchmarks")
MESSAGES = (
    "no folder for the cache can be written",
    "kernels are compiled anew, which takes seconds to minutes",
    "there is no display to open a window on: DISPLAY or WAYLAND_DISPLAY must name one",
    "writing .mp4 needs imageio-ffmpeg: pip install 'karel-gym[video]', or write a .gif or .png",
    "holds a run already: resume it, replace it with --overwrite (in Python, overwrite=True)",
    ": wait until it ends, or use another folder",
    "was not written by karel-gym: loading it runs whatever code is pickled in it",
    "needs an NVIDIA GPU with its driver, and numba-cuda with its libraries",
    "made for worlds of",
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


@pytest.mark.parametrize("env_id", [*TASKS, CARTPOLE])
def test_every_task_has_a_page_with_its_rules_and_an_episode(site: Path, env_id: str) -> None:
    name = env_id.removeprefix("Karel-").rpartition("-")[0].lower()
    assert f'href="tasks/{name}.html"' in (site / "tasks.html").read_text(encoding="utf-8")
    assert f'src="tasks/{name}.png"' in (site / "tasks.html").read_text(encoding="utf-8")
    file = site / "tasks" / f"{name}.html"
    shown = " ".join(text_of(file).split())
    doc = cartpole.__doc__ or "" if env_id == CARTPOLE else task_of(env_id).doc
    for paragraph in doc.replace("`", "").split("\n    ")[1:]:
        assert " ".join(paragraph.partition("\n")[0].split()) in shown
    assert env_id in shown
    links = "https://arxiv.org/abs/", "https://openreview.net/forum?id="
    assert any(link in file.read_text(encoding="utf-8") for link in links)
    assert f'src="{name}.gif"' in file.read_text(encoding="utf-8")
    frames = iio.imread(site / "tasks" / f"{name}.gif")
    assert len(frames) > 3
    assert (frames[0] != frames[-1]).any()


@pytest.mark.parametrize("env_id", TASKS)
def test_its_page_shows_the_reference_program_and_its_return(site: Path, env_id: str) -> None:
    shown = " ".join(text_of(site / "tasks" / f"{env_id.split('-')[1].lower()}.html").split())
    assert " ".join(reference_program(env_id).pretty().split()) in shown
    assert f"--env {env_id}" in shown
    assert f"# {reference_return(env_id)[0]:.3f}" in shown


@pytest.mark.parametrize("env_id", [*TASKS, CARTPOLE])
def test_its_page_shows_measured_and_published_returns(site: Path, env_id: str) -> None:
    name = env_id.removeprefix("Karel-").rpartition("-")[0].lower()
    text = (site / "tasks" / f"{name}.html").read_text(encoding="utf-8")
    rows = published_returns()
    for row in rows[rows["task"] == env_id].to_dict("records"):
        digits = 1 if env_id == CARTPOLE else 2
        assert f"<em>{row['return']:.{digits}f}</em>" in text, row
        assert f'">{row["source"]}</a>' in text
    measured = pd.read_csv(RESULTS / "program_search" / "summary.csv")
    for value in measured.loc[measured["env_id"] == env_id, "own"]:
        assert f"<td>{value:.2f}" in text
    commands = re.findall(
        r"karel-gym benchmark (?:.*\\\n)*.*", text_of(site / "tasks" / f"{name}.html")
    )
    assert commands
    for command in commands:
        words = shlex.split(command.replace("\\\n", " "))[2:]
        settings = parse(benchmark, "karel-gym benchmark", words).keywords["settings"]
        assert (RESULTS / settings.folder.name).is_dir()
        if env_id != CARTPOLE:
            assert settings.tasks == (env_id.split("-")[1],)


def test_troubleshooting_quotes_the_messages_that_there_are(site: Path) -> None:
    shown = " ".join(text_of(site / "troubleshooting.html").split())
    files = (file for package in PACKAGES for file in (ROOT / package).rglob("*.py"))
    sources = re.sub(r'"\s*f?"', "", " ".join(file.read_text(encoding="utf-8") for file in files))
    for message in MESSAGES:
        assert message in shown
        assert message in sources, message


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
