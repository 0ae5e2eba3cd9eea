"""Results of a benchmark: config.json, tables as CSV and JSON, and a table on the terminal."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
from rich.console import Console
from rich.table import Table
from rich.text import Text

from agents.commands import PIPE_WIDTH
from agents.confidence import MeanInterval, mean_interval
from benchmarks.runs.ledger import Record, records
from benchmarks.settings import BenchmarkSettings
from programmatic.provenance import provenance
from programmatic.runs import CONFIG_FILE, PACKAGES, versions, write_json, write_text


def save_tables(
    settings: BenchmarkSettings,
    tables: Mapping[str, pd.DataFrame],
    folder: Path | None = None,
    **facts: Any,
) -> None:
    """Write the settings and the tables (NAME.csv and NAME.json) of a benchmark.

    The folder is by default the run folder; `facts` are other entries of config.json.
    """
    folder = folder or settings.folder
    save_config(settings, folder, **facts)
    for title, table in tables.items():
        write_text(folder / f"{title}.csv", table.to_csv(index=False))
        write_text(folder / f"{title}.json", table.to_json(orient="records", indent=2) + "\n")


def save_config(settings: BenchmarkSettings, folder: Path, **facts: Any) -> None:
    """Write config.json: the settings, other facts, the provenance and the versions."""
    folder.mkdir(parents=True, exist_ok=True)
    origin = {**provenance(), "versions": measured_versions()}
    write_json(folder / CONFIG_FILE, settings.config_json() | facts | origin)


def measured_versions() -> dict[str, str]:
    """The versions of the packages that results depend on."""
    return versions((*PACKAGES, "numba"))


def mean_rows(
    table: pd.DataFrame, keys: Sequence[str], means: Sequence[str]
) -> Iterable[tuple[Record, pd.DataFrame]]:
    """The groups of rows of runs with equal `keys`, each with a row of results to begin with.

    Yields:
        A row with the `keys`, `seeds`, and the mean of each of `means` with its 95 % interval in
        the columns NAME_low and NAME_high; and the rows of the group.
    """
    for values, group in table.groupby(list(keys), sort=False):
        row: Record = {**dict(zip(keys, values, strict=True)), "seeds": len(group)}
        for name in means:
            row |= mean_interval(group[name]).columns(name)
        yield row, group


Cell = str | Callable[[Record], str]


def print_table(
    table: pd.DataFrame, cells: Mapping[str, Cell], title: str, notes: str = ""
) -> None:
    """Print columns of a table.

    `cells` has the text of a cell by the column's title: a function of the row, or the name of a
    column of texts.
    """
    texts = [
        {head: row[of] if isinstance(of, str) else of(row) for head, of in cells.items()}
        for row in records(table)
    ]
    print_texts(texts, title, notes)


def task_name(row: Record) -> str:
    """The cell of a task."""
    return str(row["env_id"]).removeprefix("Karel-")


def interval_cell(name: str) -> Cell:
    """Cells of a mean and its interval; see `mean_rows`."""
    return lambda row: str(MeanInterval.of_columns(row, name))


def number_cell(name: str, digits: int = 2) -> Cell:
    """Cells of a number."""
    return lambda row: number_text(row[name], digits)


def print_texts(rows: Sequence[Mapping[str, str]], title: str, notes: str = "") -> None:
    """Print a table of texts; its first column is aligned left, the others right."""
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
