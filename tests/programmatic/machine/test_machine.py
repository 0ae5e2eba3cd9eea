from __future__ import annotations

import pickle
import subprocess
import sys
from collections.abc import Sequence
from typing import Any

import gymnasium
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from karel_gym import World, sample_worlds
from karel_gym.registration import TASKS, task_of
from karel_gym.simulation.rng import GAMMA, MULTIPLIER_1, MULTIPLIER_2
from programmatic import Program, execute, trace
from programmatic.references import reference_program
from tests.programmatic.sample_programs import ROOM, SKILLED, random_programs
from tests.reference import Cell, run
from tests.sizes import larger
from tests.strategies import programs, worlds

# Tasks whose rules mean something in any world that has a marker.
IN_ANY_WORLD = (
    *("Karel-Maze-v0", "Karel-Maze-v1", "Karel-StairClimber-v0", "Karel-StairClimber-v1"),
    *("Karel-FourCorners-v0", "Karel-TopOff-v0", "Karel-Harvester-v0", "Karel-Harvester-v1"),
    *("Karel-OneStroke-v0", "Karel-PathFollow-v0"),
)


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
    sizes: list[Any] = [(None, None), larger(task, 0, 1)]
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


# 23 tasks * 24 examples * 4 programs * 12 worlds are 26,496 pairs.
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
    assert_agrees_with_reference(env_id, several, own, max_calls=max_calls, max_actions=max_actions)


@pytest.mark.parametrize("env_id", TASKS)
def test_skilled_programs_agree_with_the_reference(env_id: str) -> None:
    own = [world for world in starts(env_id, 5, 3) if world.shape == task_of(env_id).shape]
    several = [*SKILLED, reference_program(env_id)]
    assert_agrees_with_reference(env_id, several, own, max_calls=1_500)
    assert execute(several, sample_worlds(env_id, 50, 1), env_id).returns.max() > 0.1


@pytest.mark.parametrize("env_id", TASKS)
def test_long_programs_agree_with_the_reference(env_id: str) -> None:
    several = random_programs(30, 9)
    assert_agrees_with_reference(env_id, several, starts(env_id, 9, 2), max_calls=250)


@pytest.mark.parametrize("max_markers", [1, 3])
@pytest.mark.parametrize("env_id", ["Karel-Snake-v0", "Karel-FourCorners-v1", "Karel-TopOff-v0"])
def test_cells_are_full_when_they_are_said_to_be(env_id: str, max_markers: int) -> None:
    putting = [f"REPEAT R={n} r( putMarker r) move pickMarker putMarker" for n in (2, 4, 12)]
    several = [Program.parse(f"DEF run m( {text} {text} m)") for text in putting]
    assert_agrees_with_reference(
        env_id,
        several + random_programs(20, 4),
        starts(env_id, 2, 2),
        max_calls=200,
        max_markers=max_markers,
    )
    task = task_of(env_id).with_max_markers(max_markers)
    assert pickle.loads(pickle.dumps(task)) is task


def test_food_reappears_where_the_worlds_stream_says() -> None:
    world = sample_worlds("Karel-Snake-v0", 1, 3)[0]
    result = execute([SKILLED[7]], [world], "Karel-Snake-v0")
    assert result.returns.item() == pytest.approx(1)
    there = run(SKILLED[7], world.to_json(), "Karel-Snake-v0", food=Food(world))
    elsewhere = run(SKILLED[7], world.to_json(), "Karel-Snake-v0")
    assert result.actions.item() == there.actions != elsewhere.actions


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


def test_one_program_and_one_world_are_taken_as_they_are() -> None:
    batch = sample_worlds("Karel-Harvester-v0", 3)
    several, one = execute(SKILLED[:2], batch, "Karel-Harvester-v0"), SKILLED[1]
    result = execute(one, batch, "Karel-Harvester-v0")
    assert result.returns.tolist() == several.returns[1:].tolist()
    single = execute(one, batch[2], "Karel-Harvester-v0")
    assert single.actions.tolist() == [[several.actions[1, 2]]]
    assert single.final_world(0, 0) == several.final_world(1, 2)


def test_bad_arguments_are_refused() -> None:
    program: Any = Program.parse("DEF run m( move m)")
    for arguments, error, message in (
        (([], [ROOM], "Karel-Maze-v0"), ValueError, "0 programs in 1 worlds"),
        (([program], [], "Karel-Maze-v0"), ValueError, "1 programs in 0 worlds"),
        (([program], [ROOM], "Karel-Mze-v0"), ValueError, "did you mean Karel-Maze-v0 or"),
        (([program], [ROOM], gymnasium.make("Karel-Maze-v0")), TypeError, "id is a str.*whose id"),
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


def test_torch_keeps_its_number_of_threads() -> None:
    code = (
        "import torch; from karel_gym import sample_worlds; from programmatic import execute; "
        "from programmatic.dsl.sampling import sample_programs; torch.set_num_threads(1); "
        "torch.ones(500, 500) @ torch.ones(500, 500); "
        "execute(sample_programs(200), sample_worlds('Karel-Maze-v0', 2), 'Karel-Maze-v0'); "
        "print(torch.get_num_threads())"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "1"
