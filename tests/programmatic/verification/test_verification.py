"""Verification: its verdicts agree with brute force, and its counterexamples are real."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from karel_gym.envs.signature import Feature, Signature
from programmatic.constraints.parser import parse_constraints
from programmatic.constraints.statements import Constraints
from programmatic.trees.program import Leaf, Node, Split, TreeProgram
from programmatic.verification.verdicts import Verdict
from programmatic.verification.verification import verify

GRID = Signature(
    (Feature("x", "m", -2, 2), Feature("y", "m", -2, 2), Feature("lit", boolean=True)),
    ("stay", "go", "turn"),
)
PERCEPTS = Signature(
    tuple(
        Feature(name, boolean=True)
        for name in ("frontIsClear", "markersPresent", "noMarkersPresent")
    ),
    ("move", "pickMarker", "putMarker"),
)
HALVES = np.arange(-4, 5) / 2
# Between and on all multiples of 1/2: a formula over such constants, with x and y apart, is
# constant between them.
POINTS = np.array(list(itertools.product(np.arange(-8, 9) / 4, np.arange(-8, 9) / 4, (0, 1))))


def check(text: str, program: TreeProgram, timeout: float = 60) -> tuple[Verdict, ...]:
    return verify(program, parse_constraints(text, program.signature), timeout)


@st.composite
def trees(draw: st.DrawFn, signature: Signature = GRID) -> TreeProgram:
    leaf: st.SearchStrategy[Node] = st.integers(0, len(signature.actions) - 1).map(Leaf)
    root = draw(
        st.recursive(
            leaf,
            lambda below: st.builds(
                Split, st.integers(0, 2), st.sampled_from(HALVES.tolist()), below, below
            ),
            max_leaves=6,
        )
    )
    return TreeProgram(root, signature)


@st.composite
def conditions(draw: st.DrawFn) -> str:
    """Boxes, in words."""
    tests = []
    for name in draw(st.sets(st.sampled_from(["x", "y"]), max_size=2)):
        operator = draw(st.sampled_from(["<", "<=", ">", ">=", "=="]))
        tests.append(f"{name} {operator} {draw(st.sampled_from(HALVES.tolist()))}")
    if draw(st.booleans()):
        tests.append(
            f"abs(x) {draw(st.sampled_from(['<', '>=']))} {draw(st.sampled_from([0.5, 1]))}"
        )
    if draw(st.booleans()) or not tests:
        tests.append(draw(st.sampled_from(["lit", "not lit"])))
    return draw(st.sampled_from([" and ", " or "])).join(tests)


@settings(max_examples=60, deadline=None)
@given(trees(), conditions(), st.sets(st.integers(0, 2), min_size=1, max_size=2), st.booleans())
def test_verdicts_agree_with_a_grid_of_all_cases(
    program: TreeProgram, condition: str, actions: set[int], assumes: bool
) -> None:
    allowed = ", ".join(GRID.actions[action] for action in sorted(actions))
    known = "assume lit or y > -1\n" if assumes else ""
    constraints = parse_constraints(
        f"{known}always {condition} implies action in {{{allowed}}}", GRID
    )
    (constraint,) = constraints
    states = POINTS[(POINTS[:, 2] == 1) | (POINTS[:, 1] > -1)] if assumes else POINTS
    kept = constraint.holds(states, program.act(states)).all()
    (verdict,) = verify(program, constraints)
    assert verdict.method == "z3"
    assert verdict.status == ("proven" if kept else "violated")
    if not kept:
        confirm(verdict, program, constraints)


def confirm(verdict: Verdict, program: TreeProgram, constraints: Constraints) -> None:
    """A counterexample is what it says, when the program is run on what an env observes."""
    witness = verdict.counterexample
    assert witness is not None
    assert witness.precision == "float32"
    state = witness.state[None]
    assert (state == state.astype(np.float32)).all()
    action = program.act(state.astype(np.float32))
    assert action[0] == witness.action
    assert not verdict.constraint.holds(state, action).any()
    for value, feature in zip(state[0], program.signature.features, strict=True):
        assert feature.low <= value <= feature.high
        assert not feature.boolean or value in (0, 1)


def test_a_test_that_is_off_by_a_rounding_is_found() -> None:
    below = TreeProgram(Split(0, np.nextafter(0.5, 0), Leaf(0), Leaf(1)), GRID)
    exactly = TreeProgram(Split(0, 0.5, Leaf(0), Leaf(1)), GRID)
    text = "always x >= 0.5 implies go"
    assert check(text, below)[0].status == "proven"
    (verdict,) = check(text, exactly)
    assert verdict.counterexample is not None
    assert verdict.counterexample.state[0] == 0.5
    assert check("always x > 0.5 implies go", exactly)[0].status == "proven"


@pytest.mark.parametrize(
    ("condition", "precision"),
    [
        ("x == 0.5", "float32"),
        ("x == 0.1", "float64"),  # which lies between two floats
        ("3 * x == 0.1", "real"),  # no double does that: thrice a double is no 0.1
    ],
)
def test_the_precision_of_a_counterexample_is_told(condition: str, precision: str) -> None:
    (verdict,) = check(f"always {condition} implies go", TreeProgram(Leaf(0), GRID))
    assert verdict.status == "violated"
    assert verdict.counterexample is not None
    assert verdict.counterexample.precision == precision


def test_half_planes_are_exact() -> None:
    program = TreeProgram(Split(0, 0.0, Leaf(0), Leaf(1)), GRID)
    assert check("always x + 0.25 * y > 0.5 implies go", program)[0].status == "proven"
    assert check("always x + 0.25 * y > 0.49 implies go", program)[0].status == "violated"


def test_what_is_assumed_of_states_is_used() -> None:
    program = TreeProgram(
        Split(1, 0.5, Split(2, 0.5, Leaf(2), Leaf(0)), Leaf(1)), PERCEPTS
    )  # puts a marker if there is neither one nor none
    assert check("never putMarker", program)[0].status == "violated"
    known = "assume markersPresent + noMarkersPresent == 1\n"
    assert check(known + "never putMarker", program)[0].status == "proven"


def test_assumptions_that_no_state_fulfils_are_an_error() -> None:
    with pytest.raises(ValueError, match="no state fulfills the assumptions"):
        check("assume x > 3\nalways go", TreeProgram(Leaf(1), GRID))


def test_a_program_of_other_features_is_an_error() -> None:
    with pytest.raises(ValueError, match="not those that the constraints are about"):
        verify(TreeProgram(Leaf(0), GRID), parse_constraints("never putMarker", PERCEPTS))


def test_without_time_nothing_is_claimed() -> None:
    for verdict in check("always go\nnever go", TreeProgram(Leaf(1), GRID), timeout=0):
        assert verdict.status == "unknown"
        assert "time" in verdict.reason


@pytest.mark.parametrize(
    "text",
    ["always x > 0 implies next(x) > 0", "from x > 1 forever x > 0"],
    ids=["next", "forever"],
)
def test_without_dynamics_later_states_are_unknown(text: str) -> None:
    (verdict,) = check(text, TreeProgram(Leaf(1), GRID))
    assert verdict.status == "unknown"
    assert "no model of the dynamics" in verdict.reason


def test_verdicts_print_and_are_json_values() -> None:
    (verdict,) = check("far: always x > 1 implies go", TreeProgram(Leaf(0), GRID))
    assert str(verdict).startswith("far: violated (z3) at x = ")
    found = verdict.as_dict()
    assert found["statement"] == "always x > 1 implies action == go"
    assert found["counterexample"]["state"][0] > 1
    assert found["counterexample"]["action"] == "stay"
