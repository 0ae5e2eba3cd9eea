"""What in the search for programs is worth its place: the default method without each of its parts.

`karel-gym benchmark ablation` does all searches; `--variants cghc hc --tasks DoorKey` some.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from agents.intervals import MeanInterval, mean_interval
from benchmarks.runs.planned_runs import RUNS_FILE, Row, records
from benchmarks.runs.results import number_text, print_texts, save_tables
from benchmarks.runs.search_runs import PlannedSearch, env_ids, run_searches, seed_range
from karel_gym.registration import FRESH_SEED
from programmatic.horizon import TASK, horizon_text
from programmatic.search.commands import FRESH_WORLDS
from programmatic.search.objective import SOLVED

HARD_TASKS = ("DoorKey", "OneStroke", "Snake", "PathFollow")
"""Those that plain hill climbing does not always solve."""
VARIANTS: dict[str, tuple[str, Mapping[str, Any]]] = {
    "cghc": ("cghc", {}),
    "without edits": ("cghc", {"edits": 0.0}),
    "without counterexamples": ("cghc", {"n_worlds": 32}),
    "without sideways": ("cghc", {"sideways": False}),
    "250 neighbours": ("cghc", {"neighbours": 250}),
    "1,000 neighbours": ("cghc", {"neighbours": 1000}),
    "16,000 neighbours": ("cghc", {"neighbours": 16_000}),
    "16 worlds a climb": ("cghc", {"climb_worlds": 16}),
    "larger space": ("cghc", {"space": "larger"}),
    "hc, sideways": ("hc", {"sideways": True}),
    "hc": ("hc", {}),
    "shc": ("shc", {}),
}
"""The method and the options of each; cghc is the default, hc and shc are as published."""


@dataclass(frozen=True)
class AblationSettings:
    """Compare the default search for programs with what it is without each of its parts."""

    variants: tuple[str, ...] = tuple(VARIANTS)
    """Which variants of the search."""
    tasks: tuple[str, ...] = HARD_TASKS
    """Tasks, by name or id."""
    seeds: int = 10
    """Searches a variant and task: those of the seeds from 0 up."""
    horizon: str = TASK
    """The limit of a program's run: task, the task's own horizon; published,
    the 10,000 calls (actions and percepts) of the literature; or a number of actions."""
    budget: float = 1e6
    """Most programs that a search evaluates."""
    out: Path = Path("results/ablation")
    """Folder for config.json, runs.csv, runs, summary.csv and summary.json; searches that are in it
    are not done again."""


def measure_ablation(settings: AblationSettings) -> None:
    """Do the searches that are still to be done, and leave and print the table."""
    tasks, seeds = env_ids(settings.tasks), seed_range(settings.seeds)
    for variant in settings.variants:
        if variant not in VARIANTS:
            raise ValueError(f"variants must be of {', '.join(VARIANTS)}, got {variant!r}")
    plans = [
        (variant, planned(variant, task, seed, int(settings.budget), settings.horizon))
        for task in tasks
        for variant in settings.variants
        for seed in seeds
    ]
    runs = run_searches([plan for _, plan in plans], settings.out)
    summary = summarise(runs, {plan.id: variant for variant, plan in plans})
    facts = {"fresh_worlds": FRESH_WORLDS, "fresh_seed": FRESH_SEED}
    save_tables(settings.out, "ablation", settings, {"summary": summary}, **facts)
    show(summary, settings.horizon)
    print(f"table: {settings.out} (a row a search: {RUNS_FILE})")


def planned(variant: str, env_id: str, seed: int, budget: int, horizon: str) -> PlannedSearch:
    """The search that a variant does."""
    method, options = VARIANTS[variant]
    return PlannedSearch(
        method, env_id, seed, budget=budget, options={"horizon": horizon, **options}
    )


def summarise(runs: pd.DataFrame, variants: Mapping[str, str]) -> pd.DataFrame:
    """A row a task and variant.

    Args:
        runs: The rows of searches, as `run_searches` returns them.
        variants: The variant of each search, by its id.

    Returns:
        `env_id`; `variant`; `seeds`; `fresh_return` and `search_return`, means over seeds with
        their intervals; `solved`, the share of searches that ended with a solution of their worlds;
        and, as medians over seeds, `evaluations` and `seconds`.
    """
    rows: list[Row] = []
    named = runs.assign(variant=runs["id"].map(variants))
    for (env_id, variant), group in named.groupby(["env_id", "variant"], sort=False):
        rows.append(
            {
                "env_id": env_id,
                "variant": variant,
                "seeds": len(group),
                **mean_interval(group["fresh_return"]).columns("fresh_return"),
                **mean_interval(group["search_return"]).columns("search_return"),
                "solved": (group["search_return"] >= SOLVED).mean(),
                "evaluations": group["evaluations"].median(),
                "seconds": group["seconds"].median(),
            }
        )
    return pd.DataFrame(rows)


def show(summary: pd.DataFrame, horizon: str) -> None:
    """Print the summary."""
    rows = [
        {
            "task": row["env_id"].removeprefix("Karel-"),
            "variant": row["variant"],
            "fresh worlds": str(MeanInterval.of_columns(row, "fresh_return")),
            "search worlds": str(MeanInterval.of_columns(row, "search_return")),
            "solved": f"{row['solved']:.0%}",
            "programs": f"{row['evaluations']:,.0f}",
            "s": number_text(row["seconds"], 1),
        }
        for row in records(summary)
    ]
    print_texts(
        rows,
        f"Variants of the search for programs, {summary['seeds'].max()} seeds",
        f"Mean return of the best program {horizon_text(horizon)} in {FRESH_WORLDS} fresh worlds "
        "and in those of the search, with 95 % bootstrap intervals; searches that solved all of "
        "their worlds; programs evaluated and seconds, medians.",
    )
