"""Reference programs: the best known human-readable program of each task."""

from __future__ import annotations

import re
from importlib.resources import files

from karel_gym.registration import TASKS, plain_id
from programmatic.dsl import Program

RETURN_LINE = re.compile(
    r"^# (Karel-\S+): mean return (-?\d\.\d{3}) in ([\d,]+) worlds \(seed (\d+)"
)


def reference_program(env_id: str) -> Program:
    """The reference program of a task of this package; a `ValueError` if there is none.

    Example:
        >>> print(reference_program("Karel-StairClimber-v0"))
        DEF run m( WHILE c( noMarkersPresent c) w( turnRight move w) m)
    """
    lines = (line for line in _text(env_id).splitlines() if not line.startswith("#"))
    return Program.parse("\n".join(lines))


def reference_return(env_id: str) -> tuple[float, int, int]:
    """The mean return, world count and seed in a reference program's file.

    Raises:
        ValueError: There is no reference program, or its file has no return.
    """
    for line in _text(env_id).splitlines():
        match = RETURN_LINE.match(line)
        if match and match[1] == plain_id(env_id):
            return float(match[2]), int(match[3].replace(",", "")), int(match[4])
    raise ValueError(f"the file of {env_id}'s reference program states no return")


def _text(env_id: str) -> str:
    module = TASKS.get(plain_id(env_id), "").partition(":")[0].rpartition(".")[2]
    file = files("karel_gym.tasks") / "programs" / f"{module}.karel"
    if not module or not file.is_file():
        raise ValueError(f"there is no reference program of {env_id!r}")
    return file.read_text(encoding="utf-8")
