"""Several searches in parallel threads, and their progress."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from functools import partial

from karel_gym.simulation.devices import most_threads
from programmatic.search.objective import Objective, Tally
from programmatic.search.result import SearchResult
from programmatic.search.searching import Watch

Search = Callable[[Watch], SearchResult]  # a search that calls a watch
LOOK_EVERY = 0.1  # seconds between two updates of the view


@dataclass
class SearchStatus:
    """The progress of a search."""

    name: str
    tally: Tally | None = None  # its evaluations; None before the end of the first iteration
    seconds: float = 0.0  # its duration so far
    result: SearchResult | None = None  # its result; None before its end


def search_side_by_side(
    searches: Sequence[tuple[str, Search]],
    show: Callable[[Sequence[SearchStatus]], None] | None = None,
) -> list[SearchStatus]:
    """Do searches with names in parallel threads, one per core; interrupted ones have no result.

    The methods must run in one thread each and release Python's global lock, as "hc" does. Ctrl-C
    ends the searches after their current iteration; they write checkpoints to their run folders.
    `show` is repeatedly called with the progress of all searches.
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
