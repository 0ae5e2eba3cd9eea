"""Programs to run: skilled ones, idle ones, and random ones."""

from __future__ import annotations

from functools import cache

import numpy as np

from karel_gym import World
from programmatic import Program
from programmatic.dsl import ACTIONS, PERCEPTS

ROOM = World.from_text("#######\n#.....#\n#.....#\n#>....#\n#######")
# Programs that get far in some task.
SKILLED = [
    Program.parse(f"DEF run m( {body} m)")
    for body in (
        "WHILE c( noMarkersPresent c) w( IFELSE c( rightIsClear c) i( turnRight move i) ELSE e( "
        "IFELSE c( frontIsClear c) i( move i) ELSE e( turnLeft e) e) w)",
        "WHILE c( noMarkersPresent c) w( turnLeft move turnRight move w)",
        "REPEAT R=4 r( WHILE c( frontIsClear c) w( move w) putMarker turnLeft r)",
        "WHILE c( frontIsClear c) w( IF c( markersPresent c) i( putMarker i) move w)",
        "REPEAT R=6 r( REPEAT R=6 r( pickMarker move r) turnLeft move turnLeft REPEAT R=6 r( "
        "pickMarker move r) turnRight move turnRight r)",
        "REPEAT R=19 r( WHILE c( frontIsClear c) w( putMarker move w) turnRight move turnRight r)",
        "REPEAT R=2 r( pickMarker REPEAT R=15 r( IF c( rightIsClear c) i( turnRight i) r) "
        "turnRight WHILE c( noMarkersPresent c) w( move move turnLeft w) r) putMarker pickMarker",
        # Round and round an 8x8 room, through all cells.
        "WHILE c( frontIsClear c) w( move w) turnLeft WHILE c( frontIsClear c) w( move w) turnLeft "
        "WHILE c( noMarkersPresent c) w( move REPEAT R=2 r( REPEAT R=4 r( move r) turnLeft move "
        "turnLeft REPEAT R=4 r( move r) turnRight move turnRight r) REPEAT R=4 r( move r) turnLeft "
        "move turnLeft REPEAT R=5 r( move r) turnLeft REPEAT R=5 r( move r) turnLeft w)",
        "putMarker WHILE c( frontIsClear c) w( move IF c( noMarkersPresent c) i( putMarker i) w)",
        "REPEAT R=15 r( IF c( frontIsClear c) i( WHILE c( markersPresent c) w( WHILE c( "
        "markersPresent c) w( turnRight pickMarker move turnLeft w) IF c( frontIsClear c) i( "
        "turnLeft move turnRight i) move w) pickMarker i) r)",
        "putMarker pickMarker WHILE c( noMarkersPresent c) w( IF c( not c( frontIsClear c) c) i( "
        "IF c( leftIsClear c) i( IF c( not c( rightIsClear c) c) i( turnLeft move turnLeft move "
        "i) move i) i) turnRight move w) move",
    )
]


def random_block(rng: np.random.Generator, depth: int) -> str:
    return " ".join(random_statement(rng, depth) for _ in range(rng.integers(1, 4)))


def random_statement(rng: np.random.Generator, depth: int) -> str:
    kind = rng.choice(["action", "WHILE", "IF", "IFELSE", "REPEAT"], p=[0.5, 0.2, 0.1, 0.1, 0.1])
    if kind == "action" or depth == 0:
        return str(rng.choice(ACTIONS))
    body = random_block(rng, depth - 1)
    if kind == "REPEAT":
        return f"REPEAT R={rng.integers(20)} r( {body} r)"
    percept = rng.choice(PERCEPTS)
    condition = f"c( {percept if rng.random() < 0.7 else f'not c( {percept} c)'} c)"
    if kind == "WHILE":
        return f"WHILE {condition} w( {body} w)"
    if kind == "IF":
        return f"IF {condition} i( {body} i)"
    return f"IFELSE {condition} i( {body} i) ELSE e( {random_block(rng, depth - 1)} e)"


@cache
def random_programs(n: int, seed: int) -> list[Program]:
    """Programs that are longer than hypothesis' and loop more."""
    rng = np.random.default_rng(seed)
    return [Program.parse(f"DEF run m( {random_block(rng, 4)} m)") for _ in range(n)]
