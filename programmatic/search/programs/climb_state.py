"""Rules and state of a climb over programs, as numbers and arrays for its kernel.

Scores are sums of returns over the worlds in whole numbers of 2**-32. Unlike sums of floats, they
do not depend on the order of the worlds.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from karel_gym.simulation.episode_arrays import WorldArrays
from karel_gym.simulation.kernels import inner
from programmatic.horizon import Limits
from programmatic.search.programs.mutation import N_COLUMNS
from programmatic.search.programs.space import ProgramSpace
from programmatic.search.programs.statements import STACK_SIZE

UNIT = 2.0**32  # a return of 1 as a score
REJECTED = -(2**62)  # the score of a dropped candidate, lower than any other

(
    EVALUATIONS,  # programs evaluated
    LENGTH,  # number of tokens of the current program; 0 before a start
    SCORE,  # of the current program
    NEIGHBOURS,  # allowed without a gain; with annealing, all of a climb
    TRIED,  # neighbours without a gain so far; with annealing, all of the climb
    CLIMBS,  # climbs begun
    BEST_LENGTH,  # number of tokens of the best program
    BEST_SCORE,  # of the best program
    RUNS,  # runs of a program in a world
    REPEATED,  # candidates that needed no run
    ABOVE_BOUND,  # whether a return exceeded the bound by which candidates are dropped
) = range(11)
N_NUMBERS = 11


class Rules(NamedTuple):
    """The rules of a climb; numbers and truth values only, apart from the space's dictionary."""

    space: ProgramSpace
    first_neighbours: int
    """Neighbours without a gain after which a climb ends, at the beginning of the search."""
    last_neighbours: int  # the same at its end
    total: int  # evaluations at the end of the schedule between the two
    sideways: bool  # whether the search moves to a neighbour with an equal score too
    solved: int  # the score that ends the search
    most: int  # the score of the highest possible return
    limits: Limits  # the limits of a run, both of them numbers
    given_percent: int  # share of climbs from given programs, if there are any
    crossed_percent: int  # share of the other climbs from crossed elites
    temperature: float  # of annealing at the beginning of a climb, as a score; 0: none
    skip_loops: bool
    drop_early: bool
    skip_repeated: bool
    skip_unreached: bool
    worst_first: bool


class StartWorlds(NamedTuple):
    """N worlds in which the episodes have begun."""

    arrays: WorldArrays
    weights: Any  # int64, (N,); the number of equal worlds of the search


class Elites(NamedTuple):
    """The E best results of climbs with different returns; a row of pads is free."""

    tokens: Any  # int8, (E, L), padded
    returns: Any  # int64, (E, N); in each world


class Climb(NamedTuple):
    """The state of a search, changed in place; the accelerations keep nothing here."""

    numbers: Any  # int64, (N_NUMBERS,)
    rng: Any  # uint64, (1,)
    parent: Any  # int8, (L,); the current program
    returns: Any  # int64, (N,); its returns in each world
    best: Any  # int8, (L,); the best program
    elites: Elites  # E is 0 if climbs do not start from them


class ClimbRoom(NamedTuple):
    """Arrays for the kernel to work in; it needs none of their values later."""

    mutant: Any  # int8, (L,)
    code: Any  # int64, (L,)
    conditions: Any  # int64, (L,)
    stack: Any  # int64, (STACK_SIZE,)
    places: Any  # int64, (2 * L, N_COLUMNS)
    order: Any  # int64, (N,)
    returns: Any  # int64, (N,)
    parent_trails: Any  # uint64, (N,)
    trails: Any  # uint64, (N,)
    episodes: WorldArrays  # of 2 worlds
    hashes: Any  # uint64, (H,); H is a power of 2 above the most neighbours
    stamps: Any  # int64, (H,), zeros


def climb_room(rules: Rules, worlds: StartWorlds, n_tokens: int) -> ClimbRoom:
    """New arrays for climbs over programs of up to `n_tokens` tokens."""
    n_worlds = len(worlds.weights)
    capacity = 4
    while capacity < 2 * max(rules.first_neighbours, rules.last_neighbours):
        capacity *= 2
    return ClimbRoom(
        mutant=np.zeros(n_tokens, dtype=np.int8),
        code=np.zeros(n_tokens, dtype=np.int64),
        conditions=np.zeros(n_tokens, dtype=np.int64),
        stack=np.zeros(STACK_SIZE, dtype=np.int64),
        places=np.zeros((2 * n_tokens, N_COLUMNS), dtype=np.int64),
        order=np.zeros(n_worlds, dtype=np.int64),
        returns=np.zeros(n_worlds, dtype=np.int64),
        parent_trails=np.zeros(n_worlds, dtype=np.uint64),
        trails=np.zeros(n_worlds, dtype=np.uint64),
        episodes=worlds.arrays.take([0, 0]),
        hashes=np.zeros(capacity, dtype=np.uint64),
        stamps=np.zeros(capacity, dtype=np.int64),
    )


class Gains(NamedTuple):
    """Room for the programs that were the best so far when they were found."""

    tokens: Any  # int8, (G, L)
    lengths: Any  # int64, (G,)
    evaluations: Any  # int64, (G,); programs evaluated up to then


@inner
def is_same(one: Any, other: Any, length: int) -> bool:
    """Whether the first `length` values of two arrays are equal."""
    for i in range(length):  # noqa: SIM110 (numba knows no generators)
        if one[i] != other[i]:
            return False
    return True


@inner
def whole(value: float) -> int:
    """A return as a score."""
    return math.floor(value * UNIT + 0.5)
