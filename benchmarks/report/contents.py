"""The contents of the page, section by section."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from agents.policies import Contestant, contestants
from benchmarks.report.findings import Findings, Rates, Run, Score
from benchmarks.report.origins import Origin, listed, range_text
from benchmarks.report.overview import Matrix, glossary, matrices
from benchmarks.report.players import Listing, Player, chosen, listing, player_of
from benchmarks.report.settings import Settings
from benchmarks.report.svg_curves import Chart, learning_charts, search_charts
from benchmarks.report.table import (
    MethodRow,
    PublishedResult,
    evaluate_run,
    kinds_of_worlds,
    needs_evaluation,
    rows_of,
)
from benchmarks.report.tasks import ReportedTask, reported_task
from programmatic.dsl import Program
from programmatic.runs import RunError


@dataclass(frozen=True)
class Section:
    """The section of a task."""

    task: ReportedTask
    rows: list[MethodRow]
    columns: list[int]  # the kinds of worlds with a number, by their places in `Contents.kinds`
    elsewhere: list[PublishedResult]  # of methods without a row
    charts: list[Chart]
    curve_methods: dict[str, int]  # the methods that have curves, with their numbers
    player: Player | None
    others: list[tuple[Run, Listing]]  # programs that the player does not show


@dataclass(frozen=True)
class Contents:
    """The contents of the page."""

    title: str
    kinds: list[str]  # of worlds, one per column of the results tables
    methods: dict[str, int]  # all methods with their numbers
    glossary: dict[str, str]  # sentences about methods, and about those in published results
    overview: list[Matrix]  # one per kind
    sections: list[Section]
    rates: list[Rates]
    origins: dict[str, list[Origin]]  # by heading
    evaluated: dict[str, list[str]]  # methods that were evaluated for this report, by task
    settings: Settings
    made: Origin  # of the report itself

    @property
    def sources(self) -> list[str]:
        """The sources of the published numbers on the page, in the order of their first use."""
        sources = []
        for section in self.sections:
            for row in section.rows:
                sources += [number.source for place in row.places for number in place.published]
            sources += [number.source for number in section.elsewhere]
        return list(dict.fromkeys(sources))

    @property
    def summary(self) -> str:
        """The numbers of tasks, methods and replayed policies, in a sentence."""
        replayed = sum(len(s.player.seats) for s in self.sections if s.player)
        parts = [_counted(len(self.sections), "task"), _counted(len(self.methods), "method")]
        if replayed:
            parts.append(f"{_counted(replayed, 'policy', 'policies')} to watch")
        return f"{', '.join(parts)}."


def _counted(n: int, what: str, several: str | None = None) -> str:
    return f"{n} {what if n == 1 else several or what + 's'}"


def contents_of(
    findings: Findings,
    settings: Settings,
    made: Origin,
    title: str,
    tell: Callable[[str], Any] = str,
) -> Contents:
    """Evaluate policies, draw curves and record replays; `tell` is called with each task's id."""
    found: list[Run | Score] = [*findings.scores, *findings.runs]
    numbers = {name: i for i, name in enumerate(dict.fromkeys(item.method for item in found))}
    by_task = {}
    for env_id in dict.fromkeys(item.env_id for item in found):
        tell(env_id)
        by_task[env_id] = _Work(findings, env_id, numbers, settings)
    kinds = kinds_of_worlds(score for work in by_task.values() for score in work.scores)
    sections = [work.section(kinds) for work in by_task.values()]
    published = [number.method for section in sections for number in section.elsewhere]
    origins = {
        "This report": [made],
        "Benchmarks and evaluations": findings.origins,
        "Trainings, searches and programs": _origins_of(
            run for run in findings.runs if run.origin not in findings.origins
        ),
        "Rates": [rates.origin for rates in findings.rates],
    }
    return Contents(
        title,
        kinds,
        numbers,
        glossary(dict.fromkeys([*numbers, *published]), findings.runs),
        matrices([section.rows for section in sections], kinds),
        sections,
        findings.rates,
        {heading: group for heading, group in origins.items() if group},
        {env_id: work.evaluated for env_id, work in by_task.items() if work.evaluated},
        settings,
        made,
    )


class _Work:
    """The work on one task: load policies, evaluate those without scores, record replays."""

    def __init__(
        self, findings: Findings, env_id: str, numbers: dict[str, int], settings: Settings
    ) -> None:
        self.numbers = numbers
        self.task = reported_task(env_id, settings.larger)
        self.runs = [run for run in findings.runs if run.env_id == env_id]
        self.scores = [score for score in findings.scores if score.env_id == env_id]
        wanted = needs_evaluation(self.runs, self.scores) if self.task.sizes else []
        shown = chosen(self.runs, numbers) if self.task.shapes else []
        loaded = {run: contestant_of(run, settings.seed) for run in (*wanted, *shown)}
        self.evaluated = list(dict.fromkeys(run.method for run in wanted))
        for run in wanted:
            self.scores += evaluate_run(
                run, loaded[run], self.task, settings.episodes, settings.seed
            )
        self.player = player_of([(run, loaded[run]) for run in shown], self.task, numbers, settings)

    def section(self, kinds: list[str]) -> Section:
        rows, elsewhere = rows_of(self.scores, self.task.env_id, kinds, self.numbers)
        curved = [r for r in self.runs if r.learning is not None or r.searching is not None]
        shown = {seat.run for seat in self.player.seats} if self.player else set()
        return Section(
            self.task,
            rows,
            [
                i
                for i in range(len(kinds))
                if any(r.places[i].cell or r.places[i].published for r in rows)
            ],
            elsewhere,
            learning_charts(self.runs, self.numbers, self.task.title)
            + search_charts(self.runs, self.numbers, self.task.title),
            {run.method: self.numbers[run.method] for run in curved},
            self.player,
            [
                (run, listing(run.policy))
                for run in self.runs
                if isinstance(run.policy, Program) and run not in shown
            ],
        )


def contestant_of(run: Run, seed: int) -> Contestant:
    """The loaded policy of a run that has one.

    Raises:
        RunError: The run folder is damaged, or loading its model would run code from the file.
    """
    with warnings.catch_warnings():
        warnings.filterwarnings("error", ".* was not written by karel-gym", UserWarning)
        try:
            (contestant,) = contestants({run.method: run.policy}, seed, run.env_id)
        except UserWarning as warning:
            raise RunError(f"{warning}: the report loads no such model") from None
    return contestant


def _origins_of(runs: Iterable[Run]) -> list[Origin]:
    """One origin per method and task, with the command of the first seed."""
    groups: dict[tuple[str, str], list[Run]] = {}
    for run in runs:
        groups.setdefault((run.method, run.env_id), []).append(run)
    origins = []
    for (method, env_id), group in groups.items():
        all_of = [run.origin for run in group]
        joined = {
            name: listed(getattr(origin, name) for origin in all_of)
            for name in ("commit", "machine", "date", "versions")
        }
        where = all_of[0].where + (f" and {len(all_of) - 1} more" if len(all_of) > 1 else "")
        seeds = range_text(sorted(run.seed for run in group if run.seed is not None))
        name = f"{method} on {env_id}"
        origins.append(Origin(name, where, all_of[0].command, seeds or all_of[0].seed, **joined))
    return origins
