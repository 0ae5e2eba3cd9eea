"""Random numbers for kernels: SplitMix64, a counter with a mixing function.

Each world has a 64-bit random state: it draws the same numbers in any batch and on every machine.
Source: Steele, Lea and Flood, Fast Splittable Pseudorandom Number Generators (OOPSLA 2014).
"""

from __future__ import annotations

import operator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from karel_gym.simulation.kernels import inner

GAMMA = np.uint64(0x9E3779B97F4A7C15)
MULTIPLIER_1 = np.uint64(0xBF58476D1CE4E5B9)
MULTIPLIER_2 = np.uint64(0x94D049BB133111EB)
STRIDE = MULTIPLIER_2  # between the states of a stream, any odd number but GAMMA
SHIFT_1, SHIFT_2, SHIFT_3, HALF = np.uint64(30), np.uint64(27), np.uint64(31), np.uint64(32)
EXCESS, UNIT = np.uint64(11), 2.0**-53  # a double has 53 bits of the 64


@inner
def mix(value: Any) -> Any:
    """A bijection of 64-bit words in which every output bit depends on every input bit."""
    value = (value ^ (value >> SHIFT_1)) * MULTIPLIER_1
    value = (value ^ (value >> SHIFT_2)) * MULTIPLIER_2
    return value ^ (value >> SHIFT_3)


@inner
def below(rng: Any, n: int) -> Any:
    """A uniform integer in 0 .. n-1, n < 2**32, from a world's random state, uint64, (1,)."""
    rng[0] += GAMMA
    return np.int64(((mix(rng[0]) >> HALF) * np.uint64(n)) >> HALF)


@inner
def fraction(word: Any) -> float:
    """A 64-bit word as a number from 0 up to but not including 1."""
    return np.float64(word >> EXCESS) * UNIT


@inner
def uniform(rng: Any, low: float, high: float) -> float:
    """A uniform real number in low .. high from a random state, uint64, (1,)."""
    rng[0] += GAMMA
    return low + (high - low) * fraction(mix(rng[0]))


@inner
def draw_state(stream: Any) -> Any:
    """The next random state of `stream`, uint64, (1,); it advances the stream."""
    state = mix(stream[0])
    stream[0] += STRIDE
    return state


def stream_of(seed: int) -> np.uint64:
    """The stream of random states of a seed; a `ValueError` if it is not in 0 .. 2**64 - 1."""
    number = operator.index(seed)
    if not 0 <= number < 2**64:
        raise ValueError(f"seed must be in 0 .. 2**64 - 1, got {seed}")
    return mix.py_func(np.array([number], dtype=np.uint64) + GAMMA)[0]


def states_of(seed: int, n: int) -> NDArray[np.uint64]:
    """The first `n` states of the stream of a seed: uint64, (n,)."""
    return mix.py_func(stream_of(seed) + np.arange(n, dtype=np.uint64) * STRIDE)
