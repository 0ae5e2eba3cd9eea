"""What the page shows, section by section."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from benchmarks.report.findings import Findings, Origin, Rates, Run, Score, listed, range_text
from benchmarks.report.loading import contestant_of
from benchmarks.report.players import Listing, Player, chosen, listing, player_of
from benchmarks.report.scores import (
    PublishedResult,
    evaluate_run,
    kinds_of_worlds,
    needs_evaluation,
)
from benchmarks.report.settings import Settings
from benchmarks.report.svg_curves import Panel, learning_panels, search_panels
from benchmarks.report.table import Row, rows_of
from benchmarks.report.tasks import ReportedTask, reported_task
from programmatic.dsl import Program


@dataclass(frozen=True)
class Section:
    """What there is of a task.

    Args:
        task: The task.
        rows: Of the results table.
        elsewhere: What was published of methods without a row.
        panels: Its curves.
        curve_methods: The methods that have curves, with their numbers.
        player: Its player.
        others: Programs that the player does not show.
    """

    task: ReportedTask
    rows: list[Row]
    elsewhere: list[PublishedResult]
    panels: list[Panel]
    curve_methods: dict[str, int]
    player: Player | None
    others: list[tuple[Run, Listing]]


@dataclass(frozen=True)
class Contents:
    """All that the page shows.

    Args:
        title: Of the page.
        kinds: The kinds of worlds that the results table has columns of.
        sections: A section a task.
        rates: Tables of rates.
        origins: Where what was found came from.
        evaluated: Methods that were evaluated for this report, by task.
        settings: How.
        made: Where the report itself came from.
    """

    title: str
    kinds: list[str]
    sections: list[Section]
    rates: list[Rates]
    origins: list[Origin]
    evaluated: dict[str, list[str]]
    settings: Settings
    made: Origin

    @property
    def sources(self) -> list[str]:
        """Where the published numbers that are shown come from, in the order of their first use."""
        shown = [
            published
            for section in self.sections
            for published in (
                *(
                    number
                    for row in section.rows
                    for place in row.places
                    for number in place.published
                ),
                *section.elsewhere,
            )
        ]
        return list(dict.fromkeys(published.source for published in shown))

    @property
    def summary(self) -> str:
        """What the report is of, in a sentence."""
        methods = {row.method for section in self.sections for row in section.rows}
        replayed = sum(len(s.player.seats) for s in self.sections if s.player)
        told = [
            _counted(len(self.sections), "task"),
            _counted(len(methods), "method"),
            f"{_counted(replayed, 'policy', 'policies')} to watch",
        ]
        return f"{', '.join(told[:-1])}, {told[-1]}." if replayed else f"{', '.join(told[:-1])}."


def _counted(n: int, what: str, several: str | None = None) -> str:
    return f"{n} {what if n == 1 else several or what + 's'}"


def contents_of(
    findings: Findings,
    settings: Settings,
    made: Origin,
    title: str,
    tell: Callable[[str], Any] = str,
) -> Contents:
    """Evaluate, draw and record what was found.

    Args:
        findings: What was found.
        settings: How.
        made: Where the report itself comes from.
        title: Of the page.
        tell: What is told which task is at work.

    Raises:
        RunError: A run folder is damaged.
    """
    found: list[Run | Score] = [*findings.scores, *findings.runs]
    numbers = {name: i for i, name in enumerate(dict.fromkeys(item.method for item in found))}
    by_task = {}
    for env_id in dict.fromkeys(item.env_id for item in found):
        tell(env_id)
        by_task[env_id] = _Work(findings, env_id, numbers, settings)
    kinds = kinds_of_worlds(score for work in by_task.values() for score in work.scores)
    return Contents(
        title,
        kinds,
        [work.section(kinds) for work in by_task.values()],
        findings.rates,
        [*findings.origins, *_origins_of(findings.runs), *(r.origin for r in findings.rates)],
        {env_id: work.evaluated for env_id, work in by_task.items() if work.evaluated},
        settings,
        made,
    )


class _Work:
    """The work on one task: policies are loaded, evaluated where that is needed, and recorded.

    Args:
        findings: What was found, of all tasks.
        env_id: The task's id.
        numbers: Of the methods.
        settings: How.
    """

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
        self.player = player_of(
            [(run, loaded[run]) for run in shown],
            self.task,
            numbers,
            settings.worlds,
            settings.seed,
            settings.max_frames,
        )

    def section(self, kinds: list[str]) -> Section:
        """What the page shows of the task.

        Args:
            kinds: The kinds of worlds that the results table has columns of.
        """
        rows, elsewhere = rows_of(self.scores, self.task.env_id, kinds, self.numbers)
        curved = [r for r in self.runs if r.learning is not None or r.searching is not None]
        shown = {seat.run for seat in self.player.seats} if self.player else set()
        return Section(
            self.task,
            rows,
            elsewhere,
            learning_panels(self.runs, self.numbers, self.task.title)
            + search_panels(self.runs, self.numbers, self.task.title),
            {run.method: self.numbers[run.method] for run in curved},
            self.player,
            [
                (run, listing(run.policy))
                for run in self.runs
                if isinstance(run.policy, Program) and run not in shown
            ],
        )


def _origins_of(runs: Iterable[Run]) -> list[Origin]:
    """Where runs came from: an origin a method and task, with the command of its first seed."""
    groups: dict[tuple[str, str], list[Run]] = {}
    for run in runs:
        groups.setdefault((run.method, run.env_id), []).append(run)
    origins = []
    for (method, env_id), group in groups.items():
        told = [run.origin for run in group]
        both = {
            name: listed(getattr(origin, name) for origin in told)
            for name in ("commit", "machine", "date", "versions")
        }
        where = told[0].where + (f" and {len(told) - 1} more" if len(told) > 1 else "")
        seeds = range_text(sorted(run.seed for run in group if run.seed is not None))
        name = f"{method} on {env_id}"
        origins.append(Origin(name, where, told[0].command, seeds or told[0].seed, **both))
    return origins
