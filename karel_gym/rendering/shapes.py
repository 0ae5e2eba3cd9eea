"""The colors and shapes that sprites are made of.

Lengths are fractions of a cell's side, from its left or top edge. Sprites are drawn `SUPERSAMPLING`
times too large and scaled down. The colors differ in lightness, for color-blind readers and print.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise

import pygame
from pygame.math import Vector2

from karel_gym.rendering.look_shapes import Shape
from karel_gym.world import MAX_MARKERS

Color = tuple[int, int, int]

SUPERSAMPLING = 4
COUNT_FROM, SHAPES_FROM = 20, 5
"""Pixels; in smaller cells markers are discs without a count, and cells are plain squares."""

FLOOR: Color = (247, 245, 240)
GRID: Color = (229, 225, 215)
SHADOW: Color = (214, 209, 199)
WALL_TOP: Color = (82, 97, 122)
WALL_LIGHT: Color = (112, 128, 155)
WALL_FRONT: Color = (52, 63, 84)
FEW_MARKERS: Color = (250, 190, 60)
MANY_MARKERS: Color = (172, 52, 8)
WHITE: Color = (255, 255, 255)
INK: Color = (58, 34, 4)
ROBOT: Color = (0, 98, 170)
ROBOT_DARK: Color = (17, 38, 66)
HALO = (*ROBOT, 60)
CLEAR = (*FLOOR, 0)
"""Transparent, but not black: scaling down mixes the color into the edges."""


def marker_color(count: int) -> Color:
    """The color of `count` markers: the more, the darker."""
    share = (count - 1) / (MAX_MARKERS - 1)
    return mix(FEW_MARKERS, MANY_MARKERS, share)


def mix(first: Color, second: Color, share: float) -> Color:
    """The color that is `share` of the way from `first` to `second`."""
    red, green, blue = (round(a + (b - a) * share) for a, b in zip(first, second, strict=True))
    return red, green, blue


def write_count(
    canvas: pygame.Surface, count: int, centre: tuple[float, float], height: float
) -> None:
    """Write a number of markers around a point."""
    side = canvas.get_width()
    if not pygame.font.get_init():
        pygame.font.init()
    dark = count > MAX_MARKERS // 2
    text = pygame.font.Font(None, round(height * 1.35 * side)).render(
        str(count), True, WHITE if dark else INK
    )
    text = text.subsurface(text.get_bounding_rect())
    canvas.blit(text, text.get_rect(center=(centre[0] * side, centre[1] * side)))


def circle(
    canvas: pygame.Surface, color: Color, centre: tuple[float, float], radius: float
) -> None:
    side = canvas.get_width()
    pygame.draw.circle(canvas, color, (centre[0] * side, centre[1] * side), radius * side)


def polygon(canvas: pygame.Surface, color: Color, points: list[tuple[float, float]]) -> None:
    side = canvas.get_width()
    pygame.draw.polygon(canvas, color, [(x * side, y * side) for x, y in points])


def draw_shapes(canvas: pygame.Surface, shapes: Iterable[Shape]) -> None:
    """Draw shapes in their order."""
    side = canvas.get_width()
    for kind, color, numbers, opacity in shapes:
        layer = canvas
        if opacity < 1:
            layer = pygame.Surface(canvas.get_size(), pygame.SRCALPHA)
        pixels = [number * side for number in numbers]
        if kind == "disc":
            pygame.draw.circle(layer, color, pixels[:2], pixels[2])
        elif kind == "box":
            left, top, width, height = pixels
            layer.fill(color, (round(left), round(top), round(width), round(height)))
        elif kind == "polygon":
            pygame.draw.polygon(layer, color, _points(pixels))
        else:
            points = _points(pixels[1:])
            for start, end in pairwise(points):
                across = (Vector2(end) - start).rotate(90)
                across.scale_to_length(pixels[0] / 2)
                ends = [start + across, end + across, end - across, start - across]
                pygame.draw.polygon(layer, color, ends)
            for point in points:
                pygame.draw.circle(layer, color, point, pixels[0] / 2)
        if layer is not canvas:
            layer.set_alpha(round(255 * opacity))
            canvas.blit(layer, (0, 0))


def _points(numbers: list[float]) -> list[Vector2]:
    return [Vector2(x, y) for x, y in zip(numbers[::2], numbers[1::2], strict=True)]
