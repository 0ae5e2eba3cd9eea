"""The overview: the mean returns of all methods in all tasks, and a glossary of the methods."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from agents.policies import RandomPolicy
from benchmarks.report.findings import Run
from benchmarks.report.reading import RANDOM
from benchmarks.report.table import MethodRow, Place
from benchmarks.runs.methods import method_summary


class Square(NamedTuple):
    """A method's result in a task."""

    place: Place
    shade: float  # the mean as a share of the task's greatest return, from 0 to 1
    is_best: bool  # with the digits that are shown


class Matrix(NamedTuple):
    """The mean returns in one kind of worlds."""

    kind: str
    methods: dict[str, int]  # the methods with a result, with their numbers
    rows: list[tuple[int, dict[str, Square]]]  # the index of each task with a result, its squares


def matrices(tables: Sequence[Sequence[MethodRow]], kinds: Sequence[str]) -> list[Matrix]:
    """One matrix per kind of worlds; `tables` has one table per task, with a column per kind."""
    return [_matrix(tables, kind, column) for column, kind in enumerate(kinds)]


def _matrix(tables: Sequence[Sequence[MethodRow]], kind: str, column: int) -> Matrix:
    methods: dict[str, int] = {}
    rows = []
    for index, table in enumerate(tables):
        found = {row.method: row.places[column] for row in table if row.places[column].cell}
        if found:
            methods |= {row.method: row.number for row in table if row.method in found}
            rows.append((index, _squares(found)))
    return Matrix(kind, dict(sorted(methods.items(), key=lambda item: item[1])), rows)


def _squares(places: Mapping[str, Place]) -> dict[str, Square]:
    means = {name: place.cell.interval.mean for name, place in places.items() if place.cell}
    best = max(means.values())
    return {
        name: Square(
            places[name],
            round(max(0.0, mean) / max(1.0, best), 2),
            round(mean, 2) == round(best, 2),
        )
        for name, mean in means.items()
    }


def glossary(names: Iterable[str], runs: Iterable[Run]) -> dict[str, str]:
    """A sentence about each of the methods that is known; `runs` are those of the report."""
    acts = {run.method: run.policy for run in runs if isinstance(run.policy, str)}
    found = {
        name: (RandomPolicy.__doc__ or "").partition(";")[0] + "."
        if acts.get(name) == RANDOM
        else method_summary(name)
        for name in names
    }
    return {name: text for name, text in found.items() if text}
