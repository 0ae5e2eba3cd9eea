"""Tree programs as values: their parts, edits, simplification, boxes and files."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from programmatic.source_errors import SourceError
from programmatic.trees.program import Condition, Leaf, Split, TreeProgram
from tests.programmatic.trees.trees import (
    CARTPOLE,
    MIXED,
    PERCEPTS,
    action_of,
    nodes,
    states_around,
    tree_programs,
)

LEFT, RIGHT = Leaf(0), Leaf(1)
INNER = Split(3, -0.3, LEFT, RIGHT)
LEANING = TreeProgram(Split(2, 0.012, LEFT, INNER), CARTPOLE)


def mixed(text: str) -> TreeProgram:
    return TreeProgram.parse(text, MIXED)


def test_nodes_come_from_the_root_down() -> None:
    assert list(LEANING.nodes()) == [
        ((), LEANING.root),
        ((False,), LEFT),
        ((True,), INNER),
        ((True, False), LEFT),
        ((True, True), RIGHT),
    ]
    assert (LEANING.size, LEANING.depth, len(LEANING.leaves)) == (5, 2, 3)
    assert TreeProgram(LEFT, CARTPOLE).depth == 0


@given(tree_programs())
def test_counts_fit_together(program: TreeProgram) -> None:
    assert program.size == 2 * len(program.leaves) - 1
    assert program.depth == max(len(path) for path, _ in program.leaves)
    assert [program.node(path) for path, _ in program.nodes()] == [n for _, n in program.nodes()]


@given(st.data())
def test_a_replaced_node_is_where_the_path_ends(data: st.DataObject) -> None:
    program = data.draw(tree_programs(MIXED))
    path = data.draw(st.sampled_from([path for path, _ in program.nodes()]))
    new = data.draw(nodes(MIXED, 3))
    changed = program.replace(path, new)
    assert changed.node(path) == new
    kept = {p: n for p, n in program.nodes() if p[: len(path)] != path and path[: len(p)] != p}
    assert all(changed.node(p) == n for p, n in kept.items())
    assert changed.replace(path, program.node(path)) == program


@pytest.mark.parametrize("path", [(False, True), (True, True, False)])
def test_a_path_beyond_a_leaf_is_an_error(path: tuple[bool, ...]) -> None:
    with pytest.raises(KeyError, match="is a leaf"):
        LEANING.node(path)
    with pytest.raises(KeyError, match="is a leaf"):
        LEANING.replace(path, LEFT)
    with pytest.raises(KeyError, match="is a leaf"):
        LEANING.conditions(path)


@pytest.mark.parametrize(
    ("root", "told"),
    [
        (Leaf(2), "action 2 at root is none of the 2: left, right"),
        (Leaf(-1), "action -1 at root"),
        (Split(2, 0, LEFT, Split(4, 0, LEFT, RIGHT)), "feature 4 at root.high is none of the 4"),
        (Split(-1, 0, LEFT, RIGHT), "feature -1 at root"),
        (Split(0, float("nan"), LEFT, RIGHT), "the threshold at root must be finite, got nan"),
        (Split(0, 1, Split(0, float("inf"), LEFT, RIGHT), RIGHT), "root.low must be finite"),
    ],
)
def test_nodes_must_fit_the_signature(root: Leaf | Split, told: str) -> None:
    with pytest.raises(ValueError, match=told):
        TreeProgram(root, CARTPOLE)


def test_other_things_are_no_nodes() -> None:
    with pytest.raises(TypeError, match=r"root\.high is a str, not a Leaf or Split"):
        TreeProgram(Split(0, 0, LEFT, "right"), CARTPOLE)  # type: ignore[arg-type]


def test_numbers_of_numpy_print_and_compare_as_pythons() -> None:
    split = Split(np.int32(2), np.float64(0.012), Leaf(np.int64(0)), RIGHT)  # type: ignore[arg-type]
    program = TreeProgram(split, CARTPOLE)
    assert str(program) == "if pole_angle <= 0.012: left\nelse: right"
    assert hash(program) == hash(TreeProgram.parse(str(program), CARTPOLE))


def test_programs_that_differ_in_their_name_alone_are_equal() -> None:
    assert TreeProgram(INNER, CARTPOLE, "a") == TreeProgram(INNER, CARTPOLE, "b")
    assert TreeProgram(INNER, CARTPOLE) != TreeProgram(INNER.low, CARTPOLE)


def test_the_conditions_of_a_leaf_are_the_tests_on_its_way() -> None:
    assert [LEANING.conditions(path) for path, _ in LEANING.leaves] == [
        (Condition(2, "<=", 0.012),),
        (Condition(2, ">", 0.012), Condition(3, "<=", -0.3)),
        (Condition(2, ">", 0.012), Condition(3, ">", -0.3)),
    ]


@given(tree_programs(), st.integers(0, 2**32 - 1))
def test_a_state_is_in_the_box_of_the_leaf_that_acts_and_in_no_other(
    program: TreeProgram, seed: int
) -> None:
    states = states_around(program, 20, seed)
    low, high, action = program.boxes()
    inside = ((low < states[:, None]) & (states[:, None] <= high)).all(axis=2)  # (N, L)
    assert (inside.sum(axis=1) == 1).all()
    expected = [action_of(program.root, state) for state in states]
    np.testing.assert_array_equal(action[inside.argmax(axis=1)], expected)


@pytest.mark.parametrize(
    ("text", "simple"),
    [
        ("if x <= 1: go\nelse: go", "go"),
        (
            "if x <= 1:\n    if x <= 2: go\n    else: stop\nelse: stop",
            "if x <= 1.0: go\nelse: stop",
        ),
        (
            "if x <= 1:\n    if x <= 1: go\n    else: stop\nelse: stop",
            "if x <= 1.0: go\nelse: stop",
        ),
        ("if x <= 1: go\nelse:\n    if x <= 1: go\n    else: stop", "if x <= 1.0: go\nelse: stop"),
        ("if x <= 1: go\nelse:\n    if x <= 0.5: wait\n    else: go", "go"),
        ("if height <= 1: go\nelse: stop", "go"),
        ("if height <= -0.1: go\nelse: stop", "stop"),
        ("if height <= 0.0: go\nelse: stop", "if height <= 0.0: go\nelse: stop"),
        (
            "if open > 0.3:\n    if open > 0.7: go\n    else: wait\nelse: stop",
            "if open <= 0.3: stop\nelse: go",
        ),
        ("if open <= 1: go\nelse: stop", "go"),
        ("if open <= -0.5: go\nelse: stop", "stop"),
    ],
)
def test_tests_that_make_no_difference_go(text: str, simple: str) -> None:
    assert str(mixed(text).simplified()) == simple


@given(tree_programs(), st.integers(0, 2**32 - 1))
def test_a_simplified_program_acts_alike(program: TreeProgram, seed: int) -> None:
    simple = program.simplified()
    assert simple.size <= program.size
    for state in states_around(program, 30, seed):
        assert action_of(simple.root, state) == action_of(program.root, state)


@given(tree_programs())
def test_a_simplified_program_has_nothing_more_to_go(program: TreeProgram) -> None:
    simple = program.simplified()
    assert simple.simplified() == simple
    assert not any(node.low == node.high for _, node in simple.nodes() if isinstance(node, Split))
    low, high, _ = simple.boxes()
    assert (low < high).all()


@given(tree_programs(PERCEPTS))
def test_every_leaf_over_percepts_is_reached_after_simplification(program: TreeProgram) -> None:
    simple = program.simplified()
    states = np.array(list(itertools.product((0.0, 1.0), repeat=3)))
    low, high, _ = simple.boxes()
    assert ((low[:, None] < states) & (states <= high[:, None])).all(axis=2).any(axis=1).all()


def test_a_saved_program_is_loaded_as_it_was(tmp_path: Path) -> None:
    file = tmp_path / "leaning.tree"
    LEANING.save(file)
    assert file.read_text(encoding="utf-8") == f"{LEANING}\n"
    assert TreeProgram.load(file, CARTPOLE) == LEANING
    assert TreeProgram.load(file, CARTPOLE).name == "leaning"
    assert [path.name for path in tmp_path.iterdir()] == ["leaning.tree"]


def test_errors_in_a_file_name_it(tmp_path: Path) -> None:
    file = tmp_path / "bad.tree"
    file.write_bytes(b"# \xff\nif pole_angle <= 0: left\n")
    with pytest.raises(SourceError) as caught:
        TreeProgram.load(file, CARTPOLE)
    assert str(caught.value).startswith(f"{file}, line 2, column 25: expected the 'else'")
