"""Rates: how one is measured, and rates.csv, which has a row each; none is measured twice."""

from __future__ import annotations

import json
import statistics
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from rich.console import Console

from benchmarks.runs.planned_runs import PROVENANCE, Row, RowForm, records
from benchmarks.runs.results import measured_versions, number_text, print_texts, save_config
from programmatic.provenance import code_and_machine, machine_name
from programmatic.runs import occupying, write_text

RATES_FILE = "rates.csv"
REPEATS = 7
NUMBERS = ("per_second", "slowest", "fastest")
FORM = RowForm(
    ("what", "unit", *NUMBERS),
    texts=("what", "unit"),
    numbers=NUMBERS,
    added=(*PROVENANCE, "versions", "settings"),
)
"""What was done and what is counted; the median over the repeats and their range; the code and the
machine that it was measured with, the versions of the packages, and the settings as JSON."""
WHICH = ("out", "quick", "tasks")
"""The settings that say which rates there are and where they go, but change none of them."""


@dataclass(frozen=True)
class Rate:
    """A measured rate.

    Args:
        what: What was done.
        unit: What a second's worth of it is counted in.
        per_second: The median over the repeats.
        slowest, fastest: The range over the repeats.
    """

    what: str
    unit: str
    per_second: float
    slowest: float
    fastest: float


@dataclass(frozen=True)
class PlannedRate:
    """A rate that there is to be.

    Args:
        what: What is done.
        unit: What a second's worth of it is counted in.
        do: Does it, and returns how many units it did.
        repeats: How often its time is taken.
        prepare: What is done once before, untimed; None: `do`.
    """

    what: str
    unit: str
    do: Callable[[], Any]
    repeats: int = REPEATS
    prepare: Callable[[], Any] | None = None

    def measure(self) -> Rate:
        """Take the times."""
        (self.prepare or self.do)()
        rates = []
        for _ in range(self.repeats):
            start = time.perf_counter()
            units = float(self.do())
            rates.append(units / (time.perf_counter() - start))
        return Rate(self.what, self.unit, statistics.median(rates), min(rates), max(rates))


def measure_rates(name: str, plans: Iterable[PlannedRate], settings: Any, **facts: Any) -> None:
    """Measure the rates that are not in rates.csv, and print all.

    A rate that was measured with the same code, on the same machine, with the same versions and
    settings is not measured again. Rows of others go when the first new one comes.

    Args:
        name: Of the measurement.
        plans: The rates that there are to be; each is asked for when those before it are measured.
        settings: A dataclass; its `out` is the folder.
        facts: What else there is to know, for config.json.

    Raises:
        RunError: rates.csv is damaged.
    """
    rates = []
    with occupying(settings.out), Console().status("measuring") as status:
        measured = _Measured(settings.out / RATES_FILE, _state(settings))
        save_config(settings.out, name, settings, **facts)
        for plan in plans:
            rates.append(measured.rate(plan))
            status.update(f"measured {plan.what}")
    _show(rates)
    print(f"rates: {settings.out}")


class _Measured:
    """The rates in a file that are of one state of the code, the machine and the settings.

    Args:
        file: The file, which need not be there.
        state: The last columns of their rows.

    Raises:
        RunError: The file is damaged.
    """

    def __init__(self, file: Path, state: Row) -> None:
        self.file, self.state = file, state
        self.rows = {
            (row["what"], row["unit"]): row
            for row in records(FORM.read(file))
            if row.items() >= state.items()
        }

    def rate(self, plan: PlannedRate) -> Rate:
        """The rate of a plan: the one in the file, or one that is measured now and written."""
        key = plan.what, plan.unit
        if key not in self.rows:
            self.rows[key] = {**asdict(plan.measure()), **self.state}
            write_text(self.file, FORM.table(self.rows.values()).to_csv(index=False))
        return Rate(**{column: self.rows[key][column] for column in FORM.columns})


def _state(settings: Any) -> Row:
    """What must be the same if a rate is not to be measured again."""
    own = {name: value for name, value in asdict(settings).items() if name not in WHICH}
    return {
        **code_and_machine(),
        "versions": _versions_text(),
        "settings": json.dumps(own, sort_keys=True),
    }


def _show(rates: Sequence[Rate]) -> None:
    rows = [
        {
            "what": rate.what,
            "a second": number_text(rate.per_second, 0),
            "slowest": number_text(rate.slowest, 0),
            "fastest": number_text(rate.fastest, 0),
            "of": rate.unit,
        }
        for rate in rates
    ]
    print_texts(rows, machine_name(), _versions_text())


def _versions_text() -> str:
    return ", ".join(f"{package} {number}" for package, number in measured_versions().items())
