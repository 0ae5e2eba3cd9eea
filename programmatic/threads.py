"""The number of CPU threads that torch uses."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def torch_threads(number: int | None) -> Iterator[None]:
    """Let torch use this many CPU threads while the block runs; None changes nothing.

    Small networks are fastest with one thread. On busy cores, several threads are tens of times
    slower, because each operation waits for all of them.
    """
    import torch  # slow to import

    before = torch.get_num_threads()
    torch.set_num_threads(number or before)
    try:
        yield
    finally:
        torch.set_num_threads(before)
