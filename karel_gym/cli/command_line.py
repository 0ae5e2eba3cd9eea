"""The command line of this process, or of the process that started it."""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

COMMAND_LINE_VARIABLE = "KAREL_GYM_COMMAND_LINE"
"""An environment variable, so that child processes inherit it."""
LONGEST = 100_000  # bytes; Linux starts no process with a variable of more than 128 KiB


@contextmanager
def called_with(arguments: Sequence[str]) -> Iterator[None]:
    """While the block runs, `command_line` is `karel-gym` with these arguments.

    Example:
        >>> with called_with(["search", "--env", "a b"]):
        ...     command_line()
        "karel-gym search --env 'a b'"
    """
    before = os.environ.pop(COMMAND_LINE_VARIABLE, None)
    line = shlex.join(["karel-gym", *arguments])
    if len(os.fsencode(line)) <= LONGEST:
        os.environ[COMMAND_LINE_VARIABLE] = line
    try:
        yield
    finally:
        os.environ.pop(COMMAND_LINE_VARIABLE, None)
        if before is not None:
            os.environ[COMMAND_LINE_VARIABLE] = before


def command_line() -> str | None:
    """The `karel-gym` command line, quoted for a shell; None if there is none or it is too long."""
    return os.environ.get(COMMAND_LINE_VARIABLE)
