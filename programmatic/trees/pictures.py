"""Tree programs as pictures."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path as FilePath

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.patches import FancyBboxPatch, PathPatch
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
BASELINE = 0.36  # of a font's size: how far below its middle a line of text stands
LINE, PADDING = 14, 9
LEVEL = 74  # from one depth to the next
GAP = 16  # between boxes side by side
MARGIN = 18
DOTS_PER_INCH = 150
DIGITS = 4

INK, MUTED, EDGE = "#24313f", "#66727f", "#a3adb8"
BOX, BORDER = "#f4f6f8", "#93a0ad"
ACTION_COLORS = ("#2f6ba3", "#3b8a5c", "#7a5fae", "#a8476d", "#21808a", "#6b6f76", "#8a6d3b")
HIGHLIGHT = "#f08c00"


@dataclass(frozen=True)
class Box:
    """Where a node is drawn: its middle, and its size."""

    x: float
    y: float
    width: float
    height: float


def draw_tree(
    program: TreeProgram,
    path: str | os.PathLike[str],
    highlighted: Iterable[Path | Change] = (),
    title: str = "",
) -> None:
    """Draw a tree program: tests as boxes, actions in a colour each, "yes" to the left.

    Thresholds are rounded to four digits.

    Args:
        program: The program, best of at most some 63 nodes.
        path: The picture's file: .png, .svg or .pdf. The text of an .svg is text.
        highlighted: What gets a thick orange border: nodes by their paths, or the changes that
            `programmatic.trees.difference.difference` found, by what they made in this tree.
        title: What stands above the tree.

    Raises:
        KeyError: A path leads to no node.
        ValueError: The file's suffix names no format of pictures.
    """
    marked: set[Path] = set()
    for item in highlighted:
        marked |= set(item.made) if isinstance(item, Change) else {item}
    for place in marked:
        program.node(place)  # which raises where there is none
    boxes = _arranged(program)
    width = max(box.x + box.width / 2 for box in boxes.values()) + MARGIN
    top = MARGIN + (2 * LINE if title else 0)
    height = max(box.y + box.height / 2 for box in boxes.values()) + MARGIN + top
    width = max(width, _text_width(title, FONT + 2) + 2 * MARGIN)
    figure = Figure(figsize=(width / 72, height / 72))
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set(xlim=(0, width), ylim=(height - top, -top))
    axes.axis("off")
    axes.text(MARGIN, -LINE, title, fontsize=FONT + 2, color=INK, weight="bold")
    for place, node in program.nodes():
        _draw_node(axes, node, boxes[place], program.signature, place in marked)
        if place:
            _draw_edge(axes, program, boxes, place)
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
    axes.add_patch(
        FancyBboxPatch(
            (box.x - box.width / 2, box.y - box.height / 2),
            box.width,
            box.height,
            boxstyle=f"round,pad=0,rounding_size={box.height / 2 if is_leaf else 5}",
            facecolor=fill,
            edgecolor=HIGHLIGHT if is_highlighted else fill if is_leaf else BORDER,
            linewidth=3 if is_highlighted else 1,
            zorder=2,
        )
    )
    lines = _lines(node, signature)
    for number, line in enumerate(lines):
        axes.text(
            box.x,
            box.y + (number - (len(lines) - 1) / 2) * LINE + BASELINE * FONT,
            line,
            fontsize=FONT,
            color="white" if is_leaf else INK if number == 0 else MUTED,
            weight="bold" if is_leaf else "normal",
            ha="center",
            va="baseline",
            zorder=3,
        )


def _draw_edge(axes: Axes, program: TreeProgram, boxes: dict[Path, Box], place: Path) -> None:
    """The line from the test above a node, with its answer."""
    above, box = boxes[place[:-1]], boxes[place]
    begin, end = above.y + above.height / 2, box.y - box.height / 2
    middle = (begin + end) / 2
    points = [(above.x, begin), (above.x, middle), (box.x, middle), (box.x, end)]
    curve = Curve(points, [Curve.MOVETO, Curve.CURVE4, Curve.CURVE4, Curve.CURVE4])
    axes.add_patch(PathPatch(curve, facecolor="none", edgecolor=EDGE, linewidth=1.3, zorder=1))
    axes.text(
        (above.x + box.x) / 2,
        middle + BASELINE * (FONT - 2),
        "yes" if _is_yes(program, place) else "no",
        fontsize=FONT - 2,
        color=MUTED,
        ha="center",
        va="baseline",
        zorder=1.5,
        bbox={"boxstyle": "round,pad=0.15", "facecolor": "white", "edgecolor": "none"},
    )


def _is_yes(program: TreeProgram, place: Path) -> bool:
    """Whether a node is where the test above it goes when its condition, as printed, holds."""
    test = program.node(place[:-1])
    assert not isinstance(test, Leaf)
    return place[-1] == is_flag_test(test, program.signature)


def _lines(node: Node, signature: Signature) -> list[str]:
    """What stands in a node's box."""
    if isinstance(node, Leaf):
        return [signature.actions[node.action]]
    feature = signature.features[node.feature]
    if is_flag_test(node, signature):
        return [feature.name]
    return [feature.name, f"≤ {node.threshold:.{DIGITS}g} {feature.unit}".rstrip()]


def _arranged(program: TreeProgram) -> dict[Path, Box]:
    """Boxes of all nodes, x from `MARGIN` up and y from 0 down the tree.

    Subtrees stand as close as their outlines allow, and a test in the middle above its branches.
    Source: Reingold and Tilford, Tidier Drawings of Trees (1981).
    """
    sizes = {path: _size(node, program.signature) for path, node in program.nodes()}
    offsets: dict[Path, float] = {}  # of a node's middle from that of the test above it

    def outline(path: Path) -> list[tuple[float, float]]:
        """How far the subtree reaches to the left and to the right of its top, at each depth."""
        half = sizes[path][0] / 2
        if (*path, True) not in sizes:
            return [(-half, half)]
        by_place = sorted([(*path, False), (*path, True)], key=lambda p: not _is_yes(program, p))
        left, right = (outline(place) for place in by_place)
        apart = GAP + max(a - b for (_, a), (b, _) in zip(left, right, strict=False))
        shifts = -apart / 2, apart / 2
        offsets.update(zip(by_place, shifts, strict=True))
        levels = []
        for depth in range(max(len(left), len(right))):
            reached = [
                (low + shift, high + shift)
                for side, shift in zip((left, right), shifts, strict=True)
                for low, high in side[depth : depth + 1]
            ]
            levels.append((min(low for low, _ in reached), max(high for _, high in reached)))
        return [(-half, half), *levels]

    x_of_root = MARGIN - min(low for low, _ in outline(()))
    boxes: dict[Path, Box] = {}
    for path, (width, height) in sizes.items():
        x = boxes[path[:-1]].x + offsets[path] if path else x_of_root
        boxes[path] = Box(x, sizes[()][1] / 2 + LEVEL * len(path), width, height)
    return boxes


def _size(node: Node, signature: Signature) -> tuple[float, float]:
    """Width and height of a node's box."""
    lines = _lines(node, signature)
    widest = max(_text_width(line, FONT, bold=isinstance(node, Leaf)) for line in lines)
    padding = PADDING / 2 if isinstance(node, Leaf) else PADDING
    return widest + 2.4 * PADDING, LINE * len(lines) + padding


@cache
def _text_width(text: str, size: float, bold: bool = False) -> float:
    if not text:
        return 0.0
    font = FontProperties(size=size, weight="bold" if bold else "normal")
    return float(TextPath((0, 0), text, prop=font).get_extents().width)
