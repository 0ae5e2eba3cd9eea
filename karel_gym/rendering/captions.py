"""The text beside a drawn world: the caption above it and the panel with a program's lines."""

from __future__ import annotations

import functools
import warnings

import pygame

from karel_gym.rendering.layout import Frame, PanelLine
from karel_gym.rendering.shapes import Color, mix

BACKGROUND: Color = (24, 30, 43)
PANEL: Color = (31, 38, 54)
TEXT: Color = (236, 239, 244)
MUTED: Color = (148, 160, 182)
KEYWORD: Color = (134, 196, 250)
HIGHLIGHT: Color = (62, 84, 124)
ACCENT: Color = (250, 190, 60)
GOOD: Color = (72, 190, 160)
BAD: Color = (240, 128, 88)

MONOSPACE = "dejavusansmono,liberationmono,menlo,consolas,notosansmono,couriernew"
LARGEST_LINE, SCROLLED_LINE, SMALLEST_LINE = 16, 14, 11  # pixels
INDENT = "  "
MOST_PICTURES = 2_000


@functools.cache
def _monospace() -> str | None:
    """The file of a monospace font of this machine; None if there is none."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return pygame.font.match_font(MONOSPACE)


@functools.lru_cache(maxsize=MOST_PICTURES)
def render(text: str, size: int, color: Color, file: str | None = None) -> pygame.Surface:
    """`text` in `size` pixels, on a transparent ground; None is the font of pygame."""
    return _font(file, size).render(text, True, color)


@functools.lru_cache(maxsize=MOST_PICTURES)
def width_of(text: str, size: int, file: str | None = None) -> int:
    """The width of `text` in pixels."""
    return _font(file, size).size(text)[0]


@functools.cache
def line_height(size: int, file: str | None = None) -> int:
    """The distance of lines in pixels."""
    return _font(file, size).get_linesize()


def fit(text: str, size: int, width: int, file: str | None = None) -> str:
    """`text`, cut short with an ellipsis if it is wider than `width` pixels."""
    if width_of(text, size, file) <= width:
        return text
    while text and width_of(text + "...", size, file) > width:
        text = text[:-1]
    return text + "..."


def _font(file: str | None, size: int) -> pygame.font.Font:
    """A font, not cached: `pygame.quit()` frees all fonts, and using one then would crash."""
    if not pygame.font.get_init():
        pygame.font.init()
    return pygame.font.Font(file, size)


class Caption:
    """The bar above a world: title, status and hint to the left, step and return to the right."""

    def draw(self, surface: pygame.Surface, area: pygame.Rect, frame: Frame) -> None:
        """Draw the texts of `frame` on `area`."""
        surface.fill(BACKGROUND, area)
        margin, top, bottom = 14, area.top + 13, area.top + 32
        right = area.right - margin
        for label, value in (
            ("return", f"{round(frame.episode_return, 3) + 0.0:.3f}"),
            ("step", f"{frame.step:,}"),
        ):
            name = render(label, 17, MUTED)
            surface.blit(name, (right - name.get_width(), top))
            start = right
            for digit in reversed(value):  # single digits are cached, numbers are not
                picture = render(digit, 26, TEXT)
                start -= picture.get_width()
                surface.blit(picture, (start, bottom))
            # the least width keeps the step in its place while the return grows
            right -= max(58, name.get_width(), right - start) + margin
        left = area.left + margin
        title = fit(frame.title, 24, right - left)
        below = bool(frame.status or frame.hint)
        line = render(title, 24, TEXT)
        surface.blit(line, (left, top - 2 if below else area.centery - line.get_height() // 2))
        if frame.status:
            color = {"solved": GOOD, "failed": BAD}.get(frame.status, MUTED)
            chip = render(frame.status, 17, BACKGROUND)
            box = pygame.Rect(left, bottom + 1, chip.get_width() + 14, chip.get_height() + 5)
            pygame.draw.rect(surface, color, box, border_radius=box.height // 2)
            surface.blit(chip, chip.get_rect(center=box.center))
            left = box.right + 8
        hint = fit(frame.hint, 17, right - left)
        surface.blit(render(hint, 17, MUTED), (left, bottom + 4))


class Panel:
    """Lines in the largest type that fits; if none does, they scroll with the highlighted line."""

    def __init__(self) -> None:
        self._measured: tuple[object, int] = (None, 0)
        self._view: object = None
        self._shown: dict[int, PanelLine] = {}

    def draw(self, surface: pygame.Surface, area: pygame.Rect, frame: Frame) -> None:
        """Draw the panel of `frame` on `area`, where the last one still is."""
        inner = pygame.Rect(area.left + 16, area.top + 36, area.width - 28, area.height - 46)
        lines = frame.panel
        size = self._line_size(lines, inner)
        height = line_height(size, _monospace())
        room = max(1, inner.height // height)
        first = _first_in_view(lines, room)
        view = (tuple(area), frame.panel_title, size, first, len(lines))
        if view != self._view:
            self._view, self._shown = view, {}
            surface.fill(PANEL, area)
            heading = render(frame.panel_title, 17, MUTED)
            surface.blit(heading, (area.left + 16, area.top + 13))
            if first > 0:
                _draw_more(surface, inner.right - 8, area.top + 24, up=True)
            if first + room < len(lines):
                _draw_more(surface, inner.right - 8, area.bottom - 8, up=False)
        for place, line in enumerate(lines[first : first + room]):
            if self._shown.get(place) != line:
                self._shown[place] = line
                box = pygame.Rect(inner.left, inner.top + place * height, inner.width, height)
                self._draw_line(surface, box, line, size)

    def _line_size(self, lines: tuple[PanelLine, ...], inner: pygame.Rect) -> int:
        texts = tuple(line.indent * INDENT + line.text for line in lines)
        key = (texts, inner.size)
        if self._measured[0] != key:
            self._measured = (key, self._largest_fit(texts, inner))
        return self._measured[1]

    def _largest_fit(self, texts: tuple[str, ...], inner: pygame.Rect) -> int:
        longest = max(texts, key=len)
        fitting = [
            size
            for size in range(SMALLEST_LINE, LARGEST_LINE + 1)
            if width_of(longest, size, _monospace()) <= inner.width
        ] or [SMALLEST_LINE]
        all_in_view = [
            size for size in fitting if line_height(size, _monospace()) * len(texts) <= inner.height
        ]
        return max(all_in_view) if all_in_view else min(SCROLLED_LINE, max(fitting))

    def _draw_line(
        self, surface: pygame.Surface, box: pygame.Rect, line: PanelLine, size: int
    ) -> None:
        bar = box.inflate(16, 0)
        surface.fill(PANEL, bar)
        if line.highlighted:
            pygame.draw.rect(surface, HIGHLIGHT, bar, border_radius=4)
            pygame.draw.rect(surface, ACCENT, (bar.left, bar.top, 4, bar.height), border_radius=2)
        x = box.left + width_of(line.indent * INDENT, size, _monospace())
        space = width_of(" ", size, _monospace())
        for word in fit(line.text, size, box.right - x, _monospace()).split(" "):
            if word:
                picture = render(word, size, _word_color(word, line.highlighted), _monospace())
                surface.blit(picture, (x, box.top))
                x += picture.get_width()
            x += space


def _word_color(word: str, highlighted: bool) -> Color:
    """The color of keywords (in capitals), brackets, or other words."""
    if word.endswith(("(", ")")) and len(word) <= 2:
        return mix(MUTED, TEXT, 0.3) if highlighted else mix(MUTED, PANEL, 0.3)
    if word[:1].isupper() and word.split("=")[0].isupper():
        return KEYWORD
    return TEXT


def _first_in_view(lines: tuple[PanelLine, ...], room: int) -> int:
    """The index of the top line of `room` lines, with the highlighted one in the middle."""
    highlighted = next((i for i, line in enumerate(lines) if line.highlighted), 0)
    return min(max(0, highlighted - room // 2), max(0, len(lines) - room))


def _draw_more(surface: pygame.Surface, x: int, y: int, up: bool) -> None:
    """Draw an arrowhead that points to more lines."""
    tip = -5 if up else 5
    pygame.draw.polygon(surface, MUTED, [(x - 6, y), (x + 6, y), (x, y + tip)])
