"""Learning curves of searches and trainings: return over programs or frames, and over seconds."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.ticker import EngFormatter, MaxNLocator
from numpy.typing import NDArray

from agents.confidence import mean_band
from agents.drl.learning_curve import learning_curve
from benchmarks.runs.ledger import Record, records
from benchmarks.runs.method_grid import GridRuns
from benchmarks.runs.methods import BASELINES
from benchmarks.runs.searches import result_of
from benchmarks.statistics.panels import COLORS, LOWEST_SHOWN, draw_band, panels, save_figure
from benchmarks.statistics.tidy import tidy

FRAMES, EVALUATIONS, SECONDS = "frames", "evaluations", "seconds"
PER_DECADE = 5  # points of a curve in each power of ten
FIRST_SECOND = 0.01  # of a search's curve
FIRST_TRAINED_SECOND = 1.0  # of a training's: its seconds are whole
CURVE_COLUMNS = ("algo", "env_id", "seed", "unit", "x", "return")
BAND_COLUMNS = ("algo", "env_id", "unit", "x", "return", "return_low", "return_high", "seeds")
AXES = {FRAMES: "frames", EVALUATIONS: "programs evaluated", SECONDS: "seconds of one core"}


def learning_curves(runs: GridRuns) -> pd.DataFrame:
    """The best return so far of each search, and the return of each training's evaluations.

    Searches have x in equal steps of its logarithm, from their first program to their end. Trees
    have no curves: the evaluations of their training are another policy's.
    """
    parts: list[pd.DataFrame] = []
    for row in records(tidy(runs).drop_duplicates("run")):
        if pd.notna(row["evaluations"]):
            curves = _of_search(row, runs.folder)
        elif BASELINES[row["algo"]].becomes_tree:
            continue
        else:
            curves = _of_training(runs.folder / row["run"])
        parts += [
            pd.DataFrame({"unit": unit, "x": x, "return": y}).assign(
                **{name: row[name] for name in ("algo", "env_id", "seed")}
            )
            for unit, (x, y) in curves.items()
        ]
    return _joined(parts, CURVE_COLUMNS)


def _of_search(row: Record, folder: Path) -> dict[str, tuple[NDArray[Any], NDArray[Any]]]:
    result = result_of(row, folder)
    returns = np.array([entry["return"] for entry in result.history])
    curves = {}
    for unit, end, first in (
        (EVALUATIONS, result.evaluations, 1.0),
        (SECONDS, result.seconds, FIRST_SECOND),
    ):
        found = np.array([entry[unit] for entry in result.history])
        x = points(min(max(float(found[0]), first), float(end)), float(end))
        y = returns[np.searchsorted(found, x, side="right") - 1]
        curves[unit] = x, y
    return curves


def points(first: float, last: float) -> NDArray[np.float64]:
    """Points of `PER_DECADE` in each power of ten, and both ends.

    Example:
        >>> points(5.0, 100.0).round(1).tolist()
        [5.0, 6.3, 10.0, 15.8, 25.1, 39.8, 63.1, 100.0]
    """
    steps = np.log10([first, max(first, last)]) * PER_DECADE
    between = 10.0 ** (np.arange(np.ceil(steps[0]), np.floor(steps[1]) + 1) / PER_DECADE)
    return np.unique(np.array([first, *between, max(first, last)]).round(6))


def _of_training(run: Path) -> dict[str, tuple[NDArray[Any], NDArray[Any]]]:
    curve = learning_curve(run)
    returns = curve["return"].to_numpy()
    return {unit: (curve[unit].to_numpy(), returns) for unit in (FRAMES, SECONDS)}


def bands(curves: pd.DataFrame) -> pd.DataFrame:
    """The mean over seeds of `learning_curves`, with its 95 % bootstrap interval at each point.

    A search that has ended keeps its return. Between two evaluations of a training the return is
    interpolated, at points for a logarithmic axis of seconds. The curves begin where all seeds have
    a return.
    """
    parts = []
    for (env_id, algo, unit), group in curves.groupby(["env_id", "algo", "unit"], sort=False):
        seeds = [own for _, own in group.groupby("seed")]
        first = max(own["x"].iloc[0] for own in seeds)
        x = np.unique(group["x"])
        x = x[x >= first]
        is_search = algo not in BASELINES
        if unit == SECONDS and not is_search and x[-1] > FIRST_TRAINED_SECOND:
            between = points(FIRST_TRAINED_SECOND, x[-1])
            x = np.union1d(x[x >= FIRST_TRAINED_SECOND], between)
        drawn = np.array([_at(x, own, is_search) for own in seeds])
        mean, low, high = mean_band(drawn)
        parts.append(
            pd.DataFrame(
                {
                    **{"algo": algo, "env_id": env_id, "unit": unit, "x": x, "return": mean},
                    **{"return_low": low, "return_high": high, "seeds": len(seeds)},
                }
            )
        )
    return _joined(parts, BAND_COLUMNS)


def _joined(parts: list[pd.DataFrame], columns: tuple[str, ...]) -> pd.DataFrame:
    """The rows of all parts."""
    return pd.concat(parts or [pd.DataFrame(columns=list(columns))], ignore_index=True)[
        list(columns)
    ]


def _at(x: NDArray[Any], curve: pd.DataFrame, is_search: bool) -> NDArray[np.float64]:
    known, returns = curve["x"].to_numpy(float), curve["return"].to_numpy(float)
    if is_search:
        return returns[np.searchsorted(known, x, side="right") - 1]
    return np.interp(x, known, returns)


def plot_bands(
    table: pd.DataFrame, unit: str, path: Path, levels: Mapping[str, float] | None = None
) -> None:
    """Draw return over one unit of `AXES`, a panel per task, a line per method with its band.

    `table` is one of `bands`; `levels` are published returns of LEAPS, drawn as dotted lines.
    """
    table = table[table["unit"] == unit]
    figure, axes = panels(table["env_id"].nunique())
    algos = list(table["algo"].unique())
    for axis, (env_id, group) in zip(axes, table.groupby("env_id", sort=False), strict=True):
        for algo, own in group.groupby("algo", sort=False):
            band = [own[name] for name in ("return", "return_low", "return_high")]
            draw_band(axis, own["x"], band, str(algo), algos.index(algo))
        level = (levels or {}).get(str(env_id), np.nan)
        if not np.isnan(level):
            axis.axhline(level, color=COLORS[-1], linestyle=":", label="LEAPS, published")
        lowest = min(0.0, float(group["return"].min()))
        axis.set(title=str(env_id), ylim=(max(LOWEST_SHOWN, lowest) - 0.03, 1.03))
        if unit == FRAMES:
            axis.xaxis.set_major_locator(MaxNLocator(4))
            axis.xaxis.set_major_formatter(EngFormatter(sep=""))  # 500k, 1M
        elif (group["x"] > 0).any():
            axis.set_xscale("log")
    handles = {
        label: h
        for axis in axes
        for h, label in zip(*axis.get_legend_handles_labels(), strict=True)
    }
    figure.legend(handles.values(), handles.keys(), loc="outside right upper", frameon=False)
    figure.supxlabel(AXES[unit])
    figure.supylabel("return, mean over seeds with 95 % interval")
    save_figure(figure, path)
