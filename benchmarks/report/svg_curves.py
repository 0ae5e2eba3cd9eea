"""Learning and search curves as SVG; the page chooses the colors, to suit its theme."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from io import StringIO
from typing import Any, NamedTuple

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import EngFormatter, NullFormatter
from numpy.typing import NDArray

from agents.confidence import mean_band
from benchmarks.report.findings import Run
from benchmarks.statistics.panels import LOWEST_SHOWN

POINTS = 120
N_COLOURS = 8
DASHES: tuple[Any, ...] = ("-", (0, (5, 2)), (0, (1.5, 1.5)))
"""Dashes of the lines that share a color."""
SIZE = 4.6, 2.7  # inches
INK, GRID = "#0000f1", "#0000f2"
STAND_INS = {INK: "--muted", GRID: "--hairline"} | {
    f"#0000c{i}": f"--s{i}" for i in range(N_COLOURS)
}
"""The colors that matplotlib draws, and the CSS variables that replace them."""
STYLE: Any = {
    "svg.fonttype": "none",
    "svg.hashsalt": "karel-gym",
    "font.size": 9,
    "text.color": INK,
    "axes.labelcolor": INK,
    "axes.edgecolor": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "grid.color": GRID,
}
METHOD_IDS = re.compile(r'id="method-(\d+)-\w+"')
LONG_DECIMALS = re.compile(r"(\d\.\d)\d{2,}")
IDS = re.compile(r'(?<=\bid=")|(?<=href="#)|(?<=url\(#)')


class Axis(NamedTuple):
    """A horizontal axis."""

    column: str
    name: str
    is_log: bool = False


class Curve(NamedTuple):
    """The mean of a method's runs at points of an axis, and its interval."""

    method: str
    number: int  # of the method, which determines the color
    x: NDArray[np.float64]  # (T,)
    band: NDArray[np.float64]  # (3, T); mean, low, high
    runs: int


class Chart(NamedTuple):
    """A chart: its title, the SVG, and a description in words."""

    title: str
    svg: str
    words: str


LEARNING = Axis("frames", "frames"), Axis("seconds", "seconds")
SEARCHING = Axis("evaluations", "programs evaluated", True), Axis("seconds", "seconds", True)


def learning_charts(runs: Sequence[Run], numbers: dict[str, int], prefix: str) -> list[Chart]:
    """The returns of trainings in one task over frames and over wall time.

    `numbers` are those of the methods; `prefix` makes the ids in the SVG unique on the page.
    """
    curves = [(run.method, run.learning) for run in runs if run.learning is not None]
    return _charts(curves, LEARNING, _interpolated, "Return", numbers, f"{prefix}-learning")


def search_charts(runs: Sequence[Run], numbers: dict[str, int], prefix: str) -> list[Chart]:
    """The best returns over programs evaluated and over wall time; see `learning_charts`."""
    curves = [(run.method, run.searching) for run in runs if run.searching is not None]
    return _charts(curves, SEARCHING, _last_before, "Best return", numbers, f"{prefix}-search")


Resample = Callable[[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]], Any]


def _charts(
    curves: Sequence[tuple[str, pd.DataFrame]],
    axes: Iterable[Axis],
    resample: Resample,
    what: str,
    numbers: dict[str, int],
    prefix: str,
) -> list[Chart]:
    charts = []
    for axis in axes:
        lines = []
        for method in dict.fromkeys(method for method, _ in curves):
            tables = [table[[axis.column, "return"]].dropna() for m, table in curves if m == method]
            tables = [table for table in tables if len(table)]
            if tables:
                lines.append(_line(method, numbers[method], tables, axis, resample))
        if lines:
            title = f"{what} over {axis.name}"
            svg = _drawn(lines, axis, what, f"{prefix}-{axis.column}")
            charts.append(Chart(title, svg, _in_words(title, lines, axis)))
    return charts


def _line(
    method: str, number: int, tables: Sequence[pd.DataFrame], axis: Axis, resample: Resample
) -> Curve:
    """A method's curve; a run that has ended keeps its last value."""
    columns = [(t[axis.column].to_numpy(float), t["return"].to_numpy(float)) for t in tables]
    last = max(x.max() for x, _ in columns)
    if axis.is_log:
        first = min(x[x > 0].min(initial=last) for x, _ in columns)
        grid = np.geomspace(first, last, POINTS) if last > first else np.array([last])
    else:
        grid = np.linspace(0, last, POINTS)
    band = mean_band(np.array([resample(grid, x, y) for x, y in columns]))
    return Curve(method, number, grid, band, len(tables))


def _interpolated(grid: Any, x: Any, y: Any) -> Any:
    return np.interp(grid, x, y)


def _last_before(grid: Any, x: Any, y: Any) -> Any:
    """The last value at or before each point; before the first, the first."""
    return y[np.maximum(np.searchsorted(x, grid * (1 + 1e-9), side="right") - 1, 0)]


def _drawn(lines: Sequence[Curve], axis: Axis, what: str, prefix: str) -> str:
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=SIZE, layout="constrained")
        figure.patch.set_alpha(0)
        axes = figure.add_subplot()
        axes.patch.set_alpha(0)
        axes.grid(linewidth=0.8)
        axes.set_axisbelow(True)
        axes.spines[["top", "right", "left"]].set_visible(False)
        axes.tick_params(length=0)
        for line in lines:
            mean, low, high = line.band
            color = f"#0000c{line.number % N_COLOURS}"
            dash = DASHES[line.number // N_COLOURS % len(DASHES)]
            look: Any = {"color": color, "linestyle": dash, "linewidth": 1.8}
            name = f"method-{line.number}"
            step: Any = "post" if axis.is_log else None
            if line.runs > 1:
                axes.fill_between(
                    line.x,
                    *(low, high),
                    color=color,
                    alpha=0.16,
                    linewidth=0,
                    step=step,
                    gid=f"{name}-band",
                )
            drawstyle = "steps-post" if axis.is_log else "default"
            axes.plot(line.x, mean, drawstyle=drawstyle, gid=f"{name}-mean", **look)
        lowest = min(0.0, *(float(line.band[0].min()) for line in lines))
        highest = max(1.0, *(float(line.band[0].max()) for line in lines))
        room = 0.04 * (highest - lowest)
        axes.set_ylim(max(LOWEST_SHOWN, lowest) - room, highest + room)
        if axis.is_log:
            axes.set_xscale("log")
            first = min(float(line.x[0]) for line in lines)
            axes.set_xlim(left=10 ** np.floor(np.log10(first)))  # so that a power of ten is marked
            axes.xaxis.set_minor_formatter(NullFormatter())
        else:
            axes.set_xlim(left=0)
        axes.xaxis.set_major_formatter(EngFormatter(sep=""))
        axes.set_xlabel(axis.name)
        axes.set_ylabel(what.lower())
        with StringIO() as file:
            figure.savefig(file, format="svg", metadata={"Date": None})
            drawn = file.getvalue()
    drawn = METHOD_IDS.sub(r'data-method="\1"', drawn[drawn.index("<svg") :])
    svg = IDS.sub(f"{prefix}-", LONG_DECIMALS.sub(r"\1", drawn))
    for color, variable in STAND_INS.items():
        svg = svg.replace(color, f"var({variable})")
    return svg


def _in_words(title: str, lines: Sequence[Curve], axis: Axis) -> str:
    parts = [
        f"{line.method} ({line.runs} run{'s' * (line.runs > 1)}): from {line.band[0, 0]:.2f} "
        f"to {line.band[0, -1]:.2f} after {line.x[-1]:,.0f} {axis.name}"
        for line in lines
    ]
    return f"{title}. {'; '.join(parts)}."
