"""The command `karel-gym benchmark`."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Literal

import pandas as pd
import tyro
from rich.console import Console
from rich.table import Table

from agents.commands import PIPE_WIDTH
from benchmarks.machine import machine_name
from benchmarks.throughput import (
    cuda_rates,
    execution_rates,
    memory_of_worlds,
    pure_python_rates,
    random_program_rates,
    stepping_rates,
    training_rates,
)
from programmatic.runs import PACKAGES, versions, write_json, write_text

SOURCES = (
    execution_rates,
    cuda_rates,
    pure_python_rates,
    random_program_rates,
    stepping_rates,
    training_rates,
)


def benchmark(
    name: Annotated[Literal["throughput"], tyro.conf.Positional],
    out: Path = Path("results/throughput"),
) -> None:
    """Measure rates on this machine.

    Args:
        name: What to measure.
        out: Folder for config.json and rates.csv.
    """
    console = Console()
    if not console.is_terminal:
        console = Console(width=PIPE_WIDTH)
    rates = []
    with console.status("measuring") as status:
        for source in SOURCES:
            for rate in source():
                status.update(f"measured {rate.what}")
                rates.append(rate)
        megabytes = memory_of_worlds() / 1e6
    table = Table(title=machine_name(), title_justify="left", title_style="bold")
    table.add_column("what")
    for column in ("a second", "slowest", "fastest"):
        table.add_column(column, justify="right")
    table.add_column("of")
    for rate in rates:
        figures = (f"{x:,.0f}" for x in (rate.per_second, rate.slowest, rate.fastest))
        table.add_row(rate.what, *figures, rate.unit)
    console.print(table)
    console.print(f"One million worlds of 8x8 take {megabytes:.0f} MB.")
    used = versions((*PACKAGES, "numba", "numpy"))
    console.print(", ".join(f"{package} {number}" for package, number in used.items()))
    config = {"machine": machine_name(), "versions": used, "million_worlds_mb": megabytes}
    out.mkdir(parents=True, exist_ok=True)
    write_json(out / "config.json", config)
    write_text(out / "rates.csv", pd.DataFrame(map(asdict, rates)).to_csv(index=False))
    print(f"rates: {out}")
