"""Pictures of tree programs: all is on them, nothing overlaps, and changes stand out."""

from __future__ import annotations

import re
from itertools import pairwise
from pathlib import Path

import matplotlib.image
import numpy as np
import pytest
from hypothesis import given, settings

from programmatic.trees.difference import difference
from programmatic.trees.nodes import Node
from programmatic.trees.pictures import HIGHLIGHT, draw_tree
from programmatic.trees.pictures import _arranged as arranged
from programmatic.trees.program import Leaf, Split, TreeProgram
from tests.programmatic.trees.trees import CARTPOLE, PERCEPTS, tree_programs

LEANING = TreeProgram(Split(2, 0.0123456, Leaf(0), Split(3, -0.3, Leaf(0), Leaf(1))), CARTPOLE)
ORANGE = np.array([int(HIGHLIGHT[i : i + 2], 16) / 255 for i in (1, 3, 5)])


def full(depth: int) -> Node:
    return Split(depth % 4, 0.1, full(depth - 1), full(depth - 1)) if depth else Leaf(0)


def chain(length: int) -> Node:
    return Split(length % 4, 0.1, Leaf(0), chain(length - 1)) if length else Leaf(1)


def orange_dots(file: Path) -> int:
    picture = matplotlib.image.imread(file)[..., :3]
    return int((np.abs(picture - ORANGE).max(axis=2) < 0.02).sum())


def texts(file: Path) -> list[str]:
    return re.findall(r"<text [^>]*>([^<]*)</text>", file.read_text(encoding="utf-8"))


@settings(max_examples=40)
@given(tree_programs())
def test_no_two_boxes_overlap(program: TreeProgram) -> None:
    boxes = arranged(program)
    rows: dict[float, list[tuple[float, float]]] = {}
    for box in boxes.values():
        rows.setdefault(box.y, []).append((box.x - box.width / 2, box.x + box.width / 2))
    for row in rows.values():
        row.sort()
        assert row[0][0] >= 0
        assert all(left[1] < right[0] for left, right in pairwise(row))
    assert len(rows) == program.depth + 1


@settings(max_examples=40)
@given(tree_programs())
def test_a_test_stands_in_the_middle_above_its_branches(program: TreeProgram) -> None:
    boxes = arranged(program)
    for path, node in program.nodes():
        if isinstance(node, Split):
            branches = boxes[(*path, False)], boxes[(*path, True)]
            assert boxes[path].x == pytest.approx(sum(box.x for box in branches) / 2)


@pytest.mark.parametrize(
    "root", [Leaf(1), full(1), full(5), chain(9)], ids=["1", "3", "63", "chain"]
)
def test_trees_of_all_sizes_become_pictures(root: Node, tmp_path: Path) -> None:
    draw_tree(TreeProgram(root, CARTPOLE), tmp_path / "pictures" / "tree.png")
    picture = matplotlib.image.imread(tmp_path / "pictures" / "tree.png")
    assert picture.std() > 0.01
    assert not orange_dots(tmp_path / "pictures" / "tree.png")
    edges = picture[[0, -1]].min(), picture[:, [0, -1]].min()
    assert edges == (1.0, 1.0)  # nothing is cut off
    assert [path.name for path in (tmp_path / "pictures").iterdir()] == ["tree.png"]


def test_the_words_of_an_svg_are_text(tmp_path: Path) -> None:
    file = tmp_path / "tree.svg"
    draw_tree(LEANING, file, title="near-optimal")
    found = texts(file)
    assert sorted(found) == sorted(
        [
            *("near-optimal", "pole_angle", "≤ 0.01235 rad", "pole_angular_velocity"),
            *("≤ -0.3 rad/s", "left", "left", "right", "yes", "yes", "no", "no"),
        ]
    )
    first = file.read_bytes()
    draw_tree(LEANING, file, title="near-optimal")
    assert file.read_bytes() == first


def test_yes_is_where_the_printed_condition_holds(tmp_path: Path) -> None:
    program = TreeProgram.parse("if frontIsClear: move\nelse: turnLeft", PERCEPTS)
    boxes = arranged(program)
    assert boxes[True,].x < boxes[False,].x
    draw_tree(program, tmp_path / "tree.svg")
    assert "frontIsClear" in texts(tmp_path / "tree.svg")


def test_changed_nodes_are_highlighted(tmp_path: Path) -> None:
    after = LEANING.replace((True, True), Split(0, 2.0, Leaf(1), Leaf(0)))
    for name, highlighted in [
        ("one", [()]),
        ("three", [(), (False,), (True,)]),
        ("changes", difference(LEANING, after)),
        ("made", [(True, True), (True, True, True)]),
    ]:
        draw_tree(after, tmp_path / f"{name}.png", highlighted)
    dots = {file.stem: orange_dots(file) for file in tmp_path.iterdir()}
    assert 0 < dots["one"] < dots["three"]
    assert dots["changes"] == dots["made"] > 0


def test_a_path_to_no_node_draws_nothing(tmp_path: Path) -> None:
    with pytest.raises(KeyError, match="is a leaf"):
        draw_tree(LEANING, tmp_path / "tree.png", [(False, True)])
    with pytest.raises(ValueError, match="not supported"):
        draw_tree(LEANING, tmp_path / "tree.tree")
    assert list(tmp_path.iterdir()) == []
