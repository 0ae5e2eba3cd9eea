"""Search methods beside each other, each with the same number of program evaluations."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from agents.intervals import mean_interval
from benchmarks.runs.planned_runs import RUNS_FILE, records
from benchmarks.runs.results import print_texts, save_tables
from benchmarks.runs.search_runs import (
    TASK_NAMES,
    PlannedSearch,
    env_ids,
    result_of,
    run_searches,
    seed_range,
)
from benchmarks.statistics.panels import COLORS, LOWEST_SHOWN, draw_band, panels, save_figure
from karel_gym.registration import FRESH_SEED
from programmatic.horizon import TASK, horizon_text
from programmatic.search import CEMConfig, LatentRandomConfig, RandomConfig, SearchResult
from programmatic.search.commands import FRESH_WORLDS
from programmatic.search.configs import config_of

METHODS = ("cem", "cebs", "latent_hc", "latent_random", "random")
GRID = 300  # points of a curve


@dataclass(frozen=True)
class BudgetSettings:
    """Compare search methods at equal numbers of evaluated programs."""

    methods: tuple[str, ...] = METHODS
    """The methods: of cem, cebs, latent_hc, latent_random, random."""
    tasks: tuple[str, ...] = TASK_NAMES
    """Tasks, by name or id."""
    env_version: Literal["v0", "v1"] = "v0"
    """Which definition of tasks that are given by name: v0 is LEAPS's."""
    seeds: int = 5
    """Searches a method and task: those of the seeds from 0 up."""
    budget: float = 30_000
    """Most programs that a search evaluates."""
    worlds: int = 16
    """Start worlds in which a program runs, the same for all methods of a seed."""
    horizon: str = TASK
    """The limit of a program's run: task, the task's own horizon, in which networks act; published,
    the 10,000 calls (actions and percepts) of the literature; or a number of actions."""
    model: str = "default"
    """The file of the model whose latent space is searched, a variant's name, or default."""
    device: Literal["auto", "cpu", "cuda"] = "auto"
    """Where latents, decoding and, with numba-cuda, programs are."""
    out: Path = Path("results/budgets")
    """Folder for config.json, runs.csv, runs, summary.csv, summary.json and curves.png; searches
    that are in it are not done again."""


def measure_budgets(settings: BudgetSettings) -> None:
    """Do the searches that are still to be done, and leave and print the tables."""
    tasks, seeds = env_ids(settings.tasks, settings.env_version), seed_range(settings.seeds)
    budget = int(settings.budget)
    for method in settings.methods:
        if method not in METHODS:
            raise ValueError(f"methods must be of {', '.join(METHODS)}, got {method!r}")
    plans = [
        PlannedSearch(
            method,
            task,
            seed,
            settings.model,
            budget,
            settings.device,
            {
                "n_worlds": settings.worlds,
                "horizon": settings.horizon,
                **schedule(method, task, budget),
            },
        )
        for task in tasks
        for seed in seeds
        for method in settings.methods
    ]
    runs = run_searches(plans, settings.out)
    summary = summarise(runs)
    facts = {"fresh_worlds": FRESH_WORLDS, "fresh_seed": FRESH_SEED}
    save_tables(settings.out, "budgets", settings, {"summary": summary}, **facts)
    plot_curves(runs, settings.out, budget, settings.out / "curves.png")
    title = f"{budget:,} programs, model {settings.model}, {settings.seeds} seeds"
    show(runs, f"{title}, {horizon_text(settings.horizon)}")
    print(f"tables and picture: {settings.out} (a row a search: {RUNS_FILE})")


def schedule(method: str, env_id: str, budget: int) -> dict[str, Any]:
    """The options with which a method makes use of a budget.

    The cross-entropy method gets as many iterations as the budget is enough for, so that its sigma
    has fallen to the end when the budget is spent; random search as many as it takes to spend it.

    Raises:
        ValueError: The budget is not enough for an iteration.

    Example:
        >>> schedule("cem", "Karel-Maze-v0", 30_000)  # 1,764 * (16 + 1) + 1 programs
        {'iterations': 1764}
    """
    config = config_of(method, env_id, {})
    if isinstance(config, CEMConfig):
        # An iteration evaluates its mean too, and the last mean is evaluated by itself.
        iterations = (budget - 1) // (config.population_size + 1)
        if iterations < 1:
            raise ValueError(
                f"the budget must be at least {config.population_size + 2} for {method} on "
                f"{env_id}, got {budget}"
            )
        return {"iterations": iterations}
    if isinstance(config, LatentRandomConfig):
        return {"n_latents": budget}
    if isinstance(config, RandomConfig):
        return {"n_programs": budget}
    return {}


def summarise(runs: pd.DataFrame) -> pd.DataFrame:
    """A row a task and method, and a method over all tasks (`env_id` "all").

    Returns:
        `env_id`, `method`, `seeds`, the means over seeds of `search_return` and `fresh_return` with
        their intervals, and of `evaluations` and `seconds`. Over all tasks, a seed's value is its
        mean over the tasks.
    """
    numbers = ["search_return", "fresh_return", "evaluations", "seconds"]
    overall = runs.groupby(["method", "seed"], sort=False)[numbers].mean().reset_index()
    overall["env_id"] = "all"
    rows = []
    for (env_id, method), group in [
        *runs.groupby(["env_id", "method"], sort=False),
        *overall.groupby(["env_id", "method"], sort=False),
    ]:
        rows.append(
            {
                "env_id": env_id,
                "method": method,
                "seeds": len(group),
                **mean_interval(group["search_return"]).columns("search_return"),
                **mean_interval(group["fresh_return"]).columns("fresh_return"),
                "evaluations": group["evaluations"].mean(),
                "seconds": group["seconds"].mean(),
            }
        )
    return pd.DataFrame(rows)


def show(runs: pd.DataFrame, title: str) -> None:
    """Print the mean returns in fresh worlds: a row a task, a column a method."""
    methods = list(runs["method"].unique())
    rows = []
    for env_id, group in runs.groupby("env_id", sort=False):
        row = {"task": str(env_id).removeprefix("Karel-")}
        for method in methods:
            row[method] = str(mean_interval(group[group["method"] == method]["fresh_return"]))
        rows.append(row)
    by_seed = runs.groupby(["method", "seed"])["fresh_return"].mean()
    rows.append(
        {"task": "mean of the tasks"} | {m: str(mean_interval(by_seed.loc[m])) for m in methods}
    )
    notes = (
        f"Mean returns, over seeds, of each search's best program in {FRESH_WORLDS:,} fresh "
        "worlds, with 95 % bootstrap intervals. A search also ends when it has solved the task in "
        "its own worlds."
    )
    print_texts(rows, title, notes)


def plot_curves(runs: pd.DataFrame, folder: Path, budget: int, path: Path) -> None:
    """Draw the best return in the search's worlds over evaluations, a panel a task, a line a
    method.

    Args:
        runs: The rows of searches.
        folder: The folder of searches.
        budget: Where the curves end.
        path: The picture's file.
    """
    figure, axes = panels(runs["env_id"].nunique())
    methods = list(runs["method"].unique())
    grid = np.unique(np.geomspace(1, budget, GRID).astype(int))
    for axis, (env_id, group) in zip(axes, runs.groupby("env_id", sort=False), strict=True):
        lowest = 0.0
        for method, color in zip(methods, COLORS, strict=False):
            rows = records(group[group["method"] == method])
            curves = np.array([best_returns(result_of(row, folder), grid) for row in rows])
            known = ~np.isnan(curves).any(axis=0)  # nothing is, before the first batch
            lowest = min(lowest, float(curves[:, known].min(initial=0.0)))
            draw_band(axis, grid[known], curves[:, known], color, method)
        axis.set_xscale("log")
        axis.set_ylim(max(LOWEST_SHOWN, lowest) - 0.03, 1.03)
        axis.set_title(str(env_id), fontsize=10)
    axes[0].legend(frameon=False, fontsize=8)
    seeds = runs["seed"].nunique()
    figure.suptitle(f"Best return so far, mean over {seeds} seeds, with 95 % interval")
    figure.supxlabel("programs evaluated")
    figure.supylabel("return in the search's worlds")
    save_figure(figure, path)


def best_returns(result: SearchResult, evaluations: NDArray[np.int64]) -> NDArray[np.float64]:
    """The best return after so many evaluations each, (T,); NaN where there was none yet.

    Programs are evaluated in batches: what a batch found counts from its end on.
    """
    ends = np.array([entry["evaluations"] for entry in result.history])
    returns = np.array([np.nan, *(entry["return"] for entry in result.history)])
    return returns[np.searchsorted(ends, evaluations, side="right")]
