"""The command `karel-gym benchmark`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any

import pandas as pd
import tyro
from rich.console import Console
from rich.table import Table
from tyro.conf import subcommand

from agents.commands import PIPE_WIDTH
from benchmarks.ablation import AblationSettings, measure_ablation
from benchmarks.budgets import BudgetSettings, measure_budgets
from benchmarks.generalisation import GeneralisationSettings, measure_generalisation
from benchmarks.generation import GenerationSettings, measure_generation
from benchmarks.latent_search import LatentSearchSettings, measure_latent_search
from benchmarks.machine import machine_name
from benchmarks.morl_settings import MORLSettings
from benchmarks.pretraining import PretrainingSettings, pretraining_rates
from benchmarks.program_search import ProgramSearchSettings, program_search_rates
from benchmarks.returns import ReturnsSettings, measure_returns
from benchmarks.throughput import (
    Rate,
    cuda_rates,
    execution_rates,
    memory_of_worlds,
    pure_python_rates,
    random_program_rates,
    stepping_rates,
    training_rates,
    tree_rates,
)
from benchmarks.variants import VariantSettings, measure_variants
from programmatic.runs import PACKAGES, versions, write_json, write_text

SOURCES = (
    execution_rates,
    cuda_rates,
    pure_python_rates,
    random_program_rates,
    tree_rates,
    stepping_rates,
    training_rates,
)


@dataclass(frozen=True)
class ThroughputSettings:
    """Measure the rates of execution, of stepping and of training on this machine."""

    out: Path = Path("results/throughput")
    """Folder for config.json and rates.csv."""
    quick: bool = False
    """Without the rates of training, which take most of the time."""


def measure_throughput(settings: ThroughputSettings) -> None:
    """Measure the rates of execution, of stepping and of training."""
    sources = [source for source in SOURCES if not (settings.quick and source is training_rates)]
    rates = _measured(rate for source in sources for rate in source())
    megabytes = memory_of_worlds() / 1e6
    _report(rates, settings.out, {"million_worlds_mb": megabytes})
    print(f"One million worlds of 8x8 take {megabytes:.0f} MB.")


def measure_pretraining(settings: PretrainingSettings) -> None:
    """Measure the rates of pretraining."""
    _report(_measured(pretraining_rates(settings)), settings.out, _facts(settings))


def measure_program_search(settings: ProgramSearchSettings) -> None:
    """Measure the rates of hill climbing over programs."""
    _report(_measured(program_search_rates(settings)), settings.out, _facts(settings))


def measure_morl(settings: MORLSettings) -> None:
    """Do MORL's experiments."""
    from benchmarks.morl import run_experiments  # which needs the extra [morl]

    run_experiments(settings)


def _facts(settings: Any) -> dict[str, Any]:
    """The settings but for the folder."""
    return {name: value for name, value in asdict(settings).items() if name != "out"}


def _measured(rates: Iterable[Rate]) -> list[Rate]:
    """The rates, each told when it has been measured."""
    done = []
    with _console().status("measuring") as status:
        for rate in rates:
            status.update(f"measured {rate.what}")
            done.append(rate)
    return done


def _report(rates: Sequence[Rate], out: Path, facts: dict[str, Any]) -> None:
    """Print rates, and write rates.csv and config.json."""
    console = _console()
    table = Table(title=machine_name(), title_justify="left", title_style="bold")
    table.add_column("what")
    for column in ("a second", "slowest", "fastest"):
        table.add_column(column, justify="right")
    table.add_column("of")
    for rate in rates:
        figures = (f"{x:,.0f}" for x in (rate.per_second, rate.slowest, rate.fastest))
        table.add_row(rate.what, *figures, rate.unit)
    console.print(table)
    used = versions((*PACKAGES, "numba", "numpy"))
    console.print(", ".join(f"{package} {number}" for package, number in used.items()))
    out.mkdir(parents=True, exist_ok=True)
    write_json(out / "config.json", {"machine": machine_name(), "versions": used, **facts})
    write_text(out / "rates.csv", pd.DataFrame(map(asdict, rates)).to_csv(index=False))
    print(f"rates: {out}")


def _console() -> Console:
    console = Console()
    return console if console.is_terminal else Console(width=PIPE_WIDTH)


MEASUREMENTS: dict[type[Any], Callable[[Any], None]] = {
    ThroughputSettings: measure_throughput,
    PretrainingSettings: measure_pretraining,
    ProgramSearchSettings: measure_program_search,
    GenerationSettings: measure_generation,
    LatentSearchSettings: measure_latent_search,
    VariantSettings: measure_variants,
    BudgetSettings: measure_budgets,
    AblationSettings: measure_ablation,
    MORLSettings: measure_morl,
    ReturnsSettings: measure_returns,
    GeneralisationSettings: measure_generalisation,
}

Settings = (
    Annotated[ThroughputSettings, subcommand("throughput", prefix_name=False)]
    | Annotated[PretrainingSettings, subcommand("pretraining", prefix_name=False)]
    | Annotated[ProgramSearchSettings, subcommand("program_search", prefix_name=False)]
    | Annotated[GenerationSettings, subcommand("generation", prefix_name=False)]
    | Annotated[LatentSearchSettings, subcommand("latent_search", prefix_name=False)]
    | Annotated[VariantSettings, subcommand("variants", prefix_name=False)]
    | Annotated[BudgetSettings, subcommand("budgets", prefix_name=False)]
    | Annotated[AblationSettings, subcommand("ablation", prefix_name=False)]
    | Annotated[MORLSettings, subcommand("morl", prefix_name=False)]
    | Annotated[ReturnsSettings, subcommand("returns", prefix_name=False)]
    | Annotated[GeneralisationSettings, subcommand("generalisation", prefix_name=False)]
)


def benchmark(settings: tyro.conf.OmitArgPrefixes[Settings]) -> None:
    """Measure on this machine: rates, times, and what searches and deep RL reach.

    Args:
        settings: What to measure; each has options of its own.
    """
    MEASUREMENTS[type(settings)](settings)
