"""What searches and deep RL baselines reach on the tasks, beside what was published.

`karel-gym benchmark returns` does the whole grid; `--methods hc DRL-action --tasks Maze --seeds 1`
some of it.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from agents.intervals import MeanInterval, mean_interval
from benchmarks.runs.grid import SEARCHES, GridSettings, do_grid, quickened
from benchmarks.runs.planned_runs import Row, records
from benchmarks.runs.results import number_text, print_texts, save_tables
from benchmarks.runs.search_runs import LARGE_WORLDS
from benchmarks.runs.trainings import FRESH_EPISODES
from benchmarks.statistics.aggregates import (
    aggregates,
    improvements,
    plot_profiles,
    profiles,
    returns_by_method,
)
from benchmarks.statistics.curves import (
    EVALUATIONS,
    FRAMES,
    SECONDS,
    bands,
    learning_curves,
    plot_bands,
)
from benchmarks.statistics.published import (
    LARGE,
    OWN_SIZE,
    published_notes,
    published_number,
    published_return,
    published_text,
)
from benchmarks.statistics.solved import SOLVED_FRESH, TIMES, solved_within
from benchmarks.statistics.tidy import RESULTS_FILE, WORLDS, tidy, write_results
from programmatic.horizon import horizon_text
from programmatic.runs import write_text
from programmatic.search.commands import FRESH_WORLDS


@dataclass(frozen=True)
class ReturnsSettings(GridSettings):
    """Measure what searches and deep RL baselines reach, beside the published returns."""


def measure_returns(settings: ReturnsSettings) -> None:
    """Do the runs that are still to be done, and leave and print the tables."""
    settings = quickened(settings)
    runs = do_grid(settings)
    folder = settings.out
    results = tidy(runs)
    write_results(results, folder)
    summary = summarise(results)
    solved = solved_within(runs.searches, folder / SEARCHES)
    save_tables(
        folder,
        "returns",
        settings,
        {"summary": summary, "solved": solved},
        fresh_worlds={"searches": FRESH_WORLDS, "trainings": FRESH_EPISODES},
        large_worlds=LARGE_WORLDS,
    )
    overall = write_statistics(results, folder)
    curves = learning_curves(runs)
    table = bands(curves)
    write_text(folder / "curves.csv", curves.to_csv(index=False, float_format="%.6g"))
    write_text(folder / "bands.csv", table.to_csv(index=False, float_format="%.6g"))
    for unit in (FRAMES, EVALUATIONS, SECONDS):
        if unit in set(table["unit"]):
            plot_bands(table, unit, folder / f"curves_{unit}.png")
    show(summary, settings)
    if len(solved):
        show_solved(solved)
    if summary["env_id"].nunique() > 1 and len(overall):
        show_statistics(overall)
    print(f"tables and pictures: {folder} (a row for each run and kind of worlds: {RESULTS_FILE})")


def write_statistics(results: pd.DataFrame, folder: Path) -> pd.DataFrame:
    """Write what holds of all tasks together: statistics.csv, improvements.csv, and profiles.csv
    with its picture; of returns in fresh worlds of the tasks' own sizes.

    Returns:
        The table of statistics.csv, see `benchmarks.statistics.aggregates.aggregates`.
    """
    returns = returns_by_method(results, OWN_SIZE)
    if not returns:
        return pd.DataFrame()
    overall, shares = aggregates(returns), profiles(returns)
    tables = {"statistics": overall, "profiles": shares, "improvements": improvements(returns)}
    for name, table in tables.items():
        write_text(folder / f"{name}.csv", table.to_csv(index=False, float_format="%.6g"))
    plot_profiles(shares, folder / "profiles.png")
    return overall


def show_statistics(overall: pd.DataFrame) -> None:
    """Print the interquartile mean and the mean of each method."""
    rows = [
        {
            "method": row["algo"],
            "interquartile mean": str(MeanInterval.of_columns(row, "iqm")),
            "mean": str(MeanInterval.of_columns(row, "mean")),
        }
        for row in records(overall)
    ]
    print_texts(
        rows,
        f"All {overall['tasks'].iloc[0]} tasks together, in fresh worlds",
        "With 95 % intervals of a bootstrap stratified by task. Methods that lack a task or a seed "
        "of it are left out.",
    )


def summarise(results: pd.DataFrame) -> pd.DataFrame:
    """A row a task and method.

    Args:
        results: As `tidy` returns them.

    Returns:
        `env_id`; `algo`; `seeds`; the mean returns over seeds in the worlds `search`, `own` and
        `100x100`, each with its interval, `_low` and `_high`; the mean `frames`, `evaluations` and
        `seconds`; and what was published of the method: `published_search`, `published_own`,
        `published_100x100`.
    """
    rows = []
    for (env_id, algo), group in results.groupby(["env_id", "algo"], sort=False):
        runs = group.drop_duplicates("run")
        row: Row = {"env_id": env_id, "algo": algo, "seeds": len(runs)}
        for worlds in WORLDS:
            row |= mean_interval(group[group["worlds"] == worlds]["return"]).columns(worlds)
        for cost in ("frames", "evaluations", "seconds"):
            row[cost] = runs[cost].astype(float).mean()
        for worlds in WORLDS:
            row[f"published_{worlds}"] = published_return(str(algo), str(env_id), worlds)
        rows.append(row)
    return pd.DataFrame(rows)


def show(summary: pd.DataFrame, settings: GridSettings) -> None:
    """Print the summary, a row a task and method, with the notes on the published numbers."""
    rows, seen = [], []
    for row in records(summary):
        algo, env_id = row["algo"], row["env_id"]
        numbers = {worlds: published_number(algo, env_id, worlds) for worlds in WORLDS}
        seen += [(algo, number) for number in numbers.values()]
        rows.append(
            {
                "task": env_id.removeprefix("Karel-"),
                "method": algo,
                **{
                    title: text
                    for worlds, name in zip(WORLDS, ("own worlds", "fresh", LARGE), strict=True)
                    for title, text in (
                        (name, str(MeanInterval.of_columns(row, worlds))),
                        (f"publ. {name}", published_text(numbers[worlds])),
                    )
                },
                "frames": number_text(row["frames"], 0),
                "programs": number_text(row["evaluations"], 0),
                "s": number_text(row["seconds"], 1),
            }
        )
    print_texts(
        without_empty(rows),
        f"Mean returns of {settings.seeds} seeds, with 95 % bootstrap intervals",
        "Own worlds: those that a search judged its programs in, or a training chose its best "
        f"policy in. Fresh: {FRESH_WORLDS:,} others for programs, {FRESH_EPISODES} for networks, "
        f"of the task's own size. 100x100: {LARGE_WORLDS} worlds. Networks act within the task's "
        f"horizon, programs run {horizon_text(settings.horizon)}. {published_notes(seen)}",
    )


def without_empty(rows: list[dict[str, str]]) -> list[dict[str, str]]:
    """The rows of a table of texts without the columns that have nothing in any of them."""
    used = [name for name in rows[0] if any(row[name] != "-" for row in rows)]
    return [{name: row[name] for name in used} for row in rows]


def show_solved(solved: pd.DataFrame) -> None:
    """Print how many seeds of the searches solve their tasks, and how soon."""
    rows = [
        {
            "task": row["env_id"].removeprefix("Karel-"),
            "method": row["algo"],
            **{f"in {t} s": f"{row[f'solved_{t}_s']:.0%}" for t in TIMES},
            "at all": f"{row['solved']:.0%}",
            "programs to 1.00": _count(row["median_evaluations"]),
        }
        for row in records(solved)
    ]
    print_texts(
        rows,
        "Share of the searches that solve their task",
        f"Solved: a return of 1 in the search's worlds and of at least {SOLVED_FRESH} in fresh "
        "ones. Seconds are those of one core, without compilation. Programs: the median number of "
        "evaluations to a return of 1.00 in the search's worlds; -: less than half come there.",
    )


def _count(value: float) -> str:
    return number_text(value if np.isfinite(value) else float("nan"), 0)
