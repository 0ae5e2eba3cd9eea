"""A hash that is equal for programs of provably equal behavior.

These are programs that differ only in REPEATs of 0 times, REPEATs of 1 time, double negations, and
the form of the question for markers. They make the same calls, so they are equal under any limit.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from karel_gym.simulation.kernels import inner
from karel_gym.simulation.rng import GAMMA, mix
from programmatic.dsl import tokens as t
from programmatic.machine.bytecode import N_PERCEPTS, PERCEPT_OF

MARKERS, NO_MARKERS = t.PERCEPTS.index("markersPresent"), t.PERCEPTS.index("noMarkersPresent")
NEGATION_OF = np.arange(N_PERCEPTS) + t.PAD + 1
"""The number of a negated percept: that of the opposite percept, or one after all tokens."""
NEGATION_OF[[MARKERS, NO_MARKERS]] = t.PERCEPT_TOKENS[NO_MARKERS], t.PERCEPT_TOKENS[MARKERS]

MULTIPLIER = np.uint64(0xD1342543DE82EF95)
SHIFT = np.uint64(32)


@inner
def behind_block(tokens: Any, opening: int) -> int:
    """The index after the REPEAT block that begins with the 'r(' at `opening`."""
    depth, i = 1, opening
    while depth > 0:
        i += 1
        depth += (tokens[i] == t.R_OPEN) - (tokens[i] == t.R_CLOSE)
    return i + 1


@inner
def canonical_hash(tokens: Any, length: int) -> Any:
    """The hash, uint64, of the canonical form of a valid program, int8 tokens, (L,).

    Two programs of different behavior share a hash with probability 2**-64.
    """
    value = GAMMA
    i, kept = 3, np.uint64(0)  # bit d of `kept`: the d-th open REPEAT is kept
    while i < length:
        token = int(tokens[i])
        if token == t.REPEAT:
            times = tokens[i + 1]
            if times == t.R_0:
                i = behind_block(tokens, i + 2)
                continue
            kept = kept << np.uint64(1) | np.uint64(times != t.R_0 + 1)
            i += 2
            if times == t.R_0 + 1:
                i += 1
                continue
            token = int(times)
        elif token == t.R_CLOSE:
            was_kept = kept & np.uint64(1)
            kept >>= np.uint64(1)
            if was_kept == np.uint64(0):
                i += 1
                continue
        elif token == t.C_OPEN:
            first = i
            while tokens[i] == t.C_OPEN or tokens[i] == t.NOT:
                i += 1
            negations = (i - first) // 2
            token = int(tokens[i])
            if negations & 1:
                token = NEGATION_OF[PERCEPT_OF[token]]
            i += negations + 1  # to the last closing bracket
        value = (value ^ (value >> SHIFT) ^ np.uint64(token)) * MULTIPLIER
        i += 1
    return mix(value)
