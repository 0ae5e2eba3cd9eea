"""The results table as the page shows it: a row a method, a bar an interval."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from benchmarks.report.findings import Score
from benchmarks.report.scores import Cell, PublishedResult, cells, is_published_as, published_of

WIDTH, MARGIN = 120, 6  # of a bar, in pixels


@dataclass(frozen=True)
class Bar:
    """Where in a bar's picture things are, in pixels from its left."""

    zero: float
    mean: float
    low: float
    high: float
    published: tuple[float, ...]


@dataclass(frozen=True)
class Place:
    """A place in the table: what a method reached in a kind of worlds, and what was published."""

    cell: Cell | None
    published: tuple[PublishedResult, ...]
    bar: Bar | None


@dataclass(frozen=True)
class Row:
    """What a method reached in a task.

    Args:
        method: Its name.
        number: Its number in the report, which gives its colour.
        places: A place a kind of worlds.
    """

    method: str
    number: int
    places: tuple[Place, ...]


def rows_of(
    scores: Iterable[Score], env_id: str, kinds: Sequence[str], numbers: Mapping[str, int]
) -> tuple[list[Row], list[PublishedResult]]:
    """The rows of a task, and what was published of methods that have no row.

    Args:
        scores: Of the task.
        env_id: The task's id.
        kinds: The kinds of worlds that the table has columns of.
        numbers: Of the methods.
    """
    reached, published = cells(scores), published_of(env_id)
    methods = list(dict.fromkeys(method for method, _ in reached))
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
        rows.append(Row(method, numbers[method], tuple(places)))
    others = [p for p in published if not any(is_published_as(m, p.method) for m in methods)]
    return rows, others


def _scale(reached: Iterable[Cell], published: Iterable[PublishedResult]) -> tuple[float, float]:
    """The least and the largest return that a task's bars show; all of them the same."""
    values = [0.0, 1.0, *(result.number.value for result in published)]
    for cell in reached:
        values += [value for value in cell.interval if not np.isnan(value)]
    return min(values), max(values)


def _bar(
    cell: Cell | None, published: Iterable[PublishedResult], scale: tuple[float, float]
) -> Bar | None:
    if cell is None:
        return None
    least, largest = scale

    def at(value: float) -> float:
        share = (value - least) / (largest - least)
        return round(MARGIN + share * (WIDTH - 2 * MARGIN), 1)

    mean, low, high = cell.interval
    known = not np.isnan(low)
    return Bar(
        at(0),
        at(mean),
        at(low if known else mean),
        at(high if known else mean),
        tuple(at(result.number.value) for result in published),
    )
