"""Edits: the neighbours of programs that the published space does not have."""

from __future__ import annotations

import pytest

from programmatic import Program
from programmatic.search.programs.space import SPACES, ProgramSpace

ONLY_EDITS = 99  # percent; the rest are published neighbours
PARENT = (
    "DEF run m( move WHILE c( frontIsClear c) w( turnLeft w) "
    "IFELSE c( leftIsClear c) i( pickMarker i) ELSE e( putMarker e) m)"
)
WHILE = "WHILE c( frontIsClear c) w( turnLeft w)"
IFELSE = "IFELSE c( leftIsClear c) i( pickMarker i) ELSE e( putMarker e)"


def neighbours(text: str, n: int, space: ProgramSpace | None = None) -> set[str]:
    chosen = (space or ProgramSpace())._replace(edits=ONLY_EDITS)
    rows = chosen.neighbours(Program.parse(text), n, seed=1).tolist()
    return {str(Program.from_tokens(row)) for row in rows}


@pytest.mark.parametrize("name", SPACES)
def test_edits_are_programs_of_the_space(name: str) -> None:
    space = SPACES[name]._replace(edits=ONLY_EDITS)
    for row in space.random(400, seed=1).tolist():
        for tokens in space.neighbours(Program.from_tokens(row), 20, seed=2).tolist():
            space.check(Program.from_tokens(tokens))


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(f"{WHILE} {IFELSE}", id="the first statement is deleted"),
        pytest.param(f"move {WHILE}", id="the last one is deleted"),
        pytest.param("move", id="a statement is deleted with all behind it"),
        pytest.param(f"turnRight move {WHILE} {IFELSE}", id="one is inserted at the beginning"),
        pytest.param(f"move {WHILE} {IFELSE} turnRight", id="one is inserted at the end"),
        pytest.param(
            f"move {WHILE.replace('turnLeft', 'turnLeft move')} {IFELSE}",
            id="one is inserted in a block",
        ),
        pytest.param(
            f"WHILE c( frontIsClear c) w( move w) {WHILE} {IFELSE}", id="one gets a WHILE around it"
        ),
        pytest.param(f"move IF c( frontIsClear c) i( {WHILE} i) {IFELSE}", id="one gets an IF"),
        pytest.param(f"move {WHILE} REPEAT R=7 r( {IFELSE} r)", id="one gets a REPEAT"),
        pytest.param(
            f"IF c( not c( frontIsClear c) c) i( move {WHILE} {IFELSE} i)",
            id="several get a negated condition",
        ),
        pytest.param(f"move turnLeft {IFELSE}", id="a WHILE is unwrapped"),
        pytest.param(f"move {WHILE} pickMarker", id="an IFELSE is unwrapped to its first branch"),
        pytest.param(f"move {WHILE} putMarker", id="an IFELSE is unwrapped to its second branch"),
        pytest.param(f"{WHILE} {WHILE} {IFELSE}", id="a statement is copied over another"),
        pytest.param(
            f"move WHILE c( frontIsClear c) w( {IFELSE} w) {IFELSE}",
            id="one is copied into a block",
        ),
    ],
)
def test_an_edit(body: str, edited: set[str]) -> None:
    assert f"DEF run m( {body} m)" in edited


@pytest.fixture(scope="module")
def edited() -> set[str]:
    return neighbours(PARENT, 100_000)


def test_a_block_is_never_emptied() -> None:
    assert all(len(Program.parse(text).body) > 0 for text in neighbours("DEF run m( move m)", 2000))


@pytest.mark.parametrize(
    ("field", "limit"), [("max_tokens", 12), ("max_height", 2), ("max_sequence", 4)]
)
def test_edits_keep_to_the_limits(field: str, limit: int) -> None:
    space = ProgramSpace()._replace(**{field: limit})
    parent = "DEF run m( move WHILE c( frontIsClear c) w( move w) m)"
    for text in neighbours(parent, 3000, space):
        space.check(Program.parse(text))
