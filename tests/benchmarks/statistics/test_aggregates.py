"""The statistics are those of their definitions, computed here in another way."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.stats import mannwhitneyu, trim_mean

from benchmarks.statistics.aggregates import (
    THRESHOLDS,
    aggregates,
    improvement_probability,
    improvements,
    interquartile_mean,
    performance_profile,
    plot_profiles,
    profiles,
    returns_by_method,
)

RNG = np.random.default_rng(0)
GOOD = np.clip(RNG.normal(0.8, 0.2, (5, 6)), 0, 1)
BAD = np.clip(RNG.normal(0.4, 0.2, (7, 6)), 0, 1)


@pytest.mark.parametrize("returns", [GOOD, BAD, GOOD[:, :5], GOOD[:1, :1]])
def test_the_interquartile_mean_is_the_trimmed_mean(returns: np.ndarray) -> None:
    assert interquartile_mean(returns) == pytest.approx(trim_mean(returns, 0.25, axis=None))


def test_an_outlier_does_not_sway_the_interquartile_mean() -> None:
    with_outlier = GOOD.copy()
    with_outlier[GOOD.min() == GOOD] = -1000
    assert interquartile_mean(with_outlier) == interquartile_mean(GOOD)


def test_the_probability_of_improvement_is_mann_whitneys() -> None:
    tied = np.round(GOOD, 1), np.round(BAD, 1)
    expected = [
        mannwhitneyu(x, y).statistic / (len(x) * len(y))
        for x, y in zip(*(t.T for t in tied), strict=True)
    ]
    assert improvement_probability(*tied) == pytest.approx(np.mean(expected))
    assert improvement_probability(GOOD, GOOD) == pytest.approx(0.5)
    assert improvement_probability(GOOD, BAD) + improvement_probability(BAD, GOOD) == pytest.approx(
        1
    )


def test_a_performance_profile_falls_from_one_to_none() -> None:
    profile = performance_profile(GOOD)
    assert profile.shape == THRESHOLDS.shape
    assert (np.diff(profile) <= 0).all()
    assert profile[-1] == 0  # no return is more than 1
    assert profile[50] == pytest.approx((GOOD > 0.5).mean())


def test_tables_have_the_statistic_within_its_interval(tmp_path: Path) -> None:
    returns = {"good": GOOD, "bad": BAD}
    table = aggregates(returns).set_index("algo")
    for name in ("iqm", "mean"):
        assert table[f"{name}_low"].lt(table[name]).all()
        assert table[f"{name}_high"].gt(table[name]).all()
    assert table.loc["good", "iqm_low"] > table.loc["bad", "iqm_high"]
    assert table.loc["bad", "seeds"] == 7
    pairs = improvements(returns).set_index(["algo", "than"])
    assert pairs.loc[("good", "bad"), "probability_low"] > 0.5
    assert pairs.loc[("bad", "good"), "probability_high"] < 0.5
    shares = profiles(returns)
    assert shares["share"].between(shares["share_low"], shares["share_high"]).all()
    plot_profiles(shares, tmp_path / "profiles.png")
    assert (tmp_path / "profiles.png").read_bytes().startswith(b"\x89PNG")


def test_methods_without_all_tasks_or_seeds_are_left_out() -> None:
    rows = [
        {"algo": algo, "env_id": task, "seed": seed, "worlds": "own", "return": seed / 10}
        for algo in ("whole", "lacks a task", "lacks a seed")
        for task in ("a", "b")
        for seed in range(3)
        if (algo, task) != ("lacks a task", "b") and (algo, task, seed) != ("lacks a seed", "a", 1)
    ]
    results = pd.DataFrame([*rows, {**rows[0], "worlds": "100x100", "env_id": "c"}])
    found = returns_by_method(results, "own")
    assert list(found) == ["whole"]
    np.testing.assert_array_equal(found["whole"], np.array([[0, 0], [0.1, 0.1], [0.2, 0.2]]))


def test_one_method_has_no_pairs() -> None:
    assert len(improvements({"good": GOOD})) == 0
