"""Live view of searches on a terminal: their rates and the best program so far."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from types import TracebackType

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.panel import Panel
from rich.table import Table

from programmatic.search.objective import Tally

SHOW_EVERY = 0.1  # seconds between two updates of the view
SPAN = 2.0  # shortest time in seconds over which the rate is averaged


@dataclass
class SearchStatus:
    """The progress of a search."""

    name: str
    tally: Tally | None = None  # its evaluations; None before the end of the first iteration
    seconds: float = 0.0  # its duration so far


class LiveView:
    """Live table of searches and the best of their programs, for a `with` block.

    It is drawn on `console`, by default the terminal.
    """

    def __init__(self, title: str, console: Console | None = None) -> None:
        self.title = title
        self.console = console or Console()
        self._live = Live(console=self.console, auto_refresh=False)
        self._marks: dict[str, list[tuple[float, int]]] = {}
        self._shown = -SHOW_EVERY

    def __enter__(self) -> LiveView:
        self._live.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._live.stop()

    def show(self, statuses: Sequence[SearchStatus]) -> None:
        """Show the progress of the searches, unless that was done a moment ago."""
        if time.monotonic() - self._shown >= SHOW_EVERY:
            self._live.update(self.render(statuses), refresh=True)
            self._shown = time.monotonic()

    def render(self, statuses: Sequence[SearchStatus]) -> RenderableType:
        """The view of the searches."""
        table = Table(title=self.title, title_justify="left", title_style="bold")
        table.add_column("seed")
        for column in ("programs", "per second", "best return", "found after"):
            table.add_column(column, justify="right")
        for status in statuses:
            table.add_row(status.name, *self._figures(status))
        tallies = [status.tally for status in statuses if status.tally is not None]
        best = max(tallies, key=lambda tally: tally.best_return, default=None)
        if best is None or best.best is None:
            return table
        caption = f"the best so far, return {best.best_return:.3f}"
        return Group(table, Panel(best.best.pretty(), title=caption, title_align="left"))

    def _figures(self, status: SearchStatus) -> list[str]:
        tally = status.tally
        if tally is None:
            return ["waiting"]
        return [
            f"{tally.evaluations:,}",
            f"{self._rate(status.name, status.seconds, tally.evaluations):,.0f}",
            f"{tally.best_return:.3f}",
            f"{tally.history[-1]['evaluations']:,}" if tally.history else "",
        ]

    def _rate(self, name: str, seconds: float, evaluations: int) -> float:
        """Evaluations per second over the last `SPAN` seconds."""
        marks = self._marks.setdefault(name, [])
        if not marks or seconds > marks[-1][0]:
            marks.append((seconds, evaluations))
        while len(marks) > 2 and seconds - marks[1][0] >= SPAN:
            del marks[0]
        (first, before), (last, after) = marks[0], marks[-1]
        return (after - before) / (last - first) if last > first else evaluations / max(last, 1e-9)
