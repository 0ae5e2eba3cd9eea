"""The shapes that draw each `Look`, as data for the images and for the report's player."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from karel_gym.tasks.looks import Look


class Shape(NamedTuple):
    """A shape; lengths are fractions of a cell's side, from its left and top edge."""

    kind: str
    """The meaning of the numbers: "disc": x, y, radius; "box": left, top, width, height; "polygon":
    x, y of each corner; "stroke", a line with round ends: its width, then x, y of each point."""
    color: str
    numbers: tuple[float, ...]
    opacity: float = 1.0


# The lightness of outlines is in the middle: the report's floor is light or dark.
INK, WHITE = "#3a2204", "#ffffff"
TODO, DONE, WRONG, PURPLE, POLE = "#2b83c6", "#0e8a6c", "#c9303f", "#9c3392", "#77685a"
BRASS, WOOD, WOOD_DARK, WOOD_LIGHT, APPLE = "#c99400", "#966230", "#5f3a16", "#b07c48", "#c82a26"
GREEN, GREEN_DARK, GREEN_LIGHT, TRAIL, SLATE = "#009470", "#004e3e", "#80cab8", "#5c82ac", "#52617a"


def outline(color: str, inset: float, width: float, dashes: int, dash: float) -> list[Shape]:
    """An outline of `dashes` dashes per side, the first and last of them in the corners."""
    far, shapes = 1 - inset, []
    for k in range(dashes):
        start = inset + k * (far - inset - dash) / max(1, dashes - 1)
        for edge in (inset, far - width):
            shapes.append(Shape("box", color, (start, edge, dash, width)))
            shapes.append(Shape("box", color, (edge, start, width, dash)))
    return shapes


def cross(width: float) -> list[Shape]:
    """A cross over the whole cell."""
    ends = (0.08, 0.08, 0.92, 0.92), (0.92, 0.08, 0.08, 0.92)
    return [Shape("stroke", WRONG, (width, *points)) for points in ends]


def filled(color: str, opacity: float = 1.0) -> list[Shape]:
    """The whole cell in one color."""
    return [Shape("box", color, (0, 0, 1, 1), opacity)]


LARGE: Mapping[Look, list[Shape]] = {
    Look.TARGET: outline(TODO, 0.07, 0.06, dashes=4, dash=0.125),
    Look.DONE: [
        *outline(DONE, 0.07, 0.06, dashes=1, dash=0.86),
        Shape("disc", DONE, (0.82, 0.18, 0.16)),
        Shape("stroke", WHITE, (0.05, 0.73, 0.18, 0.8, 0.25, 0.92, 0.12)),
    ],
    Look.WRONG: cross(0.07),
    Look.PATH: filled(TODO, 0.18),
    Look.GOAL: [
        Shape("box", POLE, (0.22, 0.08, 0.08, 0.84)),
        Shape("polygon", PURPLE, (0.3, 0.09, 0.88, 0.26, 0.3, 0.46)),
    ],
    Look.KEY: [
        Shape("stroke", INK, (0.2, 0.44, 0.47, 0.86, 0.47, 0.86, 0.62)),
        Shape("stroke", INK, (0.2, 0.68, 0.47, 0.68, 0.62)),
        Shape("disc", INK, (0.3, 0.5, 0.23)),
        Shape("disc", BRASS, (0.3, 0.5, 0.18)),
        Shape("stroke", BRASS, (0.11, 0.44, 0.47, 0.86, 0.47, 0.86, 0.62)),
        Shape("stroke", BRASS, (0.11, 0.68, 0.47, 0.68, 0.62)),
        Shape("disc", INK, (0.3, 0.5, 0.08)),
    ],
    Look.CLOSED_DOOR: [
        *filled(WOOD_DARK),
        Shape("box", WOOD, (0.1, 0.08, 0.8, 0.84)),
        Shape("box", WOOD_LIGHT, (0.24, 0.17, 0.52, 0.28)),
        Shape("box", WOOD_LIGHT, (0.24, 0.55, 0.52, 0.28)),
        Shape("disc", INK, (0.74, 0.5, 0.09)),
        Shape("disc", BRASS, (0.74, 0.5, 0.06)),
    ],
    Look.OPEN_DOOR: [
        *filled(WOOD, 0.3),
        *(Shape("box", WOOD_DARK, (x, y, 0.14, 0.14)) for x in (0, 0.86) for y in (0, 0.86)),
    ],
    Look.FOOD: [
        *(Shape("disc", INK, (x, y, 0.26)) for x, y in ((0.4, 0.55), (0.6, 0.55), (0.5, 0.62))),
        *(Shape("disc", APPLE, (x, y, 0.22)) for x, y in ((0.4, 0.55), (0.6, 0.55), (0.5, 0.62))),
        Shape("stroke", INK, (0.07, 0.5, 0.4, 0.54, 0.16)),
        Shape("polygon", GREEN_DARK, (0.54, 0.26, 0.64, 0.12, 0.82, 0.12, 0.72, 0.26)),
        Shape("disc", WHITE, (0.36, 0.48, 0.06), 0.6),
    ],
    Look.HEAD: [  # to the north
        Shape("stroke", WRONG, (0.04, 0.5, 0.2, 0.45, 0.02)),
        Shape("stroke", WRONG, (0.04, 0.5, 0.2, 0.55, 0.02)),
        *(Shape("disc", GREEN_DARK, numbers) for numbers in ((0.5, 0.58, 0.39), (0.5, 0.36, 0.27))),
        *(Shape("disc", GREEN, numbers) for numbers in ((0.5, 0.58, 0.33), (0.5, 0.36, 0.21))),
        *(Shape("disc", WHITE, (x, 0.42, 0.12)) for x in (0.3, 0.7)),
        *(Shape("disc", INK, (x, 0.39, 0.07)) for x in (0.3, 0.7)),
    ],
    **{Look(Look.BODY_NORTH + k): [Shape("disc", GREEN_LIGHT, (0.5, 0.5, 0.1))] for k in range(4)},
    **{Look(Look.TRAIL_NORTH + k): filled(SLATE, 0.28) for k in range(4)},
}
"""The shapes in cells of 20 pixels or more."""
SMALL: Mapping[Look, list[Shape]] = {
    Look.TARGET: [Shape("box", TODO, (0.1, 0.1, 0.8, 0.8), 0.4)],
    Look.DONE: outline(DONE, 0, 0.15, dashes=1, dash=1),
    Look.WRONG: cross(0.14),
}
"""The shapes in smaller cells, where they differ."""
TINY: Mapping[Look, list[Shape]] = {
    Look.DONE: filled(DONE),
    Look.WRONG: filled(WRONG),
    Look.GOAL: filled(PURPLE),
    Look.KEY: filled(BRASS),
    Look.CLOSED_DOOR: filled(WOOD),
    Look.FOOD: filled(APPLE),
}
"""The shapes in cells under 5 pixels, where they differ; they cover the markers."""
BODY_TUBE = (GREEN_DARK, 0.74), (GREEN, 0.58)
TRAIL_TUBE = ((TRAIL, 0.42),)
"""The colors and widths of the tubes that connect the cells of a snake's body and of a trail."""
IN_PLACE_OF_MARKERS = (
    *(Look.KEY, Look.FOOD, Look.BODY_NORTH, Look.BODY_EAST, Look.BODY_SOUTH, Look.BODY_WEST),
)
"""The looks that replace a marker; more than one are counted beside them."""


def tube(layers: tuple[tuple[str, float], ...], links: int) -> list[Shape]:
    """A tube from the middle of the cell to the sides in bits 0-3 of `links`: N, E, S, W."""
    shapes = []
    for color, width in layers:
        low = 0.5 - width / 2
        areas = (
            (low, 0, width, 0.5),
            (0.5, low, 0.5, width),
            (low, 0.5, width, 0.5),
            (0, low, 0.5, width),
        )
        shapes += [Shape("box", color, area) for k, area in enumerate(areas) if links & 1 << k]
        shapes.append(Shape("disc", color, (0.5, 0.5, width / 2)))
    return shapes


def as_json() -> dict[str, Any]:
    """All shapes as JSON values: by size and look, and tubes by their links; names of looks."""
    sizes = {"large": LARGE, "small": SMALL, "tiny": TINY}
    return {
        **{name: {int(look): shapes for look, shapes in of.items()} for name, of in sizes.items()},
        "body": [tube(BODY_TUBE, links) for links in range(16)],
        "trail": [tube(TRAIL_TUBE, links) for links in range(16)],
        "inPlaceOfMarkers": IN_PLACE_OF_MARKERS,
        "names": {look.name: int(look) for look in Look},
    }
