"""The default search for programs without each of its parts."""

from __future__ import annotations

import pandas as pd

from benchmarks.experiments.returns import measured_grid
from benchmarks.runs.ledger import RUNS_FILE
from benchmarks.runs.results import (
    interval_cell,
    mean_rows,
    number_cell,
    print_table,
    save_tables,
    task_name,
)
from benchmarks.settings import AblationSettings
from karel_gym.registration import FRESH_SEED, FRESH_WORLDS
from programmatic.horizon import horizon_text
from programmatic.search.objective import SOLVED


def measure_ablation(settings: AblationSettings) -> None:
    """Do the searches that are not done yet; write and print the table."""
    runs = measured_grid(settings)
    summary = summarise(runs.searches)
    tables = {"summary": summary}
    save_tables(settings, tables, fresh_worlds=FRESH_WORLDS, fresh_seed=FRESH_SEED)
    print_table(
        summary,
        {
            "task": task_name,
            "variant": "variant",
            "fresh worlds": interval_cell("fresh_return"),
            "search worlds": interval_cell("search_return"),
            "solved": lambda row: f"{row['solved']:.0%}",
            "programs": number_cell("evaluations", 0),
            "s": number_cell("seconds", 1),
        },
        f"Variants of the search for programs, {summary['seeds'].max()} seeds",
        f"Mean return of the best program {horizon_text(settings.horizon)} in {FRESH_WORLDS} fresh "
        "worlds and in those of the search, with 95 % bootstrap intervals; searches that solved "
        "all of their worlds; programs evaluated and seconds, medians.",
    )
    print(f"table: {settings.folder} (a row per search: {RUNS_FILE})")


def summarise(searches: pd.DataFrame) -> pd.DataFrame:
    """A row per task and variant: means over seeds with their intervals, and medians of costs.

    `solved` is the share of searches that solved their worlds.
    """
    named = searches.rename(columns={"label": "variant"})
    return pd.DataFrame(
        {
            **row,
            "solved": (group["search_return"] >= SOLVED).mean(),
            "evaluations": group["evaluations"].median(),
            "seconds": group["seconds"].median(),
        }
        for row, group in mean_rows(named, ("env_id", "variant"), ("fresh_return", "search_return"))
    )
