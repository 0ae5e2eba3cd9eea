"""Searches in latent spaces beside each other, each with the same number of evaluations."""

from __future__ import annotations

import pandas as pd

from agents.confidence import mean_interval
from benchmarks.experiments.returns import measured_grid
from benchmarks.runs.ledger import RUNS_FILE
from benchmarks.runs.results import mean_rows, print_texts, save_tables, task_name
from benchmarks.settings import BudgetSettings
from karel_gym.registration import FRESH_SEED, FRESH_WORLDS
from programmatic.horizon import horizon_text

RETURNS = ("search_return", "fresh_return")


def measure_budgets(settings: BudgetSettings) -> None:
    """Do the searches that are not done yet; write and print the tables."""
    searches = measured_grid(settings).searches
    tables = {"summary": summarise(searches)}
    save_tables(settings, tables, fresh_worlds=FRESH_WORLDS, fresh_seed=FRESH_SEED)
    seeds = searches["seed"].nunique()
    title = f"{settings.budget or 0:,} programs, model {settings.model}, {seeds} seeds"
    show(searches, f"{title}, {horizon_text(settings.horizon)}")
    print(f"tables and pictures: {settings.folder} (a row per search: {RUNS_FILE})")


def summarise(searches: pd.DataFrame) -> pd.DataFrame:
    """A row per task and method, and per method over all tasks (`env_id` "all").

    Over all tasks, a seed's value is its mean over the tasks.
    """
    costs = ["evaluations", "seconds"]
    overall = searches.groupby(["method", "seed"], sort=False)[[*RETURNS, *costs]].mean()
    rows = pd.concat([searches, overall.reset_index().assign(env_id="all")])
    return pd.DataFrame(
        {**row, **group[costs].mean()}
        for row, group in mean_rows(rows, ("env_id", "method"), RETURNS)
    )


def show(searches: pd.DataFrame, title: str) -> None:
    """Print the mean returns in fresh worlds: a row per task, a column per method."""
    by_seed = searches.groupby(["method", "seed"], sort=False)["fresh_return"].mean()
    mean = by_seed.reset_index().assign(env_id="mean of the tasks")
    rows = []
    for env_id, group in pd.concat([searches, mean]).groupby("env_id", sort=False):
        row = {"task": task_name({"env_id": env_id})}
        for method, own in group.groupby("method", sort=False):
            row[str(method)] = str(mean_interval(own["fresh_return"]))
        rows.append(row)
    notes = (
        f"Mean returns, over seeds, of each search's best program in {FRESH_WORLDS:,} fresh "
        "worlds, with 95 % bootstrap intervals. A search also ends when it has solved the task in "
        "its own worlds."
    )
    print_texts(rows, title, notes)
