"""The command `karel-gym benchmark`."""

from __future__ import annotations

import importlib
from typing import Annotated

import tyro
from tyro.conf import subcommand

from benchmarks.settings import (
    AblationSettings,
    BenchmarkSettings,
    BudgetSettings,
    GeneralisationSettings,
    GenerationSettings,
    GPUSettings,
    LatentSearchSettings,
    MORLSettings,
    PretrainingSettings,
    ProgramSearchSettings,
    ProposalSettings,
    ReturnsSettings,
    SolutionTimeSettings,
    ThroughputSettings,
    VariantSettings,
)

MEASUREMENTS: dict[type[BenchmarkSettings], str] = {
    ThroughputSettings: "speed.throughput:measure_throughput",
    GPUSettings: "speed.gpu:measure_gpu",
    PretrainingSettings: "speed.pretraining:measure_pretraining",
    ProgramSearchSettings: "speed.program_search:measure_program_search",
    GenerationSettings: "speed.generation:measure_generation",
    LatentSearchSettings: "experiments.latent_search:measure_latent_search",
    SolutionTimeSettings: "experiments.solution_times:measure_solution_times",
    VariantSettings: "experiments.variants:measure_variants",
    BudgetSettings: "experiments.budgets:measure_budgets",
    AblationSettings: "experiments.ablation:measure_ablation",
    ProposalSettings: "experiments.ablation:measure_ablation",
    MORLSettings: "experiments.morl:measure_morl",
    ReturnsSettings: "experiments.returns:measure_returns",
    GeneralisationSettings: "experiments.generalisation:measure_generalisation",
}
"""The function of each benchmark. Texts: --help imports none of their modules."""

Settings = (
    Annotated[ThroughputSettings, subcommand("throughput", prefix_name=False)]
    | Annotated[GPUSettings, subcommand("gpu", prefix_name=False)]
    | Annotated[PretrainingSettings, subcommand("pretraining", prefix_name=False)]
    | Annotated[ProgramSearchSettings, subcommand("program_search", prefix_name=False)]
    | Annotated[GenerationSettings, subcommand("generation", prefix_name=False)]
    | Annotated[LatentSearchSettings, subcommand("latent_search", prefix_name=False)]
    | Annotated[SolutionTimeSettings, subcommand("solution_times", prefix_name=False)]
    | Annotated[VariantSettings, subcommand("variants", prefix_name=False)]
    | Annotated[BudgetSettings, subcommand("budgets", prefix_name=False)]
    | Annotated[AblationSettings, subcommand("ablation", prefix_name=False)]
    | Annotated[ProposalSettings, subcommand("proposals", prefix_name=False)]
    | Annotated[MORLSettings, subcommand("morl", prefix_name=False)]
    | Annotated[ReturnsSettings, subcommand("returns", prefix_name=False)]
    | Annotated[GeneralisationSettings, subcommand("generalisation", prefix_name=False)]
)


def benchmark(settings: tyro.conf.OmitArgPrefixes[Settings]) -> None:
    """Measure rates and times on this machine, and the returns of searches and deep RL.

    Results that are in the run folder are not measured again.

    Args:
        settings: The benchmark; each has its own options.
    """
    settings.check()
    settings.check_folder()
    measure(settings.quickened())


def measure(settings: BenchmarkSettings) -> None:
    """Run a benchmark."""
    module, _, function = MEASUREMENTS[type(settings)].partition(":")
    getattr(importlib.import_module(f"benchmarks.{module}"), function)(settings)
