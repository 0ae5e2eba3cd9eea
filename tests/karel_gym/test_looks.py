"""Pictures show what the cells of a task mean."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from itertools import combinations
from typing import Any

import gymnasium
import numpy as np
import pytest

import karel_gym
from karel_gym.envs.karel import KarelEnv
from karel_gym.registration import TASKS, task_of
from karel_gym.rendering.layout import Layout
from karel_gym.rendering.renderer import Image, Renderer
from karel_gym.robot import MOVE, PICK_MARKER, PUT_MARKER, TURN_LEFT, TURN_RIGHT
from karel_gym.tasks.looks import Look
from karel_gym.world import World
from programmatic.machine import trace
from programmatic.references import reference_program

pygame = pytest.importorskip("pygame")

PLAIN = ("-CleanHouse-", "-Harvester-", "-Seeder-")


def env_in(env_id: str, text: str, actions: Iterable[int] = ()) -> Any:
    """An env in the world of a map, after some actions."""
    world = World.from_text(text)
    height, width = world.shape
    env: Any = gymnasium.make(env_id, render_mode="rgb_array", height=height, width=width)
    env.reset(seed=0, options={"world": world})
    for action in actions:
        env.step(action)
    return env.unwrapped


def cell_of(image: Image, shape: tuple[int, int], row: int, col: int) -> Image:
    layout = Layout(shape, with_panel=False)
    (left, top), side = layout.world, layout.cell
    return image[top + row * side : top + (row + 1) * side, left + col * side :][:, :side]


@pytest.mark.parametrize("env_id", TASKS)
def test_changed_cells_are_drawn_like_all_others(env_id: str) -> None:
    env: Any = gymnasium.make(env_id, render_mode="rgb_array").unwrapped
    world = karel_gym.sample_worlds(env_id, 1, 4)[0]
    env.reset(seed=0, options={"world": world})
    has_looks = not any(name in env_id for name in PLAIN)
    assert (env.looks is not None) == has_looks
    steps = trace(reference_program(env_id), world, env_id, max_actions=40)
    for number, step in enumerate(steps):
        image = env.render()[60:]
        if number % 8 == 0:
            assert (image == Renderer(env.shape).draw(env.world, None, env.looks)[60:]).all()
            means_more = has_looks and (env.looks != Look.NOTHING).any()
            plain = Renderer(env.shape).draw(env.world)[60:]
            assert (image != plain).any() == means_more
        env.step(step.action)


CORNERS = "#######\n#.....#\n#.....#\n#>....#\n#######"
DOOR = "########\n#...#..#\n#>1.#..#\n#...#..#\n#...#.1#\n########"
ROOMS = "########\n#>1.#..#\n#...#.1#\n#...#..#\n########\n#1..#..#\n#...#1.#\n########"
SNAKE = "########\n#......#\n#.>.1..#\n#....1.#\n#......#\n#......#\n#......#\n########"


@pytest.mark.parametrize(
    ("env_id", "text", "actions", "expected"),
    [
        (
            "Karel-FourCorners-v0",
            CORNERS,
            [PUT_MARKER, MOVE, PUT_MARKER],
            {(3, 1): Look.DONE, (3, 2): Look.WRONG, (1, 1): Look.TARGET, (2, 2): Look.NOTHING},
        ),
        ("Karel-FourCorners-v0", CORNERS, [PUT_MARKER] * 2, {(3, 1): Look.WRONG}),
        (
            "Karel-TopOff-v1",
            "#######\n#.....#\n#.....#\n#>1.1.#\n#######",
            [MOVE, PUT_MARKER, MOVE],
            {(3, 2): Look.DONE, (3, 3): Look.NOTHING, (3, 4): Look.TARGET},
        ),
        (
            "Karel-WallAvoider-v0",
            "######\n#....#\n#.>..#\n#....#\n#....#\n######",
            [PUT_MARKER],
            {(2, 2): Look.DONE, (3, 3): Look.TARGET, (1, 1): Look.NOTHING},
        ),
        ("Karel-DoorKey-v0", DOOR, [], {(2, 4): Look.CLOSED_DOOR, (2, 2): Look.KEY}),
        (
            "Karel-DoorKey-v0",
            DOOR,
            [MOVE, PICK_MARKER],
            {(2, 4): Look.OPEN_DOOR, (2, 2): Look.NOTHING, (4, 6): Look.GOAL},
        ),
        ("Karel-Snake-v0", SNAKE, [], {(2, 2): Look.HEAD, (3, 5): Look.FOOD, (2, 4): Look.NOTHING}),
        (
            "Karel-Snake-v0",
            SNAKE,
            [MOVE, TURN_RIGHT, MOVE],
            {(3, 3): Look.HEAD, (2, 3): Look.BODY_SOUTH, (2, 2): Look.NOTHING},
        ),
        (
            "Karel-OneStroke-v0",
            CORNERS,
            [MOVE, TURN_LEFT, MOVE],
            {(3, 1): Look.TRAIL_EAST, (3, 2): Look.TRAIL_NORTH, (2, 2): Look.NOTHING},
        ),
        (
            "Karel-PathFollow-v0",
            "######\n#...1#\n#...1#\n#.111#\n#^1..#\n######",
            [],
            {(4, 1): Look.PATH, (4, 4): Look.PATH, (1, 1): Look.NOTHING, (5, 2): Look.NOTHING},
        ),
        (
            "Karel-StairClimber-v0",
            "######\n#...1#\n#..>##\n#..###\n#.####\n######",
            [],
            {(1, 4): Look.GOAL, (2, 3): Look.PATH, (1, 1): Look.NOTHING},
        ),
        ("Karel-InfDoorKey-v0", ROOMS, [], {(2, 4): Look.CLOSED_DOOR, (1, 2): Look.KEY}),
        (
            "Karel-InfDoorKey-v0",
            ROOMS,
            [MOVE, PICK_MARKER],
            {(2, 4): Look.OPEN_DOOR, (4, 6): Look.CLOSED_DOOR, (2, 6): Look.GOAL},
        ),
        ("Karel-Farmer-v0", CORNERS, [], {(1, 1): Look.TARGET}),
        (
            "Karel-UpNDown-v0",
            "######\n#...1#\n#...##\n#>.###\n#.##.#\n######",
            [],
            {(1, 4): Look.GOAL, (2, 3): Look.PATH, (1, 1): Look.NOTHING, (2, 4): Look.NOTHING},
        ),
        (
            "Karel-InfHarvester-v0",
            CORNERS,
            [PUT_MARKER, MOVE],
            {(3, 1): Look.WRONG, (3, 2): Look.NOTHING},
        ),
        ("Karel-Maze-v0", CORNERS.replace(".", "1", 1), [MOVE], {(1, 1): Look.GOAL}),
        ("Karel-Maze-v0", CORNERS, [MOVE], {(-1, -1): Look.NOTHING}),
    ],
)
def test_cells_look_like_what_they_mean(
    env_id: str, text: str, actions: list[int], expected: dict[tuple[int, int], Look]
) -> None:
    looks = env_in(env_id, text, actions).looks
    assert {cell: Look(looks[cell]) for cell in expected} == expected


@pytest.mark.parametrize("side", [80, 40, 24, 12, 8, 4])
def test_every_look_is_told_from_the_others(side: int) -> None:
    """In cells of 8 pixels and more also in grey; in small ones only by the kind of look."""
    from karel_gym.rendering.sprites import Sprites, tile_codes

    world, tiles = World.from_text("#####\n#...#\n#...#\n#>..#\n#####"), {}
    for look in set(Look) - {Look.HEAD}:  # the robot shows a head
        looks = np.zeros(world.shape, np.uint8)
        looks[2, 2] = look
        tile = Sprites(side).tile(int(tile_codes(world, looks)[2, 2]))
        tiles[look] = pygame.surfarray.array3d(tile).astype(int)
    for look, other in combinations(sorted(tiles), 2):
        if side >= 12 or look < Look.BODY_NORTH or look >> 2 != other >> 2:
            difference = tiles[look] - tiles[other]
            shown = difference if side < 8 else difference.mean(axis=2)
            assert np.abs(shown).max() > 8, (look, other)


def test_a_door_opens_for_the_eye() -> None:
    env = env_in("Karel-DoorKey-v0", DOOR)
    closed = cell_of(env.render(), env.shape, 2, 4).copy()
    for action in (MOVE, PICK_MARKER):
        env.step(action)
    opened = cell_of(env.render(), env.shape, 2, 4)
    assert opened.mean() > closed.mean() + 60
    wall = cell_of(env.render(), env.shape, 4, 4)
    assert (closed != wall).any()


def test_a_body_is_one_tube_and_food_is_not_part_of_it() -> None:
    env = env_in("Karel-Snake-v0", SNAKE, [MOVE, MOVE, MOVE, TURN_RIGHT, MOVE])
    image, side = env.render(), Layout(env.shape, with_panel=False).cell
    body = cell_of(image, env.shape, 2, 5)
    middle = slice(side // 2 - 2, side // 2 + 2)
    green = body[side - 1, middle]  # where it goes on, to the head in the south
    assert (green[:, 1] > green[:, 0] + 50).all()
    assert (body[middle, -1] > 200).all()  # no body to the east
    food = next(map(tuple, np.argwhere(env.looks == Look.FOOD)))
    assert (cell_of(image, env.shape, *food).reshape(-1, 3).max(0)[0]) > 190


def test_markers_on_what_replaces_them_are_counted() -> None:
    once = env_in("Karel-Snake-v0", SNAKE, [PUT_MARKER, MOVE])
    twice = env_in("Karel-Snake-v0", SNAKE, [MOVE])
    cells = [cell_of(env.render(), env.shape, 2, 2) for env in (once, twice)]
    assert (cells[0] != cells[1]).any()


def test_trails_differ_from_walls() -> None:
    env = env_in("Karel-OneStroke-v0", CORNERS, [MOVE])
    image = env.render()
    trail, wall = (cell_of(image, env.shape, *cell) for cell in ((3, 1), (4, 1)))
    assert env.world.walls[3, 1]
    assert trail.mean() > wall.mean() + 30
    assert (image[60:] != Renderer(env.shape).draw(env.world)[60:]).any()


@pytest.mark.parametrize("env_id", ["Karel-DoorKey-v0", "Karel-Snake-v0"])
def test_vector_envs_draw_what_single_envs_draw(env_id: str) -> None:
    envs: Any = gymnasium.make_vec(env_id, num_envs=2, render_mode="rgb_array").unwrapped
    single: Any = gymnasium.make(env_id, render_mode="rgb_array").unwrapped
    envs.reset(seed=3)
    single.reset(seed=3)
    for _ in range(3):
        envs.step(np.zeros(2, int))
        single.step(0)
    assert (envs.render()[0][60:] == single.render()[60:]).all()


def test_a_task_of_your_own_chooses_its_looks() -> None:
    def looks(cells: Any, position: int, counters: Any) -> Any:
        cells[:] = 0  # a copy: the episode goes on unharmed
        counters[:] = 9
        chosen = np.full(cells.shape, Look.NOTHING)
        chosen.flat[position] = Look.HEAD
        chosen[1, 1] = Look.GOAL
        return chosen

    task = replace(task_of("Karel-Harvester-v0"), looks=looks)
    env, usual = (KarelEnv(t, render_mode="rgb_array") for t in (task, replace(task, looks=None)))
    for each in (env, usual):
        each.reset(seed=0)
    assert env.looks is not None
    assert (env.render() != usual.render()).any()
    assert env.world == usual.world
    assert env.step(PICK_MARKER)[1] == usual.step(PICK_MARKER)[1] > 0


@pytest.mark.parametrize(
    ("looks", "message"),
    [
        (lambda cells, position, counters: np.zeros(3, int), r"\(8, 8\), a look per cell"),
        (lambda cells, position, counters: np.full(cells.shape, 77), "77 is not a valid Look"),
    ],
)
def test_wrong_looks_are_refused(looks: Any, message: str) -> None:
    task = replace(task_of("Karel-Harvester-v0"), looks=looks)
    env = KarelEnv(task, render_mode="rgb_array")
    env.reset(seed=0)
    with pytest.raises(ValueError, match=message):
        env.render()


def test_looks_of_another_size_are_refused() -> None:
    world = World.from_text(CORNERS)
    with pytest.raises(ValueError, match=r"looks must be of shape \(5, 7\), got \(2, 2\)"):
        Renderer(world.shape).draw(world, None, np.zeros((2, 2), np.uint8))


def test_goals_are_told_in_a_line() -> None:
    for env_id in TASKS:
        goal = task_of(env_id).goal
        assert goal.endswith(".")
        assert 10 < len(goal) < 80
