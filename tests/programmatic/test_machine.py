from __future__ import annotations

import time
from collections.abc import Sequence
from functools import cache
from typing import Any

import gymnasium
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from karel_gym import World, WorldBatch, sample_worlds
from karel_gym.registration import TASKS, task_of
from karel_gym.rng import GAMMA, MULTIPLIER_1, MULTIPLIER_2
from programmatic import Program, execute, trace
from programmatic.dsl import ACTIONS, MAX_REPEAT_NESTING, PERCEPTS
from programmatic.machine.bytecode import compile
from programmatic.machine.interpreter import execute_all
from tests.reference import Cell, run
from tests.strategies import programs, worlds

NO_LIMIT = 2**62
# Tasks whose rules mean something in any world that has a marker.
IN_ANY_WORLD = (
    *("Karel-Maze-v0", "Karel-Maze-v1", "Karel-StairClimber-v0", "Karel-StairClimber-v1"),
    *("Karel-FourCorners-v0", "Karel-TopOff-v0", "Karel-Harvester-v0", "Karel-Harvester-v1"),
    *("Karel-OneStroke-v0", "Karel-PathFollow-v0"),
)
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


class Food:
    """Where food reappears: SplitMix64 in plain Python, from the random state of the world."""

    def __init__(self, world: World) -> None:
        self.state = world.random_state

    def __call__(self, free: list[Cell]) -> Cell:
        self.state = (self.state + int(GAMMA)) % 2**64
        bits = self.state
        for shift, factor in ((30, MULTIPLIER_1), (27, MULTIPLIER_2)):
            bits = (bits ^ bits >> shift) * int(factor) % 2**64
        bits ^= bits >> 31
        return free[(bits >> 32) * len(free) >> 32]


def moved(world: World, rng: np.random.Generator) -> World:
    """The same world with the robot on any cell without wall and markers."""
    row, col = rng.choice(np.argwhere(world.cells == 0))
    return World(world.cells, row, col, rng.integers(4), world.random_state)


def starts(env_id: str, seed: int, n: int) -> list[World]:
    """Start worlds of a task in two sizes, and the same with the robot elsewhere."""
    rng = np.random.default_rng(seed)
    task = task_of(env_id)
    height, width = task.min_shape
    sizes: list[Any] = [(None, None), (height, width + (0 if task.fixed_shape else 1))]
    own = [world for size in sizes for world in sample_worlds(env_id, n, seed, *size)]
    return own + [moved(world, rng) for world in own if (world.cells == 0).any()]


def assert_agrees_with_reference(
    env_id: str, pairs: Sequence[Program], starts: list[World], **limits: Any
) -> None:
    result = execute(pairs, starts, env_id, **limits)
    for i, program in enumerate(pairs):
        for j, world in enumerate(starts):
            expected = run(program, world.to_json(), env_id, food=Food(world), **limits)
            got = (result.actions[i, j], result.calls[i, j], result.terminated[i, j])
            assert got == (expected.actions, expected.calls, expected.terminated)
            assert result.returns[i, j] == pytest.approx(expected.total, abs=1e-9)
            final = result.final_world(i, j).to_json()
            final.pop("random_state", None)
            assert final == expected.final


# 18 tasks * 24 examples * 4 programs * 12 worlds are 20,736 pairs.
@pytest.mark.parametrize("env_id", TASKS)
@settings(max_examples=24)
@given(
    several=st.lists(programs(), min_size=4, max_size=4),
    world=worlds(min_side=5).filter(lambda world: world.markers.any()),
    seed=st.integers(0, 1000),
    max_calls=st.sampled_from((0, 1, 2, 3, 7, 20, 60, 60, 120)),
    max_actions=st.none() | st.integers(0, 60),
)
def test_the_machine_agrees_with_the_reference(
    env_id: str,
    several: list[Program],
    world: World,
    seed: int,
    max_calls: int,
    max_actions: int | None,
) -> None:
    own = starts(env_id, seed, 3)
    if env_id in IN_ANY_WORLD:
        own.append(world)
    assert_agrees_with_reference(
        env_id, several, own, max_calls=max_calls, max_actions=max_actions
    )


@pytest.mark.parametrize("env_id", TASKS)
def test_skilled_programs_agree_with_the_reference(env_id: str) -> None:
    own = [world for world in starts(env_id, 5, 3) if world.shape == task_of(env_id).shape]
    assert_agrees_with_reference(env_id, SKILLED, own, max_calls=1_500)
    assert execute(SKILLED, sample_worlds(env_id, 50, 1), env_id).returns.max() > 0.1


@pytest.mark.parametrize("env_id", TASKS)
def test_long_programs_agree_with_the_reference(env_id: str) -> None:
    several = random_programs(30, 9)
    assert_agrees_with_reference(env_id, several, starts(env_id, 9, 2), max_calls=250)


def test_food_reappears_where_the_worlds_stream_says() -> None:
    world = sample_worlds("Karel-Snake-v0", 1, 3)[0]
    result = execute([SKILLED[7]], [world], "Karel-Snake-v0")
    assert result.returns.item() == pytest.approx(1)
    there = run(SKILLED[7], world.to_json(), "Karel-Snake-v0", food=Food(world))
    elsewhere = run(SKILLED[7], world.to_json(), "Karel-Snake-v0")
    assert result.actions.item() == there.actions != elsewhere.actions


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


def execute_both_ways(
    env_id: str,
    several: Sequence[Program],
    batch: WorldBatch,
    max_calls: int = NO_LIMIT,
    max_actions: int = NO_LIMIT,
) -> tuple[list[Any], list[Any]]:
    """Returns, actions, calls, terminated; with endless loops skipped, and with them run out."""
    rows, cols, headings = batch.robots.T.astype(np.int64)
    both = []
    for skip_loops in (True, False):
        shape = len(several), len(batch)
        results = [np.empty(shape, kind) for kind in (np.float64, np.int64, np.int64, np.bool_)]
        execute_all.of(task_of(env_id))(
            compile(several),
            batch.cells.reshape(len(batch), -1),
            batch.shape[1],
            np.stack([rows * batch.shape[1] + cols, headings], axis=1),
            batch.random_states[:, None].copy(),
            max_calls,
            max_actions,
            skip_loops,
            8,
            *results,
        )
        both.append(results)
    return both[0], both[1]


@pytest.mark.parametrize("env_id", TASKS)
def test_skipping_loops_changes_nothing(env_id: str) -> None:
    several = random_programs(800, 1) + SKILLED
    batch = sample_worlds(env_id, 5, 2)
    for limits in ((10_000, NO_LIMIT), (1_237, 611)):
        skipped, run_out = execute_both_ways(env_id, several, batch, *limits)
        np.testing.assert_allclose(skipped[0], run_out[0], atol=1e-6)
        for one, other in zip(skipped[1:], run_out[1:], strict=True):
            assert np.array_equal(one, other)
        ran_out = (skipped[2] == limits[0]) | (skipped[1] == limits[1])
        assert 0.02 < ran_out.mean() < 0.8  # there are endless loops, and other runs


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
]
ROOM = World.from_text("#######\n#.....#\n#.....#\n#>....#\n#######")


@pytest.mark.parametrize("env_id", ["Karel-FourCorners-v0", "Karel-TopOff-v0"])
def test_loops_reach_every_limit_as_if_run_out(env_id: str) -> None:
    batch = WorldBatch.from_worlds([ROOM, World(ROOM.cells, 2, 3, 2), World(ROOM.cells, 3, 5, 0)])
    several = [Program.parse(f"DEF run m( {loop} m)") for loop in LOOPS]
    for limit in (*range(60), 500, 501, 502, 503):
        for limits in ((limit, NO_LIMIT), (100_000, limit)):
            skipped, run_out = execute_both_ways(env_id, several, batch, *limits)
            np.testing.assert_allclose(skipped[0], run_out[0], atol=1e-6)
            for one, other in zip(skipped[1:], run_out[1:], strict=True):
                assert np.array_equal(one, other)


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


@pytest.mark.parametrize("limit", [0, 1, 2, 5, 99, 10_000])
def test_limits_are_met_exactly(limit: int) -> None:
    spin = Program.parse(f"DEF run m( WHILE c( frontIsClear c) w( {'turnLeft ' * 4} w) m)")
    by_calls = execute([spin], [ROOM], "Karel-Maze-v0", max_calls=limit)
    assert by_calls.calls.item() == limit
    assert by_calls.actions.item() == limit - -(-limit // 5)
    by_actions = execute([spin], [ROOM], "Karel-Maze-v0", max_calls=None, max_actions=limit)
    assert by_actions.actions.item() == limit
    assert by_actions.calls.item() == limit + -(-limit // 4)


@pytest.mark.parametrize("env_id", TASKS)
def test_results_do_not_depend_on_the_batch(env_id: str) -> None:
    several, batch = random_programs(40, 3), sample_worlds(env_id, 20, 4)
    together = execute(several, batch, env_id)
    backwards = execute(several[::-1], list(batch)[::-1], env_id)
    again = execute(several, batch, env_id)
    alone = [execute([several[i]], [batch[j]], env_id) for i, j in ((0, 0), (7, 19), (39, 2))]
    for name in ("returns", "actions", "calls", "terminated"):
        values = getattr(together, name)
        assert values.shape == (40, 20)
        assert np.array_equal(values, getattr(again, name))
        assert np.array_equal(values[::-1, ::-1], getattr(backwards, name))
        assert [getattr(one, name).item() for one in alone] == [
            values[0, 0],
            values[7, 19],
            values[39, 2],
        ]


def test_worlds_may_have_different_sizes() -> None:
    env_id, several = "Karel-Maze-v0", random_programs(30, 5)
    sizes = [(8, 8), (12, 9), (8, 8), (20, 20)]
    mixed = [sample_worlds(env_id, 9, seed, *size)[seed] for seed, size in enumerate(sizes * 2)]
    together = execute(several, mixed, env_id)
    for j, world in enumerate(mixed):
        alone = execute(several, [world], env_id)
        for name in ("returns", "actions", "calls", "terminated"):
            assert np.array_equal(getattr(together, name)[:, [j]], getattr(alone, name))
        assert together.final_world(3, j) == alone.final_world(3, 0)
        assert together.final_world(3, j).shape == world.shape


def test_start_worlds_are_not_changed() -> None:
    batch = sample_worlds("Karel-Harvester-v0", 3)
    before = [str(world) for world in batch]
    result = execute(SKILLED, batch, "Karel-Harvester-v0")
    assert result.final_world(4, 0) != batch[0]
    assert [str(world) for world in batch] == before


@pytest.mark.parametrize("env_id", TASKS)
def test_traces_are_the_steps_of_an_env(env_id: str) -> None:
    world = starts(env_id, 6, 1)[0]
    several = [*random_programs(25, 7), *SKILLED]
    result = execute(several, [world], env_id, max_calls=150)
    env: Any = gymnasium.make(env_id, obs="percepts", max_steps=1000).unwrapped
    for i, program in enumerate(several):
        env.reset(options={"world": world})
        steps = trace(program, world, env_id, max_calls=150)
        assert len(steps) == result.actions[i, 0]
        for step in steps:
            _, reward, terminated, *_ = env.step(step.action)
            assert step.reward == reward
            assert step.world == env.world
            (token,) = program.tokens[slice(*step.span)]
            assert token == Program.parse(f"DEF run m( {ACTIONS[step.action]} m)").tokens[3]
        if steps:
            assert terminated == result.terminated[i, 0]
            assert sum(step.reward for step in steps) == pytest.approx(result.returns[i, 0])
            assert steps[-1].world == result.final_world(i, 0)


@pytest.mark.parametrize(
    ("body", "positions"),
    [
        ("move turnLeft turnLeft", [3, 4, 5]),
        ("REPEAT R=2 r( turnLeft move r) move", [6, 7, 6, 7, 9]),
        ("IFELSE c( frontIsClear c) i( move i) ELSE e( turnLeft e) turnRight", [8, 14]),
        ("IFELSE c( markersPresent c) i( move i) ELSE e( turnLeft e) turnRight", [12, 14]),
        ("WHILE c( not c( rightIsClear c) c) w( turnLeft turnLeft w) turnLeft", [11, 12, 14]),
        ("REPEAT R=2 r( REPEAT R=2 r( turnLeft r) move r)", [9, 9, 11, 9, 9, 11]),
    ],
)
def test_a_trace_points_at_the_tokens_that_act(body: str, positions: list[int]) -> None:
    program = Program.parse(f"DEF run m( {body} m)")
    steps = trace(program, ROOM, "Karel-Harvester-v0", max_actions=10)
    assert [step.span for step in steps] == [(at, at + 1) for at in positions]


def test_a_trace_stops_at_the_limits() -> None:
    spin = Program.parse(f"DEF run m( {LOOPS[0]} m)")
    assert len(trace(spin, ROOM, "Karel-Maze-v0", max_actions=7)) == 7
    assert len(trace(spin, ROOM, "Karel-Maze-v0", max_calls=7)) == 4
    assert len(trace(spin, ROOM, "Karel-Maze-v0", max_calls=None, max_actions=5)) == 5
    assert trace(spin, ROOM, "Karel-Maze-v0", max_calls=0) == []
    with pytest.raises(ValueError, match="a trace needs a limit"):
        trace(spin, ROOM, "Karel-Maze-v0", max_calls=None)


def test_bad_arguments_are_refused() -> None:
    program: Any = Program.parse("DEF run m( move m)")
    for arguments, error, message in (
        (([], [ROOM], "Karel-Maze-v0"), ValueError, "0 programs in 1 worlds"),
        (([program], [], "Karel-Maze-v0"), ValueError, "1 programs in 0 worlds"),
        (([program], [ROOM], "Karel-Labyrinth-v0"), ValueError, "known are .*Karel-Maze-v0"),
        (([program], [ROOM], "CartPole-v1"), ValueError, "no Karel task"),
        (([program], [ROOM], "Karel-Maze-v0", -1), ValueError, "max_calls must be at least 0"),
        (([program], [ROOM], "Karel-Maze-v0", 9, -1), ValueError, "max_actions must be at"),
        (([program, "move"], [ROOM], "Karel-Maze-v0"), TypeError, r"programs\[1\].*Program.*str"),
        (([program], [ROOM, ROOM.to_json()], "Karel-Maze-v0"), TypeError, r"worlds\[1\].*dict"),
    ):
        with pytest.raises(error, match=message):
            execute(*arguments)
    with pytest.raises(TypeError, match="Program"):
        trace("DEF run m( move m)", ROOM, "Karel-Maze-v0")  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="World"):
        trace(program, ROOM.to_json(), "Karel-Maze-v0")  # type: ignore[arg-type]
    result = execute([program], [ROOM], "Karel-Maze-v0")
    with pytest.raises(IndexError):
        result.final_world(1, 0)
    with pytest.raises(IndexError):
        result.final_world(0, 1)
