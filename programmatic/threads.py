"""How many CPU threads torch takes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def torch_threads(number: int | None) -> Iterator[None]:
    """Let torch take this many CPU threads, and give back what it had when the block ends.

    The networks here are so small that one thread is fastest. Where other processes keep the cores
    busy, several are tens of times slower: each operation waits until all of them had their turn.

    Args:
        number: From 1 up; None changes nothing.
    """
    import torch  # slow: not before a network runs

    before = torch.get_num_threads()
    torch.set_num_threads(number or before)
    try:
        yield
    finally:
        torch.set_num_threads(before)
