"""Rates: work per second, and rates.csv with a row per rate; none is measured twice."""

from __future__ import annotations

import importlib
import json
import statistics
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from rich.console import Console

from benchmarks.runs.ledger import PROVENANCE, Columns, Record, TableLedger
from benchmarks.runs.results import Cell, measured_versions, number_cell, print_table, save_config
from benchmarks.settings import BenchmarkSettings
from programmatic.provenance import code_and_machine, machine_name
from programmatic.runs import occupying

RATES_FILE = "rates.csv"
REPEATS = 7
RATE_COLUMNS = Columns(
    ("what", "unit", "per_second", "slowest", "fastest"),
    texts=("what", "unit"),
    numbers=("per_second", "slowest", "fastest"),
    key=("what", "unit"),
    added=(*PROVENANCE, "versions", "settings"),
)
"""Rates are medians over the repeats, with their range; the settings are JSON."""
WHICH = ("quick", "tasks", "reference", "parts", "device", "minutes")
"""Settings that select rates or limit their time, but change none of them."""


@dataclass(frozen=True)
class PlannedRate:
    """A rate to measure."""

    what: str  # the work
    unit: str  # what is counted
    do: Callable[[], Any]  # does the work; returns how many units it did
    repeats: int = REPEATS  # number of measurements
    prepare: Callable[[], Any] | None = None  # called once before, untimed; None: `do`

    def measure(self) -> Record:
        """Measure the rate; returns its columns in rates.csv."""
        (self.prepare or self.do)()
        rates = []
        for _ in range(self.repeats):
            start = time.perf_counter()
            units = float(self.do())
            rates.append(units / (time.perf_counter() - start))
        return {
            "what": self.what,
            "unit": self.unit,
            "per_second": statistics.median(rates),
            "slowest": min(rates),
            "fastest": max(rates),
        }


def measure_rates(plans: Iterable[PlannedRate], settings: BenchmarkSettings, **facts: Any) -> None:
    """Measure the rates that are not in rates.csv, and print all.

    A rate that was measured with the same code, machine, versions and settings is not measured
    again. Other rows are dropped when the first new one is written. `facts` are other entries of
    config.json.
    """
    rates, state = [], _state(settings)
    ledger = TableLedger(settings.folder, RATE_COLUMNS, RATES_FILE, state)
    with occupying(settings.folder), Console().status("measuring") as status:
        _ = ledger.rows  # a damaged file is reported before any work
        save_config(settings, settings.folder, **facts)
        for plan in plans:
            if ledger.find(plan) is None:
                ledger.add(plan, plan.measure() | state)
            rates.append(ledger.rows[plan.what, plan.unit])
            status.update(f"measured {plan.what}")
    cells: dict[str, Cell] = {"what": "what", "a second": number_cell("per_second", 0)}
    cells |= {name: number_cell(name, 0) for name in ("slowest", "fastest")} | {"of": "unit"}
    print_table(RATE_COLUMNS.table(rates), cells, machine_name(), _versions_text())
    print(f"rates: {settings.folder}")


def _state(settings: BenchmarkSettings) -> Record:
    """The conditions under which a rate holds."""
    own = {name: value for name, value in settings.to_json().items() if name not in WHICH}
    return {
        **code_and_machine(),
        "versions": _versions_text(),
        "settings": json.dumps(own, sort_keys=True),
    }


def plain_interpreter(module: str) -> Any:
    """A module with a plain Python interpreter of programs, such as tests.reference.

    Its function `run(program, world, env_id, max_calls)` takes the result of `World.to_json`.

    Raises:
        ValueError: There is no such module, or it has no such function.
    """
    try:
        found = importlib.import_module(module)
    except ModuleNotFoundError as error:
        raise ValueError(f"reference must be the name of a module: {error}") from None
    if not callable(getattr(found, "run", None)):
        raise ValueError(f"reference must be a module with a function run, got {module!r}")
    return found


def _versions_text() -> str:
    return ", ".join(f"{package} {number}" for package, number in measured_versions().items())
