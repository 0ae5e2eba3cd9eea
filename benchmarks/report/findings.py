"""What the report is made of: runs, scores and rates, and where each came from."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import pandas as pd

OWN_WORLDS, SEARCH_WORLDS = "own", "search"
"""Kinds of worlds: fresh ones of the task's own size, and those that a search saw. Others are
called by their size, such as "16x16"."""
NOTHING = float("nan")


@dataclass(frozen=True)
class Origin:
    """Where a figure came from, as texts to be shown; empty where it is not known."""

    name: str
    where: str
    command: str = ""
    seed: str = ""
    commit: str = ""
    machine: str = ""
    date: str = ""
    versions: str = ""
    horizon: str = ""


@dataclass(frozen=True, eq=False)
class Run:
    """A policy, and how it was found.

    Args:
        method: The row of the results table.
        env_id: The task's id.
        policy: What acts, as `agents.policies.contestants` takes it; None: there is nothing yet.
        origin: Where it came from.
        seed: Of the training or the search; None where there was none.
        settings: All that tells its kind from others, the seed apart; runs of one method that
            differ here are no seeds of each other.
        learning: `frames`, `seconds`, `return`: the evaluations of a training.
        searching: `evaluations`, `seconds`, `return`: the best program so far of a search, a row
            each time that a better one was found, and the end of the search.
        search_return: What its program reached in the worlds of the search; NaN where it is not
            known, or told by a score.
    """

    method: str
    env_id: str
    policy: Any
    origin: Origin
    seed: int | None = None
    settings: str = ""
    learning: pd.DataFrame | None = None
    searching: pd.DataFrame | None = None
    search_return: float = NOTHING

    @property
    def score(self) -> Score | None:
        """What its program reached in the worlds of the search; None where it is not known."""
        if math.isnan(self.search_return):
            return None
        return Score(self.method, self.env_id, SEARCH_WORLDS, self.search_return, self.seed)


@dataclass(frozen=True)
class Score:
    """A mean return.

    Args:
        method: The row of the results table.
        env_id: The task's id.
        worlds: The kind of worlds.
        value: The mean return of one policy.
        seed: Of the run that the policy is of; None where there was none.
        low, high: The 95 % interval of the mean over episodes; NaN where it is not known.
        episodes: How many episodes the mean is of; 0 where it is not known.
    """

    method: str
    env_id: str
    worlds: str
    value: float
    seed: int | None = None
    low: float = NOTHING
    high: float = NOTHING
    episodes: int = 0


@dataclass(frozen=True, eq=False)
class Rates:
    """A table of measured rates: what, unit, per_second, slowest, fastest."""

    table: pd.DataFrame
    origin: Origin


@dataclass
class Findings:
    """What was found in the folders and files that a report is of."""

    runs: list[Run] = field(default_factory=list)
    scores: list[Score] = field(default_factory=list)
    rates: list[Rates] = field(default_factory=list)
    origins: list[Origin] = field(default_factory=list)
    """Of the scores."""

    def add(self, other: Findings) -> None:
        """Take in what another has."""
        self.runs += other.runs
        self.scores += other.scores
        self.rates += other.rates
        self.origins += other.origins

    def is_empty(self) -> bool:
        """Whether there is nothing."""
        return not (self.runs or self.scores or self.rates)

    def named(self, name: str) -> Findings:
        """The same with all methods called `name`."""
        return Findings(
            [replace(run, method=name) for run in self.runs],
            [replace(score, method=name) for score in self.scores],
            self.rates,
            self.origins,
        )


def told_apart(runs: Iterable[Run]) -> list[Run]:
    """The runs, with names of their own for methods of one name but with other settings.

    A policy without a seed, such as a program, may be in several evaluations; it is taken once.

    Raises:
        ValueError: Two runs are one seed of one method: together they would count twice.
    """
    names: dict[tuple[str, str, str], str] = {}
    seen: dict[tuple[str, str, int | None], Run] = {}
    apart = []
    for run in runs:
        kind = run.method, run.env_id, run.settings
        if kind not in names:
            like = sum(other[:2] == kind[:2] for other in names)
            names[kind] = f"{run.method} #{like + 1}" if like else run.method
        run = replace(run, method=names[kind])
        key = run.method, run.env_id, run.seed
        if key in seen:
            if run.seed is None and run.policy == seen[key].policy:
                continue
            places = f"{seen[key].origin.where} and {run.origin.where}"
            raise ValueError(
                f"{places} are runs of one seed and of the same settings: name one of them"
            )
        seen[key] = run
        apart.append(run)
    return apart


def size_name(shape: tuple[int, int]) -> str:
    """What worlds of a size are called.

    Example:
        >>> size_name((8, 5))
        '8x5'
    """
    return f"{shape[0]}x{shape[1]}"


def listed(texts: Iterable[str]) -> str:
    """Texts in one, each once, in order, and without empty ones."""
    return ", ".join(sorted({text for text in texts if text}))


def range_text(seeds: Sequence[int]) -> str:
    """Ascending seeds as a text, those that follow each other as a range.

    Example:
        >>> range_text([0, 1, 2, 3]), range_text([0, 7])
        ('0 to 3', '0, 7')
    """
    if len(seeds) > 2 and list(seeds) == list(range(seeds[0], seeds[-1] + 1)):
        return f"{seeds[0]} to {seeds[-1]}"
    return ", ".join(map(str, seeds))
