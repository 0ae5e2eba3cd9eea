"""The number of CPU threads that torch uses."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def torch_threads(number: int | None) -> Iterator[None]:
    """Let torch use this many CPU threads while the block runs; None changes nothing.

    Several are far slower for small networks on busy cores: each operation waits for all.
    """
    import torch  # slow to import

    before = torch.get_num_threads()
    torch.set_num_threads(number or before)
    try:
        yield
    finally:
        torch.set_num_threads(before)
