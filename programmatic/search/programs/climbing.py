"""Hill climbing over programs, compiled as a whole: draw, mutate, run, move, start again.

First improvement: the search moves to the first better neighbour; with simulated annealing, also to
a worse one, with a probability that falls with the loss. The accelerations change no result:
endless loops are recognized; equal worlds are run once; worlds in which the parent never reached
the changed part of a neighbour are not run; worlds in which the parent does badly come first, and a
candidate is dropped as soon as the remaining worlds cannot make it good enough; a candidate of
provably the same behavior as its parent or an earlier neighbour is not run at all.

Source: Carvalho et al. (ICLR 2024); the schedule of neighbours: LLM-GS (Liu et al., ICLR 2025).
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from karel_gym.simulation.episode_arrays import copy, copy_world, world_at
from karel_gym.simulation.kernels import inner, kernel
from karel_gym.simulation.rng import below, fraction, mix
from programmatic.machine.bytecode import compile_program
from programmatic.machine.interpreter import NOWHERE, ONE, run
from programmatic.search.programs.canonical import canonical_hash
from programmatic.search.programs.climb_state import (
    ABOVE_BOUND,
    BEST_LENGTH,
    BEST_SCORE,
    CLIMBS,
    EVALUATIONS,
    LENGTH,
    NEIGHBOURS,
    REJECTED,
    REPEATED,
    RUNS,
    SCORE,
    TRIED,
    is_same,
    whole,
)
from programmatic.search.programs.edits import neighbour
from programmatic.search.programs.elites import are_full, cross, keep_elite
from programmatic.search.programs.mutation import CODED, END, START, list_places
from programmatic.search.programs.space import draw_program

COLDEST = 0.15
"""The temperature at the end of a climb, as a share of that at its beginning."""


@inner
def scheduled(first: int, last: int, n: int, total: int) -> int:
    """The allowed neighbours without a gain for a climb that begins after n evaluations."""
    if first == last or n < 1:
        return first
    if n >= total:
        return last
    share = math.log10(n) / math.log10(total)
    share = (math.sin((2 * share - 1) * math.pi / 2) + 1) / 2
    low, high = math.log2(first), math.log2(last)
    return math.ceil(2.0 ** (low + (high - low) * share))


@inner
def accepted_loss(temperature: float, progress: float, luck: Any) -> int:
    """The greatest loss of score that is accepted; it exceeds d with probability exp(-d / T).

    `temperature`: T at the beginning of a climb; `progress`: the share of the climb that is over;
    `luck`: a random word, uint64. With equal luck, the loss only falls in the course of a climb.
    """
    return math.floor(-temperature * COLDEST**progress * math.log(1.0 - fraction(luck)))


@inner
def given_before(climbs: int, percent: int) -> int:
    """The climbs from given programs of the first `climbs` ones, spread evenly."""
    return (climbs * percent + 99) // 100


@inner
def order_worlds(returns: Any, weights: Any, most: int, order: Any) -> None:
    """Write the order of the worlds: first those in which the current program loses most."""
    for j in range(order.size):
        lost, at = weights[j] * (most - returns[j]), j
        while at > 0 and weights[order[at - 1]] * (most - returns[order[at - 1]]) < lost:
            order[at] = order[at - 1]
            at -= 1
        order[at] = j


@inner
def bits_below(n: int) -> Any:
    """A word, uint64, of n ones, n < 64."""
    return (ONE << np.uint64(n)) - ONE


@inner
def moved(trail: Any, start: int, end: int, behind: int) -> Any:
    """A trail outside of the tokens `start` to `end` - 1, which tokens up to `behind` replace."""
    return (trail & bits_below(start)) | (trail >> np.uint64(end)) << np.uint64(behind)


@inner
def is_repeated(hashes: Any, stamps: Any, stamp: int, value: Any) -> bool:
    """Whether a hash was seen since neighbourhood `stamp` began; remember it.

    `hashes`, uint64, and `stamps`, int64, have the length of a power of 2 and are never full.
    """
    mask = np.uint64(hashes.size - 1)
    slot = value & mask
    while stamps[slot] == stamp:
        if hashes[slot] == value:
            return True
        slot = (slot + np.uint64(1)) & mask
    hashes[slot], stamps[slot] = value, stamp
    return False


@kernel
def climb(
    rules: Any,
    worlds: Any,
    starts: Any,
    start_lengths: Any,
    state: Any,
    limit: int,
    room: Any,
    gains: Any,
) -> int:
    """Climb until `limit` programs have been evaluated, one solves the task, or `gains` is full.

    Args:
        rules: `Rules`.
        worlds: `StartWorlds`.
        starts: int8, (S, L); programs from which climbs start in turn, but for the share of random
            ones in `rules`; if S is 0, all are random.
        start_lengths: int64, (S,); their numbers of tokens.
        state: `Climb`.
        limit: Most evaluations.
        room: `ClimbRoom`, new.
        gains: `Gains`; written.

    Returns:
        The number of gains.
    """
    numbers, parent, rng, space = state.numbers, state.parent, state.rng, rules.space
    n_worlds = worlds.weights.size
    mutant, code, conditions, stack, places, order, returns = room[:7]
    parent_trails, trails, episodes, hashes, stamps = room[7:]
    episode, anchor = world_at(episodes, 0), world_at(episodes, 1)
    no_trace = anchor.counters[:0]
    for j in range(n_worlds):
        order[j], parent_trails[j] = j, ~NOWHERE  # all instructions are reached if it is unknown
    n_gains, n_places, stamp = 0, 0, 0
    parent_hash = NOWHERE
    is_new = True  # whether the tables of the current program must still be written

    while (
        numbers[EVALUATIONS] < limit
        and numbers[BEST_SCORE] < rules.solved
        and n_gains < gains.lengths.size
    ):
        before = numbers[LENGTH]
        starting = before == 0
        is_known = False
        least = REJECTED
        changed, start, end = ~NOWHERE, 0, 0
        if starting:
            numbers[NEIGHBOURS] = scheduled(
                rules.first_neighbours, rules.last_neighbours, numbers[EVALUATIONS], rules.total
            )
            numbers[TRIED] = 0
            given = given_before(numbers[CLIMBS], rules.given_percent)
            if len(starts) > 0 and given_before(numbers[CLIMBS] + 1, rules.given_percent) > given:
                which = given % len(starts)
                length = start_lengths[which]
                copy(starts[which], mutant)
            elif are_full(state.elites) and below(rng, 100) < rules.crossed_percent:
                length = cross(state.elites, space, places, mutant, stack, rng)
            else:
                length = draw_program(space, mutant, stack, rng)
            numbers[CLIMBS] += 1
        else:
            if is_new:
                n_places = list_places(parent, before, space.negated_ifelse, places, stack)
                parent_hash = canonical_hash(parent, before)
                stamp += 1
                if rules.worst_first:
                    order_worlds(state.returns, worlds.weights, rules.most, order)
                is_new = False
            length, which = neighbour(parent, before, places, n_places, space, mutant, stack, rng)
            start, end = places[which, START], places[which, END]
            if rules.skip_unreached and places[which, CODED]:
                changed = bits_below(end) & ~bits_below(start)
            numbers[TRIED] += 1
            least = numbers[SCORE] + (0 if rules.sideways else 1)
            if rules.skip_repeated or rules.temperature > 0:
                value = canonical_hash(mutant, length)
            if rules.temperature > 0:
                # Neighbours of equal behavior have equal luck: a later one fails if the first did.
                luck = mix(mix(value ^ parent_hash) + np.uint64(numbers[CLIMBS]))
                progress = numbers[TRIED] / numbers[NEIGHBOURS]
                least -= accepted_loss(rules.temperature, progress, luck)
            if rules.skip_repeated:
                if value == parent_hash:  # a sideways move changes it unless it is the same
                    is_known = not rules.sideways or is_same(mutant, parent, length)
                else:
                    is_known = is_repeated(hashes, stamps, stamp, value)
        numbers[EVALUATIONS] += 1

        if is_known:
            numbers[REPEATED] += 1
        else:
            score, highest = 0, 0  # `highest` is the bound of `score`
            for j in range(n_worlds):
                if parent_trails[j] & changed != NOWHERE or starting:
                    highest += worlds.weights[j] * rules.most
                else:
                    returns[j] = state.returns[j]
                    trails[j] = moved(parent_trails[j], start, end, length - before + end)
                    score += worlds.weights[j] * returns[j]
            highest += score
            if not rules.drop_early or highest >= least:
                compile_program(mutant[:length], stack, conditions, code)
            for k in range(n_worlds):
                if rules.drop_early and highest < least:
                    score = REJECTED
                    break
                j = order[k]
                if parent_trails[j] & changed == NOWHERE and not starting:
                    continue
                copy_world(world_at(worlds.arrays, j), episode)
                ran = run(code, episode, anchor, rules.limits, rules.skip_loops, no_trace)
                trails[j] = ran.trail
                numbers[RUNS] += 1
                returns[j] = whole(ran.total)
                score += worlds.weights[j] * returns[j]
                highest -= worlds.weights[j] * (rules.most - returns[j])
                numbers[ABOVE_BOUND] |= returns[j] > rules.most

            if score >= least and score != REJECTED:
                if starting or (score > numbers[SCORE] and rules.temperature == 0):
                    numbers[TRIED] = 0
                copy(mutant, parent)
                copy(returns, state.returns)
                copy(trails, parent_trails)
                numbers[LENGTH], numbers[SCORE] = length, score
                is_new = True
                if score > numbers[BEST_SCORE] or (
                    score == numbers[BEST_SCORE] and length < numbers[BEST_LENGTH]
                ):
                    numbers[BEST_SCORE], numbers[BEST_LENGTH] = score, length
                    copy(mutant, state.best)
                    copy(mutant, gains.tokens[n_gains])
                    gains.lengths[n_gains] = length
                    gains.evaluations[n_gains] = numbers[EVALUATIONS]
                    n_gains += 1
        if numbers[TRIED] >= numbers[NEIGHBOURS]:
            keep_elite(state.elites, parent, numbers[LENGTH], state.returns, worlds.weights)
            numbers[LENGTH] = 0
            is_new = True
    return n_gains
