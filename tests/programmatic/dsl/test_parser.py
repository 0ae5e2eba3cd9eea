"""The parser: what it reads, and what its errors say."""

from __future__ import annotations

import pickle
import time
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from programmatic.dsl import (
    ACTIONS,
    MAX_NEGATIONS,
    MAX_NESTING,
    MAX_REPEAT_NESTING,
    MAX_TOKENS,
    PERCEPTS,
    TOKENS,
    Action,
    Condition,
    If,
    IfElse,
    Program,
    ProgramSyntaxError,
    Repeat,
    Statement,
    While,
    parse,
)
from tests.strategies import programs

FRONT = "frontIsClear"


def nested(opening: str, closing: str, depth: int) -> str:
    return f"DEF run m( {f'{opening} ' * depth}move {f'{closing} ' * depth}m)"


def walk(body: tuple[Statement, ...]) -> Iterator[Statement]:
    for node in body:
        yield node
        if isinstance(node, IfElse):
            yield from walk(node.then)
            yield from walk(node.otherwise)
        elif not isinstance(node, Action):
            yield from walk(node.body)


@pytest.mark.parametrize(
    ("statement", "node"),
    [
        *[(word, Action(number, (3, 4))) for number, word in enumerate(ACTIONS)],
        (
            "WHILE c( leftIsClear c) w( move w)",
            While(Condition(1, 0, (5, 6)), (Action(0, (8, 9)),), (3, 10)),
        ),
        (
            "IF c( not c( markersPresent c) c) i( move turnLeft i)",
            If(Condition(3, 1, (5, 9)), (Action(0, (11, 12)), Action(1, (12, 13))), (3, 14)),
        ),
        (
            "IFELSE c( not c( not c( noMarkersPresent c) c) c) i( move i) ELSE e( putMarker e)",
            IfElse(
                Condition(4, 2, (5, 12)), (Action(0, (14, 15)),), (Action(4, (18, 19)),), (3, 20)
            ),
        ),
        ("REPEAT R=0 r( move r)", Repeat(0, (Action(0, (6, 7)),), (3, 8))),
        (
            "REPEAT R=19 r( REPEAT R=7 r( pickMarker r) r)",
            Repeat(19, (Repeat(7, (Action(3, (9, 10)),), (6, 11)),), (3, 12)),
        ),
    ],
)
def test_statements_become_nodes(statement: str, node: Statement) -> None:
    assert parse(f"DEF run m( {statement} m)".split()) == (node,)


@pytest.mark.parametrize("number", range(len(PERCEPTS)))
def test_percepts_have_their_numbers(number: int) -> None:
    (node,) = parse(f"DEF run m( IF c( {PERCEPTS[number]} c) i( move i) m)".split())
    assert isinstance(node, If)
    assert node.condition.percept == number


@pytest.mark.parametrize(
    ("text", "position", "message"),
    [
        ("", 0, "expected 'DEF' at the start, got the end of the program"),
        ("run m( move m)", 0, "expected 'DEF' at the start, got 'run'"),
        ("DEF m( move m)", 1, "expected 'run' after DEF, got 'm('"),
        ("DEF run move", 2, "expected 'm(' after run, got 'move'"),
        ("DEF run m(", 3, "expected a statement after 'm(', got the end of the program"),
        ("DEF run m( m)", 3, "expected a statement after 'm(', got 'm)'"),
        ("DEF run m( move", 4, "expected a statement or 'm)', got the end of the program"),
        ("DEF run m( move w)", 4, "expected a statement or 'm)', got 'w)'"),
        (
            "DEF run m( move m) move",
            5,
            "expected the end of the program after its 'm)', got 'move'",
        ),
        ("DEF run m( move m) <pad>", 5, "expected the end of the program"),
        ("DEF run m( WHILE move", 4, "expected 'c(' after WHILE, got 'move'"),
        ("DEF run m( IF", 4, "expected 'c(' after IF, got the end of the program"),
        ("DEF run m( IF c( move c)", 5, "expected a percept or 'not', got 'move'"),
        ("DEF run m( IF c( not frontIsClear c)", 6, "expected 'c(' after not, got 'frontIsClear'"),
        ("DEF run m( IF c( not c( frontIsClear i(", 8, "expected 'c)' after the negated condition"),
        ("DEF run m( IF c( frontIsClear i( move", 6, "expected 'c)' after the condition, got 'i('"),
        ("DEF run m( IF c( frontIsClear c) w( move", 7, "expected 'i(' after the condition"),
        ("DEF run m( WHILE c( frontIsClear c) i( move", 7, "expected 'w(' after the condition"),
        (
            "DEF run m( WHILE c( frontIsClear c) w( w)",
            8,
            "expected a statement after 'w(', got 'w)'",
        ),
        (
            "DEF run m( IFELSE c( frontIsClear c) i( move i) move",
            10,
            "expected 'ELSE' after the 'i)' of IFELSE, got 'move'",
        ),
        ("DEF run m( IFELSE c( frontIsClear c) i( move i) ELSE i(", 11, "expected 'e(' after ELSE"),
        ("DEF run m( REPEAT r( move r)", 4, "expected 'R=0' to 'R=19' after REPEAT, got 'r('"),
        ("DEF run m( REPEAT R=20 r(", 4, "got 'R=20', which is no word of the language"),
        ("DEF run m( REPEAT R=3 w(", 5, "expected 'r(' after R=3, got 'w('"),
        ("DEF run m( mvoe m)", 3, "'mvoe', which is no word of the language; did you mean 'move'?"),
        ("DEF run m( Move m)", 3, "did you mean 'move'?"),
        ("DEF run m( \0 m)", 3, "got '\\x00', which is no word of the language"),
    ],
)
def test_errors_say_what_was_expected_and_where(text: str, position: int, message: str) -> None:
    with pytest.raises(ProgramSyntaxError) as caught:
        parse(text.split())
    assert caught.value.position == position
    assert str(caught.value).startswith(f"Program error at token {position}: expected ")
    assert f"expected {caught.value.expected}, {caught.value.found}" in str(caught.value)
    assert message in str(caught.value)


def test_errors_survive_pickling() -> None:
    error = ProgramSyntaxError(7, "'c(' after WHILE", "got 'move'", source="climb.txt")
    copy = pickle.loads(pickle.dumps(error))
    assert str(copy) == str(error)
    assert (copy.position, copy.expected, copy.source) == (7, "'c(' after WHILE", "climb.txt")


@pytest.mark.parametrize(
    ("opening", "closing", "limit", "message"),
    [
        (f"IF c( {FRONT} c) i(", "i)", MAX_NESTING, "nested control structures"),
        (f"WHILE c( {FRONT} c) w(", "w)", MAX_NESTING, "nested control structures"),
        ("REPEAT R=1 r(", "r)", MAX_REPEAT_NESTING, "nested REPEATs"),
    ],
)
def test_nesting_is_limited(opening: str, closing: str, limit: int, message: str) -> None:
    assert len(list(walk(parse(nested(opening, closing, limit).split())))) == limit + 1
    with pytest.raises(ProgramSyntaxError, match=f"at most {limit} {message}") as caught:
        parse(nested(opening, closing, limit + 1).split())
    assert caught.value.position == 3 + limit * len(opening.split())


def test_nesting_counts_only_what_is_open() -> None:
    branches = nested("REPEAT R=1 r(", "r)", MAX_REPEAT_NESTING).split()[3:-1] * 20
    assert len(parse(["DEF", "run", "m(", *branches, "m)"])) == 20


def test_negations_are_limited() -> None:
    def negated(times: int) -> list[str]:
        condition = "not c( " * times + FRONT + " c)" * times
        return f"DEF run m( IF c( {condition} c) i( move i) m)".split()

    (node,) = parse(negated(MAX_NEGATIONS))
    assert isinstance(node, If)
    assert node.condition.negations == MAX_NEGATIONS
    with pytest.raises(ProgramSyntaxError, match="at most 64 nested 'not'"):
        parse(negated(MAX_NEGATIONS + 1))


def test_length_is_limited() -> None:
    longest = f"DEF run m( {'move ' * (MAX_TOKENS - 4)}m)\n"
    assert len(Program.parse(longest).tokens) == MAX_TOKENS
    with pytest.raises(ProgramSyntaxError, match="at most 4096 tokens, got more") as caught:
        Program.parse(f"{longest} m)")
    assert caught.value.position == MAX_TOKENS


@pytest.mark.parametrize(
    "text",
    [
        "m" * 5_000_000,
        "DEF run m( " + "move " * 1_000_000 + "m)",
        "DEF run m( " + "REPEAT R=1 r( " * 500_000,
        f"DEF run m( {f'IF c( {FRONT} c) i( ' * 800}",
        f"DEF run m( IF c( {'not c( ' * 2000}",
        "\n" * 5_000_000,
        "\ud800" * 100,
    ],
    ids=["one word", "long", "deep repeats", "deep ifs", "deep nots", "blank", "surrogates"],
)
def test_huge_texts_are_refused_fast(text: str) -> None:
    start = time.perf_counter()
    with pytest.raises(ProgramSyntaxError) as caught:
        Program.parse(text)
    assert time.perf_counter() - start < 2
    assert len(str(caught.value)) < 500


@given(st.text())
def test_any_text_is_a_program_or_a_syntax_error(text: str) -> None:
    with pytest.raises(ProgramSyntaxError):  # a program has too many fixed words to come up
        Program.parse(text)


@given(st.data(), programs())
def test_mutated_programs_parse_or_raise_syntax_errors(
    data: st.DataObject, program: Program
) -> None:
    words = str(program).split()
    for _ in range(data.draw(st.integers(1, 3))):
        start = data.draw(st.integers(0, len(words)))
        stop = data.draw(st.integers(start, min(start + 3, len(words))))
        words[start:stop] = data.draw(st.lists(st.sampled_from(TOKENS), max_size=3))
    try:
        result: Program | ProgramSyntaxError = Program.parse(" ".join(words))
    except ProgramSyntaxError as error:
        result = error
    if isinstance(result, Program):
        assert str(result).split() == words
    elif result.position == len(words):
        assert result.found == "got the end of the program"
    else:
        assert result.found == f"got '{words[result.position]}'"


@given(programs())
def test_a_program_cut_short_fails_at_its_end(program: Program) -> None:
    words = str(program).split()
    for length in range(len(words)):
        with pytest.raises(ProgramSyntaxError) as caught:
            parse(words[:length])
        assert caught.value.position == length


@given(programs())
def test_spans_cover_what_they_say(program: Program) -> None:
    words = str(program).split()
    for node in walk(program.body):
        shown = words[slice(*node.span)]
        match node:
            case Action(index):
                assert shown == [ACTIONS[index]]
            case Repeat(times):
                assert shown[:3] == ["REPEAT", f"R={times}", "r("]
                assert shown[-1] == "r)"
            case While() | If() | IfElse():
                word = {"While": "WHILE", "If": "IF", "IfElse": "IFELSE"}[type(node).__name__]
                assert shown[0] == word
                assert shown[-1] == {"WHILE": "w)", "IF": "i)", "IFELSE": "e)"}[word]
                condition = node.condition
                assert words[slice(*condition.span)] == (
                    ["not", "c("] * condition.negations
                    + [PERCEPTS[condition.percept]]
                    + ["c)"] * condition.negations
                )
                assert condition.span[0] == node.span[0] + 2


@given(programs())
def test_statements_follow_each_other_without_gaps(program: Program) -> None:
    def check(body: tuple[Statement, ...], start: int, stop: int) -> None:
        for node in body:
            assert node.span[0] == start
            start = node.span[1]
            match node:
                case IfElse(condition, then, otherwise):
                    check(then, condition.span[1] + 2, otherwise[0].span[0] - 3)
                    check(otherwise, otherwise[0].span[0], start - 1)
                case While(condition, inner) | If(condition, inner):
                    check(inner, condition.span[1] + 2, start - 1)
                case Repeat(_, inner):
                    check(inner, node.span[0] + 3, start - 1)
        assert start == stop

    check(program.body, 3, len(program.tokens) - 1)
