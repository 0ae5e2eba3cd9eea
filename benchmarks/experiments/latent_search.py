"""Returns of searches in latent spaces, beside the published returns of LEAPS."""

from __future__ import annotations

import numpy as np
import pandas as pd

from agents.confidence import MeanInterval, mean_interval
from benchmarks.experiments.returns import measured_grid
from benchmarks.runs.ledger import RUNS_FILE, Record
from benchmarks.runs.method_grid import env_ids
from benchmarks.runs.results import (
    Cell,
    interval_cell,
    mean_rows,
    number_cell,
    number_text,
    print_table,
    save_tables,
    task_name,
)
from benchmarks.runs.searches import LARGE_MAX_CALLS, LARGE_WORLDS
from benchmarks.settings import LatentSearchSettings
from benchmarks.statistics.published import LARGE, LEAPS, LEAPS_BY_HPRL, published_return
from karel_gym.registration import FRESH_SEED, FRESH_WORLDS
from programmatic.horizon import PUBLISHED, horizon_text

DIGITS = 2  # of the published returns
RETURNS = ("search_return", "fresh_return", "large_return")


def measure_latent_search(settings: LatentSearchSettings) -> None:
    """Do the searches that are not done yet; write and print the tables."""
    tasks = env_ids(settings.tasks, settings.env_version)
    levels = {env_id: highest_published(env_id) for env_id in tasks}
    runs = measured_grid(settings, levels)
    summary = summarise(runs.searches)
    save_tables(
        settings,
        {"summary": summary},
        fresh_worlds=FRESH_WORLDS,
        fresh_seed=FRESH_SEED,
        large_worlds=LARGE_WORLDS,
    )
    show(summary, settings)
    print(f"tables and pictures: {settings.folder} (a row per search: {RUNS_FILE})")


def summarise(searches: pd.DataFrame) -> pd.DataFrame:
    """A row per task and method.

    Returns:
        The means over seeds of `search_return`, `fresh_return` and `large_return`, each with its
        interval; the seed with the highest `search_return` and its returns, `best_...`; the
        published `leaps`, `leaps_by_hprl` and `leaps_large`; `reached`, whether `fresh_return`
        reaches the higher of the first two: "yes" if it is not below, to two digits, "within CI" if
        its interval contains it, "no", or empty if nothing was published; and `reached_in_search`,
        the same for `search_return`.
    """
    rows = []
    for row, group in mean_rows(searches, ("env_id", "method"), RETURNS):
        best = group.iloc[int(group["search_return"].to_numpy().argmax())]
        env_id = str(row["env_id"])
        own, fresh = mean_interval(group["search_return"]), mean_interval(group["fresh_return"])
        published = highest_published(env_id)
        rows.append(
            {
                **row,
                "best_seed": int(best["seed"]),
                **{f"best_{name}": best[name] for name in RETURNS},
                "leaps": published_return(LEAPS, env_id),
                "leaps_by_hprl": published_return(LEAPS_BY_HPRL, env_id),
                "leaps_large": published_return(LEAPS, env_id, LARGE),
                "reached": reached(fresh, published),
                "reached_in_search": reached(own, published),
            }
        )
    return pd.DataFrame(rows)


def highest_published(env_id: str) -> float:
    """The higher of the two published returns of LEAPS; NaN if there is none."""
    by_leaps, by_hprl = (published_return(method, env_id) for method in (LEAPS, LEAPS_BY_HPRL))
    return float(np.fmax(by_leaps, by_hprl))


def reached(ours: MeanInterval, published: float) -> str:
    """Whether a mean reaches a published one; see `summarise`.

    Example:
        >>> reached(MeanInterval(0.496, 0.4, 0.6), 0.5), reached(MeanInterval(0.4, 0.3, 0.6), 0.5)
        ('yes', 'within CI')
    """
    if np.isnan(published):
        return ""
    if round(ours.mean, DIGITS) >= published:
        return "yes"
    return "within CI" if ours.high >= published else "no"


def show(summary: pd.DataFrame, settings: LatentSearchSettings) -> None:
    """Print the summary: returns in worlds of the task's own size, and in larger ones."""
    names: dict[str, Cell] = {"task": task_name}
    if summary["method"].nunique() > 1:
        names["method"] = "method"
    published: dict[str, Cell] = {}
    if summary["reached"].any():
        published = {
            "LEAPS": number_cell("leaps"),
            "by HPRL": number_cell("leaps_by_hprl"),
            "reached": lambda row: (
                f"{row['reached_in_search']} / {row['reached']}" if row["reached"] else "-"
            ),
        }
    print_table(
        summary,
        {
            **names,
            "search worlds": interval_cell("search_return"),
            "fresh worlds": interval_cell("fresh_return"),
            "best seed": best_cell("best_fresh_return"),
            **published,
        },
        f"{', '.join(summary['method'].unique())}, model {settings.model}, "
        f"{summary['seeds'].max()} seeds, {horizon_text(settings.horizon)}",
        "Means over seeds, with 95 % bootstrap intervals, of the return of each search's best "
        f"program in the search's own worlds and in {FRESH_WORLDS:,} fresh ones. Best seed: the "
        "one with the highest return in its own worlds; the number is its return in fresh ones."
        + (
            " LEAPS: published by Trivedi et al. 2021; by HPRL: of LEAPS run again by Liu et al. "
            "2023. Reached: whether our mean in the search's / in fresh worlds is not below the "
            "higher of the two."
            if published
            else ""
        ),
    )
    large = summary[summary["large_return"].notna()]
    if not len(large):
        return
    within = horizon_text(settings.horizon)
    if settings.horizon == PUBLISHED:
        within = f"within {LARGE_MAX_CALLS:,} calls"
    print_table(
        large,
        {
            **names,
            "100x100": interval_cell("large_return"),
            "best seed": best_cell("best_large_return"),
            **({"LEAPS": number_cell("leaps_large")} if published else {}),
        },
        f"The same programs in {LARGE_WORLDS} fresh worlds of 100x100",
        f"{within.capitalize()}. Best seed: as above."
        + (" LEAPS: published by Trivedi et al. 2021, Table 9." if published else ""),
    )


def best_cell(name: str) -> Cell:
    """Cells of a return of the best seed."""

    def text(row: Record) -> str:
        return f"{number_text(row[name])} (seed {row['best_seed']})"

    return text
