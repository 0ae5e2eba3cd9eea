"""Differences of tree programs: they are cheap, complete and readable."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from programmatic.trees.difference import Change, difference, difference_text, print_difference
from programmatic.trees.nodes import Node, Path, size
from programmatic.trees.program import Leaf, Split, TreeProgram
from tests.programmatic.trees.trees import CARTPOLE, MIXED, PERCEPTS, nodes, tree_programs

BEFORE = TreeProgram.parse(
    """
if pole_angle <= 0.012:
    left
else:
    if pole_angular_velocity <= -0.3: left
    else: right
""",
    CARTPOLE,
    "worst",
)
ROOT, INNER = BEFORE.root, BEFORE.node((True,))
GUARD = Split(0, 2.0, ROOT, Leaf(0))
OTHER = Split(0, 0.0, Split(1, 1.0, Leaf(0), Leaf(1)), Split(1, -1.0, Leaf(0), Leaf(1)))
OLD = Split(2, 1.0, Split(3, 2.0, Leaf(1), Leaf(0)), Split(3, -2.0, Leaf(1), Leaf(0)))


def cost(changes: list[Change]) -> int:
    """What the edits cost by the prices that `difference` tells."""
    prices = {"action changed": 1, "threshold moved": 1, "feature changed": 2, "split removed": 2}
    return sum(
        len(change.made) + (change.kind == "subtree replaced")
        if change.kind in ("guard added", "subtree replaced")
        else prices[change.kind]
        for change in changes
    )


def rebuilt(before: TreeProgram, after: TreeProgram, changes: list[Change]) -> Node:
    """The tree before with the edits done; of the tree after, only what they made is looked at."""
    edits = {(change.before, change.after, change.kind): change for change in changes}
    made = {path for change in changes for path in change.made}

    def build(here: Path, there: Path) -> Node:
        found = [change for (a, b, _), change in edits.items() if (a, b) == (here, there)]
        assert len(found) <= 1
        node = before.node(here)
        change = found[0] if found else None
        if change is not None and change.kind in ("subtree replaced", "action changed"):
            assert there in made
            return after.node(there)
        if change is not None and change.kind == "guard added":
            guard = after.node(there)
            assert isinstance(guard, Split)
            new_is_high = (*there, True) in change.made
            kept = build(here, (*there, not new_is_high))
            low, high = (kept, guard.high) if new_is_high else (guard.low, kept)
            return Split(guard.feature, guard.threshold, low, high)
        if change is not None and change.kind == "split removed":
            del edits[here, there, change.kind]
            below = [a for a, b, _ in edits if b[: len(there)] == there]
            kept_high = any(a[: len(here) + 1] == (*here, True) for a in below)
            if not kept_high and not any(a[: len(here) + 1] == (*here, False) for a in below):
                assert isinstance(node, Split)
                kept_high = node.high == after.node(there)
            return build((*here, kept_high), there)
        if isinstance(node, Leaf):
            return node
        test = after.node(there) if change is not None else node
        assert isinstance(test, Split)
        low, high = (build((*here, side), (*there, side)) for side in (False, True))
        return Split(test.feature, test.threshold, low, high)

    return build((), ())


@pytest.mark.parametrize(
    ("after", "told"),
    [
        (BEFORE.replace((False,), Leaf(1)), ["action changed: left  ->  right"]),
        (
            BEFORE.replace((), Split(2, 0.05, Leaf(0), INNER)),
            ["threshold moved: pole_angle <= 0.012  ->  pole_angle <= 0.05"],
        ),
        (
            BEFORE.replace((True,), Split(1, -0.3, Leaf(0), Leaf(1))),
            ["feature changed: pole_angular_velocity <= -0.3  ->  cart_velocity <= -0.3"],
        ),
        (BEFORE.replace((), GUARD), ["guard added: if cart_position > 2.0: left"]),
        (
            BEFORE.replace((True,), Split(0, -2.0, Leaf(1), INNER)),
            ["guard added: if cart_position <= -2.0: right"],
        ),
        (BEFORE.replace((), INNER), ["split removed: if pole_angle <= 0.012: left"]),
        (
            BEFORE.replace((), Split(0, 2.0, BEFORE.replace((False,), Leaf(1)).root, Leaf(0))),
            ["guard added: if cart_position > 2.0: left", "action changed: left  ->  right"],
        ),
        (
            BEFORE.replace((True,), Split(0, 1.0, Leaf(1), Leaf(0))),
            [
                "subtree replaced: if pole_angular_velocity <= -0.3: left else: right  ->  "
                "if cart_position <= 1.0: right else: left"
            ],
        ),
        (BEFORE, []),
    ],
)
def test_an_edit_is_told_as_what_it_is(after: TreeProgram, told: list[str]) -> None:
    changes = difference(BEFORE, after)
    assert [f"{change.kind}: {change.text}" for change in changes] == told


def test_where_all_is_new_the_subtree_is_replaced() -> None:
    before, after = (TreeProgram(Split(2, 0.0, Leaf(0), root), CARTPOLE) for root in (OLD, OTHER))
    (change,) = difference(before, after)
    assert (change.kind, change.before, change.after) == ("subtree replaced", (True,), (True,))
    assert change.text == "a tree of 7 nodes  ->  a tree of 7 nodes"
    assert len(change.made) == 7


def test_changes_say_where_they_are_in_both_trees() -> None:
    after = TreeProgram(
        Split(0, 2.0, BEFORE.replace((True, True), Leaf(0)).root, Leaf(1)), CARTPOLE
    )
    guard, action = difference(BEFORE, after)
    assert (guard.before, guard.after, guard.made) == ((), (), ((), (True,)))
    assert (action.before, action.after) == ((True, True), (False, True, True))
    assert action.made == (action.after,)


def test_flags_are_told_by_their_names() -> None:
    before = TreeProgram.parse("if frontIsClear: move\nelse: turnLeft", PERCEPTS)
    after = TreeProgram.parse(
        "if leftIsClear: turnLeft\nelif frontIsClear: move\nelse: turnLeft", PERCEPTS
    )
    (change,) = difference(before, after)
    assert change.text == "if leftIsClear: turnLeft"


@given(tree_programs(MIXED, max_splits=6), tree_programs(MIXED, max_splits=8))
def test_the_edits_make_one_tree_the_other(before: TreeProgram, after: TreeProgram) -> None:
    changes = difference(before, after)
    assert (changes == []) == (before == after)
    assert rebuilt(before, after, changes) == after.root
    assert cost(changes) <= 1 + after.size


@given(st.data())
def test_no_edit_costs_more_than_the_one_that_was_done(data: st.DataObject) -> None:
    program = data.draw(tree_programs(MIXED, max_splits=6))
    path = data.draw(st.sampled_from([path for path, _ in program.nodes()]))
    new = data.draw(nodes(MIXED, 2))
    feature, threshold = data.draw(st.integers(0, 2)), data.draw(st.floats(-1, 1))
    node = program.node(path)
    guarded = program.replace(path, Split(feature, threshold, node, new))
    assert cost(difference(program, guarded)) <= 1 + size(new)
    assert cost(difference(guarded, program)) <= 2
    assert cost(difference(program, program.replace(path, new))) <= 1 + size(new)
    if isinstance(node, Split):
        moved = program.replace(path, Split(node.feature, threshold, node.low, node.high))
        assert cost(difference(program, moved)) <= 1


def test_the_text_has_the_lines_and_the_changes(capsys: pytest.CaptureFixture[str]) -> None:
    after = TreeProgram(BEFORE.replace((True, True), Leaf(0)).root, CARTPOLE, "repaired")
    print_difference(BEFORE, after)
    assert capsys.readouterr().out == (
        "--- worst\n"
        "+++ repaired\n"
        "@@ -2,4 +2,4 @@\n"
        "     left\n"
        " else:\n"
        "     if pole_angular_velocity <= -0.3: left\n"
        "-    else: right\n"
        "+    else: left\n"
        "\n"
        "action changed: right  ->  left"
        "    (where pole_angle > 0.012 and pole_angular_velocity > -0.3)\n"
    )
    assert difference_text(BEFORE, BEFORE) == "worst and worst are equal"


def test_programs_of_different_signatures_cannot_be_compared() -> None:
    with pytest.raises(ValueError, match="different signatures"):
        difference(BEFORE, TreeProgram(Leaf(0), MIXED))
