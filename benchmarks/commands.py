"""The command `karel-gym benchmark`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import tyro
from tyro.conf import subcommand

from benchmarks.experiments.ablation import AblationSettings, measure_ablation
from benchmarks.experiments.budgets import BudgetSettings, measure_budgets
from benchmarks.experiments.generalisation import GeneralisationSettings, measure_generalisation
from benchmarks.experiments.latent_search import LatentSearchSettings, measure_latent_search
from benchmarks.experiments.morl_settings import MORLSettings
from benchmarks.experiments.returns import ReturnsSettings, measure_returns
from benchmarks.experiments.variants import VariantSettings, measure_variants
from benchmarks.runs.results import check_benchmark
from benchmarks.speed.generation import GenerationSettings, measure_generation
from benchmarks.speed.pretraining import PretrainingSettings, pretraining_rates
from benchmarks.speed.program_search import ProgramSearchSettings, program_search_rates
from benchmarks.speed.rates import measure_rates
from benchmarks.speed.throughput import (
    cuda_rates,
    execution_rates,
    memory_of_worlds,
    pure_python_rates,
    random_program_rates,
    stepping_rates,
    training_rates,
    tree_rates,
)

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
    """Folder for config.json and rates.csv; rates that are in it are not measured again."""
    quick: bool = False
    """Without the rates of training, which take most of the time."""


def measure_throughput(settings: ThroughputSettings) -> None:
    """Measure the rates of execution, of stepping and of training."""
    sources = [source for source in SOURCES if not (settings.quick and source is training_rates)]
    megabytes = memory_of_worlds() / 1e6
    plans = (plan for source in sources for plan in source())
    measure_rates("throughput", plans, settings, million_worlds_mb=megabytes)
    print(f"One million worlds of 8x8 take {megabytes:.0f} MB.")


def measure_pretraining(settings: PretrainingSettings) -> None:
    """Measure the rates of pretraining."""
    measure_rates("pretraining", pretraining_rates(settings), settings)


def measure_program_search(settings: ProgramSearchSettings) -> None:
    """Measure the rates of hill climbing over programs."""
    measure_rates("program_search", program_search_rates(settings), settings)


def measure_morl(settings: MORLSettings) -> None:
    """Do MORL's experiments."""
    from benchmarks.experiments.morl import run_experiments  # which needs the extra [morl]

    run_experiments(settings)


MEASUREMENTS: dict[type[Any], tuple[str, Callable[[Any], None]]] = {
    ThroughputSettings: ("throughput", measure_throughput),
    PretrainingSettings: ("pretraining", measure_pretraining),
    ProgramSearchSettings: ("program_search", measure_program_search),
    GenerationSettings: ("generation", measure_generation),
    LatentSearchSettings: ("latent_search", measure_latent_search),
    VariantSettings: ("variants", measure_variants),
    BudgetSettings: ("budgets", measure_budgets),
    AblationSettings: ("ablation", measure_ablation),
    MORLSettings: ("morl", measure_morl),
    ReturnsSettings: ("returns", measure_returns),
    GeneralisationSettings: ("returns", measure_generalisation),
}
"""The benchmark whose folder `out` is, and the function that measures."""

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

    What the folder of a benchmark has is not measured again; a folder of another run is refused.

    Args:
        settings: What to measure; each has options of its own.
    """
    name, measure = MEASUREMENTS[type(settings)]
    check_benchmark(settings.out, name)
    measure(settings)
