"""Observations of a world (the grid, or the robot's percepts) and action masks."""

from __future__ import annotations

from typing import Any

import gymnasium
import numpy as np
from numpy.typing import NDArray

from karel_gym.envs.signature import Feature, Signature
from karel_gym.robot import ACTIONS, PERCEPTS, sense, useful
from karel_gym.simulation.devices import CPU, Device
from karel_gym.simulation.episode_arrays import WorldArrays
from karel_gym.simulation.kernels import allocating_kernel, index, inner, kernel
from karel_gym.tasks.task import Task
from karel_gym.world import MARKERS, MAX_MARKERS, WALL

KINDS = ("grid", "percepts", "percepts+action")
WALL_PLANE, MARKER_PLANE = 4, 5
N_PERCEPTS = len(PERCEPTS)
N_PLANES = MARKER_PLANE + MAX_MARKERS + 1
PERCEPT_SIGNATURE = Signature(
    tuple(Feature(name, low=0.0, high=1.0, boolean=True) for name in PERCEPTS), ACTIONS
)
"""The signature of percepts."""
PREVIOUS_ACTIONS = tuple(
    Feature(f"after_{name}", low=0.0, high=1.0, boolean=True) for name in ACTIONS
)
SIGNATURES = {
    "percepts": PERCEPT_SIGNATURE,
    "percepts+action": Signature((*PERCEPT_SIGNATURE.features, *PREVIOUS_ACTIONS), ACTIONS),
}
"""The signatures of the flat kinds of observation; grids have none."""


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
    """Write percept observations: float32, (N, 5), or with more columns, which become 0."""
    for k in range(first, last, step):
        i = index(k)
        write_bits(sense(cells[i], width, robots[i, 0], robots[i, 1]), percepts[i])


@kernel
def write_masks(
    first: int, last: int, step: int, cells: Any, width: int, robots: Any, masks: Any
) -> None:
    """Write action masks: bool, (N, 5)."""
    for k in range(first, last, step):
        i = index(k)
        write_bits(useful(cells[i], width, robots[i, 0], robots[i, 1]), masks[i])


@kernel
def write_previous_actions(
    first: int, last: int, step: int, previous: Any, observations: Any
) -> None:
    """Write previous actions, int64, (N,), after the percepts: float32, (N, 10), zeros before."""
    for k in range(first, last, step):
        i = index(k)
        if previous[i] >= 0:
            observations[i, N_PERCEPTS + previous[i]] = 1


@allocating_kernel
def sense_grids(grids: Any, width: int, percepts: Any) -> None:
    """Write the percepts, float32, (N, 5), of a robot in grids, uint8, (N, 16, H*W)."""
    n_positions = grids.shape[2]
    cells = np.empty(n_positions, dtype=np.uint8)
    for i in range(len(grids)):
        robot, heading = 0, 0
        for position in range(n_positions):
            cells[position] = WALL if grids[i, WALL_PLANE, position] else 0
            if grids[i, MARKER_PLANE, position] == 0:
                cells[position] += 1  # any number: percepts do not count markers
            for k in range(WALL_PLANE):
                if grids[i, k, position]:
                    robot, heading = position, k
        write_bits(sense(cells, width, robot, heading), percepts[i])


def observation_space(kind: str, height: int, width: int) -> gymnasium.Space[Any]:
    """The space of observations of a kind of `KarelEnv`; a `ValueError` for other kinds."""
    if kind == "grid":
        return gymnasium.spaces.Box(0, 1, (N_PLANES, height, width), np.uint8)
    if kind in SIGNATURES:
        return gymnasium.spaces.Box(0, 1, (len(SIGNATURES[kind].features),), np.float32)
    raise ValueError(f"obs must be one of {', '.join(map(repr, KINDS))}, got {kind!r}")


def kind_of(space: gymnasium.Space[Any]) -> str | None:
    """The kind of observation of a space; None if no Karel task has this space."""
    shape = space.shape or ()
    if isinstance(space, gymnasium.spaces.MultiBinary):  # percepts in models of older versions
        space = gymnasium.spaces.Box(0, 1, shape, np.float32)
    height, width = shape[-2:] if len(shape) == 3 else (0, 0)
    return next((kind for kind in KINDS if space == observation_space(kind, height, width)), None)


def observe(kind: str, worlds: WorldArrays, previous: Any = None, device: Device = CPU) -> Any:
    """Observations of a kind, (N, ...), on the device of all arrays.

    `previous`, int64, (N,), has the previous actions, -1 for none; "percepts+action" needs them.
    """
    cells, width, robots = worlds.cells, worlds.width, worlds.robots
    n, n_cells = cells.shape
    if kind in SIGNATURES:
        features = device.zeros((n, len(SIGNATURES[kind].features)), np.float32)
        device.kernel(write_percepts)(n, cells, width, robots, features)
        if kind == "percepts+action":
            device.kernel(write_previous_actions)(n, previous, features)
        return features
    grids = device.zeros((n, N_PLANES, n_cells), np.uint8)
    device.kernel(write_grids)(n, cells, robots, grids)
    return grids.reshape(n, N_PLANES, -1, width)


def action_masks(worlds: WorldArrays, task: Task, device: Device = CPU) -> Any:
    """The useful actions in N worlds of a task, bool, (N, 5); see `karel_gym.robot.useful`."""
    masks = device.zeros((len(worlds.cells), len(ACTIONS)), np.bool_)
    device.kernel(write_masks, task)(len(masks), worlds.cells, worlds.width, worlds.robots, masks)
    return masks


def percepts_of_grids(grids: NDArray[Any]) -> NDArray[np.float32]:
    """The percepts, float32, (N, 5), of the robots in grid observations, (N, 16, H, W).

    Raises:
        ValueError: A grid does not have one robot inside a wall border.
    """
    n, _, height, width = grids.shape
    inside = grids[:, :WALL_PLANE, 1:-1, 1:-1].astype(bool).sum(axis=(1, 2, 3))
    outside = grids[:, :WALL_PLANE].astype(bool).sum(axis=(1, 2, 3)) - inside
    if (inside != 1).any() or outside.any():
        raise ValueError("a grid observation must have one robot, inside the wall border")
    percepts = np.empty((n, N_PERCEPTS), dtype=np.float32)
    flat = np.ascontiguousarray(grids).reshape(n, N_PLANES, height * width)
    sense_grids(flat.astype(np.uint8, copy=False), width, percepts)
    return percepts
