"""From small worlds to large ones: the runs of `karel-gym benchmark returns`, judged in both."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from agents.intervals import MeanInterval, mean_interval
from benchmarks.runs.grid import GridRuns, GridSettings, do_grid, quickened, search_name
from benchmarks.runs.planned_runs import Row, records
from benchmarks.runs.results import print_texts, save_tables
from benchmarks.runs.search_runs import LARGE_WORLDS
from benchmarks.statistics.published import (
    LARGE,
    OWN_SIZE,
    published_notes,
    published_number,
    published_text,
)
from benchmarks.statistics.tidy import tidy, write_results
from programmatic.horizon import horizon_text

FOLDER = "generalisation"
SMALL, LARGE_SIZE, CHANGE = "small", "large", "change"


@dataclass(frozen=True)
class GeneralisationSettings(GridSettings):
    """Measure how the methods generalise from worlds of the task's own size to 100x100.

    The runs and their folder are those of `karel-gym benchmark returns`: what it has done is not
    done again. The tables are in the folder generalisation within.
    """


def measure_generalisation(settings: GeneralisationSettings) -> None:
    """Do the runs that are still to be done, and leave and print the table."""
    settings = quickened(settings)
    runs = do_grid(settings)
    write_results(tidy(runs), settings.out)
    table = small_and_large(runs)
    folder = settings.out / FOLDER
    facts = {"large_worlds": LARGE_WORLDS}
    save_tables(folder, "generalisation", settings, {"generalisation": table}, **facts)
    show(table, settings)
    print(f"table: {folder}")


def small_and_large(runs: GridRuns) -> pd.DataFrame:
    """A row a task, method and way to act: the returns in fresh worlds of both sizes.

    Returns:
        `env_id`; `algo`; `acts`: `drawn` or `greedy` for networks, empty for programs; `seeds`; the
        mean returns over seeds, `small` and `large`, and of `change`, that is large minus small,
        each with its interval, `_low` and `_high`. Tasks that have no worlds of 100x100, and
        policies that cannot act in them, have NaN there.
    """
    columns = ["env_id", "algo", "acts", SMALL, LARGE_SIZE]
    of_searches = runs.searches.assign(algo=runs.searches["method"].map(search_name), acts="")
    parts = [of_searches.rename(columns={"fresh_return": SMALL, "large_return": LARGE_SIZE})]
    for way in ("drawn", "greedy"):
        own = runs.trainings[["env_id", "baseline", way, f"large_{way}"]].assign(acts=way)
        own.columns = pd.Index(["env_id", "algo", SMALL, LARGE_SIZE, "acts"])
        parts.append(own)
    table = pd.concat([part[columns] for part in parts if len(part)], ignore_index=True)
    table[CHANGE] = table[LARGE_SIZE] - table[SMALL]
    rows = []
    for (env_id, algo, acts), group in table.groupby(["env_id", "algo", "acts"], sort=False):
        row: Row = {"env_id": env_id, "algo": algo, "acts": acts, "seeds": len(group)}
        for name in (SMALL, LARGE_SIZE, CHANGE):
            row |= mean_interval(group[name]).columns(name)
        rows.append(row)
    return pd.DataFrame(rows)


def show(table: pd.DataFrame, settings: GridSettings) -> None:
    """Print the table, the published numbers beside it, and the notes on them."""
    rows, seen = [], []
    for row in records(table):
        if np.isnan(row[LARGE_SIZE]):
            continue
        numbers = [published_number(row["algo"], row["env_id"], w) for w in (OWN_SIZE, LARGE)]
        seen += [(row["algo"], number) for number in numbers]
        rows.append(
            {
                "task": row["env_id"].removeprefix("Karel-"),
                "method": f"{row['algo']} {row['acts']}".strip(),
                "small": str(MeanInterval.of_columns(row, SMALL)),
                "100x100": str(MeanInterval.of_columns(row, LARGE_SIZE)),
                "difference": str(MeanInterval.of_columns(row, CHANGE)),
                "publ. small": published_text(numbers[0]),
                "publ. 100x100": published_text(numbers[1]),
            }
        )
    if not rows:
        print("None of these tasks has worlds of 100x100 that one of these methods can act in.")
        return
    print_texts(
        rows,
        f"From the task's own worlds to 100x100: mean returns of {settings.seeds} seeds",
        "In fresh worlds, with 95 % bootstrap intervals over seeds. Networks draw their actions or "
        f"take the most probable one, within the task's horizon; programs run "
        f"{horizon_text(settings.horizon)}. {published_notes(seen)}",
    )
