"""The parts of a picture of an episode: their contents and places."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

SMALL_EXTENT, LARGE_EXTENT = 640, 900
"""Pixels of the longest side of a drawn world: up to 12 cells, and from 52 cells on."""
LARGEST_CELL = 80
LEAST_EXTENT, LEAST_WIDTH = 240, 400
CAPTION_HEIGHT = 60
PANEL_WIDTH, PANEL_HEIGHT = 360, 260


class PanelLine(NamedTuple):
    """One line of the panel: indentation, text, and whether it is highlighted."""

    indent: int
    text: str
    highlighted: bool = False


@dataclass(frozen=True)
class Frame:
    """The texts beside a drawn world.

    Args:
        step: Actions taken in this episode.
        episode_return: The undiscounted sum of their rewards.
        title: The policy or the task: "PPO", "Karel-Maze-v0".
        status: "", "solved", "failed", or any short word.
        hint: A short sentence in smaller type.
        panel: Lines beside the world, such as a program; without lines there is no panel.
        panel_title: The title of the lines.
    """

    step: int = 0
    episode_return: float = 0.0
    title: str = ""
    status: str = ""
    hint: str = ""
    panel: tuple[PanelLine, ...] = ()
    panel_title: str = "program"

    def __post_init__(self) -> None:
        object.__setattr__(self, "panel", tuple(PanelLine(*line) for line in self.panel))


@dataclass(frozen=True)
class Layout:
    """The places of the parts of an image, in pixels.

    Args:
        shape: Height and width of the worlds, in cells.
        with_panel: Whether there is a panel: to the right, or below worlds that are very wide.
        extent: Maximum of the longest side of the drawn world; None: it depends on `shape`.
    """

    shape: tuple[int, int]
    with_panel: bool
    extent: int | None = None

    @property
    def cell(self) -> int:
        """The side of a cell."""
        longest = max(self.shape)
        extent = min(max(SMALL_EXTENT, SMALL_EXTENT + 6.5 * (longest - 12)), LARGE_EXTENT)
        return max(1, min(LARGEST_CELL, int((self.extent or extent) / longest)))

    @property
    def world(self) -> tuple[int, int]:
        """Left and top of the world."""
        return (self._column_width - self.shape[1] * self.cell) // 2, CAPTION_HEIGHT

    @property
    def caption(self) -> tuple[int, int, int, int]:
        """Left, top, width and height of the caption."""
        return 0, 0, self._column_width, self.world[1]

    @property
    def panel(self) -> tuple[int, int, int, int]:
        """Left, top, width and height of the panel; all 0 without one."""
        if not self.with_panel:
            return 0, 0, 0, 0
        if self._is_below:
            return 0, self._column_height, self._column_width, PANEL_HEIGHT
        return self._column_width, 0, PANEL_WIDTH, self._column_height

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of the image."""
        left, top, width, height = self.panel
        return max(self._column_width, left + width), max(self._column_height, top + height)

    @property
    def _is_below(self) -> bool:
        return self.shape[1] > 2 * self.shape[0]

    @property
    def _column_width(self) -> int:
        return max(min(LEAST_WIDTH, self.extent or LEAST_WIDTH), self.shape[1] * self.cell)

    @property
    def _column_height(self) -> int:
        return self.world[1] + self.shape[0] * self.cell
