"""Dictionaries: pieces of given programs that mutations draw."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from programmatic import Program
from programmatic.search import search
from programmatic.search.configs import HCConfig
from programmatic.search.programs.dictionary import Dictionary, dictionary_of
from programmatic.search.programs.space import SPACES, ProgramSpace

GIVEN = (
    "DEF run m( move REPEAT R=3 r( turnLeft r) "
    "IF c( not c( leftIsClear c) c) i( putMarker pickMarker i) m)"
)
REPEAT = "REPEAT R=3 r( turnLeft r)"
IF = "IF c( not c( leftIsClear c) c) i( putMarker pickMarker i)"
BODIES = {"move", "turnLeft", "putMarker", "pickMarker", REPEAT, IF}
BODIES |= {"putMarker pickMarker", f"{REPEAT} {IF}", f"move {REPEAT} {IF}"}


def pieces_of(text: str) -> Dictionary:
    return dictionary_of([Program.parse(text)], 0.5)._replace(percent=100)


def neighbours(text: str, space: ProgramSpace, n: int = 2000) -> set[str]:
    rows = space.neighbours(Program.parse(text), n, seed=1).tolist()
    return {str(Program.from_tokens(row)) for row in rows}


def test_a_sequence_is_replaced_by_all_statements_and_sequences() -> None:
    found = neighbours("DEF run m( turnRight m)", ProgramSpace(dictionary=pieces_of(GIVEN)))
    assert found == {f"DEF run m( {body} m)" for body in BODIES}


def test_each_place_gets_pieces_of_its_kind() -> None:
    parent = (
        "DEF run m( WHILE c( frontIsClear c) w( REPEAT R=7 r( move r) w) "
        "IFELSE c( rightIsClear c) i( move i) ELSE e( move e) m)"
    )
    space = ProgramSpace(dictionary=pieces_of(GIVEN.replace(IF, f"{IF} WHILE c( frontIsClear c) "
                                                            "w( move w)")))  # fmt: skip
    found = neighbours(parent, space)
    for changed in (
        parent.replace("R=7", "R=3"),
        parent.replace("frontIsClear", "not c( leftIsClear c)", 1),
        parent.replace("rightIsClear", "frontIsClear"),
        parent.replace("WHILE c( frontIsClear c) w( REPEAT R=7 r( move r) w)", REPEAT),
        parent.replace("r( move r)", f"r( {IF} r)"),
    ):
        assert changed in found
    assert parent.replace("rightIsClear", "not c( leftIsClear c)") not in found  # IFELSE has no not
    assert not any("noMarkersPresent" in text for text in found)


def test_a_kind_without_a_piece_is_drawn_at_random() -> None:
    space = ProgramSpace(dictionary=pieces_of("DEF run m( move m)"))
    found = neighbours("DEF run m( REPEAT R=7 r( move r) m)", space)
    assert found == {"DEF run m( move m)"} | {f"DEF run m( REPEAT R={n} r( move r) m)"
                                             for n in range(20)}  # fmt: skip


@pytest.mark.parametrize("name", SPACES)
def test_neighbours_with_pieces_are_programs_of_the_space(name: str) -> None:
    several = [Program.from_tokens(row) for row in SPACES[name].random(300, seed=1).tolist()]
    space = SPACES[name]._replace(dictionary=dictionary_of(several, 0.9), edits=20)
    for program in several:
        for tokens in space.neighbours(program, 20, seed=2).tolist():
            space.check(Program.from_tokens(tokens))


@pytest.mark.parametrize(
    ("field", "limit"), [("max_tokens", 9), ("max_height", 2), ("max_sequence", 2)]
)
def test_pieces_keep_to_the_limits(field: str, limit: int) -> None:
    space = ProgramSpace(dictionary=pieces_of(GIVEN))._replace(**{field: limit})
    parent = "DEF run m( REPEAT R=2 r( move r) m)"
    found, unlimited = neighbours(parent, space), ProgramSpace(dictionary=space.dictionary)
    assert found < neighbours(parent, unlimited)
    for text in found:
        space.check(Program.parse(text))


def test_without_a_share_the_pieces_change_nothing() -> None:
    program = Program.parse(GIVEN)
    unused = ProgramSpace(dictionary=dictionary_of([program], 0))
    plain, same = (space.neighbours(program, 500, seed=4) for space in (ProgramSpace(), unused))
    assert np.array_equal(plain, same)


@pytest.mark.parametrize("method", ["hc", "shc", "cghc"])
def test_searches_put_pieces_together(method: str, tmp_path: Path) -> None:
    """A climb that starts from random programs has only the pieces from the file."""
    file, env_id = tmp_path / "programs.karel", "Karel-TopOff-v1"
    file.write_text("DEF run m( WHILE c( frontIsClear c) w( move w) m)\n"
                    "DEF run m( IF c( markersPresent c) i( putMarker move i) m)\n")  # fmt: skip
    options = {"programs": str(file), "given_share": 0.01, "progress": False, "members": 1}
    medians = []
    for share in (0.0, 0.8):
        options["dictionary"] = share
        runs = [search(method, env_id, seed=n, budget=30_000, **options) for n in range(5)]
        medians.append(np.median([run.evaluations for run in runs]))
    assert medians[1] < medians[0]


def test_a_dictionary_needs_programs() -> None:
    with pytest.raises(ValueError, match=r"given programs: name them, programs=FILE"):
        HCConfig(dictionary=0.8)
