"""Shorter programs that do the same."""

from __future__ import annotations

import numpy as np
import pytest

from karel_gym import sample_worlds
from programmatic import Program, execute
from programmatic.search import search
from programmatic.search.programs.simplification import shorten, shorter_programs, simplify
from programmatic.search.programs.space import ProgramSpace


@pytest.mark.parametrize(
    ("long", "short"),
    [
        ("move REPEAT R=0 r( putMarker r) turnLeft pickMarker", "pickMarker"),
        ("REPEAT R=1 r( pickMarker r)", "pickMarker"),
        ("IFELSE c( markersPresent c) i( pickMarker i) ELSE e( move e)", "pickMarker"),
        (
            "WHILE c( not c( not c( frontIsClear c) c) c) w( pickMarker move w) pickMarker",
            "WHILE c( frontIsClear c) w( pickMarker move w) pickMarker",
        ),
    ],
)
def test_what_is_not_needed_is_removed(long: str, short: str) -> None:
    worlds = sample_worlds("Karel-Harvester-v1", 20)
    program = Program.parse(f"DEF run m( {long} m)")
    assert str(simplify(program, worlds, "Karel-Harvester-v1")) == f"DEF run m( {short} m)"


def test_every_kind_of_piece_can_be_removed() -> None:
    text = (
        "DEF run m( IFELSE c( not c( not c( leftIsClear c) c) c) i( move i) ELSE e( turnLeft e) m)"
    )
    bodies = {
        str(p)[len("DEF run m( ") : -len(" m)")] for p in shorter_programs(Program.parse(text))
    }
    condition = "not c( not c( leftIsClear c) c)"
    assert bodies == {
        "move",
        "turnLeft",
        f"IF c( {condition} c) i( move i)",
        "IFELSE c( leftIsClear c) i( move i) ELSE e( turnLeft e)",
    }


@pytest.mark.parametrize("env_id", ["Karel-DoorKey-v0", "Karel-TopOff-v1"])
def test_the_return_stays_the_same_in_every_world(env_id: str) -> None:
    worlds = sample_worlds(env_id, 16)
    for row in ProgramSpace().random(2000, seed=2)[::100].tolist():
        program = Program.from_tokens(row)
        short = simplify(program, worlds, env_id)
        returns = execute([program, short], worlds, env_id).returns
        np.testing.assert_allclose(returns[0], returns[1], atol=1e-9)
        assert len(short.tokens) <= len(program.tokens)
        assert simplify(short, worlds, env_id) == short


@pytest.mark.parametrize(
    ("env_id", "long", "n_tokens"),
    [
        (
            "Karel-FourCorners-v1",
            "WHILE c( noMarkersPresent c) w( WHILE c( frontIsClear c) w( move w) putMarker "
            "turnLeft move w)",
            18,
        ),
        (
            "Karel-TopOff-v1",
            "WHILE c( frontIsClear c) w( IF c( markersPresent c) i( putMarker i) move w) putMarker",
            18,
        ),
    ],
)
def test_shorter_programs_are_found_although_no_piece_can_be_removed(
    env_id: str, long: str, n_tokens: int
) -> None:
    worlds, program = list(sample_worlds(env_id, 200)), Program.parse(f"DEF run m( {long} m)")
    assert simplify(program, worlds, env_id) == program
    short, again = (shorten(program, worlds, env_id, ProgramSpace(), 0, 40_000) for _ in range(2))
    assert short == again
    assert len(short.tokens) <= n_tokens
    assert execute([short], worlds, env_id).returns == pytest.approx(1)


def test_a_search_can_end_with_a_shorter_program() -> None:
    env_id, settings = "Karel-Harvester-v1", {"budget": 20_000, "seed": 2, "progress": False}
    short = {"simplify": True, "simplify_budget": 10_000}
    plain = search("hc", env_id, **settings)
    result = search("hc", env_id, **settings, **short)
    assert len(result.program.tokens) < len(plain.program.tokens)
    assert Program.parse(result.history[-1]["program"]) == plain.program
    assert result.mean_return == pytest.approx(plain.mean_return)
    again = execute([result.program], sample_worlds(env_id, 32, 2), env_id).returns.mean()
    assert again == result.mean_return
