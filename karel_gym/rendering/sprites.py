"""The sprites of cells and of the robot: floor, walls, markers, robot.

Lengths are fractions of a cell's side, from its left or top edge. Sprites are drawn `SUPERSAMPLING`
times too large and scaled down. The colors differ in lightness, for color-blind readers and print.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pygame
from numpy.typing import NDArray

from karel_gym.world import MARKERS, MAX_MARKERS, World

Color = tuple[int, int, int]

SUPERSAMPLING = 4
FIGURE_FROM, COUNT_FROM, SHAPES_FROM = 36, 20, 5
"""Pixels; in smaller cells the robot is a mere arrowhead, markers are discs without a count, and
markers and walls are plain squares."""
SMALLEST_ROBOT = 13
"""Pixels; in smaller cells the robot is drawn larger than its cell, so that it can be seen."""

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

WALL_CODE = 0x100
"""A cell's code with this bit is a wall; bits 0-3 say where it borders on floor: N, E, S, W."""
SHADED_CODE = 0x10
"""The code of floor is its number of markers, and this bit if a wall to the north shades it."""


def tile_codes(world: World) -> NDArray[np.int16]:
    """The code of each cell without the robot: int16, (H, W); see the `_CODE` bits."""
    walls = np.pad(world.walls, 1, constant_values=True)  # (H + 2, W + 2)
    inner = walls[1:-1, 1:-1]
    floors = ~walls
    wall_codes = (
        WALL_CODE
        | floors[:-2, 1:-1] * np.int16(1)
        | floors[1:-1, 2:] * np.int16(2)
        | floors[2:, 1:-1] * np.int16(4)
        | floors[1:-1, :-2] * np.int16(8)
    )
    floor_codes = (world.cells & MARKERS) | walls[:-2, 1:-1] * np.int16(SHADED_CODE)
    return np.where(inner, wall_codes, floor_codes).astype(np.int16)


def marker_color(count: int) -> Color:
    """The color of `count` markers: the more, the darker."""
    share = (count - 1) / (MAX_MARKERS - 1)
    return mix(FEW_MARKERS, MANY_MARKERS, share)


def mix(first: Color, second: Color, share: float) -> Color:
    """The color that is `share` of the way from `first` to `second`."""
    red, green, blue = (round(a + (b - a) * share) for a, b in zip(first, second, strict=True))
    return red, green, blue


class Sprites:
    """The sprites for cells of `cell` pixels, drawn at their first use."""

    def __init__(self, cell: int) -> None:
        self.cell = cell
        self.robot_size = cell if cell >= COUNT_FROM else 2 * max(cell, SMALLEST_ROBOT)
        self._tiles: dict[int, pygame.Surface] = {}
        self._robots: dict[tuple[int, int], pygame.Surface] = {}

    def tile(self, code: int) -> pygame.Surface:
        """The sprite of a cell with a code of `tile_codes`: opaque, `cell` pixels a side."""
        if code not in self._tiles:
            draw = _draw_wall if code & WALL_CODE else _draw_floor
            canvas = pygame.Surface((self.cell * SUPERSAMPLING,) * 2, depth=24)
            draw(canvas, code, self.cell)
            self._tiles[code] = pygame.transform.smoothscale(canvas, (self.cell,) * 2)
        return self._tiles[code]

    def robot(self, heading: int, count: int) -> pygame.Surface:
        """The robot over `count` markers, `robot_size` pixels a side; larger than small cells."""
        key = (heading, count)
        if key not in self._robots:
            size = self.robot_size
            canvas = pygame.Surface((size * SUPERSAMPLING,) * 2, pygame.SRCALPHA)
            canvas.fill(CLEAR)
            draw = _draw_robot if size == self.cell else _draw_small_robot
            draw(canvas, heading, count)
            self._robots[key] = pygame.transform.smoothscale(canvas, (size, size))
        return self._robots[key]


def _draw_floor(canvas: pygame.Surface, code: int, cell: int) -> None:
    side = canvas.get_width()
    canvas.fill(FLOOR)
    if code & SHADED_CODE and cell >= COUNT_FROM:
        depth = round(0.14 * side)
        for y in range(depth):
            pygame.draw.line(canvas, mix(SHADOW, FLOOR, y / depth), (0, y), (side, y))
    if cell >= SHAPES_FROM:
        pygame.draw.rect(canvas, GRID, (0, side - SUPERSAMPLING, side, SUPERSAMPLING))
        pygame.draw.rect(canvas, GRID, (side - SUPERSAMPLING, 0, SUPERSAMPLING, side))
    if count := code & MARKERS:
        if cell < SHAPES_FROM:
            canvas.fill(marker_color(count))
        elif cell < COUNT_FROM:
            _circle(canvas, mix(marker_color(count), INK, 0.25), (0.47, 0.47), 0.40)
            _circle(canvas, marker_color(count), (0.47, 0.47), 0.32)
        else:
            _draw_markers(canvas, count, radius=0.33)
            if count > 1:
                _write_count(canvas, count, (0.5, 0.5), height=0.46)


def _draw_wall(canvas: pygame.Surface, code: int, cell: int) -> None:
    side = canvas.get_width()
    open_north, open_east, open_south, open_west = (bool(code & 1 << i) for i in range(4))
    if cell < SHAPES_FROM:
        canvas.fill(WALL_TOP)
        return
    canvas.fill(FLOOR)
    radius = round(0.16 * side)
    corners = {
        "border_top_left_radius": radius * (open_north and open_west),
        "border_top_right_radius": radius * (open_north and open_east),
        "border_bottom_left_radius": radius * (open_south and open_west),
        "border_bottom_right_radius": radius * (open_south and open_east),
    }
    front = round(0.2 * side) if open_south else 0
    edge = max(SUPERSAMPLING, round(0.04 * side)) if open_north else 0
    for color, top, bottom in ((WALL_FRONT, 0, 0), (WALL_LIGHT, 0, front), (WALL_TOP, edge, front)):
        pygame.draw.rect(canvas, color, (0, top, side, side - top - bottom), 0, 0, **corners)


def _draw_markers(canvas: pygame.Surface, count: int, radius: float) -> None:
    color = marker_color(count)
    _circle(canvas, SHADOW, (0.5, 0.53), radius)
    _circle(canvas, mix(color, INK, 0.3), (0.5, 0.5), radius)
    _circle(canvas, mix(color, WHITE, 0.3), (0.5, 0.49), radius * 0.89)
    _circle(canvas, color, (0.5, 0.505), radius * 0.86)


def _draw_robot(canvas: pygame.Surface, heading: int, count: int) -> None:
    """The robot over its markers, and how many they are."""
    cell = canvas.get_width() // SUPERSAMPLING
    if count:
        _draw_markers(canvas, count, radius=0.46)
    _draw_heading(canvas, heading, _draw_figure if cell >= FIGURE_FROM else _draw_arrow)
    if count > 1:
        _circle(canvas, WHITE, (0.8, 0.8), 0.2)
        _circle(canvas, marker_color(count), (0.8, 0.8), 0.17)
        _write_count(canvas, count, (0.8, 0.8), height=0.28)


def _draw_small_robot(canvas: pygame.Surface, heading: int, count: int) -> None:
    """The robot in the middle of a halo twice its size."""
    side = canvas.get_width()
    pygame.draw.circle(canvas, HALO, (side / 2, side / 2), side // 2)
    if count:
        _circle(canvas, WHITE, (0.5, 0.5), 0.34)
        _circle(canvas, marker_color(count), (0.5, 0.5), 0.31)
    middle = canvas.subsurface((side // 4, side // 4, side // 2, side // 2))
    _draw_heading(middle, heading, _draw_arrow)


def _draw_heading(
    canvas: pygame.Surface, heading: int, draw: Callable[[pygame.Surface], None]
) -> None:
    """Draw what `draw` draws, which heads north, with `heading`."""
    robot = pygame.Surface(canvas.get_size(), pygame.SRCALPHA)
    robot.fill(CLEAR)
    draw(robot)
    canvas.blit(pygame.transform.rotate(robot, -90 * heading), (0, 0))


def _draw_arrow(canvas: pygame.Surface) -> None:
    _polygon(canvas, WHITE, [(0.5, 0.0), (0.97, 0.98), (0.5, 0.86), (0.03, 0.98)])
    _polygon(canvas, ROBOT, [(0.5, 0.12), (0.86, 0.89), (0.5, 0.76), (0.14, 0.89)])


def _draw_figure(canvas: pygame.Surface) -> None:
    """The robot heading north: a drop with its tip ahead, two eyes, and a track on either side."""
    side = canvas.get_width()
    for grow, color in ((0.03, WHITE), (0.0, ROBOT_DARK)):
        for left in (0.17, 0.69):
            box = (left - grow, 0.38 - grow, 0.14 + 2 * grow, 0.44 + 2 * grow)
            pygame.draw.rect(
                canvas, color, [round(x * side) for x in box], border_radius=round(0.06 * side)
            )
    _drop(canvas, WHITE, radius=0.32, tip=0.01)
    _drop(canvas, ROBOT, radius=0.29, tip=0.06)
    for x in (0.39, 0.61):
        _circle(canvas, WHITE, (x, 0.46), 0.09)
        _circle(canvas, ROBOT_DARK, (x, 0.43), 0.05)
    _circle(canvas, mix(ROBOT, WHITE, 0.3), (0.5, 0.7), 0.06)


def _drop(canvas: pygame.Surface, color: Color, radius: float, tip: float) -> None:
    """A disc around (0.5, 0.56) and its tangents to the point (0.5, `tip`)."""
    angle = math.acos(radius / (0.56 - tip))
    dx, dy = radius * math.sin(angle), radius * math.cos(angle)
    _circle(canvas, color, (0.5, 0.56), radius)
    _polygon(canvas, color, [(0.5, tip), (0.5 + dx, 0.56 - dy), (0.5 - dx, 0.56 - dy)])


def _write_count(
    canvas: pygame.Surface, count: int, centre: tuple[float, float], height: float
) -> None:
    side = canvas.get_width()
    if not pygame.font.get_init():
        pygame.font.init()
    dark = count > MAX_MARKERS // 2
    text = pygame.font.Font(None, round(height * 1.35 * side)).render(
        str(count), True, WHITE if dark else INK
    )
    text = text.subsurface(text.get_bounding_rect())
    canvas.blit(text, text.get_rect(center=(centre[0] * side, centre[1] * side)))


def _circle(
    canvas: pygame.Surface, color: Color, centre: tuple[float, float], radius: float
) -> None:
    side = canvas.get_width()
    pygame.draw.circle(canvas, color, (centre[0] * side, centre[1] * side), radius * side)


def _polygon(canvas: pygame.Surface, color: Color, points: list[tuple[float, float]]) -> None:
    side = canvas.get_width()
    pygame.draw.polygon(canvas, color, [(x * side, y * side) for x, y in points])
