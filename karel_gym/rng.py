"""Random numbers for kernels: SplitMix64, a counter with a mixing function.

Each world owns one 64-bit state, so a batch draws the same numbers in any order, at any size and
on every machine. Source: Steele, Lea and Flood, Fast Splittable Pseudorandom Number Generators
(OOPSLA 2014).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from karel_gym.kernels import inner

GAMMA = np.uint64(0x9E3779B97F4A7C15)
MULTIPLIER_1 = np.uint64(0xBF58476D1CE4E5B9)
MULTIPLIER_2 = np.uint64(0x94D049BB133111EB)
SHIFT_1, SHIFT_2, SHIFT_3, HALF = np.uint64(30), np.uint64(27), np.uint64(31), np.uint64(32)


@inner
def mix(value: Any) -> Any:
    """A bijection of 64-bit words in which every output bit depends on every input bit."""
    value = (value ^ (value >> SHIFT_1)) * MULTIPLIER_1
    value = (value ^ (value >> SHIFT_2)) * MULTIPLIER_2
    return value ^ (value >> SHIFT_3)


@inner
def below(rng: Any, n: int) -> Any:
    """A uniform integer in 0 .. n-1, for n < 2**32; `rng` is the stream's state, uint64, (1,)."""
    rng[0] += GAMMA
    return np.int64(((mix(rng[0]) >> HALF) * np.uint64(n)) >> HALF)


def streams(seed: int, n: int) -> NDArray[np.uint64]:
    """The states in which the random streams 0 .. n-1 of `seed` start: uint64, (n,).

    Raises:
        ValueError: `seed` is negative or has more than 64 bits.
    """
    if not 0 <= seed < 2**64:
        raise ValueError(f"seed must be in 0 .. 2**64 - 1, got {seed}")
    base = mix.py_func(np.full(n, seed, dtype=np.uint64) + GAMMA)
    return mix.py_func(base + np.arange(n, dtype=np.uint64) * MULTIPLIER_2)
