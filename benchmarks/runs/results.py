"""What a measurement leaves: config.json, tables as CSV and JSON, and a table on the terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pandas as pd
from rich.console import Console
from rich.table import Table
from rich.text import Text

from agents.commands import PIPE_WIDTH
from programmatic.provenance import provenance
from programmatic.runs import (
    CONFIG_FILE,
    PACKAGES,
    RunError,
    read_config,
    versions,
    write_json,
    write_text,
)


def save_tables(
    folder: Path, name: str, settings: Any, tables: Mapping[str, pd.DataFrame], **facts: Any
) -> None:
    """Write the settings and the tables of a measurement.

    Args:
        folder: Where to.
        name: Of the measurement.
        settings: A dataclass.
        tables: By name; each becomes NAME.csv and NAME.json.
        facts: What else there is to know, for config.json.
    """
    save_config(folder, name, settings, **facts)
    for title, table in tables.items():
        write_text(folder / f"{title}.csv", table.to_csv(index=False))
        write_text(folder / f"{title}.json", table.to_json(orient="records", indent=2) + "\n")


def save_config(folder: Path, name: str, settings: Any, **facts: Any) -> None:
    """Write config.json of a measurement, with its `provenance`; for the arguments see
    `save_tables`.
    """
    folder.mkdir(parents=True, exist_ok=True)
    config = {"command": command_of(name), **_json_values(asdict(settings)), **facts}
    config |= {**provenance(), "versions": measured_versions()}
    write_json(folder / CONFIG_FILE, config)


def check_benchmark(folder: Path, name: str) -> None:
    """Check that a measurement may be written to a folder, or go on in it.

    Raises:
        RunError: It holds another run or measurement.
    """
    if not (folder / CONFIG_FILE).exists():
        return
    command = read_config(folder).get("command")
    if command != command_of(name):
        raise RunError(f"{folder} holds a run of {command!r}: name another folder with --out")


def command_of(name: str) -> str:
    """The `command` in config.json of a measurement."""
    return f"benchmark {name}"


def measured_versions() -> dict[str, str]:
    """The versions of what a measurement depends on."""
    return versions((*PACKAGES, "numba"))


def print_texts(rows: Sequence[Mapping[str, str]], title: str, notes: str = "") -> None:
    """Print a table of texts; its first column is aligned left, the others right.

    Args:
        rows: A mapping from column to text each, all with the same columns.
        title: Above it.
        notes: Below it.
    """
    console = Console()
    if not console.is_terminal:
        console = Console(width=PIPE_WIDTH)
    table = Table(title=title, title_justify="left", title_style="bold")
    for number, column in enumerate(rows[0]):
        table.add_column(column, justify="right" if number else "left")
    for row in rows:
        table.add_row(*map(Text, row.values()))  # no markup: brackets are intervals
    console.print(table)
    if notes:
        console.print(Text(notes))


def number_text(value: float, digits: int = 2) -> str:
    """A number as text; "-" for NaN."""
    return "-" if value != value else f"{value:,.{digits}f}"


def _json_values(values: dict[str, Any]) -> dict[str, Any]:
    return {name: str(v) if isinstance(v, Path) else v for name, v in values.items()}
