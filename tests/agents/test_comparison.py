"""The table of `evaluate`: a data frame whose text is narrow and complete."""

from __future__ import annotations

import pandas as pd
import pytest

from agents import evaluate
from agents.comparison import TEXT_WIDTH, Comparison
from agents.policies import Contestant, RandomPolicy

LONG = "ppo-Karel-StairClimber-v0-percepts+action-program-0"


@pytest.fixture(scope="module")
def table() -> Comparison:
    small = Contestant("small", RandomPolicy(), "percepts+action", shape=(16, 16))
    policies = {"[red]": "random", LONG: "random", "small": small}
    return evaluate(policies, "Karel-Maze-v0", episodes=5)


def test_its_text_is_narrow_and_shows_every_column_and_row(table: Comparison) -> None:
    lines = str(table).splitlines()
    assert str(table) == repr(table)
    assert max(map(len, lines)) <= TEXT_WIDTH
    words = str(table).split()
    for word in ("policy", "observes", "return", "CI", "solved", "actions", "ms/episode"):
        assert word in words
    row = table.to_dict("records")[0]
    for value in (f"{row['mean_return']:.3f}", f"{row['ci_low']:.3f}", f"{row['ci_high']:.3f}"):
        assert value in words
    assert f"{row['mean_length']:.1f}" in words
    assert words[words.index("ms/episode") :].count("[red]") == 1
    assert LONG in "".join(line.split("  ")[0].strip() for line in lines)
    assert "small: n/a: made for worlds of 16x16, these are 8x8" in str(table)


def test_a_notebook_shows_the_same_escaped(table: Comparison) -> None:
    shown = table.assign(policy="<script>")
    html = Comparison(shown)._repr_html_()
    assert "&lt;script&gt;" in html
    assert "mean return" in html
    assert "n/a: made for worlds of 16x16" in html


def test_it_is_a_data_frame(table: Comparison) -> None:
    assert isinstance(table, pd.DataFrame)
    assert type(table[table["episodes"] > 0]) is pd.DataFrame
    assert table["mean_return"].notna().tolist() == [True, True, False]
    changed = Comparison(table)
    del changed["obs"]
    assert "3 rows x 9 columns" in repr(changed)
    assert "mean_return" in changed._repr_html_()
