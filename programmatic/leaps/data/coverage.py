"""Kernels that find demonstrations covering every branch of a program (Trivedi et al., 2021)."""

from __future__ import annotations

from typing import Any

import numpy as np

from karel_gym.robot import act, sense
from karel_gym.simulation.episode_arrays import copy
from karel_gym.simulation.kernels import allocating_kernel, index, inner
from karel_gym.simulation.rng import below
from karel_gym.world import HEADINGS, WALL
from programmatic.leaps.data.demonstrations import STOP
from programmatic.machine.bytecode import (
    HALT,
    N_PERCEPTS,
    PERCEPT_OF,
    TEST,
    argument_of,
    compile_program,
    op_of,
)
from programmatic.machine.interpreter import NO_ACTION, advance

CERTAIN = 1 << 30
"""A probability of 1, in the kernels' unit."""
MAX_CALLS = 400
"""Calls after which a program counts as endless."""
NOT_HALTED = -1
N_HEADINGS = len(HEADINGS)
ONE = np.uint64(1)


@inner
def draw_world(cells: Any, width: int, wall_chance: int, marker_chance: int, rng: Any) -> Any:
    """Write a random world into `cells`, uint8, (H*W,); return the robot's position and heading."""
    n_free = 0
    while n_free == 0:
        for position in range(cells.size):
            col = position % width
            is_border = position < width or position >= cells.size - width
            if is_border or col == 0 or col == width - 1 or below(rng, CERTAIN) < wall_chance:
                cells[position] = WALL
            else:
                cells[position] = below(rng, CERTAIN) < marker_chance
                n_free += 1
    left = below(rng, n_free)
    robot = 0
    for position in range(cells.size):
        if cells[position] != WALL:
            if left == 0:
                robot = position
            left -= 1
    return robot, below(rng, N_HEADINGS)


@inner
def holds(percepts: int, argument: int) -> bool:
    """Whether the condition of a TEST with this argument holds."""
    if argument < N_PERCEPTS:
        return (percepts >> argument) & 1 == 1
    return (percepts >> (argument - N_PERCEPTS)) & 1 == 0


@inner
def demonstrate(
    code: Any, cells: Any, width: int, position: int, heading: int, actions: Any, evaluated: Any
) -> int:
    """Run a program and return its number of actions, or NOT_HALTED; `cells` change.

    Args:
        code: int64, (L,).
        cells: uint8, (H*W,); changed.
        width, position, heading: W, and the robot's position and heading.
        actions: int8, (T,); written: the program's actions, at most T.
        evaluated: uint64, (2,); written: bit i of the first (second) word is set if the condition
            at token i was false (true).
    """
    evaluated[0], evaluated[1] = 0, 0
    n_actions = 0
    pc, repeats = code[0], np.uint64(0)
    for _ in range(MAX_CALLS):
        step = advance(code, pc, repeats, 0, 0)  # to the next call
        pc = step.pc
        word = code[pc]
        percepts = 0
        if op_of(word) == HALT:
            return n_actions
        if op_of(word) == TEST:
            percepts = sense(cells, width, position, heading)
            evaluated[int(holds(percepts, argument_of(word)))] |= ONE << np.uint64(pc)
        elif n_actions == actions.size:
            return NOT_HALTED
        step = advance(code, pc, step.repeats, percepts, 1)
        pc, repeats = step.pc, step.repeats
        if step.at != NO_ACTION:
            action = argument_of(code[step.at])
            effect = act(cells, width, position, heading, action)
            position, heading = effect.position, effect.heading
            actions[n_actions] = action
            n_actions += 1
    return NOT_HALTED


@inner
def conditions_of(tokens: Any, n_tokens: int) -> Any:
    """The places of a program's conditions: bit i is set if token i is a percept."""
    places = np.uint64(0)
    for i in range(n_tokens):
        if PERCEPT_OF[tokens[i]] >= 0:
            places |= ONE << np.uint64(i)
    return places


@allocating_kernel
def demonstrate_programs(
    first: int,
    last: int,
    rows: Any,
    tokens: Any,
    n_tokens: Any,
    rngs: Any,
    width: int,
    wall_chance: int,
    marker_chance: int,
    min_actions: int,
    max_trials: int,
    cells: Any,
    robots: Any,
    actions: Any,
    lengths: Any,
    trials: Any,
) -> None:
    """Find D demonstrations for each of the programs `rows[first:last]`, as the original does.

    Until all conditions have been both true and false, only demonstrations that give a condition a
    new value are kept; then all are. A kept demonstration halts after at most T actions. If it has
    fewer than `min_actions`, it must give a condition a new value, or win the toss of a coin once
    all conditions of its program are covered. At least one demonstration must have an action.

    Args:
        first, last, rows: The programs; `rows` are int64 indices of the arrays below.
        tokens: int8, (N, L); programs and pads, L at most 64.
        n_tokens: int64, (N,).
        rngs: uint64, (N, 1); each program's random stream. Changed.
        width: W.
        wall_chance, marker_chance: Probabilities, in units of 1 / CERTAIN.
        min_actions, max_trials: The fewest actions, and the most worlds tried per program.
        cells, robots, actions, lengths: The data set's arrays; written.
        trials: int64, (N,); written: the number of worlds tried, 0 if demonstrations are missing.
    """
    n_demonstrations = lengths.shape[1]
    room = np.zeros((3, tokens.shape[1]), dtype=np.int64)
    code = room[2]
    world = np.empty(cells.shape[2], dtype=np.uint8)
    evaluated = np.zeros(2, dtype=np.uint64)
    for r in range(first, last):
        i = index(rows[r])
        code[:] = 0
        compile_program(tokens[i, : n_tokens[i]], room[0], room[1], code)
        conditions = conditions_of(tokens[i], n_tokens[i])
        seen_false, seen_true = np.uint64(0), np.uint64(0)
        n_kept, n_trials, longest = 0, 0, 0
        while n_kept < n_demonstrations and n_trials < max_trials:
            n_trials += 1
            start = cells[i, n_kept]
            position, heading = draw_world(start, width, wall_chance, marker_chance, rngs[i])
            copy(start, world)
            n_actions = demonstrate(
                code, world, width, position, heading, actions[i, n_kept], evaluated
            )
            if n_actions == NOT_HALTED:
                continue
            now_false, now_true = seen_false | evaluated[0], seen_true | evaluated[1]
            is_covered = seen_false == conditions and seen_true == conditions
            is_new = now_false != seen_false or now_true != seen_true
            may_be_short = is_new or (conditions != 0 and below(rngs[i], 2) == 0)
            if (is_new or is_covered) and (n_actions >= min_actions or may_be_short):
                seen_false, seen_true = now_false, now_true
                robots[i, n_kept, 0], robots[i, n_kept, 1] = position, heading
                actions[i, n_kept, n_actions:] = STOP
                lengths[i, n_kept] = n_actions
                longest = max(longest, n_actions)
                n_kept += 1
        is_covered = seen_false == conditions and seen_true == conditions
        trials[i] = n_trials if n_kept == n_demonstrations and is_covered and longest else 0
