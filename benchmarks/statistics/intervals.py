"""Means over seeds with their confidence intervals."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from agents.evaluation import bootstrap_interval

BAND_SAMPLES = 2000  # resamples for the band of a curve


class MeanInterval(NamedTuple):
    """A mean and its 95 % bootstrap interval; the interval is NaN where one value gives none."""

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
        """The three numbers in a row of a table with the `columns` of this name."""
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
    return MeanInterval(float(values.mean()), *bootstrap_interval(values))


def mean_band(curves: NDArray[np.float64], seed: int = 0) -> NDArray[np.float64]:
    """The mean of curves and, at each of their points, its 95 % bootstrap interval.

    Args:
        curves: (S, T), a row a seed.
        seed: Of the bootstrap.

    Returns:
        (3, T): mean, low, high.
    """
    n = len(curves)
    drawn = np.random.default_rng(seed).multinomial(n, np.full(n, 1 / n), size=BAND_SAMPLES)
    low, high = np.percentile(drawn @ curves / n, [2.5, 97.5], axis=0)  # of (samples, T)
    return np.stack([curves.mean(axis=0), low, high])
