"""Figures of benchmarks."""

from __future__ import annotations

from pathlib import Path

from benchmarks.statistics.panels import draw_band, panels, save_figure


def test_a_band_is_drawn_around_its_line(tmp_path: Path) -> None:
    figure, axes = panels(4)
    assert len(figure.axes) == len(axes) == 4
    draw_band(axes[0], [1, 2, 3], ([0.5, 0.6, 0.7], [0.4, 0.5, 0.6], [0.8, 0.9, 1.0]), "hc", 0)
    draw_band(axes[0], [1, 2, 3], ([0.1] * 3, [0.0] * 3, [0.2] * 3), "cem", 18)
    first, second = axes[0].lines
    assert (first.get_label(), list(first.get_ydata())) == ("hc", [0.5, 0.6, 0.7])
    assert first.get_color() == second.get_color()  # there are 18 styles
    band = axes[0].collections[0].get_datalim(axes[0].transData)
    assert (band.ymin, band.ymax) == (0.4, 1.0)
    save_figure(figure, tmp_path / "a" / "figure.png")
    assert (tmp_path / "a" / "figure.png").read_bytes().startswith(b"\x89PNG")
