"""Bootstrap confidence intervals."""

from __future__ import annotations

import numpy as np
import pytest

from agents import confidence
from agents.confidence import bootstrap_interval, mean_band, mean_interval, mean_of_rows


def test_intervals_cover_the_mean_as_often_as_they_say() -> None:
    rng = np.random.default_rng(0)
    covered = 0
    for trial in range(60):
        low, high = bootstrap_interval(mean_of_rows, rng.random(50), seed=trial)
        covered += low <= 0.5 <= high
    assert 50 <= covered < 60
    assert bootstrap_interval(mean_of_rows, np.ones(5)).tolist() == [1.0, 1.0]


def test_batches_do_not_change_an_interval(monkeypatch: pytest.MonkeyPatch) -> None:
    values = np.random.default_rng(1).random(30)
    at_once = mean_interval(values)
    monkeypatch.setattr(confidence, "BATCH", 100)
    assert mean_interval(values) == at_once


def test_a_stratified_bootstrap_draws_the_rows_of_each_column_anew() -> None:
    by_column = np.arange(6.0) * 10 + np.arange(5.0)[:, None]
    drawn = []

    def keep(resamples: np.ndarray) -> np.ndarray:
        drawn.append(resamples)
        return resamples.mean(axis=(1, 2))

    for is_stratified in (True, False):
        bootstrap_interval(keep, by_column, samples=50, by_column=is_stratified)
    stratified, whole = drawn
    assert stratified.shape == whole.shape == (50, 5, 6)
    assert (stratified // 10 == np.arange(6)).all()
    assert not (stratified % 10 == stratified[:, :, :1] % 10).all()
    assert (whole % 10 == whole[:, :, :1] % 10).all()


def test_a_band_is_an_interval_at_each_point() -> None:
    curves = np.random.default_rng(2).random((8, 3))
    mean, low, high = mean_band(curves)
    np.testing.assert_allclose(mean, curves.mean(axis=0))
    for point in range(3):
        _, *interval = mean_interval(curves[:, point])
        np.testing.assert_allclose([low[point], high[point]], interval, atol=0.03)
