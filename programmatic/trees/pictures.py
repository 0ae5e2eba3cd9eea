"""Tree programs as pictures."""

from __future__ import annotations

import os
from collections.abc import Iterable
from functools import cache
from itertools import zip_longest
from pathlib import Path as FilePath
from typing import NamedTuple

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.patches import PathPatch
from matplotlib.path import Path as Curve
from matplotlib.textpath import TextPath

from karel_gym.envs.signature import Signature
from programmatic.runs import replacing
from programmatic.trees.difference import Change
from programmatic.trees.nodes import Leaf, Node, Path
from programmatic.trees.printer import is_flag_test
from programmatic.trees.program import TreeProgram

# Lengths are in points, 1/72 of an inch.
FONT = 10
PADDING = 0.6  # of a box, in font sizes
LEVEL = 74  # from one depth to the next
GAP = 16  # between boxes side by side
MARGIN = 18
HEIGHT = 40  # of a box with two lines
DOTS_PER_INCH = 150

INK, MUTED, EDGE = "#24313f", "#66727f", "#a3adb8"
BOX, BORDER = "#f4f6f8", "#93a0ad"
ACTION_COLORS = ("#2f6ba3", "#3b8a5c", "#7a5fae", "#a8476d", "#21808a", "#6b6f76", "#8a6d3b")
HIGHLIGHT = "#f08c00"


class Box(NamedTuple):
    """The middle and the width of a drawn node."""

    x: float
    y: float
    width: float


def draw_tree(
    program: TreeProgram,
    path: str | os.PathLike[str],
    highlighted: Iterable[Path | Change] = (),
    title: str = "",
) -> None:
    """Draw a tree program: tests as boxes, actions in one color each, "yes" to the left.

    Thresholds are rounded to four digits. Pictures are readable up to about 63 nodes.

    Args:
        path: The picture's file: .png, .svg or .pdf. The text of an .svg is text.
        highlighted: The nodes with a thick orange border: their paths, or the changes found by
            `programmatic.trees.difference.difference`, which stand for the nodes they made.
        title: The text above the tree.

    Raises:
        KeyError: A path leads to no node.
        ValueError: The file's suffix names no picture format.
    """
    marked: set[Path] = set()
    for item in highlighted:
        marked |= set(item.made) if isinstance(item, Change) else {item}
    for place in marked:
        program.node(place)  # raises a KeyError if there is none
    boxes = _arranged(program)
    top = MARGIN + HEIGHT / 2 + (2 * FONT if title else 0)
    width = max(
        *(box.x + box.width / 2 + MARGIN for box in boxes.values()),
        _text_width(title, FONT + 2) + 2 * MARGIN,
    )
    bottom = LEVEL * program.depth + HEIGHT / 2 + MARGIN
    figure = Figure(figsize=(width / 72, (top + bottom) / 72))
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set(xlim=(0, width), ylim=(bottom, -top))
    axes.axis("off")
    title_y = FONT + MARGIN - top
    axes.text(MARGIN, title_y, title, fontsize=FONT + 2, color=INK, weight="bold")
    for place, node in program.nodes():
        _draw_node(axes, node, boxes[place], program.signature, place in marked)
        if place:
            _draw_edge(axes, boxes[place[:-1]], boxes[place], _is_yes(program, place))
    file = FilePath(path)
    file.parent.mkdir(parents=True, exist_ok=True)
    is_svg = file.suffix == ".svg"
    with (
        replacing(file) as temporary,
        matplotlib.rc_context({"svg.fonttype": "none", "svg.hashsalt": "tree"}),
    ):
        figure.savefig(temporary, dpi=DOTS_PER_INCH, metadata={"Date": None} if is_svg else None)


def _draw_node(
    axes: Axes, node: Node, box: Box, signature: Signature, is_highlighted: bool
) -> None:
    is_leaf = isinstance(node, Leaf)
    fill = ACTION_COLORS[node.action % len(ACTION_COLORS)] if isinstance(node, Leaf) else BOX
    axes.text(
        box.x,
        box.y,
        "\n".join(_lines(node, signature)),
        fontsize=FONT,
        color="white" if is_leaf else INK,
        weight="bold" if is_leaf else "normal",
        ha="center",
        va="center",
        zorder=2,
        bbox={
            "boxstyle": f"round,pad={PADDING},rounding_size={1 if is_leaf else 0.5}",
            "facecolor": fill,
            "edgecolor": HIGHLIGHT if is_highlighted else fill if is_leaf else BORDER,
            "linewidth": 3 if is_highlighted else 1,
        },
    )


def _draw_edge(axes: Axes, above: Box, box: Box, is_yes: bool) -> None:
    """Draw the line from a test to a branch, behind both boxes, with its answer."""
    middle = (above.y + box.y) / 2
    points = [(above.x, above.y), (above.x, middle), (box.x, middle), (box.x, box.y)]
    curve = Curve(points, [Curve.MOVETO, Curve.CURVE4, Curve.CURVE4, Curve.CURVE4])
    axes.add_patch(PathPatch(curve, facecolor="none", edgecolor=EDGE, linewidth=1.3, zorder=1))
    axes.text(
        (above.x + box.x) / 2,
        middle,
        "yes" if is_yes else "no",
        fontsize=FONT - 2,
        color=MUTED,
        ha="center",
        va="center",
        zorder=1.5,
        bbox={"boxstyle": "round,pad=0.15", "facecolor": "white", "edgecolor": "none"},
    )


def _is_yes(program: TreeProgram, place: Path) -> bool:
    """Whether a node is the branch in which the printed condition of the test above it holds."""
    test = program.node(place[:-1])
    assert not isinstance(test, Leaf)
    return place[-1] == is_flag_test(test, program.signature)


def _lines(node: Node, signature: Signature) -> list[str]:
    """The text in a node's box."""
    if isinstance(node, Leaf):
        return [signature.actions[node.action]]
    feature = signature.features[node.feature]
    if is_flag_test(node, signature):
        return [feature.name]
    return [feature.name, f"≤ {node.threshold:.4g} {feature.unit}".rstrip()]


def _arranged(program: TreeProgram) -> dict[Path, Box]:
    """Boxes of all nodes (Reingold and Tilford, Tidier Drawings of Trees, 1981)."""
    widths = {path: _width(node, program.signature) for path, node in program.nodes()}
    offsets: dict[Path, float] = {}  # of a node's middle from that of the test above it

    def outline(path: Path) -> list[tuple[float, float]]:
        """The reach of a subtree to the left and to the right of its top, at each depth."""
        top = -widths[path] / 2, widths[path] / 2
        if (*path, True) not in widths:
            return [top]
        by_place = sorted([(*path, False), (*path, True)], key=lambda p: not _is_yes(program, p))
        left, right = (outline(place) for place in by_place)
        shift = (GAP + max(a - b for (_, a), (b, _) in zip(left, right, strict=False))) / 2
        offsets.update(zip(by_place, (-shift, shift), strict=True))
        left = [(low - shift, high - shift) for low, high in left]
        right = [(low + shift, high + shift) for low, high in right]
        return [top, *(((a or b)[0], (b or a)[1]) for a, b in zip_longest(left, right))]

    x_of_root = MARGIN - min(low for low, _ in outline(()))
    boxes: dict[Path, Box] = {}
    for path, width in widths.items():
        x = boxes[path[:-1]].x + offsets[path] if path else x_of_root
        boxes[path] = Box(x, LEVEL * len(path), width)
    return boxes


def _width(node: Node, signature: Signature) -> float:
    """The width of a node's box."""
    is_bold = isinstance(node, Leaf)
    widest = max(_text_width(line, FONT, is_bold) for line in _lines(node, signature))
    return widest + 2 * PADDING * FONT


@cache
def _text_width(text: str, size: float, bold: bool = False) -> float:
    if not text:
        return 0.0
    font = FontProperties(size=size, weight="bold" if bold else "normal")
    return float(TextPath((0, 0), text, prop=font).get_extents().width)
