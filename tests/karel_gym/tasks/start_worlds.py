"""What the start worlds of each task must be like."""

from __future__ import annotations

import gzip
import json
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from karel_gym import World, WorldBatch

MANY = 2_000  # worlds in which every kind should be seen
NORTH, EAST, SOUTH, _WEST = range(4)
DATA = Path(__file__).parents[2] / "data"
Cell = tuple[int, int]


def is_uniform(values: Iterable[Any], expected: Mapping[Any, float] | Iterable[Any]) -> bool:
    """Whether the values occur as often as expected; by Pearson's chi-square, six sigma wide.

    `expected` has the values' probabilities, or the values if all are equally likely. Where there
    are fewer than five of each to expect, only that no other values occur is checked.
    """
    if not isinstance(expected, Mapping):
        expected = dict.fromkeys(expected, 1.0)
    counts, weight = Counter(values), sum(expected.values())
    total, freedom = sum(counts.values()), len(expected) - 1
    assert set(counts) <= set(expected), f"unexpected: {set(counts) - set(expected)}"
    if total * min(expected.values()) < 5 * weight:
        return True
    statistic = sum(
        (counts[value] - total * p / weight) ** 2 / (total * p / weight)
        for value, p in expected.items()
    )
    return bool(statistic <= freedom + 6 * np.sqrt(2 * freedom) + 6)


def free_cells(world: World) -> list[Cell]:
    return [(int(r), int(c)) for r, c in np.argwhere(~world.walls)]


def marked_cells(world: World) -> list[Cell]:
    return [(int(r), int(c)) for r, c in np.argwhere(world.markers)]


def inner_cells(shape: tuple[int, int], least_col: int = 1, columns_less: int = 1) -> list[Cell]:
    """The cells inside the border, from a column on, but for the last columns."""
    height, width = shape
    return [(r, c) for r in range(1, height - 1) for c in range(least_col, width - columns_less)]


def is_open_room(batch: WorldBatch) -> bool:
    height, width = batch.shape
    room = np.pad(np.zeros((height - 2, width - 2), bool), 1, constant_values=True)
    return bool((batch.walls == room).all())


def robot_cells(batch: WorldBatch) -> list[Cell]:
    return [(int(r), int(c)) for r, c, _ in batch.robots]


def robots_start_at(batch: WorldBatch, row: int, col: int, heading: int) -> bool:
    return bool((batch.robots == (row, col, heading)).all())


def robots_face(batch: WorldBatch, heading: int) -> bool:
    return bool((batch.robots[:, 2] == heading).all())


def bottom_starts(shape: tuple[int, int]) -> list[Cell]:
    """The cells of the bottom row that are not next to a corner."""
    return [(shape[0] - 2, col) for col in range(2, shape[1] - 2)]


def check_stair_climber(batch: WorldBatch, version: str) -> None:
    height, width = batch.shape
    stairs = [(height - 2 - i, 1 + i) for i in range(min(height, width) - 2)]
    assert (batch.walls == batch.walls[0]).all()
    for row, col in stairs:
        assert not batch.walls[0, row, col]
        assert row == 1 or not batch.walls[0, row - 1, col]
        assert batch.walls[0, row, col + 1]
    assert robots_face(batch, EAST)
    pairs = []
    for robot, world in zip(robot_cells(batch), batch, strict=True):
        (marker,) = marked_cells(world)
        assert world.markers[marker] == 1
        pairs.append((stairs.index(robot), stairs.index(marker)))
    n = len(stairs)
    expected = {(i, j): 1 / (n - 1 - i) for i in range(n - 1) for j in range(i + 1, n)}
    assert is_uniform(pairs, expected)


def check_four_corners(batch: WorldBatch, version: str) -> None:
    assert is_open_room(batch)
    assert not batch.markers.any()
    assert robots_face(batch, EAST)
    starts = [(batch.shape[0] - 2, 2)] if version == "v0" else bottom_starts(batch.shape)
    assert is_uniform(robot_cells(batch), starts)


def check_top_off(batch: WorldBatch, version: str) -> None:
    height, width = batch.shape
    assert is_open_room(batch)
    assert robots_start_at(batch, height - 2, 1, EAST)
    columns = range(1, width - 2) if version == "v0" else range(2, width - 1)
    row = batch.markers[:, height - 2, columns.start : columns.stop]
    assert row.sum() == batch.markers.sum()
    assert row.max() == 1
    n_marked = row.sum(axis=1)
    if version == "v0":
        tails = (row * 2 ** np.arange(row.shape[1])).sum(axis=1) if row.shape[1] < 8 else row[:, 0]
        some = row.shape[1] if row.shape[1] < 8 else 1
        subsets = {x: 3.0 ** (some - x.bit_count()) for x in range(2**some)}
        assert is_uniform(tails.tolist(), subsets)
        assert abs(row.mean() - 0.25) < 0.02
    else:
        assert 1 <= n_marked.min() <= n_marked.max() < len(columns)
        if len(batch) >= MANY:
            assert set(n_marked) == set(range(1, len(columns)))
    columns_of_markers = (np.argwhere(row)[:, 1]).tolist()
    assert is_uniform(columns_of_markers, range(len(columns)))


def grid_edges(n_rows: int, n_cols: int) -> dict[Cell, list[Cell]]:
    return {
        (r, c): [
            (r + dr, c + dc)
            for dr, dc in ((-1, 0), (0, 1), (1, 0), (0, -1))
            if 0 <= r + dr < n_rows and 0 <= c + dc < n_cols
        ]
        for r in range(n_rows)
        for c in range(n_cols)
    }


def depth_first_mazes(n_rows: int, n_cols: int) -> dict[frozenset[Any], float]:
    """Every maze that depth-first search from the lower left carves, with its probability."""
    neighbours = grid_edges(n_rows, n_cols)
    mazes: dict[frozenset[Any], float] = {}

    def search(stack: list[Cell], seen: set[Cell], edges: frozenset[Any], p: float) -> None:
        stack = stack[:]
        while stack:
            ways = [cell for cell in neighbours[stack[-1]] if cell not in seen]
            if ways:
                for way in ways:
                    edge = frozenset((stack[-1], way))
                    search([*stack, way], seen | {way}, edges | {edge}, p / len(ways))
                return
            stack.pop()
        mazes[edges] = mazes.get(edges, 0) + p

    start = (n_rows - 1, 0)
    search([start], {start}, frozenset(), 1.0)
    return mazes


def check_maze(batch: WorldBatch, version: str) -> None:
    height, width = batch.shape
    assert robots_start_at(batch, height - 2, 1, EAST)
    rows, cols = range(height - 2, 0, -2), range(1, width - 1, 2)  # the rooms' rows and columns
    n_rooms = len(rows) * len(cols)
    # n rooms joined by n - 1 doors, all within reach: a maze without loops.
    assert not batch.walls[:, rows][:, :, cols].any()
    assert ((~batch.walls).sum(axis=(1, 2)) == 2 * n_rooms - 1).all()
    assert (reached(batch) == ~batch.walls).all()
    places, mazes = [], []
    for world in batch:
        free, (marker,) = free_cells(world), marked_cells(world)
        assert world.markers[marker] == 1
        if version != "v0":
            free.remove((height - 2, 1))
        places.append(free.index(marker))
        mazes.append(doors_of(world, rows, cols) if n_rooms <= 9 else frozenset())
    assert is_uniform(places, range(2 * n_rooms - 1 - (version != "v0")))
    if 1 < n_rooms <= 9:
        probabilities = depth_first_mazes(len(rows), len(cols))
        assert is_uniform(mazes, probabilities)


def reached(batch: WorldBatch) -> Any:
    """The cells that a robot can come to: bool, (N, H, W)."""
    now = np.zeros(batch.walls.shape, bool)
    now[np.arange(len(batch)), batch.robots[:, 0], batch.robots[:, 1]] = True
    while True:
        before = now.copy()
        now[:, 1:] |= before[:, :-1]
        now[:, :-1] |= before[:, 1:]
        now[:, :, 1:] |= before[:, :, :-1]
        now[:, :, :-1] |= before[:, :, 1:]
        now &= ~batch.walls
        if (now == before).all():
            return now


def doors_of(world: World, rows: range, cols: range) -> frozenset[Any]:
    """The pairs of rooms that are joined; rooms are counted from the top left."""
    rooms = sorted(rows)
    across = [
        frozenset(((i, j), (i, j + 1)))
        for i, r in enumerate(rooms)
        for j, c in enumerate(cols[:-1])
        if not world.walls[r, c + 1]
    ]
    down = [
        frozenset(((i, j), (i + 1, j)))
        for i, r in enumerate(rooms[:-1])
        for j, c in enumerate(cols)
        if not world.walls[r + 1, c]
    ]
    return frozenset(across + down)


def check_clean_house(batch: WorldBatch, version: str) -> None:
    walls = golden_worlds("CleanHouse")[0].walls
    assert (batch.walls == walls).all()
    assert robots_start_at(batch, 1, 13, SOUTH)
    heap, passages = (2, 12), [(1, 13), (2, 12), (3, 10), (4, 11), (5, 11), (6, 10)]
    beside = [
        (r, c)
        for r, c in inner_cells(batch.shape)
        if not walls[r, c] and walls[[r - 1, r + 1, r, r], [c, c, c - 1, c + 1]].any()
    ]
    allowed = [(r, c) for r, c in beside if (r, c) not in passages and (c < 13 or version == "v1")]
    litter = batch.markers.copy()
    assert (litter[:, heap[0], heap[1]] == (2 if version == "v0" else 1)).all()
    litter[:, heap[0], heap[1]] = 0
    assert litter.max() == 1
    assert (litter.sum(axis=(1, 2)) == 10).all()
    assert is_uniform([(int(r), int(c)) for _, r, c in np.argwhere(litter)], allowed)


def check_harvester(batch: WorldBatch, version: str) -> None:
    assert is_open_room(batch)
    assert (batch.markers[:, 1:-1, 1:-1] == 1).all()
    assert robots_face(batch, EAST)
    starts = [(batch.shape[0] - 2, 1)] if version == "v0" else bottom_starts(batch.shape)
    assert is_uniform(robot_cells(batch), starts)


def check_door_key(batch: WorldBatch, version: str) -> None:
    door = (batch.shape[1] + 1) // 2
    assert batch.walls[:, :, door].all()
    rooms = batch.walls.copy()
    rooms[:, 1:-1, door] = False
    assert is_open_room(WorldBatch(np.where(rooms, 0x80, 0), batch.robots, batch.random_states))
    assert robots_face(batch, EAST)
    left, right = inner_cells(batch.shape), inner_cells(batch.shape, door + 1)
    left = [(r, c) for r, c in left if c < door]
    places = [marked_cells(world) for world in batch]
    assert batch.markers.max() == 1
    assert {len(cells) for cells in places} == {2}
    robots = robot_cells(batch)
    keys = [min(cells, key=lambda cell: cell[1]) for cells in places]
    goals = [max(cells, key=lambda cell: cell[1]) for cells in places]
    assert all(robot != key for robot, key in zip(robots, keys, strict=True))
    assert is_uniform(robots, left)
    assert is_uniform(keys, left)
    assert is_uniform(goals, right)


def check_one_stroke(batch: WorldBatch, version: str) -> None:
    assert is_open_room(batch)
    assert not batch.markers.any()
    assert robots_face(batch, EAST)
    assert is_uniform(robot_cells(batch), inner_cells(batch.shape))


def check_seeder(batch: WorldBatch, version: str) -> None:
    assert is_open_room(batch)
    assert not batch.markers.any()
    assert robots_face(batch, EAST)
    assert is_uniform(robot_cells(batch), inner_cells(batch.shape, 2, 2))


def check_snake(batch: WorldBatch, version: str) -> None:
    assert is_open_room(batch)
    assert robots_face(batch, EAST)
    robots = robot_cells(batch)
    assert is_uniform(robots, inner_cells(batch.shape, 2, 2))
    food = [marked_cells(world) for world in batch]
    assert {len(cells) for cells in food} == {1}
    assert batch.markers.max() == 1
    assert all(cell != robot for (cell,), robot in zip(food, robots, strict=True))
    starts = set(inner_cells(batch.shape, 2, 2))
    expected = {cell: len(starts) - (cell in starts) for cell in inner_cells(batch.shape)}
    assert is_uniform([cell for (cell,) in food], {c: p for c, p in expected.items() if p})


def check_path_follow(batch: WorldBatch, version: str) -> None:
    height, width = batch.shape
    assert is_open_room(batch)
    assert robots_start_at(batch, height - 2, 1, NORTH)
    assert batch.markers.max() == 1
    paths = Counter()
    for world in batch:
        path = sorted(marked_cells(world), key=lambda cell: (-cell[0], cell[1]))
        assert (path[0], path[-1]) == ((height - 2, 1), (1, width - 2))
        for (row, col), after in pairwise(path):
            assert after in ((row - 1, col), (row, col + 1))
        paths[tuple(path)] += 1
    if len(batch) >= MANY:
        n_paths = np.prod([(height - 3 + i) / i for i in range(1, width - 2)])
        assert len(paths) >= min(n_paths, 20)


def check_wall_avoider(batch: WorldBatch, version: str) -> None:
    assert is_open_room(batch)
    assert not batch.markers.any()
    poses = [tuple(int(x) for x in robot) for robot in batch.robots]
    expected = [(*cell, heading) for cell in inner_cells(batch.shape) for heading in range(4)]
    assert is_uniform(poses, expected)


def check_seesaw(batch: WorldBatch, version: str) -> None:
    height, width = batch.shape
    n, middle = (width - 2) // 3, height // 2
    free = np.zeros(batch.shape, bool)
    free[middle - 2 : middle + 2, 1 : n + 1] = True
    free[middle - 2 : middle + 2, width - 1 - n : width - 1] = True
    free[middle - 1 : middle + 1, 1 : width - 1] = True
    assert (batch.walls == ~free).all()
    assert robots_start_at(batch, middle, 1, EAST)
    assert batch.markers.sum() == batch.markers[:, middle - 2, 3].sum() == len(batch)


def check_up_n_down(batch: WorldBatch, version: str) -> None:
    side = len(batch.walls[0])
    row, col = np.indices(batch.shape)
    inside = (row % (side - 1) > 0) & (col % (side - 1) > 0)
    assert (batch.walls == ~inside | np.isin(row + col, (side, side + 1))).all()
    assert robots_start_at(batch, side - 3, 2, EAST)
    assert batch.markers.sum() == batch.markers[:, 1, side - 2].sum() == len(batch)


def check_farmer(batch: WorldBatch, version: str) -> None:
    assert is_open_room(batch)
    assert robots_start_at(batch, batch.shape[0] - 2, 1, EAST)
    assert batch.markers.sum() == batch.markers[:, 1, -2].sum() == len(batch)


def check_inf_door_key(batch: WorldBatch, version: str) -> None:
    height, width = batch.shape
    middle, column = height // 2, width // 2
    assert batch.walls[:, middle].all()
    assert batch.walls[:, :, column].all()
    rooms = batch.walls.copy()
    rooms[:, middle, 1:-1] = rooms[:, 1:-1, column] = False
    assert is_open_room(WorldBatch(np.where(rooms, 0x80, 0), batch.robots, batch.random_states))
    assert robots_face(batch, EAST)
    starts = [(r, c) for r in range(1, middle - 1) for c in range(1, column - 1)]
    assert is_uniform(robot_cells(batch), starts)
    assert batch.markers.max() == 1
    assert (batch.markers.sum(axis=(1, 2)) == 4).all()
    for rows in (range(1, middle), range(middle + 1, height - 1)):
        for cols in (range(1, column), range(column + 1, width - 1)):
            marked = [[c for c in marked_cells(w) if c[0] in rows and c[1] in cols] for w in batch]
            assert is_uniform([cell for (cell,) in marked], [(r, c) for r in rows for c in cols])


def check_inf_harvester(batch: WorldBatch, version: str) -> None:
    check_harvester(batch, "v0")


CHECKS: dict[str, Callable[[WorldBatch, str], None]] = {
    "StairClimber": check_stair_climber,
    "FourCorners": check_four_corners,
    "TopOff": check_top_off,
    "Maze": check_maze,
    "CleanHouse": check_clean_house,
    "Harvester": check_harvester,
    "DoorKey": check_door_key,
    "OneStroke": check_one_stroke,
    "Seeder": check_seeder,
    "Snake": check_snake,
    "PathFollow": check_path_follow,
    "WallAvoider": check_wall_avoider,
    "Seesaw": check_seesaw,
    "UpNDown": check_up_n_down,
    "Farmer": check_farmer,
    "InfDoorKey": check_inf_door_key,
    "InfHarvester": check_inf_harvester,
}


def golden_worlds(task: str) -> list[World]:
    runs = []
    for definition in ("v1", "long"):
        with gzip.open(DATA / f"karel_{definition}.jsonl.gz", "rt") as lines:
            runs += [json.loads(line) for line in lines]
    return [World.from_json(run["world"]) for run in runs if run["task"] == task]
