"""The programs from which searches start, in a file: proposals of a language model, say."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from programmatic.dsl import Program
from programmatic.search.programs.space import ProgramSpace


def read_programs(path: str | os.PathLike[str], space: ProgramSpace) -> list[Program]:
    """The programs in a file, one per line.

    Empty lines and lines that start with '#' are ignored. Lines without a program of the space are
    skipped with a message on stderr.

    Raises:
        ValueError: The file cannot be read, or has no program of the space.
    """
    try:
        lines = Path(path).read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise ValueError(f"the programs in {path} cannot be read: {error}") from None
    programs = []
    for number, line in enumerate(lines, 1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        try:
            program = Program.parse(line)
            space.check(program)
        except ValueError as error:
            print(f"{path}: line {number} is skipped: {error}", file=sys.stderr)
        else:
            programs.append(program)
    if not programs:
        raise ValueError(f"{path} has no program from which a search can start")
    return programs
