"""The results table: fresh evaluations where there are no results yet, and means over seeds."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from agents.evaluation import evaluate_episodes, summarise
from agents.intervals import MeanInterval, mean_interval
from agents.policies import Contestant
from benchmarks.report.findings import OWN_WORLDS, SEARCH_WORLDS, Run, Score
from benchmarks.report.tasks import ReportedTask
from benchmarks.statistics.published import Published, published_number, published_returns


@dataclass(frozen=True)
class PublishedResult:
    """A number from the literature, the method's name there, and the kind of worlds it is of."""

    method: str
    worlds: str
    number: Published

    @property
    def source(self) -> str:
        """Where it was published, and how its evaluation differs from ours."""
        note = f" ({self.number.note})" if self.number.note else ""
        return f"{self.number.source}, {self.number.table}{note}"


@dataclass(frozen=True)
class Cell:
    """What a method reached in one kind of worlds.

    Args:
        interval: The mean, and its 95 % interval.
        over: What the mean is over: "5 seeds", "100 worlds".
    """

    interval: MeanInterval
    over: str

    @property
    def has_interval(self) -> bool:
        """Whether the interval is known."""
        return not np.isnan(self.interval.low)


def needs_evaluation(runs: Iterable[Run], scores: Iterable[Score]) -> list[Run]:
    """The runs with policies of whose method no table tells what it reaches in fresh worlds.

    Args:
        runs: Of one task.
        scores: Of that task.
    """
    known = {score.method for score in scores if score.worlds != SEARCH_WORLDS}
    return [run for run in runs if run.policy is not None and run.method not in known]


def evaluate_run(
    run: Run, contestant: Contestant, task: ReportedTask, episodes: int, seed: int
) -> list[Score]:
    """What the policy of a run reaches in fresh worlds, of each size that it can take.

    Args:
        run: The run.
        contestant: Its policy.
        task: Its task.
        episodes: Worlds of each size.
        seed: Of the worlds.
    """
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


def cells(scores: Iterable[Score]) -> dict[tuple[str, str], Cell]:
    """What methods reached, by method and kind of worlds.

    Several seeds give an interval over seeds; one seed that of its episodes, where it is known.

    Args:
        scores: Of one task.
    """
    grouped: dict[tuple[str, str], list[Score]] = {}
    for score in scores:
        grouped.setdefault((score.method, score.worlds), []).append(score)
    return {place: _cell(group) for place, group in grouped.items()}


def _cell(scores: Sequence[Score]) -> Cell:
    if len(scores) > 1:
        interval = mean_interval([score.value for score in scores])
        return Cell(interval, f"{len(scores)} seeds")
    (score,) = scores
    over = f"{score.episodes:,} worlds" if score.episodes else "1 seed"
    return Cell(MeanInterval(score.value, score.low, score.high), over)


def kinds_of_worlds(scores: Iterable[Score]) -> list[str]:
    """The kinds of worlds in the order of the table: a search's, the tasks' own, then by size."""

    def rank(worlds: str) -> tuple[int, int, str]:
        if worlds in (SEARCH_WORLDS, OWN_WORLDS):
            return (SEARCH_WORLDS, OWN_WORLDS).index(worlds), 0, ""
        sides = worlds.split("x")
        area = int(np.prod([int(s) for s in sides])) if all(s.isdecimal() for s in sides) else 0
        return 2, area, worlds

    return sorted({score.worlds for score in scores}, key=rank)


def published_of(env_id: str) -> list[PublishedResult]:
    """What was published of a task."""
    rows = published_returns()
    found = []
    for method, worlds in rows[rows["task"] == env_id][["method", "worlds"]].itertuples(
        index=False
    ):
        number = published_number(method, env_id, worlds)
        if number is not None:
            found.append(PublishedResult(method, worlds, number))
    return found


def is_published_as(method: str, name: str) -> bool:
    """Whether the literature's name of a method is that of one here, or of a repetition of it.

    Example:
        >>> is_published_as("leaps", "LEAPS run again by HPRL"), is_published_as("DRL", "DRL-abs")
        (True, False)
    """
    return name.casefold() == method.casefold() or name.casefold().startswith(
        f"{method} ".casefold()
    )
