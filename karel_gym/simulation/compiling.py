"""A message while a kernel compiles."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

PATIENCE = 0.5  # seconds of compiling before anything is said


@contextmanager
def compiling(name: str, is_compiled: Callable[[], bool], is_kept: bool = True) -> Iterator[None]:
    """Show on a terminal that a kernel compiles for long; `is_kept`: its code is cached on disk."""
    if not sys.stderr.isatty():
        yield
        return
    from rich.console import Console

    later = "; later starts use the cached code" if is_kept else " for the GPU"
    status = Console(stderr=True).status(f"compiling {name}{later}")

    def show() -> None:
        if not is_compiled():
            status.start()

    timer = threading.Timer(PATIENCE, show)
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
        timer.join()
        status.stop()
