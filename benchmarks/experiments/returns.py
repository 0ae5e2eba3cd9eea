"""Returns of searches and deep RL baselines, beside the published returns."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pandas as pd

from agents.confidence import MeanInterval, mean_interval
from benchmarks.runs.ledger import Record, records
from benchmarks.runs.method_grid import GridRuns, do_grid
from benchmarks.runs.results import (
    interval_cell,
    number_cell,
    number_text,
    print_table,
    print_texts,
    save_tables,
    task_name,
)
from benchmarks.runs.searches import LARGE_WORLDS
from benchmarks.runs.trainings import FRESH_EPISODES
from benchmarks.settings import ReturnsSettings
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
from benchmarks.statistics.solved import FRESH_LOSS, TIMES, solved_within
from benchmarks.statistics.tidy import RESULTS_FILE, WORLDS, tidy, write_results
from karel_gym.registration import FRESH_WORLDS
from programmatic.horizon import horizon_text
from programmatic.runs import write_text


def measure_returns(settings: ReturnsSettings) -> None:
    """Do the runs that are not done yet; write and print the tables."""
    runs = measured_grid(settings)
    results = tidy(runs)
    summary = summarise(results)
    solved = solved_within(runs.searches, runs.folder)
    fresh = {"searches": FRESH_WORLDS, "trainings": FRESH_EPISODES}
    tables = {"summary": summary, "solved": solved}
    save_tables(settings, tables, fresh_worlds=fresh, large_worlds=LARGE_WORLDS)
    show(summary, settings)
    if len(solved):
        show_solved(solved)
    if summary["env_id"].nunique() > 1:
        show_statistics(aggregates(returns_by_method(results, OWN_SIZE)))
    print(
        f"tables and pictures: {settings.folder} (a row for each run and kind of worlds: "
        f"{RESULTS_FILE})"
    )


def measured_grid(settings: ReturnsSettings, levels: Mapping[str, float] | None = None) -> GridRuns:
    """Do the unfinished runs of a grid; write results.csv, curves and statistics.

    `levels` are published returns by task, shown in the pictures of curves.
    """
    runs = do_grid(settings)
    results, curves = tidy(runs), learning_curves(runs)
    write_results(results, runs.folder)
    write_statistics(results, runs.folder)
    table = bands(curves)
    write_text(runs.folder / "curves.csv", curves.to_csv(index=False, float_format="%.6g"))
    write_text(runs.folder / "bands.csv", table.to_csv(index=False, float_format="%.6g"))
    for unit in (FRAMES, EVALUATIONS, SECONDS):
        if unit in set(table["unit"]):
            plot_bands(table, unit, runs.folder / f"curves_{unit}.png", levels)
    return runs


def write_statistics(results: pd.DataFrame, folder: Path) -> None:
    """Write statistics of returns in fresh worlds of the tasks' own sizes, over all tasks."""
    returns = returns_by_method(results, OWN_SIZE)
    if not returns:
        return
    overall, shares = aggregates(returns), profiles(returns)
    tables = {"statistics": overall, "profiles": shares, "improvements": improvements(returns)}
    for name, table in tables.items():
        write_text(folder / f"{name}.csv", table.to_csv(index=False, float_format="%.6g"))
    plot_profiles(shares, folder / "profiles.png")


def show_statistics(overall: pd.DataFrame) -> None:
    """Print the interquartile mean and the mean of each method."""
    if len(overall):
        print_table(
            overall,
            {
                "method": "algo",
                "interquartile mean": interval_cell("iqm"),
                "mean": interval_cell("mean"),
            },
            f"All {overall['tasks'].iloc[0]} tasks together, in fresh worlds",
            "With 95 % intervals of a bootstrap stratified by task. Methods that lack a task or a "
            "seed are left out.",
        )


def summarise(results: pd.DataFrame) -> pd.DataFrame:
    """A row per task and method of a table of `tidy`.

    Returns:
        The mean returns over seeds in the worlds `search`, `own` and `100x100`, each with its
        interval, `_low` and `_high`; the mean `frames`, `evaluations` and `seconds`; and the
        published returns of the method.
    """
    rows = []
    for (env_id, algo), group in results.groupby(["env_id", "algo"], sort=False):
        runs = group.drop_duplicates("run")
        row: Record = {"env_id": env_id, "algo": algo, "seeds": len(runs)}
        for worlds in WORLDS:
            row |= mean_interval(group[group["worlds"] == worlds]["return"]).columns(worlds)
        for cost in ("frames", "evaluations", "seconds"):
            row[cost] = runs[cost].astype(float).mean()
        for worlds in WORLDS:
            row[f"published_{worlds}"] = published_return(str(algo), str(env_id), worlds)
        rows.append(row)
    return pd.DataFrame(rows)


def show(summary: pd.DataFrame, settings: ReturnsSettings) -> None:
    """Print the summary, a row per task and method, with the notes on the published numbers."""
    rows, seen = [], []
    for row in records(summary):
        algo, env_id = row["algo"], row["env_id"]
        texts = {"task": task_name(row), "method": algo}
        for worlds, name in zip(WORLDS, ("own worlds", "fresh", LARGE), strict=True):
            number = published_number(algo, env_id, worlds)
            seen.append((algo, number))
            texts[name] = str(MeanInterval.of_columns(row, worlds))
            texts[f"publ. {name}"] = published_text(number)
        for cost, name, digits in (
            ("frames", "frames", 0),
            ("evaluations", "programs", 0),
            ("seconds", "s", 1),
        ):
            texts[name] = number_text(row[cost], digits)
        rows.append(texts)
    used = [name for name in rows[0] if any(texts[name] != "-" for texts in rows)]
    print_texts(
        [{name: texts[name] for name in used} for texts in rows],
        f"Mean returns of {summary['seeds'].max()} seeds, with 95 % bootstrap intervals",
        "Own worlds: those in which a search evaluated its programs, or in which a training chose "
        f"its best policy. Fresh: {FRESH_WORLDS:,} others for programs, {FRESH_EPISODES} for "
        f"networks, of the task's own size. 100x100: {LARGE_WORLDS} worlds. Networks act within "
        f"the task's horizon, programs run {horizon_text(settings.horizon)}. "
        f"{published_notes(seen)}",
    )


def show_solved(solved: pd.DataFrame, cores: str = "one core") -> None:
    """Print how many seeds of the searches solve their tasks, and how soon."""

    def share(name: str) -> Callable[[Record], str]:
        return lambda row: f"{row[name]:.0%}"

    print_table(
        solved.replace(np.inf, np.nan),
        {
            "task": task_name,
            "method": "algo",
            "seeds": number_cell("seeds", 0),
            **{f"in {t} s": share(f"solved_{t}_s") for t in TIMES},
            "at all": share("solved"),
            "programs to 1.00": number_cell("median_evaluations", 0),
        },
        "Share of the searches that solve their task",
        f"Solved: a return of 1 in the search's worlds and at most {FRESH_LOSS} less in fresh "
        f"ones. Seconds are those of {cores}, without compilation. Programs: the median number of "
        "evaluations to a return of 1.00 in the search's worlds; -: fewer than half reach it.",
    )
