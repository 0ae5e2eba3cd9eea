"""Tree programs as text: what is read, what is printed, and what errors say."""

from __future__ import annotations

import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from karel_gym.envs.signature import Feature, Signature
from programmatic.source_errors import SourceError
from programmatic.trees.nodes import MAX_DEPTH
from programmatic.trees.program import Leaf, Node, Split, TreeProgram
from programmatic.trees.source import Parser
from tests.programmatic.trees.trees import CARTPOLE, MIXED, PERCEPTS, tree_programs

LEFT, RIGHT = Leaf(0), Leaf(1)
CANONICAL = [
    "left",
    "if pole_angle <= 0.012: left\nelse: right",
    (
        "if pole_angle <= 0.012:\n"
        "    left\n"
        "else:\n"
        "    if pole_angular_velocity <= -0.3: left\n"
        "    else: right"
    ),
    (
        "if cart_position <= 1e-300:\n"
        "    if cart_velocity <= -0.0:\n"
        "        if pole_angle <= 0.1: left\n"
        "        else: right\n"
        "    else:\n"
        "        right\n"
        "else:\n"
        "    if pole_angular_velocity <= 1.7976931348623157e+308: left\n"
        "    else: right"
    ),
]


def parse(text: str, signature: Signature = CARTPOLE) -> Node:
    return TreeProgram.parse(text, signature).root


@pytest.mark.parametrize("text", CANONICAL)
def test_canonical_text_stays_as_it_is(text: str) -> None:
    assert str(TreeProgram.parse(text, CARTPOLE)) == text


@pytest.mark.parametrize(
    "text",
    [
        "if frontIsClear: move\nelse: turnLeft",
        "if frontIsClear <= 0.25: turnLeft\nelse: move",
        "if frontIsClear:\n    move\nelse:\n    if leftIsClear: turnLeft\n    else: turnRight",
    ],
)
def test_a_boolean_feature_stands_alone_in_the_middle_only(text: str) -> None:
    assert str(TreeProgram.parse(text, PERCEPTS)) == text


@given(tree_programs())
def test_printed_programs_parse_to_themselves(program: TreeProgram) -> None:
    again = TreeProgram.parse(str(program), program.signature)
    assert again == program
    assert str(again) == str(program)


@pytest.mark.parametrize(
    "text",
    [
        "if pole_angle > 0.5: right\nelse: left",
        "if pole_angle<=.5:left\nelse :\n  right",
        "# a comment\n\nif pole_angle <= 5e-1:  # the pole leans\n\n    left\n  # odd\nelse: right",
        "if pole_angle <= +0.50:\n left\nelse:\n        right\n\n\n",
        "if pole_angle <= 0.5: left\r\nelse: right\r\n",
    ],
)
def test_the_layout_is_free(text: str) -> None:
    assert parse(text) == Split(2, 0.5, LEFT, RIGHT)


@pytest.mark.parametrize(
    ("number", "value"), [("-0.3", -0.3), ("3", 3.0), ("-1e-3", -0.001), ("2.E+1", 20.0)]
)
def test_numbers_are_negative_or_scientific_too(number: str, value: float) -> None:
    root = parse(f"if cart_velocity <= {number}: left\nelse: right")
    assert root == Split(1, value, LEFT, RIGHT)


def test_elif_is_an_if_in_the_else() -> None:
    short = "if x <= 1: wait\nelif open: go\nelif height > 0.5:\n    stop\nelse: wait"
    long = (
        "if x <= 1: wait\nelse:\n    if open: go\n    else:\n"
        "        if height > 0.5: stop\n        else: wait"
    )
    assert parse(short, MIXED) == parse(long, MIXED)


@pytest.mark.parametrize("condition", ["open", "open > 0.5", "not open", "open <= 0.5"])
def test_a_flag_is_a_test_at_one_half(condition: str) -> None:
    negated = condition in ("not open", "open <= 0.5")
    root = parse(f"if {condition}: go\nelse: stop", MIXED)
    assert root == Split(1, 0.5, *((Leaf(1), Leaf(2)) if negated else (Leaf(2), Leaf(1))))


IF, ELSE = "if pole_angle <= 0.1: left\n", "else: right"


@pytest.mark.parametrize(
    ("text", "line", "column", "told"),
    [
        ("", 1, 1, "the text is empty"),
        ("\n# nothing\n", 1, 1, "the text is empty"),
        ("if pole_angel <= 0.1: left\n" + ELSE, 1, 4, "did you mean pole_angle?"),
        ("if speed <= 0.1: left\n" + ELSE, 1, 4, "known are cart_position, cart_velocity"),
        ("if pole_angle <= 0.1: lft\n" + ELSE, 1, 23, "did you mean left? Known are left, right"),
        (IF + "else: jump", 2, 7, "there is no action 'jump'"),
        ("jump", 1, 1, "there is no action 'jump'"),
        ("else: left", 1, 1, "expected an action or 'if', got 'else'"),
        ("if pole_angle < 0.1: left\n" + ELSE, 1, 15, "'feature <= number' or 'feature > number'"),
        ("if pole_angle >= 0.1: left\n" + ELSE, 1, 15, "expected '<=' or '>' after the feature"),
        ("if pole_angle == 0.1: left\n" + ELSE, 1, 15, "got '=='"),
        ("if pole_angle: left\n" + ELSE, 1, 14, "got ':'"),
        ("if not pole_angle: left\n" + ELSE, 1, 8, "pole_angle is not boolean"),
        ("if 0.1 <= pole_angle: left\n" + ELSE, 1, 4, "expected a feature, got '0.1'"),
        ("if pole_angle <= : left\n" + ELSE, 1, 18, "expected a number after '<='"),
        ("if pole_angle <= nan: left\n" + ELSE, 1, 18, "expected a number after '<=', got 'nan'"),
        ("if pole_angle <= -inf: left\n" + ELSE, 1, 19, "expected a number after '<=', got 'inf'"),
        ("if pole_angle <= 1e999: left\n" + ELSE, 1, 18, "expected a finite number, got '1e999'"),
        ("if pole_angle <= 0.1 left\n" + ELSE, 1, 22, "expected ':' behind the test, got 'left'"),
        ("if pole_angle <= 1 and cart_position <= 1: left\n" + ELSE, 1, 20, "nest two 'if's"),
        (IF, 1, 27, "expected the 'else' of the 'if' in line 1, got the end of the text"),
        (IF + "right", 2, 1, "expected the 'else' of the 'if' in line 1, got 'right'"),
        (IF + "else right", 2, 6, "expected ':' behind 'else', got 'right'"),
        (IF + "elif pole_angle > 1: left", 2, 26, "expected the 'else' of the 'elif' in line 2"),
        (IF + "else:", 2, 6, "expected an indented action or 'if', got the end of the text"),
        (IF + "else:\nright", 3, 1, "expected an indented action or 'if', got 'right'"),
        (IF + "else: if pole_angle > 1: left", 2, 7, "begins a line of its own"),
        (
            "if pole_angle <= 0.1:\n    left\n    right\n" + ELSE,
            3,
            5,
            "expected the end of the block",
        ),
        ("if pole_angle <= 0.1:\n    left\n      right\n" + ELSE, 3, 7, "indented deeper"),
        ("if pole_angle <= 0.1: left right\n" + ELSE, 1, 28, "expected the end of the line"),
        ("if pole_angle <= 0.1: left; right\n" + ELSE, 1, 27, "after 'left', got ';'"),
        ("left\nright", 2, 1, "expected the end: a program is one action"),
        ("  left", 1, 3, "no block begins above it"),
        ("if pole_angle <= 0.1:\n\tleft\n" + ELSE, 2, 1, "indented by a tab: indent by spaces"),
        ("if pole_angle <= 0.1:\n    left\n  " + ELSE, 3, 3, "matches no line above"),
        ("if pole_angle $ 0.1: left\n" + ELSE, 1, 15, "unexpected '$'"),
        ("if (pole_angle <= 0.1: left\n" + ELSE, 1, 4, "this '(' is never closed"),
    ],
)
def test_errors_say_what_is_wrong_where(text: str, line: int, column: int, told: str) -> None:
    with pytest.raises(SourceError) as caught:
        TreeProgram.parse(text, CARTPOLE, "policy.tree")
    error = caught.value
    assert told in error.reason
    assert (error.line, error.column) == (line, column)
    message, shown, pointer = str(error).splitlines()
    assert message.startswith(f"policy.tree, line {line}, column {column}: ")
    assert shown[2:] == (text.splitlines() or [""])[line - 1].replace("\t", " ")
    assert pointer == " " * (column + 1) + "^"


def test_a_number_is_no_flag_but_a_flag_may_be_compared() -> None:
    with pytest.raises(SourceError, match="or a boolean feature alone"):
        parse("if open < 1: go\nelse: stop", MIXED)


def test_an_error_survives_its_way_between_processes() -> None:
    with pytest.raises(SourceError) as caught:
        parse("jump")
    again = pickle.loads(pickle.dumps(caught.value))
    assert str(again) == str(caught.value)
    assert again.column == 1


def nested(depth: int) -> str:
    lines = []
    for level in range(depth):
        lines += [f"{' ' * level}if x <= {level}: go", f"{' ' * level}else:"]
    return "\n".join([*lines, " " * depth + "stop"])


def test_nesting_has_a_limit() -> None:
    program = TreeProgram.parse(nested(MAX_DEPTH), MIXED)
    assert program.depth == MAX_DEPTH
    assert TreeProgram.parse(str(program), MIXED) == program
    with pytest.raises(SourceError, match=f"at most {MAX_DEPTH} nested tests") as caught:
        parse(nested(2000), MIXED)
    assert caught.value.line == 2 * MAX_DEPTH + 1
    with pytest.raises(ValueError, match=f"more than {MAX_DEPTH} tests"):
        TreeProgram(Split(0, 0.5, Leaf(0), program.root), MIXED)


WORDS = [
    *("if", "elif", "else", "not", ":", "<=", ">", "<", "(", "-", "0.1", "1e999", "é", "$", '"'),
    *("pole_angle", "left", "jump", "# x", "\t", "\n", "\n    ", "\n        "),
]


@given(st.lists(st.sampled_from(WORDS), max_size=30).map(" ".join) | st.text(max_size=60))
def test_any_other_text_is_an_error_with_a_place(text: str) -> None:
    error = None
    try:
        program = TreeProgram.parse(text, CARTPOLE)
    except SourceError as caught:
        error = caught
    if error is None:
        assert TreeProgram.parse(str(program), CARTPOLE) == program
        return
    lines = text.splitlines() or [""]
    assert 1 <= error.line <= len(lines)
    assert 1 <= error.column <= len(lines[error.line - 1]) + 1
    assert str(error).startswith("program, line ")


@pytest.mark.parametrize("name", ["else", "no-op", "2nd", ""])
def test_names_that_no_text_can_have_are_refused(name: str) -> None:
    with pytest.raises(ValueError, match=f"cannot write the name {name!r}"):
        TreeProgram(Leaf(0), Signature((Feature("x"),), (name, "right")))


def test_lines_go_on_in_brackets() -> None:
    kinds = [token.kind for token in Parser("a (\n  b,\n c) d\n", MIXED, "text").tokens]
    assert kinds == ["name", "op", "name", "op", "name", "op", "name", "newline", "end"]
