"""Figures: a panel per task, a line per method with a band over seeds."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from programmatic.runs import replacing

LOWEST_SHOWN = -1.0  # lower returns, as for markers put everywhere, would hide the others
COLORS = ("#1f5a92", "#d9822b", "#3d8f5f", "#a04668", "#7a6bb0", "#777777")
DASHES = ("-", "--", ":")
COLUMNS = 3


def panels(n: int) -> tuple[Figure, list[Axes]]:
    """A figure of n panels, at most three in a row."""
    columns = min(n, COLUMNS)
    rows = -(-n // columns)
    size = (4.2 * columns + 0.4, 2.9 * rows + 0.6)
    figure = Figure(figsize=size, layout="constrained")
    axes = list(figure.subplots(rows, columns, squeeze=False).flat)
    for unused in axes[n:]:
        unused.remove()
    for panel in axes[:n]:
        tidy(panel)
    return figure, axes[:n]


def tidy(axes: Axes) -> None:
    """The style of all panels."""
    axes.grid(alpha=0.3)
    axes.spines[["top", "right"]].set_visible(False)


def line_style(number: int) -> dict[str, Any]:
    """The color and dashes of line number `number`, from 0 up; the first 18 differ."""
    dash = DASHES[number // len(COLORS) % len(DASHES)]
    return {"color": COLORS[number % len(COLORS)], "linestyle": dash}


def draw_band(axes: Axes, x: Any, band: Any, label: str, number: int) -> None:
    """Draw line `number` over x, (T,), with its band, (3, T): the line, its lower and upper end."""
    middle, low, high = band
    style = line_style(number)
    axes.fill_between(x, low, high, color=style["color"], alpha=0.15, linewidth=0)
    axes.plot(x, middle, **style, linewidth=1.6, label=label)


def save_figure(figure: Figure, path: Path) -> None:
    """Write a picture, as a whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path) as temporary:
        figure.savefig(temporary, dpi=150)
