"""Robust statistics of returns over tasks and seeds.

Source: Agarwal et al., Deep Reinforcement Learning at the Edge of the Statistical Precipice,
NeurIPS 2021. A method's returns are an array (S, T): a row per seed, a column per task.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from agents.confidence import FEWER_SAMPLES, bootstrap_interval
from benchmarks.runs.ledger import Record
from benchmarks.statistics.panels import draw_band, panels, save_figure

THRESHOLDS = np.linspace(0.0, 1.0, 101)
Returns = NDArray[np.float64]
interval = partial(bootstrap_interval, samples=FEWER_SAMPLES, by_column=True)
"""The 95 % interval of a statistic, with a bootstrap stratified by task."""


def interquartile_mean(returns: Returns) -> NDArray[np.float64]:
    """The mean of the middle half of the returns, (..., S, T), of all seeds and tasks, (...).

    Example:
        >>> interquartile_mean(np.array([[-9.0, 0.5], [0.7, 1.0]])).item()
        0.6
    """
    values = np.sort(returns.reshape(*returns.shape[:-2], -1), axis=-1)
    cut = values.shape[-1] // 4
    return values[..., cut : values.shape[-1] - cut].mean(axis=-1)


def performance_profile(returns: Returns) -> NDArray[np.float64]:
    """The share of runs, (..., S, T), above each of the `THRESHOLDS`, mean over tasks."""
    return np.stack([(returns > tau).mean(axis=(-2, -1)) for tau in THRESHOLDS], axis=-1)


def improvement_probability(ours: Returns, theirs: Returns) -> NDArray[np.float64]:
    """The probability that a run of ours has a larger return than one of theirs, mean over tasks.

    Equal returns count half. (..., S, T) and (..., S', T) give (...).

    Example:
        >>> improvement_probability(np.array([[1.0], [0.5]]), np.array([[0.5], [0.2]])).item()
        0.875
    """
    difference = np.sign(ours[..., :, None, :] - theirs[..., None, :, :])  # (..., S, S', T)
    return (difference.mean(axis=(-3, -2, -1)) + 1) / 2


def returns_by_method(results: pd.DataFrame, worlds: str) -> dict[str, Returns]:
    """The returns, (S, T), of each method that has all tasks, with the same seeds in each.

    The tasks are those of any method in such worlds. `results` is a table of `tidy`.
    """
    own = results[results["worlds"] == worlds]
    tasks = list(own["env_id"].unique())
    found = {}
    for algo, group in own.groupby("algo", sort=False):
        table = group.pivot(index="seed", columns="env_id", values="return").reindex(columns=tasks)
        if not table.isna().any(axis=None):
            found[str(algo)] = table.to_numpy(float)
    return found


def aggregates(returns: Mapping[str, Returns]) -> pd.DataFrame:
    """The interquartile mean and the mean of each method, each with its 95 % interval."""
    statistics: dict[str, Callable[[Returns], Returns]] = {
        "iqm": interquartile_mean,
        "mean": lambda values: values.mean(axis=(-2, -1)),
    }
    rows = []
    for algo, values in returns.items():
        row: Record = {"algo": algo, "seeds": values.shape[0], "tasks": values.shape[1]}
        for name, statistic in statistics.items():
            low, high = interval(statistic, values)
            row |= {name: float(statistic(values)), f"{name}_low": low, f"{name}_high": high}
        rows.append(row)
    return pd.DataFrame(rows)


def profiles(returns: Mapping[str, Returns]) -> pd.DataFrame:
    """The performance profile of each method with its pointwise 95 % interval."""
    parts = []
    for algo, values in returns.items():
        low, high = interval(performance_profile, values)
        shares = {"share": performance_profile(values), "share_low": low, "share_high": high}
        parts.append(pd.DataFrame({"algo": algo, "threshold": THRESHOLDS, **shares}))
    return pd.concat(parts, ignore_index=True)


def improvements(returns: Mapping[str, Returns]) -> pd.DataFrame:
    """The probability of improvement of each method over each other one, a row per pair."""
    rows = []
    for algo, ours in returns.items():
        for than, theirs in returns.items():
            if algo != than:
                low, high = interval(improvement_probability, ours, theirs)
                pair = {"algo": algo, "than": than}
                probability = float(improvement_probability(ours, theirs))
                rows.append(
                    pair
                    | {"probability": probability}
                    | {"probability_low": low, "probability_high": high}
                )
    return pd.DataFrame(
        rows, columns=["algo", "than", "probability", "probability_low", "probability_high"]
    )


def plot_profiles(table: pd.DataFrame, path: Path) -> None:
    """Draw a table of `profiles`, a line per method with its band."""
    figure, (axis,) = panels(1)
    figure.set_size_inches(6.4, 4.0)
    for number, (algo, own) in enumerate(table.groupby("algo", sort=False)):
        band = [own[name] for name in ("share", "share_low", "share_high")]
        draw_band(axis, own["threshold"], band, str(algo), number)
    axis.set(xlabel="return", ylabel="share of runs above it", ylim=(-0.03, 1.03), xlim=(0, 1))
    figure.legend(loc="outside right upper", frameon=False)
    save_figure(figure, path)
