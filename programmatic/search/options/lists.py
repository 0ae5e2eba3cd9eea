"""Scores of candidate options: the returns of lists of programs that run one after another."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from karel_gym.robot import ACTIONS
from karel_gym.simulation.devices import in_parallel
from karel_gym.simulation.episode_arrays import WorldArrays, copy_world, world_at
from karel_gym.simulation.kernels import kernel
from karel_gym.tasks.task import Task
from programmatic.horizon import Limits
from programmatic.machine.bytecode import argument_of
from programmatic.machine.execution import NO_LIMIT
from programmatic.machine.execution_kernels import run_on
from programmatic.machine.interpreter import run

END = -1  # behind a list's last program
N_PAIRS = len(ACTIONS) ** 2


def draw_lists(n_options: int, least: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """Draw the lists in which a candidate is scored together with earlier options.

    Up to the first candidate all programs are equally likely; after it, so is the end. Shorter
    lists than `least` are drawn again.

    Returns:
        int64, (2 ** n_options, T): numbers of options, `n_options` for the candidate, then END.

    Example:
        >>> draw_lists(1, 3, np.random.default_rng(1)).shape[0]
        2
    """
    lists: list[list[int]] = []
    while len(lists) < 2**n_options:
        drawn: list[int] = []
        while n_options not in drawn:
            drawn.append(int(rng.integers(n_options + 1)))
        while (entry := int(rng.integers(n_options + 2))) <= n_options:
            drawn.append(entry)
        if len(drawn) >= least:
            lists.append(drawn)
    padded = np.full((len(lists), max(map(len, lists))), END, dtype=np.int64)
    for row, drawn in zip(padded, lists, strict=True):
        row[: len(drawn)] = drawn
    return padded


def list_scores(
    task: Task,
    codes: NDArray[np.int64],
    options: NDArray[np.int64],
    lists: NDArray[np.int64],
    worlds: WorldArrays,
    max_calls: int,
) -> NDArray[np.float64]:
    """The scores of P candidates, (P,): mean return per program, over all lists and worlds.

    An episode that the task ends within a list ends the list.

    Args:
        task: The task.
        codes: int64, (P, L); the candidates, as bytecode.
        options: int64, (K, L'); the earlier options.
        lists: int64, (M, T); see `draw_lists`.
        worlds: N start worlds in which the episodes have begun.
        max_calls: Most calls of a program's run.
    """
    totals = np.empty((len(codes), len(lists), len(worlds.cells)))
    work, limits = run_lists.of(task), Limits(max_calls, NO_LIMIT)

    def run_part(first: int, last: int) -> None:
        work(first, last, codes, options, lists, worlds, limits, worlds.take([0]), totals)

    in_parallel(run_part, totals.size)
    lengths = (lists != END).sum(axis=1)
    scores: NDArray[np.float64] = (totals / lengths[:, None]).mean(axis=(1, 2))
    return scores


@kernel
def run_lists(
    first: int,
    last: int,
    codes: Any,
    options: Any,
    lists: Any,
    worlds: Any,
    limits: Any,
    room: Any,
    totals: Any,
) -> None:
    """Run lists `first` to `last - 1` of all candidates, lists and worlds in this order.

    Args:
        room: `WorldArrays` of one world to work in.
        totals: float64, (P, M, N); written: the sums of rewards.
        first, last, codes, options, lists, worlds, limits: See `list_scores`.
    """
    _, n_lists, n_worlds = totals.shape
    episode = world_at(room, 0)
    for k in range(first, last):
        j, m, i = k % n_worlds, k // n_worlds % n_lists, k // n_worlds // n_lists
        copy_world(world_at(worlds, j), episode)
        total = 0.0
        for entry in lists[m]:
            if entry == END:
                break
            code = codes[i] if entry == len(options) else options[entry]
            outcome = run_on(code, episode, limits)
            total += outcome.total
            if outcome.terminated:
                break
        totals[i, m, j] = total


def action_pairs(
    task: Task, codes: NDArray[np.int64], worlds: WorldArrays, max_calls: int
) -> NDArray[np.float64]:
    """How often each action follows each other, (P, 25), in runs of P programs in all worlds."""
    counts = np.zeros((len(codes), N_PAIRS))
    work, limits = count_action_pairs.of(task), Limits(max_calls, NO_LIMIT)

    def run_part(first: int, last: int) -> None:
        trace = np.empty(max_calls, dtype=np.int32)
        work(first, last, codes, worlds, limits, worlds.take([0]), trace, counts)

    in_parallel(run_part, len(codes))
    return counts


@kernel
def count_action_pairs(
    first: int, last: int, codes: Any, worlds: Any, limits: Any, room: Any, trace: Any, counts: Any
) -> None:
    """Count pairs of successive actions; see `action_pairs`."""
    episode = world_at(room, 0)
    for i in range(first, last):
        for j in range(len(worlds.cells)):
            copy_world(world_at(worlds, j), episode)
            outcome = run(codes[i], episode, episode, limits, False, trace)
            for t in range(1, outcome.actions):
                before, after = argument_of(codes[i, trace[t - 1]]), argument_of(codes[i, trace[t]])
                counts[i, 5 * before + after] += 1
