"""`Comparison`: the table of `agents.evaluate`."""

from __future__ import annotations

from io import StringIO

import pandas as pd
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

COLUMNS = (
    *("policy", "obs", "episodes", "mean_return", "ci_low", "ci_high"),
    *("success_rate", "mean_length", "ms_per_episode", "note"),
)
TEXT_WIDTH = 80  # characters
NAMES = ("policy", "observes")
"""The columns whose long texts are folded."""


class Comparison(pd.DataFrame):
    """A data frame with a row per policy, printed 80 characters wide; see `agents.evaluate`.

    Selections and results of computations are plain data frames.
    """

    def __repr__(self) -> str:
        if not set(COLUMNS) <= set(self.columns):  # some were removed in place
            return super().__repr__()
        console = Console(file=StringIO(), width=TEXT_WIDTH, color_system=None, force_jupyter=False)
        with console.capture() as captured:
            console.print(self.shown())
        return "\n".join(line.rstrip() for line in captured.get().splitlines())

    def _repr_html_(self) -> str:
        if not set(COLUMNS) <= set(self.columns):
            return pd.DataFrame(self).to_html()
        texts = pd.DataFrame(self._texts())
        return texts.assign(note=self["note"].to_numpy()).to_html(index=False)

    def shown(self, title: str | None = None) -> Table:
        """The table for a console of `rich`."""
        rows = self._texts()
        table = Table(title=title, title_justify="left", title_style="bold", box=box.SIMPLE_HEAD)
        table.padding, table.pad_edge, table.show_edge = (0, 1, 0, 0), False, False
        for column in rows[0] if rows else NAMES:
            if column in NAMES:
                table.add_column(column, overflow="fold")
            else:
                head = column.replace("mean ", "mean\n")
                table.add_column(head, justify="right", no_wrap=True)
        for row in rows:
            table.add_row(*(Text(text) for text in row.values()))  # no markup
        notes = [
            f"{row['policy']}: {row['note']}" for row in self.to_dict("records") if row["note"]
        ]
        table.caption = Text("\n".join(notes)) if notes else None
        table.caption_justify = "left"
        return table

    def _texts(self) -> list[dict[str, str]]:
        """The rows as texts by column; unknown values are "-"."""
        return [
            {
                "policy": str(row["policy"]),
                "observes": str(row["obs"]),
                "mean return": _text(row["mean_return"], ".3f"),
                "95 % CI": " to ".join(
                    _text(row[end], ".3f") for end in ("ci_low", "ci_high") if row["episodes"]
                )
                or "-",
                "solved": _text(row["success_rate"], ".0%"),
                "actions": _text(row["mean_length"], ".1f"),
                "ms/episode": _text(row["ms_per_episode"], ".3f"),
            }
            for row in self.to_dict("records")
        ]


def _text(value: float, form: str) -> str:
    return "-" if pd.isna(value) else format(value, form)
