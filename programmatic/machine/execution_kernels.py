"""The interpreter's kernels: many runs, one run with its trace, and programs as policies."""

from __future__ import annotations

from typing import Any, NamedTuple

from karel_gym.simulation.episode_arrays import copy_world, world_at
from karel_gym.simulation.kernels import inner, kernel
from karel_gym.tasks.task import reward
from programmatic.machine.bytecode import argument_of
from programmatic.machine.interpreter import (
    COUNTS_IDLE_RUNS,
    NO_ACTION,
    Outcome,
    advance,
    run,
    turn_left,
)


class Results(NamedTuple):
    """The results of P programs in N worlds, each (P, N)."""

    returns: Any  # float64
    actions: Any  # int64
    calls: Any  # int64
    terminated: Any  # bool


@kernel
def execute_runs(
    first: int,
    last: int,
    step: int,
    codes: Any,
    worlds: Any,
    limits: Any,
    skip_loops: bool,
    rooms: Any,
    results: Any,
) -> None:
    """Do runs of P programs in N worlds; run k is of program k // N in world k % N.

    Args:
        first, last, step: The runs.
        codes: int64, (P, L).
        worlds: `WorldArrays`; the start worlds.
        limits: `Limits`, both of them numbers.
        skip_loops: Whether to look for endless loops.
        rooms: `WorldArrays` of 2 * T worlds to work in, for T threads; thread `first` of a GPU, and
            a thread of the processor with T = 1, uses two of them.
        results: `Results`; written.
    """
    n_worlds = results.returns.shape[1]
    own = 2 * (first % (rooms.cells.shape[0] // 2))
    episode, anchor = world_at(rooms, own), world_at(rooms, own + 1)
    no_trace = anchor.counters[:0]
    for k in range(first, last, step):
        i, j = k // n_worlds, k % n_worlds
        copy_world(world_at(worlds, j), episode)
        outcome = run(codes[i], episode, anchor, limits, skip_loops, no_trace)
        results.returns[i, j] = outcome.total
        results.actions[i, j] = outcome.actions
        results.calls[i, j] = outcome.calls
        results.terminated[i, j] = outcome.terminated


@kernel
def execute_one(code: Any, rooms: Any, limits: Any, skip_loops: bool, trace: Any) -> None:
    """Run a program in the first of two worlds, `WorldArrays`; see `run`."""
    run(code, world_at(rooms, 0), world_at(rooms, 1), limits, skip_loops, trace)


@inner
def run_on(code: Any, episode: Any, limits: Any) -> Outcome:
    """Run a program in a world whose episode goes on afterwards.

    A program without an action turns left once.

    Args:
        code: int64, (L,).
        episode: `WorldArrays` of the world; changed.
        limits: `Limits`, both of them numbers.
    """
    # The episode goes on from the end of an endless loop, so that no anchor is needed.
    outcome = run(code, episode, episode, limits, False, episode.counters[:0])
    if outcome.actions > 0:
        return outcome
    total, terminated = outcome.total, outcome.terminated
    effect = turn_left(episode.robots[0], episode.robots[1])
    if not COUNTS_IDLE_RUNS:  # else the turn's reward is in `outcome` already
        total, terminated = reward(
            episode.cells, episode.width, effect, episode.counters, episode.rngs
        )
    episode.robots[1] = effect.heading
    return Outcome(total, 1, outcome.calls, terminated, outcome.trail)


@inner
def next_action(code: Any, pc: int, repeats: Any, percepts: Any, max_calls: int) -> Any:
    """Advance a program to its next action; see `advance`."""
    bits = 0
    for k in range(percepts.size):
        bits |= int(percepts[k] != 0) << k
    return advance(code, pc, repeats, bits, max_calls)


@inner
def action_at(code: Any, at: int) -> int:
    """The action of the instruction at `at`, which may be NO_ACTION."""
    return NO_ACTION if at == NO_ACTION else argument_of(code[at])


@kernel
def next_actions(
    code: Any, pcs: Any, repeats: Any, percepts: Any, max_calls: int, actions: Any, executing: Any
) -> None:
    """Advance one program in N episodes to their next actions.

    Args:
        code: int64, (L,), no longer than the program.
        pcs: int64, (N,); the instruction that each program is at. Changed, like `repeats`.
        repeats: uint64, (N,).
        percepts: float32, (N, 5); nonzero is true.
        max_calls: Most calls between two actions.
        actions: int64, (N,); written: the action, or NO_ACTION.
        executing: int64, (N,); written: the token index of the action, or NO_ACTION.
    """
    for i in range(len(pcs)):
        step = next_action(code, pcs[i], repeats[i], percepts[i], max_calls)
        executing[i], pcs[i], repeats[i] = step.at, step.pc, step.repeats
        actions[i] = action_at(code, executing[i])
        if actions[i] == NO_ACTION:
            pcs[i] = code.size - 1  # its HALT: a program that perceived forever must not wake up


@kernel
def next_actions_of_each(
    which: Any,
    codes: Any,
    pcs: Any,
    repeats: Any,
    percepts: Any,
    calls_left: Any,
    actions: Any,
    executing: Any,
) -> None:
    """Advance the programs of episodes `which`, (M,), each with its own row of `codes`, (N, L).

    `calls_left`, int64, (N,), is changed; the other arguments are those of `next_actions`.
    """
    for i in which:
        step = next_action(codes[i], pcs[i], repeats[i], percepts[i], calls_left[i])
        executing[i], pcs[i], repeats[i] = step.at, step.pc, step.repeats
        calls_left[i] -= step.calls
        actions[i] = action_at(codes[i], step.at)
