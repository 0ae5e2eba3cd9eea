"""Demonstrations (start worlds and actions): their states, and their match with programs."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from karel_gym.envs.observations import MARKER_PLANE, N_PLANES, WALL_PLANE, write_grids
from karel_gym.registration import task_of
from karel_gym.robot import ACTIONS, act, sense
from karel_gym.simulation.devices import in_parallel
from karel_gym.simulation.episode_arrays import copy
from karel_gym.simulation.kernels import allocating_kernel, index, inner, kernel
from karel_gym.world import HEADINGS, MAX_MARKERS, WALL
from programmatic.machine.bytecode import ACT, HALT, argument_of, compile_rows, op_of
from programmatic.machine.interpreter import NO_ACTION, advance

STOP = len(ACTIONS)
"""The padding of a demonstration's actions."""
ANY_TASK = task_of("Karel-Maze-v0")  # all have the rules that demonstrations need
MATCH_CALLS = 2_000
"""Calls after which a run counts as endless."""


@kernel
def replay_part(
    first: int,
    last: int,
    cells: Any,
    width: int,
    robots: Any,
    actions: Any,
    lengths: Any,
    all_cells: Any,
    all_robots: Any,
) -> None:
    """Replay the demonstrations `first` to `last - 1`; see `replay` for the arrays."""
    for k in range(first, last):
        i = index(k)
        copy(cells[i], all_cells[i, 0])
        position, heading = robots[i, 0], robots[i, 1]
        all_robots[i, 0, 0], all_robots[i, 0, 1] = position, heading
        for t in range(actions.shape[1]):
            copy(all_cells[i, t], all_cells[i, t + 1])
            if t < lengths[i]:
                effect = act(all_cells[i, t + 1], width, position, heading, actions[i, t])
                position, heading = effect.position, effect.heading
            all_robots[i, t + 1, 0], all_robots[i, t + 1, 1] = position, heading


@inner
def match(
    code: Any, cells: Any, width: int, robot: Any, actions: Any, length: int, max_calls: int
) -> float:
    """The match of a program with a demonstration; see `behaviour_match`. Changes `cells`.

    No two actions lead from one state to the same next state. States are therefore equal while the
    actions are, and only the program has to run.

    Args:
        code, cells: int64, (L,); uint8, (H*W,), the start world.
        robot, actions: int64, (2,); int8, (T,).
        length: Number of actions of the demonstration.
    """
    longest = actions.size + 1
    position, heading = robot[0], robot[1]
    pc, repeats = code[0], np.uint64(0)
    n_actions, calls, n_equal = 0, 0, 1
    while n_actions < longest:
        percepts = 0
        if op_of(code[pc]) != ACT:
            percepts = sense(cells, width, position, heading)
        step = advance(code, pc, repeats, percepts, max_calls - calls)
        pc, repeats = step.pc, step.repeats
        calls += step.calls
        if step.at == NO_ACTION:
            if op_of(code[pc]) != HALT:
                n_actions = longest
            break
        action = argument_of(code[step.at])
        effect = act(cells, width, position, heading, action)
        position, heading = effect.position, effect.heading
        n_actions += 1
        if n_equal == n_actions and n_actions <= length and action == actions[n_actions - 1]:
            n_equal += 1
    return n_equal / (1 + max(n_actions, length))


@allocating_kernel
def match_part(
    first: int,
    last: int,
    codes: Any,
    n_tokens: Any,
    cells: Any,
    width: int,
    robots: Any,
    actions: Any,
    lengths: Any,
    max_calls: int,
    matches: Any,
) -> None:
    """Compare the runs `first` to `last - 1`; run k is of program k // D.

    Args:
        codes, n_tokens: int64, (P, L) and (P,); 0 tokens for rows that are no program.
        cells, robots, actions, lengths: The P*D demonstrations, as `checked` returns them.
        matches: float64, (P, D); written.
    """
    n_demonstrations = matches.shape[1]
    world = np.empty(cells.shape[1], dtype=np.uint8)
    for k in range(first, last):
        i, d = k // n_demonstrations, k % n_demonstrations
        matches[i, d] = 0.0
        if n_tokens[i]:
            copy(cells[k], world)
            matches[i, d] = match(
                codes[i], world, width, robots[k], actions[k], lengths[k], max_calls
            )


def replay(
    cells: NDArray[np.uint8],
    width: int,
    robots: NDArray[Any],
    actions: NDArray[Any],
    lengths: NDArray[Any],
    max_markers: int = MAX_MARKERS,
) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """The states of M demonstrations; after the end of one, its last state repeats.

    Args:
        cells: uint8, (M, H*W); start worlds.
        width: W.
        robots: integers, (M, 2); position (row * W + column) and heading at the start.
        actions: integers, (M, T); 0 to 4, after the end any number.
        lengths: integers, (M,); numbers of actions, 0 to T.
        max_markers: The number of markers, 1 to 10, that fill a cell.

    Returns:
        The cells, uint8, (M, T+1, H*W), and the robots, int64, (M, T+1, 2), of all states.

    Raises:
        ValueError: The shapes do not fit, or a value is out of its range.

    Example:
        >>> cells = np.full(9, WALL, dtype=np.uint8)
        >>> cells[4] = 0
        >>> states, robots = replay(cells[None], 3, np.array([[4, 0]]), np.array([[4, 1]]), [2])
        >>> states[0, :, 4].tolist(), robots[0, :, 1].tolist()
        ([0, 1, 1], [0, 0, 3])
    """
    worlds, *others = checked(cells, width, robots, actions, lengths)
    m, n_states = len(worlds), np.shape(actions)[1] + 1
    all_cells = np.empty((m, n_states, worlds.shape[1]), dtype=np.uint8)
    all_robots = np.empty((m, n_states, 2), dtype=np.int64)
    run = replay_part.of(ANY_TASK.with_max_markers(max_markers))
    in_parallel(
        lambda first, last: run(first, last, worlds, width, *others, all_cells, all_robots),
        m,
    )
    return all_cells, all_robots


def grids_of(cells: NDArray[np.uint8], width: int, robots: NDArray[Any]) -> NDArray[np.uint8]:
    """Cells (..., H*W) and robots (..., 2) as grid observations, uint8, (..., 16, H, W)."""
    shape, n_cells = cells.shape[:-1], cells.shape[-1]
    if n_cells % width or robots.shape != (*shape, 2):
        raise ValueError(
            f"robots must have the shape {(*shape, 2)} and cells rows of {width}, "
            f"got {robots.shape} and {cells.shape}"
        )
    flat = np.ascontiguousarray(cells, dtype=np.uint8).reshape(-1, n_cells)
    places = np.ascontiguousarray(robots, dtype=np.int64).reshape(-1, 2)
    if ((places < 0) | (places >= (n_cells, len(HEADINGS)))).any():
        raise ValueError(f"robots must be at 0 to {n_cells - 1} with a heading of 0 to 3")
    grids = np.zeros((len(flat), N_PLANES, n_cells), dtype=np.uint8)
    in_parallel(lambda first, last: write_grids(first, last, 1, flat, places, grids), len(flat))
    return grids.reshape(*shape, N_PLANES, n_cells // width, width)


def worlds_of(grids: NDArray[Any]) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Cells and robots of grids, (..., 16, H, W); ValueError unless each has one robot."""
    *shape, _, height, width = grids.shape
    planes = grids.reshape(*shape, N_PLANES, height * width).astype(bool)
    cells = planes[..., MARKER_PLANE:, :].argmax(axis=-2).astype(np.uint8)
    cells[planes[..., WALL_PLANE, :]] = WALL
    robots = planes[..., :WALL_PLANE, :].reshape(*shape, -1)
    if (robots.sum(axis=-1) != 1).any():
        raise ValueError("a start world must have one robot")
    headings, positions = np.divmod(robots.argmax(axis=-1), height * width)
    return cells, np.stack([positions, headings], axis=-1)


def behaviour_match(
    tokens: NDArray[Any],
    cells: NDArray[np.uint8],
    width: int,
    robots: NDArray[Any],
    actions: NDArray[Any],
    lengths: NDArray[Any],
) -> NDArray[np.float64]:
    """The match of P programs with D demonstrations each: float64, (P, D), in 0 .. 1.

    With n actions in the demonstration, m in the run, and k states (with the start state) equal
    before the first difference, the match is k / (1 + max(n, m)). A run that has not halted after
    T + 1 actions or `MATCH_CALLS` calls counts as T + 1 actions long.

    This is the reward R_mat in LEAPS (Trivedi et al., NeurIPS 2021), whose published code does not
    count the start state: (k - 1) / max(n, m).

    Args:
        tokens: integers, (P, L); programs from DEF on, padded with 50. A row that is no program
            scores 0.
        cells, width, robots, actions, lengths: As `replay` takes them, but with leading axes (P, D)
            in place of (M,).

    Raises:
        ValueError: The shapes do not fit, or a value is out of its range.
    """
    lengths = np.asarray(lengths)
    if tokens.ndim != 2 or cells.ndim != 3 or lengths.shape != (len(tokens), cells.shape[1]):
        raise ValueError(
            "tokens must have the shape (P, L), cells (P, D, H*W) and lengths (P, D), "
            f"got {tokens.shape}, {cells.shape} and {lengths.shape}"
        )
    n = lengths.size
    worlds, *others = checked(
        cells.reshape(n, -1),
        width,
        np.reshape(robots, (n, -1)),
        np.reshape(actions, (n, -1)),
        lengths.ravel(),
    )
    codes, n_tokens = compile_rows(np.ascontiguousarray(tokens, dtype=np.int64))
    matches = np.empty(lengths.shape)
    in_parallel(
        lambda first, last: match_part(
            first, last, codes, n_tokens, worlds, width, *others, MATCH_CALLS, matches
        ),
        n,
    )
    return matches


def checked(
    cells: Any, width: int, robots: Any, actions: Any, lengths: Any
) -> tuple[NDArray[np.uint8], NDArray[np.int64], NDArray[np.int8], NDArray[np.int64]]:
    """M demonstrations for the kernels; ValueError if shapes do not fit or values are invalid."""
    cells = np.ascontiguousarray(cells, dtype=np.uint8)
    robots = np.ascontiguousarray(robots, dtype=np.int64)
    actions = np.ascontiguousarray(actions, dtype=np.int8)
    lengths = np.ascontiguousarray(lengths, dtype=np.int64)
    m = len(cells)
    shapes = cells.ndim, robots.shape, actions.ndim, len(actions), lengths.shape
    if shapes != (2, (m, 2), 2, m, (m,)) or width < 3 or cells.shape[1] % width:
        raise ValueError(
            f"cells must have the shape (M, H*W) with W = {width}, robots (M, 2), actions (M, T) "
            f"and lengths (M,), got {cells.shape}, {robots.shape}, {actions.shape} and "
            f"{lengths.shape}"
        )
    worlds = cells.reshape(m, -1, width)
    for side in (np.s_[:, 0], np.s_[:, -1], np.s_[:, :, 0], np.s_[:, :, -1]):
        if (worlds[side] < WALL).any():
            raise ValueError("the border of every world must be wall")
    rows, cols = np.divmod(robots[:, 0], width)
    outside = (rows < 1) | (rows > worlds.shape[1] - 2) | (cols < 1) | (cols > width - 2)
    if (outside | (robots[:, 1] < 0) | (robots[:, 1] >= len(HEADINGS))).any():
        raise ValueError("robots must be inside the border, with a heading of 0 to 3")
    n_actions = actions.shape[1]
    if ((lengths < 0) | (lengths > n_actions)).any():
        raise ValueError(f"lengths must be in 0 to {n_actions}, the number of columns of actions")
    shown = np.arange(n_actions) < lengths[:, None]
    if (shown & ((actions < 0) | (actions >= STOP))).any():
        raise ValueError(f"the actions of a demonstration must be in 0 to {STOP - 1}")
    return cells, robots, actions, lengths
