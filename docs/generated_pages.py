"""The pages of the docs that are made from the code when they are built; mkdocs.yml names it.

tasks.md         and tasks/: the pages of `task_pages`
commands.md      the help of every command
contributing.md  and changelog.md: the files of the repository's root
"""

from __future__ import annotations

import contextlib
import io
import os
from pathlib import Path
from unittest import mock

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from task_pages import ids_by_name, task_pages

from karel_gym.cli import COMMANDS, main

ROOT = Path(__file__).resolve().parent.parent
ROOT_PAGES = {"contributing.md": "CONTRIBUTING.md", "changelog.md": "CHANGELOG.md"}
HELP_COLUMNS = 92


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Add the pages of the tasks to the navigation, behind their index."""
    (tasks,) = (section["Tasks"] for section in config.nav or [] if "Tasks" in section)
    tasks[1:1] = [f"tasks/{name.lower()}.md" for name in ids_by_name()]
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the generated pages and pictures to those of the folder."""
    pages = task_pages() | {"commands.md": commands_page()}
    pages |= {name: (ROOT / file).read_text(encoding="utf-8") for name, file in ROOT_PAGES.items()}
    for name, content in pages.items():
        files.append(File.generated(config, name, content=content))
    return files


def commands_page() -> str:
    """The page of the command line: the help of every command, in Markdown."""
    rows = [f"| [`{name}`](#{name}) | {text} |" for name, (_, text) in COMMANDS.items()]
    parts = [
        "# Command line",
        "`karel-gym COMMAND --help` shows what stands here. Results go to a run folder with "
        "`config.json`, tables, TensorBoard events and checkpoints; `--resume` goes on with an "
        "interrupted run.",
        "\n".join(["| command | what it does |", "|---|---|", *rows]),
    ]
    for name in COMMANDS:
        parts += [f"## {name}", f"```text\n{help_of(name)}\n```"]
    return "\n\n".join(parts)


def help_of(name: str) -> str:
    """The help text of a command."""
    shown = io.StringIO()
    columns = mock.patch.dict(os.environ, COLUMNS=str(HELP_COLUMNS))
    with columns, contextlib.redirect_stdout(shown), contextlib.suppress(SystemExit):
        main([name, "--help"])
    return shown.getvalue().strip()
