"""Drawing of Karel episodes as images, which need no display, or as text."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from karel_gym.rendering.layout import LEAST_EXTENT, Frame, Layout
from karel_gym.tasks.looks import Look
from karel_gym.world import MARKERS, World

if TYPE_CHECKING:
    import pygame

Image = NDArray[np.uint8]
"""uint8, (height, width, 3): red, green and blue of each pixel; row 0 is the top."""

GAP_COLOUR = (255, 255, 255)


class Renderer:
    """Draws worlds of one size; it redraws only the cells that have changed.

    Args:
        shape: Height and width of the worlds in cells, walls included.
        extent: Maximum of the longest side of the drawn world in pixels; None: 640 for worlds of
            up to 12 cells, rising to 900 for large ones. A cell has at least one pixel.

    Raises:
        ImportError: pygame is not installed.
        ValueError: `extent` is under 240 pixels, too small for the caption.

    Example:
        >>> world = World.from_text("#####\\n#>.2#\\n#####")
        >>> image = Renderer(world.shape).draw(world, Frame(title="PPO", step=3))
        >>> image.shape, image.dtype
        ((300, 400, 3), dtype('uint8'))
    """

    def __init__(self, shape: tuple[int, int], extent: int | None = None) -> None:
        if extent is not None and extent < LEAST_EXTENT:
            raise ValueError(f"extent must be at least {LEAST_EXTENT} pixels, got {extent}")
        import_pygame()
        from karel_gym.rendering.captions import Caption
        from karel_gym.rendering.sprites import Sprites

        self.shape = shape
        self._extent = extent
        self._sprites = Sprites(Layout(shape, False, extent).cell)
        self._caption = Caption()
        self._shown: Frame | None = None
        self._start(with_panel=False)

    def __reduce__(self) -> tuple[Any, ...]:
        return Renderer, (self.shape, self._extent)

    def draw(
        self,
        world: World,
        frame: Frame | None = None,
        looks: NDArray[np.uint8] | None = None,
    ) -> Image:
        """The image of a world: uint8, (height, width, 3).

        Args:
            world: The world.
            frame: The texts beside it.
            looks: The `karel_gym.tasks.looks.Look` of each cell, (H, W), such as `Episodes.looks`
                gives; None: only walls, markers and the robot are drawn.

        Raises:
            ValueError: The world or `looks` has another size, or there is no such look.
        """
        if world.shape != self.shape:
            raise ValueError(
                f"this renderer draws worlds of {self.shape[0]}x{self.shape[1]} cells, "
                f"got {world.shape[0]}x{world.shape[1]}"
            )
        if looks is not None and looks.shape != self.shape:
            raise ValueError(f"looks must be of shape {self.shape}, got {looks.shape}")
        frame = frame or Frame()
        if bool(frame.panel) != self._layout.with_panel:
            self._start(with_panel=bool(frame.panel))
        self._draw_world(world, looks)
        if self._shown is None or _caption_of(frame) != _caption_of(self._shown):
            self._caption.draw(self._surface, _rect(self._layout.caption), frame)
        if frame.panel and (self._shown is None or _panel_of(frame) != _panel_of(self._shown)):
            self._panel.draw(self._surface, _rect(self._layout.panel), frame)
        self._shown = frame
        return self._pixels.copy()

    def _start(self, with_panel: bool) -> None:
        from karel_gym.rendering.captions import BACKGROUND, Panel

        self._layout = Layout(self.shape, with_panel, self._extent)
        width, height = self._layout.size
        self._pixels = np.empty((height, width, 3), dtype=np.uint8)
        self._pixels[:] = BACKGROUND
        self._surface = import_pygame().image.frombuffer(self._pixels.data, (width, height), "RGB")
        self._codes = np.full(self.shape, -1, dtype=np.int32)
        self._panel = Panel()
        self._shown = None

    def _draw_world(self, world: World, looks: NDArray[np.uint8] | None) -> None:
        from karel_gym.rendering.sprites import tile_codes

        cell, (left, top) = self._layout.cell, self._layout.world
        codes = tile_codes(world, looks)
        count = int(codes[world.row, world.col] & MARKERS)
        codes[world.row, world.col] &= ~MARKERS  # the robot's sprite shows the markers below it
        changed = np.argwhere(codes != self._codes)
        self._surface.set_clip((left, top, self.shape[1] * cell, self.shape[0] * cell))
        self._surface.blits(
            [
                (self._sprites.tile(int(codes[r, c])), (left + c * cell, top + r * cell))
                for r, c in changed.tolist()
            ],
            doreturn=False,
        )
        is_head = looks is not None and looks[world.row, world.col] == Look.HEAD
        robot = self._sprites.robot(world.heading, count, is_head)
        overhang = (self._sprites.robot_size - cell) // 2
        self._surface.blit(
            robot, (left + world.col * cell - overhang, top + world.row * cell - overhang)
        )
        self._surface.set_clip(None)
        self._codes = codes
        reach = -(-overhang // cell) + 1
        rows = slice(max(0, world.row - reach), world.row + reach + 1)
        cols = slice(max(0, world.col - reach), world.col + reach + 1)
        self._codes[rows, cols] = -1  # the robot covers these


def import_pygame() -> ModuleType:
    """Import pygame without the warnings of its own imports."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return import_module("pygame")
    except ImportError as error:
        raise ImportError("drawing needs pygame: pip install pygame") from error


def ansi(world: World, frame: Frame | None = None) -> str:
    """A world as text: its map, and below it title, step, return and status."""
    frame = frame or Frame()
    texts = (
        frame.title,
        f"step {frame.step}",
        f"return {round(frame.episode_return, 3) + 0.0:.3f}",
        frame.status,
    )
    return f"{world}\n" + "  ".join(text for text in texts if text)


def image_grid(rows: Sequence[Sequence[Image]], gap: int = 12) -> Image:
    """Images in rows, `gap` pixels apart, centered on white; rows may differ in length.

    Raises:
        ValueError: There is no image, or one is not uint8 of shape (height, width, 3).
    """
    for r, row in enumerate(rows):
        for c, image in enumerate(row):
            if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8:
                raise ValueError(
                    f"row {r}, column {c} must be uint8 of shape (height, width, 3), "
                    f"got {image.dtype} of shape {image.shape}"
                )
    if not any(len(row) for row in rows):
        raise ValueError("there is no image to compose")
    heights = [max((image.shape[0] for image in row), default=0) for row in rows]
    columns = max(len(row) for row in rows)
    widths = [max(row[c].shape[1] for row in rows if c < len(row)) for c in range(columns)]
    grid = np.empty(
        (sum(heights) + gap * (len(heights) - 1), sum(widths) + gap * (columns - 1), 3), np.uint8
    )
    grid[:] = GAP_COLOUR
    for r, row in enumerate(rows):
        for c, image in enumerate(row):
            height, width, _ = image.shape
            top = sum(heights[:r]) + gap * r + (heights[r] - height) // 2
            left = sum(widths[:c]) + gap * c + (widths[c] - width) // 2
            grid[top : top + height, left : left + width] = image
    return grid


def _caption_of(frame: Frame) -> tuple[object, ...]:
    return frame.step, frame.episode_return, frame.title, frame.status, frame.hint


def _panel_of(frame: Frame) -> tuple[object, ...]:
    return frame.panel, frame.panel_title


def _rect(box: tuple[int, int, int, int]) -> pygame.Rect:
    rect: pygame.Rect = import_pygame().Rect(*box)
    return rect
