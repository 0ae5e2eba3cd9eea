"""The best results of climbs: a climb may start from one of them with a piece of another."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from karel_gym.simulation.episode_arrays import copy
from karel_gym.simulation.kernels import inner
from karel_gym.simulation.rng import below
from programmatic.dsl.tokens import PAD
from programmatic.search.programs.climb_state import REJECTED, Elites, is_same
from programmatic.search.programs.edits import is_within
from programmatic.search.programs.mutation import END, KIND, START, copy_tokens, list_places

N_ELITES = 16


def no_elites(n: int, n_tokens: int, n_worlds: int) -> Elites:
    """`n` free rows."""
    tokens = np.full((n, n_tokens), PAD, dtype=np.int8)
    return Elites(tokens, np.zeros((n, n_worlds), dtype=np.int64))


def best_of(groups: Sequence[Elites], weights: NDArray[np.int64]) -> Elites:
    """The best of several groups of elites in the same worlds, as many as one group has.

    Args:
        groups: The groups; the first one has precedence among equal elites.
        weights: The worlds' weights, (N,).
    """
    tokens = np.concatenate([group.tokens for group in groups])
    returns = np.concatenate([group.returns for group in groups])
    scores = np.where(tokens[:, 0] == PAD, REJECTED, returns @ weights)
    order = np.argsort(-scores, kind="stable")
    _, first = np.unique(returns[order], axis=0, return_index=True)
    n = len(groups[0].tokens)
    kept = order[np.sort(first)][:n]
    best = no_elites(n, tokens.shape[1], returns.shape[1])
    best.tokens[: len(kept)], best.returns[: len(kept)] = tokens[kept], returns[kept]
    return best


@inner
def length_of(tokens: Any) -> int:
    """The number of tokens, int8, (L,), before the pads."""
    n = 0
    while n < tokens.size and tokens[n] != PAD:
        n += 1
    return n


@inner
def are_full(elites: Any) -> bool:
    """Whether no row is free, and there is one."""
    for tokens in elites.tokens:
        if tokens[0] == PAD:
            return False
    return len(elites.tokens) > 0


@inner
def score_of(returns: Any, weights: Any) -> int:
    """The weighted sum of returns, (N,)."""
    total = 0
    for j in range(weights.size):
        total += weights[j] * returns[j]
    return total


@inner
def keep_elite(elites: Any, tokens: Any, length: int, returns: Any, weights: Any) -> None:
    """Take the result of a climb into the elites.

    It takes a free row, or that of the worst elite if it is better; or, if it is shorter, that of
    the elite with the same returns.
    """
    row, least = -1, score_of(returns, weights)
    for i in range(len(elites.tokens)):
        if elites.tokens[i, 0] == PAD:
            score = REJECTED
        elif is_same(elites.returns[i], returns, returns.size):
            row = i if length < length_of(elites.tokens[i]) else -1
            break
        else:
            score = score_of(elites.returns[i], weights)
        if score < least:
            row, least = i, score
    if row >= 0:
        copy(tokens, elites.tokens[row])
        elites.tokens[row, length:] = PAD
        copy(returns, elites.returns[row])


@inner
def cross(elites: Any, space: Any, places: Any, mutant: Any, stack: Any, rng: Any) -> int:
    """Draw an elite with a piece of another one in place of one of its own, within the space.

    The other arguments are those of `programmatic.search.programs.mutation.mutate`.

    Returns:
        The number of tokens written to `mutant`.
    """
    taker = elites.tokens[below(rng, len(elites.tokens))]
    giver = elites.tokens[below(rng, len(elites.tokens))]
    length = length_of(taker)
    while True:
        n = list_places(giver, length_of(giver), space.negated_ifelse, places, stack)
        piece = places[below(rng, n)]
        start, end, kind = piece[START], piece[END], piece[KIND]
        n = list_places(taker, length, space.negated_ifelse, places, stack)
        place = places[below(rng, n)]
        behind = place[START] + end - start
        length_then = behind + length - place[END]
        if place[KIND] != kind or length_then > space.max_tokens:
            continue
        copy_tokens(taker, 0, place[START], mutant, 0)
        copy_tokens(giver, start, end, mutant, place[START])
        copy_tokens(taker, place[END], length, mutant, behind)
        if is_within(mutant, length_then, space, stack):
            return length_then
