"""Plot of the returns of searches."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from programmatic.runs import RunError, read_config, replacing
from programmatic.search.logs import HISTORY_FILE, read_history

ONE, MEAN = "#8fb4d9", "#1f5a92"
LABELS = {
    "best_return": "return of the best program so far",
    "mean_program_return": "return of the mean's program",
    "population_return": "mean return of the population",
    "elite_return": "mean return of the elites",
    "sigma": "sigma",
    "current_return": "return of the program that a climb is at",
}


def plot_search(
    run_dirs: Sequence[str | os.PathLike[str]],
    path: str | os.PathLike[str],
    column: str = "best_return",
) -> None:
    """Plot a figure of searches with several seeds over their iterations, and its mean.

    A search that ended early keeps its last value in the mean.

    Args:
        run_dirs: The run folders.
        path: The file: .png, .svg or .pdf.
        column: The column of history.csv.

    Raises:
        ValueError: No run folder is given, or the column is unknown.
        RunError: A folder is missing or not of a search, or its history is damaged or lacks the
            column.
    """
    if column not in LABELS:
        raise ValueError(f"column must be one of {', '.join(LABELS)}, got {column!r}")
    if not run_dirs:
        raise ValueError("name at least one run folder")
    runs, path = [Path(run) for run in run_dirs], Path(path)
    titles = list(dict.fromkeys(_title(run) for run in runs))
    curves = [_curve(run, column) for run in runs]
    longest = max(map(len, curves))
    figure = Figure(figsize=(7, 4), layout="constrained")
    axes = figure.add_subplot()
    for index, curve in enumerate(curves):
        label = "one seed" if index == 0 and len(curves) > 1 else None
        color = ONE if len(curves) > 1 else MEAN
        axes.plot(curve, color=color, linewidth=1.2, label=label, drawstyle="steps-post")
        axes.plot(len(curve) - 1, curve[-1], "o", color=color, markersize=3.5)  # where it ended
    if len(curves) > 1:
        padded = np.array([np.pad(curve, (0, longest - len(curve)), "edge") for curve in curves])
        label = f"mean of {len(curves)} seeds"
        axes.plot(padded.mean(axis=0), color=MEAN, linewidth=2.2, label=label)
        axes.legend(frameon=False, loc="lower right")
    axes.set(title="; ".join(titles), xlabel="iteration", ylabel=LABELS[column])
    axes.set_xlim(left=0)
    if column != "sigma":
        axes.set_ylim(min(0.0, *(curve.min() for curve in curves)) - 0.03, 1.03)
    axes.grid(alpha=0.3)
    axes.spines[["top", "right"]].set_visible(False)
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path) as temporary:
        figure.savefig(temporary, dpi=150)


def _title(run: Path) -> str:
    config = read_config(run)
    if config.get("command") != "search":
        raise RunError(f"{run} is not the run folder of a search")
    return f"{config['method']} on {config['env_id']}"


def _curve(run: Path, column: str) -> np.ndarray:
    rows = read_history(run / HISTORY_FILE)
    values = np.array([row[column] for row in rows if column in row])
    if not len(values):
        raise RunError(f"{run / HISTORY_FILE} has no row with a {column}")
    return values
