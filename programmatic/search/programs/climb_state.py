"""What a climb over programs goes by and where it is, as the numbers and arrays of its kernel.

Scores are sums of returns over the worlds, each return as a whole number of 2**-32. Unlike sums of
floats they do not depend on the order of the worlds.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

from karel_gym.simulation.episode_arrays import WorldArrays
from karel_gym.simulation.kernels import inner
from programmatic.horizon import Limits
from programmatic.search.programs.space import ProgramSpace

UNIT = 2.0**32
"""A return of 1, as a score counts it."""
REJECTED = -(2**62)
"""The score of a candidate that was dropped; lower than any."""

(
    EVALUATIONS,
    LENGTH,
    SCORE,
    NEIGHBOURS,
    TRIED,
    CLIMBS,
    BEST_LENGTH,
    BEST_SCORE,
    RUNS,
    REPEATED,
    ABOVE_BOUND,
) = range(11)
"""The numbers of a climb: programs evaluated; the current program's tokens, 0 before a start, and
its score; how many neighbours it may have in vain, and has had; climbs begun; the best program's
tokens and score; programs times worlds that were run; candidates that needed no run; and whether a
return was above the bound that candidates are dropped by."""
N_NUMBERS = 11


class Rules(NamedTuple):
    """What a climb does; numbers and truth values only."""

    space: ProgramSpace
    first_neighbours: int
    """Neighbours in vain after which a climb ends, at the beginning of the search."""
    last_neighbours: int
    """The same at its end."""
    total: int
    """Evaluations of the whole search, for the schedule between the two."""
    sideways: bool
    """Whether the search moves to a neighbour with an equal score too."""
    solved: int
    """The score from which on the search ends."""
    most: int
    """The score of the highest return that there is."""
    limits: Limits
    """Of a run; both of them numbers."""
    skip_loops: bool
    drop_early: bool
    skip_repeated: bool
    skip_unreached: bool
    worst_first: bool


class StartWorlds(NamedTuple):
    """N worlds in which the episodes have begun."""

    arrays: WorldArrays
    weights: Any
    """int64, (N,); how many of the search's worlds each stands for."""


class Climb(NamedTuple):
    """Where a search is; all arrays are changed in place.

    The accelerations keep nothing here: a search that goes on from a copy finds the same.
    """

    numbers: Any
    """int64, (N_NUMBERS,)."""
    rng: Any
    """uint64, (1,)."""
    parent: Any
    """int8, (L,); the current program."""
    returns: Any
    """int64, (N,); its returns in each world."""
    best: Any
    """int8, (L,); the best program."""


class Gains(NamedTuple):
    """Room for the programs that were the best so far when the search came to them."""

    tokens: Any
    """int8, (G, L)."""
    lengths: Any
    """int64, (G,)."""
    evaluations: Any
    """int64, (G,); how many programs had been evaluated."""


@inner
def whole(value: float) -> int:
    """A return as a score counts it."""
    return math.floor(value * UNIT + 0.5)
