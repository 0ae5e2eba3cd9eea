"""The sprites of cells and of the robot: floor, walls, markers, robot; see also `shapes`."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pygame
from numpy.typing import NDArray

from karel_gym.rendering.look_shapes import (
    BODY_TUBE,
    IN_PLACE_OF_MARKERS,
    LARGE,
    SMALL,
    TINY,
    TRAIL_TUBE,
    Shape,
    tube,
)
from karel_gym.rendering.shapes import (
    CLEAR,
    COUNT_FROM,
    FLOOR,
    GRID,
    HALO,
    INK,
    ROBOT,
    ROBOT_DARK,
    SHADOW,
    SHAPES_FROM,
    SUPERSAMPLING,
    WALL_FRONT,
    WALL_LIGHT,
    WALL_TOP,
    WHITE,
    Color,
    circle,
    draw_shapes,
    marker_color,
    mix,
    polygon,
    write_count,
)
from karel_gym.tasks.looks import Look
from karel_gym.world import MARKERS, WALL, World

FIGURE_FROM = 36
"""Pixels; in smaller cells the robot is a mere arrowhead."""
SMALLEST_ROBOT = 13
"""Pixels; in smaller cells the robot is drawn larger than its cell, so that it can be seen."""

WALL_CODE = 0x100
"""A cell's code with this bit is a wall; bits 0-3 say where it borders on floor: N, E, S, W."""
SHADED_CODE = 0x10
"""The code of floor is its number of markers, and this bit if a wall to the north shades it."""
LOOK_SHIFT, BODY_SHIFT, TRAIL_SHIFT = 9, 17, 21
"""The places in the code of floor of its look (8 bits), and of the sides to which the body of a
snake and a trail go on (4 bits each: N, E, S, W)."""
STEPS = np.array([(-1, 0), (0, 1), (1, 0), (0, -1)])


def tile_codes(world: World, looks: NDArray[np.uint8] | None = None) -> NDArray[np.int32]:
    """The code of each cell without the robot: int32, (H, W); see the constants above."""
    cells, walls = world.cells, np.ones((world.shape[0] + 2, world.shape[1] + 2), np.bool_)
    solid = walls[1:-1, 1:-1]
    solid[:] = cells >= WALL
    if looks is not None:  # doors and trails are drawn on the floor
        solid &= (looks < Look.TRAIL_NORTH) & (looks != Look.CLOSED_DOOR)
    floors = (~walls).view(np.uint8)
    opens = floors[:-2, 1:-1] | floors[1:-1, 2:] << 1 | floors[2:, 1:-1] << 2
    opens |= floors[1:-1, :-2] << 3
    shades = walls[:-2, 1:-1] * np.uint8(SHADED_CODE)
    codes = np.where(solid, opens, cells & MARKERS | shades) | solid * np.int32(WALL_CODE)
    if looks is not None:
        codes |= (looks * floors[1:-1, 1:-1]).astype(np.int32) << LOOK_SHIFT
        if looks.max() >= Look.BODY_NORTH:
            _add_links(codes, looks)
    return codes


def _add_links(codes: NDArray[np.int32], looks: NDArray[np.uint8]) -> None:
    """Add to the codes where bodies and trails go on, (H, W)."""
    rows, cols = np.nonzero(looks >= Look.BODY_NORTH)
    links = looks[rows, cols].astype(np.int32)
    ways = links & 3
    shifts = np.where(links >= Look.TRAIL_NORTH, TRAIL_SHIFT, BODY_SHIFT)
    codes[rows, cols] |= 1 << (shifts + ways)
    ahead = (rows + STEPS[ways, 0]) % len(looks), (cols + STEPS[ways, 1]) % looks.shape[1]
    np.bitwise_or.at(codes, ahead, 1 << (shifts + (ways ^ 2)))


class Sprites:
    """The sprites for cells of `cell` pixels, drawn at their first use."""

    def __init__(self, cell: int) -> None:
        self.cell = cell
        self.robot_size = cell if cell >= COUNT_FROM else 2 * max(cell, SMALLEST_ROBOT)
        self._tiles: dict[int, pygame.Surface] = {}
        self._robots: dict[tuple[int, int, bool], pygame.Surface] = {}

    def tile(self, code: int) -> pygame.Surface:
        """The sprite of a cell with a code of `tile_codes`: opaque, `cell` pixels a side."""
        if code not in self._tiles:
            draw = _draw_wall if code & WALL_CODE else _draw_floor
            canvas = pygame.Surface((self.cell * SUPERSAMPLING,) * 2, depth=24)
            draw(canvas, code, self.cell)
            self._tiles[code] = pygame.transform.smoothscale(canvas, (self.cell,) * 2)
        return self._tiles[code]

    def robot(self, heading: int, count: int, is_head: bool = False) -> pygame.Surface:
        """The robot, or a snake's head, over `count` markers: `robot_size` pixels a side."""
        key = (heading, count, is_head)
        if key not in self._robots:
            size = self.robot_size
            canvas = pygame.Surface((size * SUPERSAMPLING,) * 2, pygame.SRCALPHA)
            canvas.fill(CLEAR)
            draw = _draw_robot if size == self.cell else _draw_small_robot
            draw(canvas, heading, count, is_head)
            self._robots[key] = pygame.transform.smoothscale(canvas, (size, size))
        return self._robots[key]


def _draw_floor(canvas: pygame.Surface, code: int, cell: int) -> None:
    side, count = canvas.get_width(), code & MARKERS
    look = Look(code >> LOOK_SHIFT & 0xFF)
    canvas.fill(FLOOR)
    if code & SHADED_CODE and cell >= COUNT_FROM:
        depth = round(0.14 * side)
        for y in range(depth):
            pygame.draw.line(canvas, mix(SHADOW, FLOOR, y / depth), (0, y), (side, y))
    if cell >= SHAPES_FROM:
        pygame.draw.rect(canvas, GRID, (0, side - SUPERSAMPLING, side, SUPERSAMPLING))
        pygame.draw.rect(canvas, GRID, (side - SUPERSAMPLING, 0, SUPERSAMPLING, side))
    if body := code >> BODY_SHIFT & 0xF:
        draw_shapes(canvas, tube(BODY_TUBE, body))
    if look is not Look.HEAD:
        draw_shapes(canvas, _shapes_of(look, cell))
    if trail := code >> TRAIL_SHIFT & 0xF:
        draw_shapes(canvas, tube(TRAIL_TUBE, trail))
    if not count:
        return
    if look in IN_PLACE_OF_MARKERS:
        if count > 1 and cell >= COUNT_FROM:
            _draw_badge(canvas, count)
    elif cell < SHAPES_FROM:
        if look not in TINY:
            canvas.fill(marker_color(count))
    elif look is Look.GOAL:  # beside the pole of the flag
        circle(canvas, mix(marker_color(count), INK, 0.4), (0.64, 0.72), 0.23)
        circle(canvas, marker_color(count), (0.64, 0.72), 0.19)
        if count > 1 and cell >= COUNT_FROM:
            write_count(canvas, count, (0.64, 0.72), height=0.28)
    elif cell < COUNT_FROM:
        circle(canvas, mix(marker_color(count), INK, 0.25), (0.47, 0.47), 0.40)
        circle(canvas, marker_color(count), (0.47, 0.47), 0.32)
    else:
        _draw_markers(canvas, count, radius=0.33)
        if count > 1:
            write_count(canvas, count, (0.5, 0.5), height=0.46)


def _shapes_of(look: Look, cell: int) -> list[Shape]:
    """The shapes of a look in cells of `cell` pixels."""
    tiny = TINY if cell < SHAPES_FROM else {}
    small = SMALL if cell < COUNT_FROM else {}
    return {**LARGE, **small, **tiny}.get(look, [])


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
    circle(canvas, SHADOW, (0.5, 0.53), radius)
    circle(canvas, mix(color, INK, 0.3), (0.5, 0.5), radius)
    circle(canvas, mix(color, WHITE, 0.3), (0.5, 0.49), radius * 0.89)
    circle(canvas, color, (0.5, 0.505), radius * 0.86)


def _draw_robot(canvas: pygame.Surface, heading: int, count: int, is_head: bool) -> None:
    """The robot over its markers, and how many they are."""
    cell = canvas.get_width() // SUPERSAMPLING
    if count:
        _draw_markers(canvas, count, radius=0.46)
    robot = _draw_figure if cell >= FIGURE_FROM else _draw_arrow
    _draw_heading(canvas, heading, _draw_head if is_head else robot)
    if count > 1:
        _draw_badge(canvas, count)


def _draw_badge(canvas: pygame.Surface, count: int) -> None:
    """The number of markers in the lower right corner."""
    circle(canvas, WHITE, (0.8, 0.8), 0.2)
    circle(canvas, marker_color(count), (0.8, 0.8), 0.17)
    write_count(canvas, count, (0.8, 0.8), height=0.28)


def _draw_small_robot(canvas: pygame.Surface, heading: int, count: int, is_head: bool) -> None:
    """The robot in the middle of a halo twice its size."""
    side = canvas.get_width()
    pygame.draw.circle(canvas, HALO, (side / 2, side / 2), side // 2)
    if count:
        circle(canvas, WHITE, (0.5, 0.5), 0.34)
        circle(canvas, marker_color(count), (0.5, 0.5), 0.31)
    middle = canvas.subsurface((side // 4, side // 4, side // 2, side // 2))
    _draw_heading(middle, heading, _draw_head if is_head else _draw_arrow)


def _draw_heading(
    canvas: pygame.Surface, heading: int, draw: Callable[[pygame.Surface], None]
) -> None:
    """Draw what `draw` draws, which heads north, with `heading`."""
    robot = pygame.Surface(canvas.get_size(), pygame.SRCALPHA)
    robot.fill(CLEAR)
    draw(robot)
    canvas.blit(pygame.transform.rotate(robot, -90 * heading), (0, 0))


def _draw_arrow(canvas: pygame.Surface) -> None:
    polygon(canvas, WHITE, [(0.5, 0.0), (0.97, 0.98), (0.5, 0.86), (0.03, 0.98)])
    polygon(canvas, ROBOT, [(0.5, 0.12), (0.86, 0.89), (0.5, 0.76), (0.14, 0.89)])


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
        circle(canvas, WHITE, (x, 0.46), 0.09)
        circle(canvas, ROBOT_DARK, (x, 0.43), 0.05)
    circle(canvas, mix(ROBOT, WHITE, 0.3), (0.5, 0.7), 0.06)


def _drop(canvas: pygame.Surface, color: Color, radius: float, tip: float) -> None:
    """A disc around (0.5, 0.56) and its tangents to the point (0.5, `tip`)."""
    angle = math.acos(radius / (0.56 - tip))
    dx, dy = radius * math.sin(angle), radius * math.cos(angle)
    circle(canvas, color, (0.5, 0.56), radius)
    polygon(canvas, color, [(0.5, tip), (0.5 + dx, 0.56 - dy), (0.5 - dx, 0.56 - dy)])


def _draw_head(canvas: pygame.Surface) -> None:
    draw_shapes(canvas, LARGE[Look.HEAD])
