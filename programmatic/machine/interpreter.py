"""The interpreter of bytecode. Only `advance` knows the meaning of programs."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from karel_gym.robot import TURN_LEFT, Effect, act, sense
from karel_gym.simulation.episode_arrays import copy
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

NO_ACTION = -1  # the index that `advance` returns when a program acts no more

COUNTER_BITS = np.uint64(5)  # of one REPEAT; a word holds all of them, the innermost lowest
COUNTER_MASK = np.uint64(31)
ONE = np.uint64(1)
NOWHERE = np.uint64(0)

COUNTS_IDLE_RUNS = True  # kernels use that of their task

FIRST_ANCHOR = 2  # jumps back before the first state is remembered: many loops end soon


class Advance(NamedTuple):
    """The progress of a program up to its next action."""

    at: int  # index of the action's instruction; NO_ACTION if the program acts no more
    pc: int  # index of the instruction after the action
    repeats: Any  # uint64, the REPEAT counters there
    calls: int  # calls made, including the action
    looped: bool  # whether it jumped back
    deeper: int  # REPEATs entered minus REPEATs left
    lowest: int  # the smallest value of `deeper` on the way, at most 0
    trail: Any  # uint64; bit i: it reached the instruction at i (programs of up to 64 tokens)


class Outcome(NamedTuple):
    """The result of one run."""

    total: float  # the return
    actions: int
    calls: int
    terminated: bool
    trail: Any  # uint64; see `Advance`


@inner
def advance(code: Any, pc: int, repeats: Any, percepts: int, calls_left: int) -> Advance:
    """Run a program up to its next action, while the world stands still.

    Args:
        code: int64, (L,).
        pc: Index of the first instruction.
        repeats: uint64, the REPEAT counters.
        percepts: Bit k is percept k.
        calls_left: Calls that it may still make, including the action.
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
            return Advance(NO_ACTION, pc, repeats, calls, jumps > 0, deeper, lowest, trail)
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
                return Advance(NO_ACTION, pc, repeats, calls, jumps > 0, deeper, lowest, trail)
            calls += 1
            if op == ACT:
                target = target_of(word)
                looped = jumps > 0 or target & LOOP != 0
                pc_behind = target & TARGET
                return Advance(pc, pc_behind, repeats, calls, looped, deeper, lowest, trail)
            holds = (senses >> argument_of(word)) & 1
            pc = target_of(word) if holds else other_target_of(word)
        if pc & LOOP:
            pc &= TARGET
            jumps += 1
            if pc == anchor_pc and repeats == anchor_repeats:
                return Advance(NO_ACTION, pc, repeats, calls_left, True, deeper, lowest, trail)
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
def run(code: Any, episode: Any, anchor: Any, limits: Any, skip_loops: bool, trace: Any) -> Outcome:
    """Run one program in one world in which the episode has begun.

    When the whole state recurs (program counter, REPEAT counters, robot, cells, the task's
    counters, random stream), the program is in an endless loop. As many whole rounds as the limits
    allow are then counted without being run, so the result is that of running them. When only the
    counter of a REPEAT that was not left differs, as many rounds as it allows are counted. States
    are compared by Brent's algorithm at jumps back, beginning with the cell that differed last.

    A halted program keeps turning left while an env asks for actions. In tasks without a cost per
    action this changes no return, except in a run without any action if the start world already has
    a score. Such a run is therefore rewarded as if the robot had turned left once. In tasks with a
    cost, only the program's own actions count (`Task.counts_idle_runs` is False).

    Args:
        code: int64, (L,).
        episode: `WorldArrays` of the world; changed to the final one.
        anchor: `WorldArrays` like it, in which a state is remembered; used only if `skip_loops`.
        limits: `Limits`, both of them numbers.
        skip_loops: Whether to look for endless loops.
        trace: int32, (n,); gets the token index of each of the first n actions.
    """
    cells, width, robot, rng, counters = episode
    anchor_cells, anchor_counters = anchor.cells, anchor.counters
    max_calls, max_actions = limits
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
    depth, lowest = 0, 0  # of REPEATs, relative to the anchor; and its minimum since then
    looped = False

    while actions < max_actions:
        if looped and skip_loops:
            jumps += 1
            recurs = False
            # The REPEAT around the outermost one that was left, and how far it was counted down.
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
        step = advance(code, pc, repeats, percepts, max_calls - calls)
        pc, repeats, looped = step.pc, step.repeats, step.looped
        lowest = min(lowest, depth + step.lowest)
        depth += step.deeper
        calls += step.calls
        trail |= step.trail
        if step.at == NO_ACTION:
            if actions == 0 and COUNTS_IDLE_RUNS:
                total, terminated = reward(
                    cells, width, turn_left(position, heading), counters, rng
                )
            break
        effect = act(cells, width, position, heading, argument_of(code[index(step.at)]))
        position, heading = effect.position, effect.heading
        if actions < trace.size:
            trace[actions] = step.at
        actions += 1
        gain, terminated = reward(cells, width, effect, counters, rng)
        total += gain
        if terminated:
            break
    robot[0], robot[1] = position, heading
    return Outcome(total, actions, calls, terminated, trail)
