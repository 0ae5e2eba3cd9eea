"""Endless loops: they end at once, with the results of running them out."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from karel_gym import World, WorldBatch, sample_worlds
from karel_gym.registration import TASKS, task_of
from karel_gym.simulation.kernels import inner
from karel_gym.simulation.rng import below
from karel_gym.tasks.task import Task
from programmatic import Program, execute
from programmatic.dsl import MAX_REPEAT_NESTING
from programmatic.horizon import Limits
from programmatic.machine.bytecode import compile
from programmatic.machine.execution import execute_batch
from programmatic.machine.execution_kernels import Results
from tests.programmatic.sample_programs import ROOM, SKILLED, random_programs

NO_LIMIT = 2**62
LOOPS = [
    "WHILE c( noMarkersPresent c) w( putMarker pickMarker w)",
    "WHILE c( frontIsClear c) w( putMarker turnLeft turnLeft pickMarker turnLeft turnLeft w)",
    "REPEAT R=3 r( move WHILE c( noMarkersPresent c) w( turnLeft w) r)",
    "REPEAT R=19 r( WHILE c( leftIsClear c) w( REPEAT R=7 r( turnLeft turnRight r) w) r)",
    "WHILE c( noMarkersPresent c) w( REPEAT R=5 r( IF c( frontIsClear c) i( move i) r) move w)",
    "putMarker WHILE c( markersPresent c) w( pickMarker putMarker WHILE c( not c( frontIsClear c) "
    "c) w( turnLeft w) move turnLeft turnLeft move turnLeft turnLeft w)",
    "WHILE c( frontIsClear c) w( IF c( markersPresent c) i( move i) w)",
    "turnLeft WHILE c( frontIsClear c) w( WHILE c( frontIsClear c) w( move w) move w)",
    "REPEAT R=11 r( REPEAT R=13 r( REPEAT R=7 r( move move putMarker r) turnLeft r) turnRight r)",
    "WHILE c( noMarkersPresent c) w( REPEAT R=6 r( REPEAT R=18 r( turnLeft move r) r) w)",
    "REPEAT R=5 r( IF c( frontIsClear c) i( move i) REPEAT R=19 r( turnLeft r) r)",
]


def execute_both_ways(
    task: Task,
    several: Sequence[Program],
    batch: WorldBatch,
    max_calls: int = NO_LIMIT,
    max_actions: int = NO_LIMIT,
) -> tuple[Results, Results]:
    """Returns, actions, calls, terminated; with endless loops skipped, and with them run out."""
    codes, limits = compile(several), Limits(max_calls, max_actions)
    return (
        execute_batch(task, codes, batch, limits),
        execute_batch(task, codes, batch, limits, skip_loops=False),
    )


@pytest.mark.parametrize("env_id", TASKS)
def test_skipping_loops_changes_nothing(env_id: str) -> None:
    several = random_programs(800, 1) + SKILLED
    batch = sample_worlds(env_id, 5, 2)
    for limits in ((10_000, NO_LIMIT), (1_237, 611)):
        skipped, run_out = execute_both_ways(task_of(env_id), several, batch, *limits)
        np.testing.assert_allclose(skipped[0], run_out[0], rtol=0, atol=1e-9)
        for one, other in zip(skipped[1:], run_out[1:], strict=True):
            assert np.array_equal(one, other)
        ran_out = (skipped[2] == limits[0]) | (skipped[1] == limits[1])
        assert 0.02 < ran_out.mean() < 0.8  # there are endless loops, and other runs


@pytest.mark.parametrize("env_id", ["Karel-FourCorners-v0", "Karel-TopOff-v0"])
def test_loops_reach_every_limit_as_if_run_out(env_id: str) -> None:
    batch = WorldBatch.from_worlds([ROOM, World(ROOM.cells, 2, 3, 2), World(ROOM.cells, 3, 5, 0)])
    several = [Program.parse(f"DEF run m( {loop} m)") for loop in LOOPS]
    for limit in (*range(30), 500, 501, 502, 503):
        for limits in ((limit, NO_LIMIT), (100_000, limit)):
            skipped, run_out = execute_both_ways(task_of(env_id), several, batch, *limits)
            np.testing.assert_allclose(skipped[0], run_out[0], atol=1e-6)
            for one, other in zip(skipped[1:], run_out[1:], strict=True):
                assert np.array_equal(one, other)


@inner
def paid_by_counter(
    cells: Any, width: int, effect: Any, counters: Any, rng: Any
) -> tuple[float, bool]:
    counters[5] += 1
    return counters[5] % 100 / 7, counters[5] == 4_000


@inner
def paid_by_cell(
    cells: Any, width: int, effect: Any, counters: Any, rng: Any
) -> tuple[float, bool]:
    bits = (cells[width + 1] >> 4) & 7
    cells[width + 1] = (cells[width + 1] & 0x8F) | ((bits + 1) & 7) << 4
    return (1.0 if bits == 7 else 0.0), False


@inner
def paid_by_chance(
    cells: Any, width: int, effect: Any, counters: Any, rng: Any
) -> tuple[float, bool]:
    chance = below(rng, 1_000)
    return float(chance), chance == 0


@pytest.mark.parametrize("reward", [paid_by_counter, paid_by_cell, paid_by_chance])
def test_what_a_task_remembers_is_part_of_the_state(reward: Any) -> None:
    """While the robot goes round, only the task's counters, bits or random stream move on."""
    harvester = task_of("Karel-Harvester-v0")
    task = Task("doc", (5, 7), (3, 3), harvester.generate, harvester.begin, reward)
    several = [Program.parse(f"DEF run m( {loop} m)") for loop in LOOPS]
    batch = WorldBatch.from_worlds([World(ROOM.cells, 2, 3, 1, seed) for seed in range(5)])
    skipped, run_out = execute_both_ways(task, several, batch, 10_000)
    np.testing.assert_allclose(skipped[0], run_out[0], rtol=1e-9)
    for one, other in zip(skipped[1:], run_out[1:], strict=True):
        assert np.array_equal(one, other)
    assert run_out[0].max() > 100


def test_endless_loops_end_at_once() -> None:
    start = time.perf_counter()
    several = [Program.parse(f"DEF run m( {loop} m)") for loop in LOOPS[:2]]
    for limit in (10**15, 10**15 + 1, 10**15 + 2, 10**15 + 3):
        assert (execute(several, [ROOM], "Karel-FourCorners-v0", limit).calls == limit).all()
        result = execute(several, [ROOM], "Karel-FourCorners-v0", None, limit)
        assert (result.actions == limit).all()
    perceiving = Program.parse(f"DEF run m( {LOOPS[6]} m)")
    assert execute([perceiving], [ROOM], "Karel-Maze-v0", 10**15).calls.item() == 10**15
    assert time.perf_counter() - start < 60  # compilation included


def test_loops_end_in_which_the_task_moves_markers() -> None:
    """The robot puts the markers that the tail of the snake takes away, round after round."""
    round_and_round = Program.parse(
        "DEF run m( WHILE c( frontIsClear c) w( move IFELSE c( frontIsClear c) i( putMarker i) "
        "ELSE e( turnRight e) w) m)"
    )
    worlds = sample_worlds("Karel-Snake-v0", 20, 0)
    assert (execute([round_and_round], worlds, "Karel-Snake-v0", 10**15).calls == 10**15).any()


@pytest.mark.parametrize(
    ("innermost", "calls"),
    [("REPEAT R=0 r( move r)", 0), ("IF c( markersPresent c) i( move i)", 10_000)],
)
def test_huge_nests_of_repeats_end_at_once(innermost: str, calls: int) -> None:
    depth = MAX_REPEAT_NESTING - 1
    nest = f"{'REPEAT R=19 r( ' * depth}{innermost}{' r)' * depth}"
    for text in (nest, f"WHILE c( frontIsClear c) w( {nest} turnLeft turnLeft w)"):
        program = Program.parse(f"DEF run m( {text} m)")
        result = execute([program], [World(ROOM.cells, 2, 3, 1)], "Karel-Harvester-v0")
        assert result.calls.item() == (calls if text == nest else 10_000)
