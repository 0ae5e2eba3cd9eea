"""The language of constraints: what it means, how it prints, and where its errors point."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from karel_gym.envs.safety import verdicts_on
from karel_gym.envs.signature import Feature, Signature
from programmatic.constraints.expressions import formula_text
from programmatic.constraints.formulas import (
    Absolute,
    ActionIn,
    And,
    Comparison,
    Formula,
    Implies,
    IsTrue,
    Not,
    Number,
    Or,
    Scaled,
    Sum,
    Term,
    Transitions,
    Variable,
    holds,
    margin,
    normal_form,
)
from programmatic.constraints.parser import load_constraints, parse_constraints
from programmatic.constraints.statements import Always, Forever
from programmatic.source_errors import SourceError

POLE = Signature(
    (Feature("angle", "rad", -0.5, 0.5), Feature("speed", "rad/s"), Feature("free", boolean=True)),
    ("left", "right", "wait"),
)
TEXT = """
# what must hold
upright: always angle >= 0.05 and speed >= 0 implies action == right
always action in {left, right}   # of three
never wait
calm: always abs(angle) <= 0.01 and -0.1 <= speed <= 0.1 implies action == left
assume free or angle > 0
safe: always (angle in [-0.1, 0.1] and
    not free) implies abs(next(angle) - 2 * speed) < 0.2
keep: from abs(angle) <= 0.05 forever abs(angle) <= 0.2095
"""


def test_a_file_gives_its_statements_in_order(tmp_path: Path) -> None:
    file = tmp_path / "pole.constraints"
    file.write_text(TEXT)
    constraints = load_constraints(file, POLE)
    names = ["upright", "line 4", "line 5", "calm", "safe", "keep"]
    assert [constraint.name for constraint in constraints] == names
    assert len(constraints.assumptions) == 1
    assert [type(each) for each in constraints] == [Always] * 5 + [Forever]


def test_a_printed_file_reads_back_equal() -> None:
    constraints = parse_constraints(TEXT, POLE)
    again = parse_constraints(str(constraints), POLE)
    assert again.assumptions == constraints.assumptions
    assert [str(each) for each in again] == [str(each) for each in constraints]
    assert "calm: always abs(angle) <= 0.01 and -0.1 <= speed <= 0.1 implies action == left" in str(
        constraints
    )


numbers = st.floats(-4, 4).filter(lambda x: not 0 < abs(x) < 1e-3)
terms: st.SearchStrategy[Term] = st.recursive(
    st.builds(Variable, st.integers(0, 2), st.booleans()),
    lambda inner: st.one_of(
        st.builds(Absolute, inner),
        st.builds(Scaled, numbers.filter(lambda x: x != 0), inner),
        st.builds(lambda a, b: Sum((a, b)), inner, st.one_of(inner, st.builds(Number, numbers))),
    ),
    max_leaves=4,
)
comparisons = st.builds(
    Comparison,
    terms,
    st.sampled_from(["<", "<=", ">", ">=", "==", "!="]),
    st.one_of(terms, st.builds(Number, numbers)),
)
formulas: st.SearchStrategy[Formula] = st.recursive(
    st.one_of(
        comparisons,
        st.builds(IsTrue, st.builds(Variable, st.just(2), st.booleans())),
        st.builds(
            lambda actions: ActionIn(tuple(sorted(actions))), st.sets(st.integers(0, 2), min_size=1)
        ),
    ),
    lambda inner: st.one_of(
        st.builds(Not, inner),
        st.builds(lambda a, b: And((a, b)), inner, inner),
        st.builds(lambda a, b: Or((a, b)), inner, inner),
        st.builds(Implies, inner, inner),
    ),
    max_leaves=5,
)


def random_steps(seed: int, n: int = 50) -> Transitions:
    rng = np.random.default_rng(seed)
    states = rng.integers(-8, 9, (2, n, 3)) / 4  # quarters: equalities happen
    states[:, :, 2] = rng.integers(0, 2, (2, n))
    return Transitions(states[0], rng.integers(0, 3, n), states[1])


@settings(max_examples=80, deadline=None)
@given(formulas, st.integers(0, 2**32 - 1))
def test_a_printed_formula_reads_back_as_one_that_means_the_same(f: Formula, seed: int) -> None:
    (constraint,) = parse_constraints(f"always {formula_text(f, POLE)}", POLE)
    assert isinstance(constraint, Always)
    steps = random_steps(seed)
    assert (holds(constraint.condition, steps) == holds(f, steps)).all()
    assert next(iter(parse_constraints(f"{constraint}", POLE))) == constraint


@settings(max_examples=50, deadline=None)
@given(formulas, st.integers(0, 2**32 - 1))
def test_margins_have_the_sign_of_the_truth(f: Formula, seed: int) -> None:
    steps = random_steps(seed)
    truth, margins = holds(f, steps), margin(f, steps)
    assert truth[margins > 0].all()
    assert not truth[margins < 0].any()


@settings(max_examples=50, deadline=None)
@given(formulas, st.booleans(), st.integers(0, 2**32 - 1))
def test_normal_forms_mean_the_same(f: Formula, positive: bool, seed: int) -> None:
    steps = random_steps(seed)
    assert (holds(normal_form(f, 3, positive), steps) == (holds(f, steps) == positive)).all()


def test_margins_are_the_least_and_the_greatest_of_differences() -> None:
    constraints = parse_constraints(TEXT, POLE)
    upright = next(iter(constraints))
    states = np.array([[0.1, 0.2, 0], [0.1, 0.2, 0], [0.0, 0.2, 1], [0.1, -3.0, 1]])
    margins = upright.margin(states, np.array([1, 0, 0, 0]))
    assert np.allclose(margins, [1.0, -0.05, 0.05, 3.0])
    assert upright.holds(states, np.array([1, 0, 0, 0])).tolist() == [True, False, True, True]


def test_an_env_can_report_constraints() -> None:
    constraints = parse_constraints(TEXT, POLE)
    before, after = np.array([[0.0, 0.0, 1.0]]), np.array([[0.3, 0.0, 1.0]])
    verdicts = verdicts_on(tuple(constraints), before, np.array([2]), after)
    assert {name for name, verdict in verdicts.items() if verdict["violated"][0]} == {
        "line 4",
        "line 5",
        "calm",
        "keep",
    }
    assert verdicts["keep"]["margin"][0] == pytest.approx(0.2095 - 0.3)


def test_fractions_are_evaluated_exactly() -> None:
    (constraint,) = parse_constraints("always 3 * angle <= 0.3", POLE)
    assert isinstance(constraint, Always)
    state = np.array([[Fraction(0.3) / 3, Fraction(0), Fraction(0)]], dtype=object)
    above = state + np.array([[Fraction(1, 10**40), 0, 0]], dtype=object)
    action = np.array([0])
    assert holds(constraint.condition, Transitions(state, action)).all()
    assert not holds(constraint.condition, Transitions(above, action)).any()


def test_a_condition_on_the_next_state_needs_one() -> None:
    (constraint,) = parse_constraints("always next(angle) <= 0.1", POLE)
    with pytest.raises(ValueError, match="needs next observations"):
        constraint.margin(np.zeros((1, 3)), np.zeros(1, dtype=np.int64))


@pytest.mark.parametrize(
    ("text", "line", "column", "message"),
    [
        ("always angel >= 0", 1, 8, "no feature or action 'angel'; did you mean angle"),
        ("\nalways q >= 0", 2, 8, "known are left, right, wait, angle, speed, free"),
        ("allways angle >= 0", 1, 1, "did you mean always"),
        ("always action == rihgt", 1, 18, "did you mean right"),
        ("always action in {left, up}", 1, 25, "no action 'up'"),
        ("always action >= left", 1, 15, "after 'action'"),
        ("always angle", 1, 8, "'angle' is a number; a condition is needed"),
        ("always angle > 0 and 3", 1, 22, "'3' is a number; a condition"),
        ("always not (angle + 1)", 1, 12, "this is a number; a condition"),
        ("always angle >= (speed > 1)", 1, 17, "this is a condition; a number"),
        ("always angle >= left", 1, 17, "write 'action == left'"),
        ("always angle * speed > 0", 1, 14, "not linear"),
        ("always angle / 2 > 0", 1, 14, "no division"),
        ("always angle in {1, 2}", 1, 17, "expected an interval"),
        ("always angle in [1, 2", 1, 17, "never closed"),
        ("always angle >= 0 speed", 1, 19, "expected the end of the statement"),
        ("always angle >=", 1, 16, "got the end of the line"),
        ("always next(0.1) >= 0", 1, 13, "expected a feature"),
        ("always angle >= 1e999", 1, 17, "expected a finite number, got '1e999'"),
        ("  always angle >= 0", 1, 3, "without indentation"),
        ("a: always left\na: never left", 2, 1, "two constraints are named 'a'"),
        ("known: assume angle > 0", 1, 1, "has no name"),
        ("assume next(angle) > 0", 1, 8, "a condition on states"),
        ("from left forever angle > 0", 1, 6, "a condition on states"),
        ("from angle > 0 always angle > 0", 1, 16, "expected 'forever'"),
        ("always angle >= $", 1, 17, "unexpected '\\$'"),
        ("always angle >= 0x1", 1, 17, "unexpected '0x1'"),
        ("always angle >= 'a'", 1, 17, "unexpected"),
    ],
)
def test_errors_point_at_the_fault(text: str, line: int, column: int, message: str) -> None:
    with pytest.raises(SourceError, match=message) as caught:
        parse_constraints(text, POLE, "pole.constraints")
    assert (caught.value.line, caught.value.column) == (line, column)
    assert str(caught.value).startswith(f"pole.constraints, line {line}, column {column}: ")
