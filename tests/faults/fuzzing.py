"""Random wrong input: odd values, and mutations of right ones."""

from __future__ import annotations

import math
import signal
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

Rng = np.random.Generator
SECONDS = 30
"""More than any input may take."""


def _ragged() -> Any:
    array = np.empty(2, dtype=object)
    array[:] = [[1], [1, 2]]
    return array


ODD: tuple[Callable[[], Any], ...] = (
    *(lambda v=v: v for v in (None, True, False, 0, 1, -1, 2, 3, 5, 8, 50, 51, 255, 256)),
    *(lambda v=v: v for v in (2**31, 2**63 - 1, 2**63, 2**64, -(2**63) - 1, 10**30, -(10**400))),
    *(lambda v=v: v for v in (0.0, 0.5, 1.5, -0.0, math.nan, math.inf, -math.inf, 1e308, 2 + 3j)),
    *(lambda v=v: v for v in ("", "x", "1", "nan", "\x00", "\ud800", "é\u202e", "a" * 10_000)),
    *(lambda v=v: v for v in (b"", b"\xff\x00", (), (1, 2), frozenset(), range(3), int, len)),
    *(lambda v=v: v for v in (np.int8(3), np.uint64(2**64 - 1), np.float32("nan"), np.bool_(True))),
    *(lambda v=v: v for v in ("../..", "/", "/dev/null", "~", "$HOME", "%s{}", "<script>")),
    *(list, dict, set, object, bytearray, lambda: [[]], lambda: [None], lambda: {"a": []}),
    *(lambda: [[0, 1], [2]], lambda: iter([1, 2]), lambda: (i for i in "ab"), _ragged),
    *(lambda: np.array([]), lambda: np.zeros((0, 5)), lambda: np.array(7), lambda: np.zeros(5)),
    *(lambda: np.zeros((2, 45), np.int8), lambda: np.full((2, 3), 60), lambda: np.full(3, np.nan)),
    *(lambda: np.array(["a"]), lambda: np.array([1j]), lambda: np.array(["2020"], "datetime64")),
    *(lambda: np.zeros((3, 3, 3, 3)), lambda: np.full(4, -1), lambda: np.full((3, 3), 300)),
)
"""Makers of values that hardly any argument may have."""


def odd(rng: Rng) -> Any:
    """An odd value."""
    return ODD[rng.integers(len(ODD))]()


def pick(rng: Rng, values: Sequence[Any]) -> Any:
    """One of some values."""
    return values[rng.integers(len(values))]


def mutated_words(rng: Rng, words: Sequence[Any], others: Sequence[Any]) -> list[Any]:
    """A sequence in which a few items were left out, repeated, swapped, or replaced by others."""
    result = list(words)
    for _ in range(rng.integers(0, 5)):
        place, kind = int(rng.integers(len(result) + 1)), rng.integers(5)
        end = min(place + int(rng.integers(1, 6)), len(result))
        if kind == 0:
            del result[place:end]
        elif kind == 1:
            result[place:place] = result[place:end] * int(rng.integers(1, 4))
        elif kind == 2:
            result[place:end] = result[place:end][::-1]
        elif kind == 3:
            result.insert(place, pick(rng, others))
        elif place < len(result):
            result[place] = pick(rng, others)
    return result


def mutated_text(rng: Rng, text: str, words: Sequence[str]) -> str:
    """A text with a few faults, of characters or of words."""
    glyphs = ("", " ", "\n", "\t", "\x00", "é", "\u2028", "\ud800", "🤖", "0", "-", "(", ")", ":")
    if rng.random() < 0.5:
        return "".join(mutated_words(rng, text, glyphs))
    return " ".join(mutated_words(rng, text.split(" "), (*glyphs, *words)))


def mutated_bytes(rng: Rng, data: bytes) -> bytes:
    """Bytes that are cut off, or some of which are changed."""
    if rng.random() < 0.3:
        return data[: rng.integers(len(data) + 1)]
    changed = bytearray(data)
    start = 0 if rng.random() < 0.5 else int(rng.integers(len(data)))
    for place in rng.integers(start, min(start + 400, len(data)), size=rng.integers(1, 6)):
        changed[place] = rng.integers(256)
    return bytes(changed)


def mutated_json(rng: Rng, value: Any) -> Any:
    """JSON values of which one, at any depth, is odd, missing or another one's."""
    if isinstance(value, dict) and value and rng.random() < 0.9:
        name = pick(rng, list(value))
        changed = dict(value)
        if rng.random() < 0.1:
            del changed[name]
        elif rng.random() < 0.1:
            changed[str(odd(rng))[:100]] = odd(rng)
        else:
            changed[name] = mutated_json(rng, value[name])
        return changed
    if isinstance(value, list) and value and rng.random() < 0.7:
        place = int(rng.integers(len(value)))
        return [*value[:place], mutated_json(rng, value[place]), *value[place + 1 :]]
    return odd(rng)


@dataclass(frozen=True)
class Target:
    """A function that takes what users give.

    Args:
        make: Makes a random input.
        take: Takes it; what it returns does not matter.
        refusals: The exceptions that it may raise, by its documentation.
        weight: Its share of the inputs.
    """

    make: Callable[[Rng], Any]
    take: Callable[[Any], Any]
    refusals: tuple[type[Exception], ...] = (ValueError,)
    weight: float = 1.0


def fuzz(target: Target, n: int, seed: int) -> int:
    """Give a target n random inputs; returns how many it refused.

    An input fails the test unless it is taken, or refused in time with a message by one of the
    target's exceptions.
    """
    refused = 0
    for number in range(n):
        value = target.make(np.random.default_rng([seed, number]))
        try:
            with _in_time(), warnings.catch_warnings():
                warnings.simplefilter("ignore")
                target.take(value)
        except target.refusals as error:
            if not str(error):
                pytest.fail(f"input {number} is refused without a message: {value!r:.2000}")
            refused += 1
        except Exception as error:
            pytest.fail(f"input {number}: {value!r:.2000}: {type(error).__name__}: {error}")
    return refused


@contextmanager
def _in_time() -> Iterator[None]:
    def stop(*_: object) -> None:
        raise AssertionError(f"it took more than {SECONDS} seconds")

    before = signal.signal(signal.SIGALRM, stop)
    signal.alarm(SECONDS)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)
