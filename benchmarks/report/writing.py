"""`write_report`: write the report of runs."""

from __future__ import annotations

import os
import shlex
from collections.abc import Callable, Sequence
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from benchmarks.report.contents import contents_of
from benchmarks.report.origins import Origin, versions_text
from benchmarks.report.page import render
from benchmarks.report.reading import read_all
from benchmarks.report.settings import Settings
from karel_gym.registration import plain_id, task_of
from programmatic.provenance import commit_name, machine_name
from programmatic.runs import PACKAGES, versions, write_text


def write_report(
    runs: Sequence[str],
    out: str | os.PathLike[str],
    env_id: str | None = None,
    title: str = "Programs and networks on Karel",
    settings: Settings | None = None,
    date: str | None = None,
    tell: Callable[[str], Any] = str,
) -> int:
    """Write the report of runs; return the file's size in bytes.

    Args:
        runs: Folders, programs and others; see `benchmarks.report.reading.read_all`.
        out: The HTML file.
        env_id: The task of policies that are not in a run folder; a module in it is imported.
        title: The heading.
        settings: The settings of the report.
        date: The day to show; None: today.
        tell: Called with the id of each task when work on it begins.

    Raises:
        ValueError: A run is unknown, or a program has no task.
        RunError: A run folder is damaged, or holds a model whose loading would run its code.
    """
    settings = settings or Settings()
    if env_id is not None:
        task_of(env_id)
    findings = read_all(runs, None if env_id is None else plain_id(env_id))
    arguments = ["karel-gym", "report", *runs, "--out", os.fspath(out)]
    arguments += ([] if env_id is None else ["--env", env_id]) + settings.arguments()
    made = Origin(
        "This report",
        os.fspath(out),
        shlex.join(arguments),
        str(settings.seed),
        commit_name(),
        machine_name(),
        date or datetime.now(timezone.utc).strftime("%Y-%m-%d"),
        versions_text(versions((*PACKAGES, "numba"))),
    )
    page = render(contents_of(findings, settings, made, title, tell))
    path = Path(out)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_text(path, page)
    return len(page.encode())
