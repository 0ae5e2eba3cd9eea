"""The results table: one row per method, one column per kind of worlds."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from agents.confidence import MeanInterval, mean_interval
from agents.evaluation import evaluate_episodes, summarise
from agents.policies import Contestant
from benchmarks.report.findings import OWN_WORLDS, SEARCH_WORLDS, WITHIN, Run, Score
from benchmarks.report.tasks import ReportedTask
from benchmarks.statistics.published import Published, published_number, published_returns

WIDTH, MARGIN = 120, 6  # of a bar, in pixels


class PublishedResult(NamedTuple):
    """A number from the literature, with its method's name there and its kind of worlds."""

    method: str
    worlds: str
    number: Published

    @property
    def source(self) -> str:
        """Its publication, where it was read, and how the evaluation there differs from ours."""
        note = f" ({self.number.note})" if self.number.note else ""
        return f"{self.number.source}, {self.number.table}, read in {self.number.read_in}{note}"


class Cell(NamedTuple):
    """The result of a method in one kind of worlds."""

    interval: MeanInterval
    over: str  # what was averaged: "5 seeds", "100 worlds"

    @property
    def has_interval(self) -> bool:
        """Whether the interval is known."""
        return not np.isnan(self.interval.low)


class Bar(NamedTuple):
    """The parts of a bar, in pixels from the left."""

    zero: float
    mean: float
    low: float
    high: float
    published: tuple[float, ...]


class Place(NamedTuple):
    """A result of a method in a kind of worlds beside the published ones."""

    cell: Cell | None
    published: tuple[PublishedResult, ...]
    bar: Bar | None


class MethodRow(NamedTuple):
    """The results of a method in a task."""

    method: str
    number: int  # in the report, which determines the color
    places: tuple[Place, ...]  # one per kind of worlds


def needs_evaluation(runs: Iterable[Run], scores: Iterable[Score]) -> list[Run]:
    """The runs whose method has no score in fresh worlds; runs and scores are of one task."""
    known = {score.method for score in scores if score.worlds != SEARCH_WORLDS}
    return [run for run in runs if run.policy is not None and run.method not in known]


def evaluate_run(
    run: Run, contestant: Contestant, task: ReportedTask, episodes: int, seed: int
) -> list[Score]:
    """Evaluate the policy of a run in `episodes` fresh worlds of each size that it can take."""
    scores = []
    for worlds, shape in task.sizes.items():
        rows = evaluate_episodes([contestant], task.env_id, episodes, seed, *shape, compiled=True)
        row = summarise(rows, seed).iloc[0]
        if row["episodes"]:
            value, low, high = (float(row[name]) for name in ("mean_return", "ci_low", "ci_high"))
            scores.append(
                Score(run.method, task.env_id, worlds, value, run.seed, low, high, episodes)
            )
    return scores


def kinds_of_worlds(scores: Iterable[Score]) -> list[str]:
    """The kinds of worlds in the order of the table: the tasks' own, a search's, then by size."""

    def rank(kind: str) -> tuple[int, int, str]:
        worlds = kind.partition(WITHIN)[0]
        if worlds in (OWN_WORLDS, SEARCH_WORLDS):
            return (OWN_WORLDS, SEARCH_WORLDS).index(worlds), 0, kind
        sides = worlds.split("x")
        area = int(np.prod([int(s) for s in sides])) if all(s.isdecimal() for s in sides) else 0
        return 2, area, kind

    return sorted({score.worlds for score in scores}, key=rank)


def rows_of(
    scores: Iterable[Score], env_id: str, kinds: Sequence[str], numbers: Mapping[str, int]
) -> tuple[list[MethodRow], list[PublishedResult]]:
    """The rows of a task, a column per kind, and the published results of other methods."""
    grouped: dict[tuple[str, str], list[Score]] = {}
    for score in scores:
        grouped.setdefault((score.method, score.worlds), []).append(score)
    reached = {place: _cell(group) for place, group in grouped.items()}
    published = _published_of(env_id)
    methods = {method for method, _ in reached}
    known = [result for result in published if result.worlds in kinds]
    scale = _scale(reached.values(), known)
    rows = []
    for method in sorted(methods, key=numbers.__getitem__):
        places = []
        for kind in kinds:
            cell = reached.get((method, kind))
            beside = tuple(
                result
                for result in known
                if result.worlds == kind and is_published_as(method, result.method)
            )
            places.append(Place(cell, beside, _bar(cell, beside, scale)))
        rows.append(MethodRow(method, numbers[method], tuple(places)))
    others = [p for p in published if not any(is_published_as(m, p.method) for m in methods)]
    return rows, others


def _cell(scores: Sequence[Score]) -> Cell:
    """The mean over several seeds, or the score of one with the interval over its episodes."""
    if len(scores) > 1:
        interval = mean_interval([score.value for score in scores])
        return Cell(interval, f"{len(scores)} seeds")
    (score,) = scores
    over = f"{score.episodes:,} worlds" if score.episodes else "1 seed"
    return Cell(MeanInterval(score.value, score.low, score.high), over)


def _published_of(env_id: str) -> list[PublishedResult]:
    rows = published_returns()
    found = []
    for method, worlds in rows.loc[rows["task"] == env_id, ["method", "worlds"]].to_numpy():
        number = published_number(method, env_id, worlds)
        if number is not None:
            found.append(PublishedResult(method, worlds, number))
    return found


def is_published_as(method: str, name: str) -> bool:
    """Whether the literature's name means this method or a repetition of it.

    Example:
        >>> is_published_as("leaps", "LEAPS run again by HPRL"), is_published_as("DRL", "DRL-abs")
        (True, False)
    """
    return f"{name} ".casefold().startswith(f"{method} ".casefold())


def _scale(reached: Iterable[Cell], published: Iterable[PublishedResult]) -> tuple[float, float]:
    """The least and the greatest return in all bars of a task."""
    values = [0.0, 1.0, *(result.number.value for result in published)]
    for cell in reached:
        values += [value for value in cell.interval if not np.isnan(value)]
    return min(values), max(values)


def _bar(
    cell: Cell | None, published: Iterable[PublishedResult], scale: tuple[float, float]
) -> Bar | None:
    if cell is None:
        return None
    least, greatest = scale

    def at(value: float) -> float:
        share = (value - least) / (greatest - least)
        return round(MARGIN + share * (WIDTH - 2 * MARGIN), 1)

    mean, low, high = cell.interval if cell.has_interval else (cell.interval.mean,) * 3
    shown = tuple(at(result.number.value) for result in published)
    return Bar(at(0), at(mean), at(low), at(high), shown)
