"""The two text forms of programs."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given

from programmatic.dsl import Program, pretty_lines, to_text
from tests.strategies import programs

PRETTY = """\
DEF run m(
    WHILE c( noMarkersPresent c) w(
        IFELSE c( not c( rightIsClear c) c) i(
            turnRight
            move
        i) ELSE e(
            REPEAT R=3 r(
                move
            r)
            IF c( frontIsClear c) i(
                putMarker
            i)
        e)
    w)
    pickMarker
m)"""


def test_pretty_shows_one_statement_a_line() -> None:
    assert Program.parse(PRETTY).pretty() == PRETTY


@pytest.mark.parametrize("text", ["DEF run m( move m)", " ".join(PRETTY.split())])
def test_text_joins_the_words_by_one_space(text: str) -> None:
    assert to_text(Program.parse(text).tokens) == text


def test_text_also_prints_what_is_no_program() -> None:
    assert to_text([49, 4, 50]) == "WHILE move <pad>"


@given(programs())
def test_both_forms_parse_back(program: Program) -> None:
    assert Program.parse(str(program)) == program
    assert Program.parse(program.pretty()) == program


@given(programs())
def test_lines_cover_all_tokens_once(program: Program) -> None:
    lines = pretty_lines(program.tokens)
    starts = [line.span[0] for line in lines]
    stops = [line.span[1] for line in lines]
    assert starts == [0, *stops[:-1]]
    assert stops[-1] == len(program.tokens)
    for line in lines:
        assert line.text == to_text(program.tokens[slice(*line.span)])
        assert line.text


@given(programs())
def test_lines_are_the_pretty_form(program: Program) -> None:
    lines = pretty_lines(program.tokens)
    assert "\n".join("    " * line.indent + line.text for line in lines) == program.pretty()
    assert lines[0].indent == lines[-1].indent == 0
    assert all(line.indent > 0 for line in lines[1:-1])
    for line, following in pairwise(lines):
        opens = line.text.endswith("(")
        closes = following.text.split()[0] in ("m)", "w)", "i)", "e)", "r)")
        assert following.indent - line.indent == opens - closes
