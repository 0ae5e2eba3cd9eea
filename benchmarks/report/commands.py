"""The command `karel-gym report`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import tyro

from benchmarks.report.settings import Settings
from programmatic.flags import Flags
from programmatic.runs import check_file


def report(
    runs: Annotated[tuple[str, ...], tyro.conf.Positional],
    out: Path = Path("report.html"),
    env: str | None = None,
    title: str = "Programs and networks on Karel",
    overwrite: bool = False,
    settings: Flags[Settings] = Settings(),  # noqa: B008 (it is frozen)
) -> None:
    """Write results, curves and replays of runs as one HTML file that needs no network.

    Policies without results are evaluated first. For example, to compare the runs in a folder with
    random actions: karel-gym report runs random --env Karel-Maze-v0

    Args:
        runs: Run folders, folders of benchmarks or evaluations, or folders of these;
            programs in quotes or their files; exported policies (*.safetensors);
            pretrained:ALGO; random. NAME=RUN gives a method another name.
        out: The HTML file to write.
        env: The task of policies that are not in a run folder.
        title: The heading of the page.
        overwrite: Replace an existing file.
        settings: The settings of the report.
    """
    if not runs:
        raise ValueError("give at least one run: a folder, a program in quotes, or its file")
    check_file(out, overwrite, (".html",))
    from rich.console import Console

    from benchmarks.report.writing import write_report

    # Jupyter sets FORCE_COLOR, with which rich would show a spinner in a pipe.
    with Console(force_terminal=sys.stdout.isatty()).status("reading") as status:
        size = write_report(runs, out, env, title, settings, tell=status.update)
    print(f"report: {out} ({size / 1e6:.2f} MB)")
