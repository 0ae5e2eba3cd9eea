"""Interval arithmetic over arrays, rounded outward, so that results are safe bounds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

# The sine and cosine of C libraries are off by less than one unit in the last place.
_TRIGONOMETRIC_STEPS = 2
# Far more than the error of a multiple of pi, far less than what would make bounds loose.
_NEAR_EXTREMUM = 1e-9


@dataclass(frozen=True, eq=False)
class Interval:
    """The reals from `low` to `high`, elementwise; both are arrays of one shape.

    Results contain all exact results for operands in the intervals, and the nearest doubles.
    """

    low: NDArray[np.float64]
    high: NDArray[np.float64]

    @classmethod
    def exactly(cls, values: ArrayLike) -> Interval:
        """Intervals of one value each."""
        array = np.asarray(values, dtype=np.float64)
        return cls(array, array)

    def __getitem__(self, index: Any) -> Interval:
        return Interval(self.low[index], self.high[index])

    def __add__(self, other: Interval | float) -> Interval:
        other = _as_interval(other)
        return _outward(self.low + other.low, self.high + other.high)

    def __neg__(self) -> Interval:
        return Interval(-self.high, -self.low)

    def __sub__(self, other: Interval | float) -> Interval:
        return self + -_as_interval(other)

    def __rsub__(self, other: float) -> Interval:
        return -self + other

    def __mul__(self, other: Interval | float) -> Interval:
        other = _as_interval(other)
        ends = (
            (self.low, other.low),
            (self.low, other.high),
            (self.high, other.low),
            (self.high, other.high),
        )
        with np.errstate(invalid="ignore"):
            # An unbounded interval times zero is zero: infinity is no number that it contains.
            products = [np.where((a == 0) | (b == 0), 0.0, a * b) for a, b in ends]
        return _outward(np.minimum.reduce(products), np.maximum.reduce(products))

    __radd__ = __add__
    __rmul__ = __mul__

    def __truediv__(self, other: Interval | float) -> Interval:
        other = _as_interval(other)
        if ((other.low <= 0) & (other.high >= 0)).any():
            raise ZeroDivisionError("the divisor may be zero")
        return self * _outward(1 / other.high, 1 / other.low)

    def squared(self) -> Interval:
        """The square."""
        greatest = np.maximum(np.abs(self.low), np.abs(self.high))
        has_zero = (self.low <= 0) & (self.high >= 0)
        least = np.where(has_zero, 0.0, np.minimum(np.abs(self.low), np.abs(self.high)))
        square = _outward(least * least, greatest * greatest)
        return Interval(np.maximum(square.low, 0.0), square.high)

    def __abs__(self) -> Interval:
        has_zero = (self.low <= 0) & (self.high >= 0)
        ends = np.abs(self.low), np.abs(self.high)
        return Interval(np.where(has_zero, 0.0, np.minimum(*ends)), np.maximum(*ends))

    def sin(self) -> Interval:
        """The sine."""
        return self._wave(np.sin(self.low), np.sin(self.high), first_maximum=np.pi / 2)

    def cos(self) -> Interval:
        """The cosine."""
        return self._wave(np.cos(self.low), np.cos(self.high), first_maximum=0.0)

    def _wave(
        self, at_low: NDArray[np.float64], at_high: NDArray[np.float64], first_maximum: float
    ) -> Interval:
        """The values of a wave between -1 and 1, with a maximum every 2 pi."""
        low, high = np.minimum(at_low, at_high), np.maximum(at_low, at_high)
        for _ in range(_TRIGONOMETRIC_STEPS):
            low, high = np.nextafter(low, -np.inf), np.nextafter(high, np.inf)
        # In half-periods from the first maximum: even numbers are maxima, odd ones minima.
        begin = (self.low - first_maximum) / np.pi - _NEAR_EXTREMUM * (1 + np.abs(self.low))
        end = (self.high - first_maximum) / np.pi + _NEAR_EXTREMUM * (1 + np.abs(self.high))
        has_maximum = np.floor(end / 2) >= np.ceil(begin / 2)
        has_minimum = np.floor((end - 1) / 2) >= np.ceil((begin - 1) / 2)
        return Interval(
            np.where(has_minimum, -1.0, np.maximum(low, -1.0)),
            np.where(has_maximum, 1.0, np.minimum(high, 1.0)),
        )


def stack(columns: list[Interval]) -> Interval:
    """Intervals of shape (N,) each as the columns of one of shape (N, D)."""
    return Interval(
        np.stack([column.low for column in columns], axis=1),
        np.stack([column.high for column in columns], axis=1),
    )


def _as_interval(value: Interval | float) -> Interval:
    return value if isinstance(value, Interval) else Interval.exactly(value)


def _outward(low: NDArray[np.float64], high: NDArray[np.float64]) -> Interval:
    return Interval(np.nextafter(low, -np.inf), np.nextafter(high, np.inf))
