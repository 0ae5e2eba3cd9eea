"""Means with 95 % bootstrap intervals."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Values = NDArray[np.float64]

SAMPLES = 10_000
"""Resamples of a bootstrap; curves and statistics over several tasks take fewer:"""
FEWER_SAMPLES = 2000
BATCH = 5_000_000
"""The most resampled values in memory at a time."""


def bootstrap_interval(
    statistic: Callable[..., Values],
    *data: Values,
    samples: int = SAMPLES,
    by_column: bool = False,
    seed: int = 0,
) -> Values:
    """The 95 % percentile bootstrap interval of a statistic.

    Args:
        statistic: Takes resamples of each data set, (samples, S, ...); returns (samples, ...).
        data: Data sets, (S, ...). Their rows are drawn independently, with replacement.
        samples: The number of resamples.
        by_column: Whether the rows are drawn anew for each column: a stratified bootstrap.
        seed: Of the draws; data set i has the seed `seed + i`.

    Returns:
        (2, ...): the lower and the upper end.

    Example:
        >>> returns = np.array([0.0, 0.5, 1.0, 1.0])
        >>> bootstrap_interval(mean_of_rows, returns).tolist()
        [0.25, 1.0]
    """
    generators = [np.random.default_rng(seed + i) for i in range(len(data))]
    batch = max(BATCH // max(values.size for values in data), 1)
    found = []
    for start in range(0, samples, batch):
        size = min(batch, samples - start)
        drawn = (
            _resampled(values, size, by_column, generator)
            for values, generator in zip(data, generators, strict=True)
        )
        found.append(statistic(*drawn))
    return np.percentile(np.concatenate(found), [2.5, 97.5], axis=0)


def _resampled(
    values: Values, samples: int, by_column: bool, generator: np.random.Generator
) -> Values:
    n, *columns = values.shape
    shape = columns if by_column else [1] * len(columns)
    drawn = generator.integers(n, size=(samples, n, *shape))
    return np.take_along_axis(values[None], drawn, axis=1)


def mean_of_rows(resamples: Values) -> Values:
    """The statistic of `bootstrap_interval` for means over rows."""
    return resamples.mean(axis=1)


class MeanInterval(NamedTuple):
    """A mean and its 95 % bootstrap interval, which is NaN for fewer than two values."""

    mean: float
    low: float
    high: float

    def __str__(self) -> str:
        if np.isnan(self.mean):
            return "-"
        if np.isnan(self.low):
            return f"{self.mean:.2f}"
        return f"{self.mean:.2f} [{self.low:.2f}, {self.high:.2f}]"

    @classmethod
    def of_columns(cls, row: Mapping[str, Any], name: str) -> MeanInterval:
        """The interval in a row of a table; see `columns`."""
        return cls(row[name], row[f"{name}_low"], row[f"{name}_high"])

    def columns(self, name: str) -> dict[str, float]:
        """The three numbers as columns `name`, `name_low` and `name_high` of a table."""
        return {name: self.mean, f"{name}_low": self.low, f"{name}_high": self.high}


def mean_interval(values: Any) -> MeanInterval:
    """The mean of `values`, float, (n,), with its interval.

    Example:
        >>> print(mean_interval([0.5, 0.7]), mean_interval([0.5]), mean_interval([]))
        0.60 [0.50, 0.70] 0.50 -
    """
    values = np.asarray(values, dtype=float)
    nothing = float("nan")
    if len(values) < 2:
        return MeanInterval(float(values[0]) if len(values) else nothing, nothing, nothing)
    low, high = bootstrap_interval(mean_of_rows, values).tolist()
    return MeanInterval(float(values.mean()), low, high)


def mean_band(curves: Values) -> Values:
    """The mean of curves, (S, T), and its 95 % interval at each point: (3, T), mean, low, high."""
    interval = bootstrap_interval(mean_of_rows, curves, samples=FEWER_SAMPLES)
    return np.stack([curves.mean(axis=0), *interval])
