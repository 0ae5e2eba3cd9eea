"""The command `karel-gym report`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import tyro

from benchmarks.report.settings import Settings
from programmatic.runs import check_file


def report(
    runs: Annotated[tuple[str, ...], tyro.conf.Positional],
    out: Path = Path("report.html"),
    env: str | None = None,
    title: str = "Programs and networks on Karel",
    overwrite: bool = False,
    settings: tyro.conf.OmitArgPrefixes[Settings] = Settings(),  # noqa: B008 (it is frozen)
) -> None:
    """Write results, curves and replays of runs as one HTML file that needs no network.

    Policies without results are evaluated first.

    Args:
        runs: Folders of runs, benchmarks or evaluations, folders of such folders, programs in
            quotes or their files, or random. NAME=RUN names the method.
        out: The HTML file.
        env: The task of programs and of random.
        title: The heading.
        overwrite: Replace an existing file.
        settings: The settings of the report.
    """
    if not runs:
        raise ValueError("give at least one run: a folder, a program in quotes, or its file")
    check_file(out, overwrite, (".html",))
    from rich.console import Console

    from benchmarks.report.writing import write_report

    with Console().status("reading") as status:
        size = write_report(runs, out, env, title, settings, tell=status.update)
    print(f"report: {out} ({size / 1e6:.2f} MB)")
