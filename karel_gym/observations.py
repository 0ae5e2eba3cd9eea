"""What an agent sees of a world: the grid, or the robot's percepts."""

from __future__ import annotations

from typing import Any

import gymnasium
import numpy as np
from numpy.typing import NDArray

from karel_gym.devices import CPU, Device
from karel_gym.kernels import index, inner, kernel
from karel_gym.robot import PERCEPTS, sense
from karel_gym.world import MARKERS, MAX_MARKERS, WALL

KINDS = ("grid", "percepts")
WALL_PLANE, MARKER_PLANE = 4, 5
N_PLANES = MARKER_PLANE + MAX_MARKERS + 1


@kernel
def write_grids(first: int, last: int, step: int, cells: Any, robots: Any, grids: Any) -> None:
    """Write grid observations: uint8, (N, 16, H*W), zeros before; see `observation_space`."""
    for k in range(first, last, step):
        i = index(k)
        grids[i, robots[i, 1], robots[i, 0]] = 1
        for position in range(cells.shape[1]):
            if cells[i, position] & WALL:
                grids[i, WALL_PLANE, position] = 1
            grids[i, MARKER_PLANE + (cells[i, position] & MARKERS), position] = 1


@inner
def write_bits(bits: int, percepts: Any) -> None:
    for k in range(percepts.size):
        percepts[k] = (bits >> k) & 1


@kernel
def write_percepts(
    first: int, last: int, step: int, cells: Any, width: int, robots: Any, percepts: Any
) -> None:
    """Write percept observations: int8, (N, 5)."""
    for k in range(first, last, step):
        i = index(k)
        write_bits(sense(cells[i], width, robots[i, 0], robots[i, 1]), percepts[i])


@kernel
def sense_grids(grids: Any, width: int, percepts: Any) -> None:
    """Write the percepts, int8, (N, 5), of a robot in grid observations, uint8, (N, 16, H*W)."""
    n_positions = grids.shape[2]
    cells = np.empty(n_positions, dtype=np.uint8)
    for i in range(len(grids)):
        robot, heading = 0, 0
        for position in range(n_positions):
            cells[position] = WALL if grids[i, WALL_PLANE, position] else 0
            if grids[i, MARKER_PLANE, position] == 0:
                cells[position] += 1  # one or ten: percepts tell no numbers
            for k in range(WALL_PLANE):
                if grids[i, k, position]:
                    robot, heading = position, k
        write_bits(sense(cells, width, robot, heading), percepts[i])


def observation_space(kind: str, height: int, width: int) -> gymnasium.Space[Any]:
    """The space of observations of a kind.

    `grid`: uint8, (16, H, W), one-hot planes: 0-3 robot facing N, E, S, W; 4 wall; 5-15 cell holds
    0..10 markers. `percepts`: int8, (5,): front, left, right is clear, markers, no markers present.

    Raises:
        ValueError: There is no such kind.
    """
    if kind == "grid":
        return gymnasium.spaces.Box(0, 1, (N_PLANES, height, width), np.uint8)
    if kind == "percepts":
        return gymnasium.spaces.MultiBinary(len(PERCEPTS))
    raise ValueError(f"obs must be one of {', '.join(map(repr, KINDS))}, got {kind!r}")


def observe(
    kind: str, cells: Any, robots: Any, height: int, width: int, device: Device = CPU
) -> Any:
    """Observations of a kind, (N, ...), of the worlds `cells`, (N, H*W), with `robots`, (N, 2).

    They are arrays on `device`, as `cells` and `robots` are.
    """
    n = len(cells)
    if kind == "percepts":
        percepts = device.zeros((n, len(PERCEPTS)), np.int8)
        device.kernel(write_percepts)(n, cells, width, robots, percepts)
        return percepts
    grids = device.zeros((n, N_PLANES, height * width), np.uint8)
    device.kernel(write_grids)(n, cells, robots, grids)
    return grids.reshape(-1, N_PLANES, height, width)


def percepts_of_grids(grids: NDArray[Any]) -> NDArray[np.int8]:
    """The percepts, int8, (N, 5), of the robots in grid observations, (N, 16, H, W).

    Raises:
        ValueError: A grid does not have one robot inside a wall border.
    """
    n, _, height, width = grids.shape
    inside = grids[:, :WALL_PLANE, 1:-1, 1:-1].astype(bool).sum(axis=(1, 2, 3))
    outside = grids[:, :WALL_PLANE].astype(bool).sum(axis=(1, 2, 3)) - inside
    if (inside != 1).any() or outside.any():
        raise ValueError("a grid observation must have one robot, inside the wall border")
    percepts = np.empty((n, len(PERCEPTS)), dtype=np.int8)
    flat = np.ascontiguousarray(grids).reshape(n, N_PLANES, height * width)
    sense_grids(flat.astype(np.uint8, copy=False), width, percepts)
    return percepts
