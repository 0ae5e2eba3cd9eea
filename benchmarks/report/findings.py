"""The contents of a report: runs, scores and rates, each with its origin."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any

import pandas as pd

from benchmarks.report.origins import Origin

OWN_WORLDS, SEARCH_WORLDS = "own", "search"
"""Kinds of worlds; others are named by their size, such as "16x16"."""
WITHIN = " within "  # the horizon follows it in the name of a kind, if it is not the task's own
NOTHING = float("nan")


@dataclass(frozen=True, eq=False)
class Run:
    """A policy, and how it was found; seeds of one experiment have the same `settings`."""

    method: str  # its row of the results table
    env_id: str
    policy: Any  # as `agents.policies.contestants` takes it; None: not found yet
    origin: Origin
    seed: int | None = None  # of the training or the search
    settings: str = ""
    learning: pd.DataFrame | None = None  # frames, seconds, return of each evaluation
    searching: pd.DataFrame | None = None  # evaluations, seconds, return of each improvement
    search_return: float = NOTHING  # in the worlds of the search; NaN: unknown, or there is a score

    @property
    def score(self) -> Score | None:
        """The score of its program in the worlds of the search; None: unknown."""
        if math.isnan(self.search_return):
            return None
        return Score(self.method, self.env_id, SEARCH_WORLDS, self.search_return, self.seed)


@dataclass(frozen=True)
class Score:
    """The mean return of one policy, with its 95 % interval over episodes."""

    method: str
    env_id: str
    worlds: str  # their kind
    value: float
    seed: int | None = None
    low: float = NOTHING
    high: float = NOTHING
    episodes: int = 0  # 0: unknown


@dataclass(frozen=True, eq=False)
class Rates:
    """A table of measured rates: what, unit, per_second, slowest, fastest."""

    table: pd.DataFrame
    origin: Origin


@dataclass
class Findings:
    """All that the folders and files of a report hold."""

    runs: list[Run] = field(default_factory=list)
    scores: list[Score] = field(default_factory=list)
    rates: list[Rates] = field(default_factory=list)
    origins: list[Origin] = field(default_factory=list)  # the origins of the scores

    def add(self, other: Findings) -> None:
        """Add all of `other`."""
        self.runs += other.runs
        self.scores += other.scores
        self.rates += other.rates
        self.origins += other.origins

    def named(self, name: str) -> Findings:
        """A copy in which all methods are called `name`."""
        return replace(
            self,
            runs=[replace(run, method=name) for run in self.runs],
            scores=[replace(score, method=name) for score in self.scores],
        )


def with_distinct_names(runs: Iterable[Run]) -> list[Run]:
    """The runs without duplicates; methods of one name but different settings get their own names.

    Raises:
        ValueError: Two runs are one seed of one method: together they would count twice.
    """
    names: dict[tuple[str, str, str], str] = {}
    seen: dict[tuple[str, str, int | None], Run] = {}
    for run in runs:
        kind = run.method, run.env_id, run.settings
        if kind not in names:
            like = sum(other[:2] == kind[:2] for other in names)
            names[kind] = f"{run.method} #{like + 1}" if like else run.method
        run = replace(run, method=names[kind])
        first = seen.setdefault((run.method, run.env_id, run.seed), run)
        if first is run or (run.seed is None and run.policy == first.policy):
            continue
        raise ValueError(
            f"{first.origin.where} and {run.origin.where} are runs of one seed and of the same "
            "settings: name one of them, NAME=RUN"
        )
    return list(seen.values())


def size_name(shape: tuple[int, int]) -> str:
    """The name of a size of worlds.

    Example:
        >>> size_name((8, 5))
        '8x5'
    """
    return f"{shape[0]}x{shape[1]}"
