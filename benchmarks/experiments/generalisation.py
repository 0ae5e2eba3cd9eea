"""From small worlds to large ones: the runs of `karel-gym benchmark returns`, evaluated in both."""

from __future__ import annotations

import pandas as pd

from agents.confidence import MeanInterval
from benchmarks.experiments.returns import measured_grid
from benchmarks.runs.ledger import records
from benchmarks.runs.method_grid import GridRuns
from benchmarks.runs.results import mean_rows, print_texts, save_tables, task_name
from benchmarks.runs.searches import LARGE_WORLDS
from benchmarks.settings import GeneralisationSettings
from benchmarks.statistics.published import (
    LARGE,
    OWN_SIZE,
    published_notes,
    published_number,
    published_text,
)
from programmatic.horizon import horizon_text

SMALL, LARGE_SIZE, CHANGE = "small", "large", "change"


def measure_generalisation(settings: GeneralisationSettings) -> None:
    """Do the runs that are not done yet; write and print the table."""
    runs = measured_grid(settings)
    table = small_and_large(runs)
    folder = settings.folder / "generalisation"
    command, tables = "benchmark generalisation", {"generalisation": table}
    save_tables(settings, tables, folder, command=command, large_worlds=LARGE_WORLDS)
    show(table, settings)
    print(f"table: {folder}")


def small_and_large(runs: GridRuns) -> pd.DataFrame:
    """A row per task, method and way to act (`drawn` or `greedy`; empty for programs).

    Returns:
        The mean returns over seeds `small` and `large`, and `change`, large minus small, each with
        its interval; NaN where a task has no worlds of 100x100 or a policy cannot act in them.
    """
    keys = ["env_id", "algo", "acts"]
    parts = []
    for rows, acts, small in (
        (runs.searches, "", "fresh_return"),
        (runs.trainings, "drawn", "drawn"),
        (runs.trainings, "greedy", "greedy"),
    ):
        own = {"env_id": rows["env_id"], "algo": rows["label"], "acts": acts, SMALL: rows[small]}
        parts.append(pd.DataFrame({**own, LARGE_SIZE: rows[f"large_{acts or 'return'}"]}))
    table = pd.concat([part for part in parts if len(part)], ignore_index=True)
    table[CHANGE] = table[LARGE_SIZE] - table[SMALL]
    return pd.DataFrame(row for row, _ in mean_rows(table, keys, (SMALL, LARGE_SIZE, CHANGE)))


def show(table: pd.DataFrame, settings: GeneralisationSettings) -> None:
    """Print the table beside the published numbers, with the notes on them."""
    rows, seen = [], []
    for row in records(table[table[LARGE_SIZE].notna()]):
        numbers = [published_number(row["algo"], row["env_id"], w) for w in (OWN_SIZE, LARGE)]
        seen += [(row["algo"], number) for number in numbers]
        rows.append(
            {
                "task": task_name(row),
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
        f"From the task's own worlds to 100x100: mean returns of {table['seeds'].max()} seeds",
        "In fresh worlds, with 95 % bootstrap intervals over seeds. Networks draw their actions or "
        f"take the most probable one, within the task's horizon; programs run "
        f"{horizon_text(settings.horizon)}. {published_notes(seen)}",
    )
