"""Canonical hashes: alike only where the programs are sure to behave alike."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest

from karel_gym import sample_worlds
from programmatic import Program, execute
from programmatic.search.programs.canonical import canonical_hash
from programmatic.search.programs.space import SPACES


def hash_of(text: str) -> int:
    tokens = Program.parse(text).tokens
    return int(canonical_hash(np.array(tokens, dtype=np.int8), len(tokens)))


ALIKE = [
    ["move", "REPEAT R=1 r( move r)", "REPEAT R=0 r( putMarker r) move"],
    ["REPEAT R=3 r( move REPEAT R=1 r( turnLeft r) r)", "REPEAT R=3 r( move turnLeft r)"],
    [
        "IF c( not c( markersPresent c) c) i( move i)",
        "IF c( noMarkersPresent c) i( move i)",
        "IF c( not c( not c( noMarkersPresent c) c) c) i( move i)",
    ],
    [
        "WHILE c( frontIsClear c) w( move w)",
        "WHILE c( not c( not c( frontIsClear c) c) c) w( move w)",
    ],
    ["REPEAT R=0 r( move r)", "REPEAT R=0 r( REPEAT R=5 r( putMarker r) turnLeft r)"],
    ["WHILE c( not c( frontIsClear c) c) w( move w)"],
    ["REPEAT R=2 r( move r)"],
    ["IF c( frontIsClear c) i( move i)"],
    ["IF c( frontIsClear c) i( move i) turnLeft"],
    ["IF c( frontIsClear c) i( move turnLeft i)"],
    ["IFELSE c( frontIsClear c) i( move i) ELSE e( turnLeft e)"],
]


def test_what_is_sure_to_behave_alike_has_one_hash() -> None:
    classes = [{hash_of(f"DEF run m( {text} m)") for text in alike} for alike in ALIKE]
    assert [len(hashes) for hashes in classes] == [1] * len(classes)
    assert not any(one & other for one, other in combinations(classes, 2))


@pytest.mark.parametrize("env_id", ["Karel-DoorKey-v0", "Karel-Maze-v1"])
def test_programs_of_one_hash_do_the_same(env_id: str) -> None:
    space, parent = (
        SPACES["larger"],
        Program.parse(
            "DEF run m( REPEAT R=1 r( move IFELSE c( not c( markersPresent c) c) i( move i) ELSE "
            "e( REPEAT R=0 r( turnLeft r) pickMarker e) r) WHILE c( frontIsClear c) w( move w) m)"
        ),
    )
    tokens = np.concatenate([space.random(3000, seed=1), space.neighbours(parent, 3000, seed=2)])
    groups: dict[int, set[Program]] = {}
    for row in tokens.tolist():
        program = Program.from_tokens(row)
        groups.setdefault(hash_of(str(program)), set()).add(program)
    several = [group for group in groups.values() if len(group) > 1]
    assert len(several) > 30
    worlds = sample_worlds(env_id, 8)
    for group in several:
        result = execute(list(group), worlds, env_id)
        for values in (result.returns, result.actions, result.calls, result.terminated):
            assert (values == values[0]).all()
