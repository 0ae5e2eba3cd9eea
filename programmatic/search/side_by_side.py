"""Several searches side by side in threads, and how far each is."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from functools import partial

from programmatic.machine.parallel import most_threads
from programmatic.search.objective import Objective, Tally
from programmatic.search.result import SearchResult
from programmatic.search.searching import Watch

Search = Callable[[Watch], SearchResult]
"""A search that tells a watch how far it is."""
LOOK_EVERY = 0.1
"""Seconds between two looks at how far the searches are."""


@dataclass
class SearchStatus:
    """How far a search is."""

    name: str
    tally: Tally | None = None
    """What it evaluated; None before the end of its first iteration."""
    seconds: float = 0.0
    """How long it has taken."""
    result: SearchResult | None = None
    """What came of it; None before its end."""


def search_side_by_side(
    searches: Sequence[tuple[str, Search]],
    show: Callable[[Sequence[SearchStatus]], None] | None = None,
) -> list[SearchStatus]:
    """Do searches in parallel threads, one a core.

    This is for searches that keep to one thread each and whose kernels release Python's global
    lock, such as "hc". Ctrl-C ends them after their present iteration; those that have run folders
    write their checkpoints.

    Args:
        searches: Names and searches.
        show: What is called again and again with how far the searches are, in their order.

    Returns:
        How far each came; those that were interrupted have no result.
    """
    statuses = [SearchStatus(name) for name, _ in searches]
    is_over = threading.Event()

    def do(status: SearchStatus, search: Search) -> None:
        if not is_over.is_set():
            status.result = search(partial(_watch, status, is_over))

    with ThreadPoolExecutor(most_threads()) as pool:
        tasks: set[Future[None]] = {
            pool.submit(do, status, search)
            for status, (_, search) in zip(statuses, searches, strict=True)
        }
        try:
            while tasks:
                done, tasks = wait(tasks, LOOK_EVERY)
                if show is not None:
                    show(statuses)
                for task in done:
                    task.result()
        except BaseException as error:
            is_over.set()
            if not isinstance(error, KeyboardInterrupt):
                raise
    return statuses


def _watch(status: SearchStatus, is_over: threading.Event, objective: Objective) -> None:
    status.tally, status.seconds = objective.tally, objective.seconds
    if is_over.is_set():
        raise KeyboardInterrupt
