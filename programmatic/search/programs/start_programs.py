"""Programs that searches start from, read from a file: a language model's proposals, say."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from programmatic.dsl import Program
from programmatic.search.programs.space import ProgramSpace


def read_programs(path: str | os.PathLike[str], space: ProgramSpace) -> list[Program]:
    """The programs in a file, one a line.

    Empty lines and those that start with '#' are passed over. A line that holds no program, or one
    beyond the limits of the space, is skipped, and told on stderr with its number.

    Args:
        path: The file.
        space: What is searched.

    Raises:
        ValueError: The file cannot be read, or holds no program of the space.
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
            print(f"{path}, line {number}, is skipped: {error}", file=sys.stderr)
        else:
            programs.append(program)
    if not programs:
        raise ValueError(f"{path} holds no program that a search can start from")
    return programs
