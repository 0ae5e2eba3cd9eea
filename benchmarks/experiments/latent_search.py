"""What searches in the latent space reach on the tasks, beside what was published of LEAPS.

`karel-gym benchmark latent_search` measures the cross-entropy method, LEAPS's own;
`karel-gym benchmark latent_search --method cebs --env-version v1 --budget 100000` another.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from agents.intervals import MeanInterval, mean_interval
from benchmarks.runs.planned_runs import RUNS_FILE, records
from benchmarks.runs.results import number_text, print_texts, save_tables
from benchmarks.runs.search_runs import (
    LARGE_MAX_CALLS,
    LARGE_WORLDS,
    TASK_NAMES,
    PlannedSearch,
    env_ids,
    result_of,
    run_searches,
    seed_range,
)
from benchmarks.statistics.panels import COLORS, LOWEST_SHOWN, draw_band, panels, save_figure
from benchmarks.statistics.published import LARGE, LEAPS, LEAPS_BY_HPRL, published_return
from karel_gym.registration import FRESH_SEED
from programmatic.horizon import PUBLISHED, TASK, horizon_text
from programmatic.options import parse_options
from programmatic.search.commands import FRESH_WORLDS

DIGITS = 2  # of the published returns
CURVE_POINTS = 400


@dataclass(frozen=True)
class LatentSearchSettings:
    """Measure what a search reaches on each task, beside LEAPS's published returns."""

    method: str = "cem"
    """The method: cem (LEAPS), cebs, latent_hc, latent_random, best_sampled or
    random."""
    tasks: tuple[str, ...] = TASK_NAMES
    """Tasks, by name or id."""
    env_version: Literal["v0", "v1"] = "v0"
    """Which definition of tasks that are given by name: v0 is LEAPS's."""
    seeds: int = 5
    """Searches a task: those of the seeds from 0 up."""
    budget: float | None = None
    """Most programs of a search; by default until the method ends, or 1,000,000 with cebs and
    latent_hc."""
    model: str = "default"
    """The file of the model whose latent space is searched, a variant's name, or default."""
    horizon: str = TASK
    """The limit of a program's run: task, the task's own horizon, in which networks act; published,
    the 10,000 calls (actions and percepts) of the literature; or a number of actions."""
    options: tuple[str, ...] = ()
    """Other options of the method, such as population_size=64; by default the task's, then the
    papers'."""
    device: Literal["auto", "cpu", "cuda"] = "auto"
    """Where latents, decoding and, with numba-cuda, programs are."""
    out: Path = Path("results/latent_search")
    """Folder for config.json, runs.csv, runs, summary.csv, summary.json and curves.png; searches
    that are in it are not done again."""


def measure_latent_search(settings: LatentSearchSettings) -> None:
    """Do the searches that are still to be done, and leave and print the tables."""
    tasks, seeds = env_ids(settings.tasks, settings.env_version), seed_range(settings.seeds)
    options = {"horizon": settings.horizon} | parse_options(settings.options)
    budget = None if settings.budget is None else int(settings.budget)
    plans = [
        PlannedSearch(settings.method, task, seed, settings.model, budget, settings.device, options)
        for task in tasks
        for seed in seeds
    ]
    runs = run_searches(plans, settings.out)
    summary = summarise(runs)
    save_tables(
        settings.out,
        "latent_search",
        settings,
        {"summary": summary},
        fresh_worlds=FRESH_WORLDS,
        fresh_seed=FRESH_SEED,
        large_worlds=LARGE_WORLDS,
    )
    plot_curves(runs, settings.out, settings.out / "curves.png")
    title = f"{settings.method}, model {settings.model}, {settings.seeds} seeds"
    show(summary, f"{title}, {horizon_text(settings.horizon)}", settings.horizon)
    print(f"tables and picture: {settings.out} (a row a search: {RUNS_FILE})")


def summarise(runs: pd.DataFrame) -> pd.DataFrame:
    """A row a task.

    Args:
        runs: The rows of searches, as `run_searches` returns them.

    Returns:
        `env_id`; `seeds`; the means over seeds of `search_return`, `fresh_return` and
        `large_return` (see `search_runs.COLUMNS`), each with its interval, `_low` and `_high`;
        `best_seed`, that of the highest return in the search's own worlds, and its
        `best_search_return`, `best_fresh_return` and `best_large_return`; the published `leaps`,
        `leaps_by_hprl` and `leaps_large`; and `reached`, how the mean return in fresh worlds
        compares with the higher of the first two: "yes" if it is not below, to two digits, "within
        CI" if its interval has it, "no", or empty where nothing was published; and
        `reached_in_search`, the same of the search's own worlds.
    """
    rows = []
    for env_id, group in runs.groupby("env_id", sort=False):
        best = group.iloc[int(group["search_return"].to_numpy().argmax())]
        own, fresh = mean_interval(group["search_return"]), mean_interval(group["fresh_return"])
        published = highest_published(str(env_id))
        rows.append(
            {
                "env_id": env_id,
                "seeds": len(group),
                **own.columns("search_return"),
                **fresh.columns("fresh_return"),
                **mean_interval(group["large_return"]).columns("large_return"),
                "best_seed": int(best["seed"]),
                "best_search_return": best["search_return"],
                "best_fresh_return": best["fresh_return"],
                "best_large_return": best["large_return"],
                "leaps": published_return(LEAPS, str(env_id)),
                "leaps_by_hprl": published_return(LEAPS_BY_HPRL, str(env_id)),
                "leaps_large": published_return(LEAPS, str(env_id), LARGE),
                "reached": reached(fresh, published),
                "reached_in_search": reached(own, published),
            }
        )
    return pd.DataFrame(rows)


def highest_published(env_id: str) -> float:
    """The higher of the two returns that were published of LEAPS; NaN where none was."""
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


def show(summary: pd.DataFrame, title: str, horizon: str) -> None:
    """Print the summary: what is reached in worlds of the task's own size, and in larger ones."""
    is_published = horizon == PUBLISHED
    within = f"within {LARGE_MAX_CALLS:,} calls" if is_published else horizon_text(horizon)
    own, large = [], []
    versions = {env_id[env_id.rindex("-") :] for env_id in summary["env_id"]}
    version = versions.pop() if len(versions) == 1 else ""
    has_published = summary["reached"].any()
    for row in records(summary):
        task = {"task": row["env_id"].removeprefix("Karel-").removesuffix(version)}
        seed = f" (seed {row['best_seed']})"
        published = {
            "LEAPS": number_text(row["leaps"]),
            "by HPRL": number_text(row["leaps_by_hprl"]),
            "reached": f"{row['reached_in_search']} / {row['reached']}" if row["reached"] else "-",
        }
        own.append(
            {
                **task,
                "search worlds": str(MeanInterval.of_columns(row, "search_return")),
                "fresh worlds": str(MeanInterval.of_columns(row, "fresh_return")),
                "best seed": number_text(row["best_fresh_return"]) + seed,
                **(published if has_published else {}),
            }
        )
        if not np.isnan(row["large_return"]):
            published = {"LEAPS": number_text(row["leaps_large"])}
            large.append(
                {
                    **task,
                    "100x100": str(MeanInterval.of_columns(row, "large_return")),
                    "best seed": number_text(row["best_large_return"]) + seed,
                    **(published if has_published else {}),
                }
            )
    notes = (
        "Means over seeds, with 95 % bootstrap intervals, of the return of each search's best "
        f"program in the search's own worlds and in {FRESH_WORLDS:,} fresh ones. Best seed: the "
        "one with the highest return in its own worlds; shown is its return in fresh ones."
    )
    if has_published:
        notes += (
            " LEAPS: published by Trivedi et al. 2021; by HPRL: of LEAPS run again by Liu et al. "
            "2023. Reached: whether our mean in the search's / in fresh worlds is not below the "
            "higher of the two."
        )
    title = f"Karel-*{version}: {title}" if version else title
    print_texts(own, title, notes)
    if large:
        print_texts(
            large,
            f"The same programs in {LARGE_WORLDS} fresh worlds of 100x100",
            f"{within.capitalize()}. Best seed: as above."
            + (" LEAPS: published by Trivedi et al. 2021, Table 9." if has_published else ""),
        )


def plot_curves(runs: pd.DataFrame, folder: Path, path: Path) -> None:
    """Draw return over iterations, a panel a task: of the mean's program (CEM), else of the best.

    A search that ended early keeps its last value. The dotted line is the higher one of the returns
    that were published of LEAPS.

    Args:
        runs: The rows of searches.
        folder: The folder of searches.
        path: The picture's file.
    """
    figure, axes = panels(runs["env_id"].nunique())
    of_mean = (runs["method"] == "cem").all()
    column = "mean_program_return" if of_mean else "best_return"
    for axis, (env_id, group) in zip(axes, runs.groupby("env_id", sort=False), strict=True):
        histories = [result_of(row, folder).iterations for row in records(group)]
        curves = [np.array([r[column] for r in h if column in r]) for h in histories]
        curves = [curve for curve in curves if len(curve)]  # the budget may end the first iteration
        if curves:
            padded = padded_curves(curves)
            x = np.unique(np.linspace(0, padded.shape[1] - 1, CURVE_POINTS).astype(int))
            draw_band(axis, x, padded[:, x], COLORS[0], "ours")
            axis.set_ylim(max(LOWEST_SHOWN, min(0.0, float(padded.min()))) - 0.03, 1.03)
            axis.set_xlim(left=0)
        level = highest_published(str(env_id))
        if not np.isnan(level):
            axis.axhline(level, color=COLORS[-1], linestyle=":", label="LEAPS, published")
            axis.legend(frameon=False, fontsize=8, loc="lower right")
        axis.set_title(str(env_id), fontsize=10)
    what = "the mean's program" if of_mean else "the best program so far"
    seeds = runs["seed"].nunique()
    figure.suptitle(f"{runs['method'].iloc[0]}: mean over {seeds} seeds, with 95 % interval")
    figure.supxlabel("iteration")
    figure.supylabel(f"return of {what}")
    save_figure(figure, path)


def padded_curves(curves: list[NDArray[np.float64]]) -> NDArray[np.float64]:
    """Curves as one array, (S, T), the shorter ones going on with their last value.

    Example:
        >>> padded_curves([np.array([0.0, 1.0]), np.array([0.0, 0.2, 0.5])]).tolist()
        [[0.0, 1.0, 1.0], [0.0, 0.2, 0.5]]
    """
    longest = max(map(len, curves))
    return np.array([np.pad(curve, (0, longest - len(curve)), "edge") for curve in curves])
