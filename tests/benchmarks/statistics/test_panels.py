"""What pictures of measurements share."""

from __future__ import annotations

from benchmarks.statistics.panels import COLORS, DASHES, line_style


def test_lines_of_many_methods_can_be_told_apart() -> None:
    n = len(COLORS) * len(DASHES)
    styles = [tuple(line_style(number).values()) for number in range(n)]
    assert len(set(styles)) == n == 18
    assert tuple(line_style(n).values()) == styles[0]
