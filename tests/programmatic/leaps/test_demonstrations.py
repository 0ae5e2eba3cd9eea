"""Demonstrations replayed, shown as grids, and compared with what programs do."""

from __future__ import annotations

from functools import cache
from typing import Any

import gymnasium
import numpy as np
import pytest
from numpy.typing import NDArray

from karel_gym import World
from karel_gym.envs.observations import observe
from karel_gym.simulation.episode_arrays import WorldArrays
from programmatic import Program
from programmatic.dsl.sampling import sample_tokens
from programmatic.dsl.tokens import PAD
from programmatic.leaps.data.dataset import ProgramDataset
from programmatic.leaps.data.demonstrations import (
    MATCH_CALLS,
    STOP,
    behaviour_match,
    grids_of,
    replay,
)
from programmatic.leaps.data.generation import generate
from programmatic.leaps.settings import DatasetConfig
from tests.programmatic.leaps.reference_runs import PlainRun, State, grid_of, state_of

WIDTH = 8
HALL = World.from_text("#########\n#>......#\n#########")  # 6 moves to its end
SHOWN = 3  # moves of the demonstration in it
T = 5


@cache
def dataset() -> ProgramDataset:
    return generate(DatasetConfig(programs=40, seed=4))


def flat(data: ProgramDataset) -> tuple[Any, ...]:
    """All demonstrations of a data set, for `replay`."""
    m = data.lengths.size
    parts = data.cells, data.robots, data.actions
    cells, robots, actions = (array.reshape(m, -1) for array in parts)
    return cells, data.width, robots, actions, data.lengths.ravel()


def row_of(tokens: list[int], n: int = 60) -> NDArray[np.int64]:
    return np.array(tokens + [PAD] * (n - len(tokens)))


def row_of_body(body: str) -> NDArray[np.int64]:
    return row_of(list(Program.parse(f"DEF run m( {body} m)").packed))


def test_replay_gives_the_states_that_the_rules_give() -> None:
    starts, _, start_robots, actions, lengths = flat(dataset())
    cells, robots = replay(*flat(dataset()))
    for m, length in enumerate(lengths):
        grid = grid_of(starts[m], WIDTH, start_robots[m])
        for t in range(actions.shape[1] + 1):
            if 0 < t <= length:
                grid.act(actions[m, t - 1])
            shown = grid_of(cells[m, t], WIDTH, robots[m, t])
            assert (state_of(shown), shown.walls) == (state_of(grid), grid.walls)


def test_grids_are_what_an_env_shows() -> None:
    data = dataset().subset(slice(3))
    cells, robots = replay(*flat(data))
    grids = grids_of(cells, WIDTH, robots)
    env: Any = gymnasium.make("Karel-Seeder-v0", obs="grid").unwrapped
    for m in range(len(cells)):
        grid = cells[m, 0].reshape(-1, WIDTH)
        row, col = divmod(int(robots[m, 0, 0]), WIDTH)
        observation, _ = env.reset(options={"world": World(grid, row, col, int(robots[m, 0, 1]))})
        assert np.array_equal(grids[m, 0], observation)
        for t in range(data.lengths.ravel()[m]):
            observation, _, terminated, *_ = env.step(int(flat(data)[3][m, t]))
            assert np.array_equal(grids[m, t + 1], observation)
            if terminated:
                break


def test_grids_keep_the_leading_axes() -> None:
    data = dataset().subset(slice(4))
    grids = grids_of(data.cells, WIDTH, data.robots)
    assert grids.shape == (4, 10, 16, 8, 8)
    each = observe("grid", WorldArrays(data.cells[2], WIDTH, data.robots[2], None, None))
    assert np.array_equal(grids[2], each)


def match_in_hall(rows: NDArray[np.int64], n_actions: int = SHOWN) -> NDArray[np.float64]:
    """How programs match the demonstration of some moves along the hall: (P,)."""
    p = len(rows)
    cells = np.repeat(HALL.cells.reshape(1, 1, -1), p, axis=0)
    robots = np.tile([[[9 + 1, 1]]], (p, 1, 1))
    actions = np.full((p, 1, T), STOP)
    actions[:, :, :n_actions] = 0
    return behaviour_match(rows, cells, 9, robots, actions, np.full((p, 1), n_actions))[:, 0]


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("move move move", 1.0),
        ("REPEAT R=3 r( move r)", 1.0),
        ("IF c( markersPresent c) i( turnLeft i) REPEAT R=3 r( move r)", 1.0),
        ("move", 2 / 4),  # ends early
        ("IF c( markersPresent c) i( move i)", 1 / 4),
        ("turnLeft", 1 / 4),
        ("turnLeft move move", 1 / 4),
        ("move turnLeft turnRight move move", 2 / 6),  # the same end is not enough
        ("move move pickMarker move", 3 / 5),  # nor is an action without effect
        ("move move move turnLeft", 4 / 5),  # goes on
        ("REPEAT R=19 r( move r)", 4 / (1 + T + 1)),
        ("WHILE c( noMarkersPresent c) w( move w)", 4 / (1 + T + 1)),  # for ever
        ("WHILE c( noMarkersPresent c) w( turnLeft w)", 1 / (1 + T + 1)),
        (
            "move move move WHILE c( noMarkersPresent c) w( IF c( markersPresent c) i( move i) w)",
            4 / (1 + T + 1),  # perceives for ever
        ),
        (
            "move move move REPEAT R=19 r( REPEAT R=19 r( REPEAT R=19 r( IF c( markersPresent c) "
            "i( move i) r) r) r)",
            4 / (1 + T + 1),  # 6,859 calls
        ),
    ],
)
def test_the_match_of_a_run(body: str, expected: float) -> None:
    rows = row_of_body(body)[None]
    assert match_in_hall(rows)[0] == pytest.approx(expected)


def test_an_empty_demonstration_is_matched_by_a_program_that_does_nothing() -> None:
    idle, busy = "IF c( markersPresent c) i( move i)", "move"
    rows = np.stack([row_of_body(body) for body in (idle, busy)])
    assert match_in_hall(rows, 0).tolist() == [1.0, 0.5]


@pytest.mark.parametrize(
    "tokens",
    [[], [0], [0, 1, 2, 3], [0, 1, 2, 4], [4, 4, 4], [0, 1, 2, 4, 3, 4], [0, 1, 2, 51, 3]],
)
def test_what_is_no_program_matches_nothing(tokens: list[int]) -> None:
    right = row_of_body("move move move")
    rows = np.stack([right, row_of(tokens), right])
    assert match_in_hall(rows).tolist() == [1, 0, 1]


def plain_match(program: Program, start: Any, demonstration: list[State], t: int) -> float:
    """The definition, word by word."""
    run = PlainRun(grid_of(*start), t + 1, MATCH_CALLS).of(program)
    n, m = len(demonstration) - 1, len(run.actions) if run.halted else t + 1
    k = 0
    for shown, state in zip(demonstration, run.states, strict=False):
        if shown != state:
            break
        k += 1
    return k / (1 + max(n, m))


def test_random_programs_match_as_the_definition_says() -> None:
    data = dataset()
    n, d, t = data.actions.shape
    cells, robots = (array.reshape(n, d, t + 1, -1) for array in replay(*flat(data)))
    several = sample_tokens(n, seed=9)
    several[:10] = data.tokens[:10]
    matches = behaviour_match(several, data.cells, WIDTH, data.robots, data.actions, data.lengths)
    assert (matches[:10] == 1).all()
    assert (matches[10:] < 1).any()
    for i in range(n):
        program = Program.from_tokens(several[i].tolist())
        for k in range(d):
            states = [
                state_of(grid_of(cells[i, k, s], WIDTH, robots[i, k, s]))
                for s in range(data.lengths[i, k] + 1)
            ]
            start = data.cells[i, k], WIDTH, data.robots[i, k]
            assert matches[i, k] == pytest.approx(plain_match(program, start, states, t))


@pytest.mark.parametrize(
    ("name", "change", "message"),
    [
        ("cells", lambda x: x[:, :-1], "must have the shape"),
        ("robots", lambda x: x[:-1], "must have the shape"),
        ("lengths", lambda x: x + 20, r"lengths must be in 0 to 19"),
        ("actions", lambda x: x + 3, r"actions of a demonstration must be in 0 to 4"),
        ("robots", lambda x: x * np.array([0, 1]), "inside the border"),
        ("robots", lambda x: x + np.array([0, 4]), "inside the border"),
        ("cells", lambda x: x & 0x0F, "border of every world must be wall"),
    ],
)
def test_what_is_no_demonstration_is_refused(name: str, change: Any, message: str) -> None:
    cells, width, robots, actions, lengths = flat(dataset())
    arrays = {"cells": cells, "robots": robots, "actions": actions, "lengths": lengths}
    arrays[name] = change(arrays[name].astype(np.int64))
    with pytest.raises(ValueError, match=message):
        replay(arrays["cells"], width, arrays["robots"], arrays["actions"], arrays["lengths"])
