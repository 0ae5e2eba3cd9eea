"""The interpreter: bytecode in worlds. `advance` is the only code that knows what programs mean."""

from __future__ import annotations

from typing import Any

import numpy as np

from karel_gym.robot import TURN_LEFT, Effect, act, sense
from karel_gym.simulation.kernels import index, inner, product
from karel_gym.tasks.task import reward
from programmatic.machine.bytecode import (
    ACT,
    HALT,
    LOOP,
    N_PERCEPTS,
    NEXT,
    REPEAT,
    TARGET,
    argument_of,
    op_of,
    other_target_of,
    target_of,
)

NO_ACTION = -1
"""What `advance` returns instead of a token's index when a program acts no more."""

COUNTER_BITS = np.uint64(5)  # of one REPEAT, in the word that holds all of them, innermost lowest
COUNTER_MASK = np.uint64(31)
ONE = np.uint64(1)
NOWHERE = np.uint64(0)

FIRST_ANCHOR = 2  # jumps back before the first state is remembered: many loops end at once


@inner
def advance(code: Any, pc: int, repeats: Any, percepts: int, calls_left: int) -> Any:
    """Run a program up to its next action: the first four values of `advance_trailed`."""
    at, pc, repeats, calls, _, _, _, _ = advance_trailed(code, pc, repeats, percepts, calls_left)
    return at, pc, repeats, calls


@inner
def advance_trailed(code: Any, pc: int, repeats: Any, percepts: int, calls_left: int) -> Any:
    """Run a program up to its next action, while the world stands still.

    Args:
        code: int64, (L,).
        pc: Index of the instruction to begin with.
        repeats: uint64, the REPEAT counters.
        percepts: Bit k is percept k.
        calls_left: How many calls it may still make, that of the action included.

    Returns:
        at: Index of the action's instruction, or NO_ACTION if the program has halted, if its calls
            are used up, or if it perceives for ever without acting.
        pc: Index of the instruction behind the action.
        repeats: The REPEAT counters there.
        calls: How many calls it made, that of the action included.
        looped: Whether it jumped back.
        deeper: The REPEATs that it entered, less those that it left.
        lowest: The least that this was on the way, 0 or below.
        trail: uint64; bit i: it came to the instruction at i. Of programs of up to 64 tokens.
    """
    senses = percepts | (~percepts << N_PERCEPTS)  # bit k + N_PERCEPTS is the negated percept k
    trail = NOWHERE
    calls = 0
    jumps = 0
    deeper, lowest = 0, 0
    anchor_pc, anchor_repeats, anchor_at = -1, repeats, 1
    while True:
        word = code[index(pc)]
        trail |= ONE << np.uint64(pc)
        op = op_of(word)
        if op == HALT:
            return NO_ACTION, pc, repeats, calls, jumps > 0, deeper, lowest, trail
        if op == REPEAT:
            repeats = repeats << COUNTER_BITS | np.uint64(argument_of(word))
            deeper += 1
            pc = target_of(word)
        elif op == NEXT:
            if repeats & COUNTER_MASK > ONE:
                repeats -= ONE
                pc = target_of(word)
            else:
                repeats >>= COUNTER_BITS
                deeper -= 1
                lowest = min(lowest, deeper)
                pc = other_target_of(word)
        else:
            if calls == calls_left:
                return NO_ACTION, pc, repeats, calls, jumps > 0, deeper, lowest, trail
            calls += 1
            if op == ACT:
                target = target_of(word)
                looped = jumps > 0 or target & LOOP != 0
                return pc, target & TARGET, repeats, calls, looped, deeper, lowest, trail
            holds = (senses >> argument_of(word)) & 1
            pc = target_of(word) if holds else other_target_of(word)
        if pc & LOOP:
            pc &= TARGET
            jumps += 1
            if pc == anchor_pc and repeats == anchor_repeats:
                return NO_ACTION, pc, repeats, calls_left, True, deeper, lowest, trail
            if jumps == anchor_at:  # Brent: the remembered state moves on by powers of two
                anchor_pc, anchor_repeats = pc, repeats
                anchor_at *= 2


@inner
def turn_left(position: int, heading: int) -> Effect:
    return Effect(TURN_LEFT, position, position, (heading + 3) & 3, 0)


@inner
def first_difference(a: Any, b: Any) -> int:
    """The first index at which two arrays of one size differ; their size if they do not."""
    for i in range(a.size):
        if a[i] != b[i]:
            return i
    return a.size


@inner
def copy(source: Any, target: Any) -> None:
    for i in range(source.size):
        target[i] = source[i]


@inner
def run(
    code: Any,
    width: int,
    robot: Any,
    rng: Any,
    cells: Any,
    counters: Any,
    anchor_cells: Any,
    anchor_counters: Any,
    max_calls: int,
    max_actions: int,
    skip_loops: bool,
    trace: Any,
) -> Any:
    """Run one program in one world: `run_trailed` without the trail."""
    total, actions, calls, terminated, _ = run_trailed(
        code,
        width,
        robot,
        rng,
        cells,
        counters,
        anchor_cells,
        anchor_counters,
        max_calls,
        max_actions,
        skip_loops,
        trace,
    )
    return total, actions, calls, terminated


@inner
def run_trailed(
    code: Any,
    width: int,
    robot: Any,
    rng: Any,
    cells: Any,
    counters: Any,
    anchor_cells: Any,
    anchor_counters: Any,
    max_calls: int,
    max_actions: int,
    skip_loops: bool,
    trace: Any,
) -> Any:
    """Run one program in one world, in which the episode has begun.

    When the whole state recurs (program counter, REPEAT counters, robot, cells, the task's
    counters, random stream), the program is in an endless loop: as many whole rounds as the limits
    allow are then counted without being run, so that the result is that of running them. When it
    recurs but for the counter of a REPEAT that was not left since, the same is done with as many
    rounds as the counter allows. States are compared by Brent's algorithm at
    jumps back; of the cells the one first at which the last comparison failed, which mostly still
    differs.

    A program that has halted keeps turning left while an env asks for actions, which changes no
    return, except that of a run without any action where the start world already has a score. Such
    a run is therefore judged as if the robot had turned left once.

    Args:
        code: int64, (L,).
        width: W.
        robot: int64, (2,); position and heading. Changed, as the next three.
        rng: uint64, (1,).
        cells: uint8, (H*W,).
        counters: int32, (N_COUNTERS,).
        anchor_cells, anchor_counters: Room to remember a state, like `cells` and `counters`.
        max_calls, max_actions: Limits.
        skip_loops: Whether to look for endless loops.
        trace: int32, (n,); gets the token index of each of the first n actions.

    Returns:
        The return, the numbers of actions and calls, whether the episode terminated, and the trail:
        uint64, whose bit i tells that the program came to the instruction at token i, for programs
        of up to 64 tokens.
    """
    total, actions, calls, terminated = 0.0, 0, 0, False
    position, heading = robot[0], robot[1]
    pc = code[0]
    repeats = np.uint64(0)
    trail = NOWHERE

    jumps, anchor_at = 0, FIRST_ANCHOR
    anchor_pc, anchor_position, anchor_heading = -1, position, heading
    anchor_repeats, anchor_rng = repeats, rng[0]
    anchor_total, anchor_actions, anchor_calls = total, actions, calls
    suspect = 0  # a cell
    depth, lowest = 0, 0  # of REPEATs, beside the anchor's; and the least that it has been since
    looped = False

    while actions < max_actions:
        if looped and skip_loops:
            jumps += 1
            recurs = False
            # The REPEAT around the outermost that was left, and how much it has been counted down.
            outside = COUNTER_BITS * np.uint64(-lowest)
            counted = (anchor_repeats - repeats) >> outside
            if (
                pc == anchor_pc
                and position == anchor_position
                and heading == anchor_heading
                and counted << outside == anchor_repeats - repeats
                and rng[0] == anchor_rng
                and cells[suspect] == anchor_cells[suspect]
                and first_difference(counters, anchor_counters) == counters.size
            ):
                differs = first_difference(cells, anchor_cells)
                recurs = differs == cells.size
                if not recurs:
                    suspect = differs
            if recurs:
                round_calls, round_actions = calls - anchor_calls, actions - anchor_actions
                rounds = min(
                    (max_calls - calls) // round_calls, (max_actions - actions) // round_actions
                )
                if repeats == anchor_repeats:
                    skip_loops = False
                else:
                    left = (repeats >> outside & COUNTER_MASK) - ONE
                    rounds = min(rounds, int(np.int64(left // counted)))
                    repeats -= np.uint64(rounds) * counted << outside
                total += product(rounds, total - anchor_total)
                actions += rounds * round_actions
                calls += rounds * round_calls
                if actions == max_actions:
                    break
            elif jumps >= anchor_at:
                anchor_at *= 2
                anchor_pc, anchor_position, anchor_heading = pc, position, heading
                anchor_repeats, anchor_rng = repeats, rng[0]
                anchor_total, anchor_actions, anchor_calls = total, actions, calls
                depth, lowest = 0, 0
                copy(counters, anchor_counters)
                copy(cells, anchor_cells)
        percepts = 0
        if op_of(code[index(pc)]) != ACT:
            percepts = sense(cells, width, position, heading)
        at, pc, repeats, made, looped, deeper, least, came_to = advance_trailed(
            code, pc, repeats, percepts, max_calls - calls
        )
        lowest = min(lowest, depth + least)
        depth += deeper
        calls += made
        trail |= came_to
        if at == NO_ACTION:
            if actions == 0:
                total, terminated = reward(
                    cells, width, turn_left(position, heading), counters, rng
                )
            break
        effect = act(cells, width, position, heading, argument_of(code[index(at)]))
        position, heading = effect.position, effect.heading
        if actions < trace.size:
            trace[actions] = at
        actions += 1
        gain, terminated = reward(cells, width, effect, counters, rng)
        total += gain
        if terminated:
            break
    robot[0], robot[1] = position, heading
    return total, actions, calls, terminated, trail
