"""The origins of figures: command, seed, code, machine and day."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from programmatic.horizon import horizon_text
from programmatic.runs import CONFIG_FILE

EVENTS = re.compile(r"events\.out\.tfevents\.(\d{9,11})\.")


@dataclass(frozen=True)
class Origin:
    """The origin of a figure, as texts for the page; empty where unknown."""

    name: str
    where: str
    command: str = ""
    seed: str = ""
    commit: str = ""
    machine: str = ""
    date: str = ""
    versions: str = ""
    horizon: str = ""


def origin_of(
    folder: Path, config: Mapping[str, Any], command: str, horizon: str | int | None = None
) -> Origin:
    """The origin of the figures in a folder; `command` is shown if its config.json has none."""
    used = config.get("versions")
    return Origin(
        folder.name,
        str(folder),
        str(config.get("command_line") or command),
        str(config.get("seed", "")),
        str(config.get("commit", "")),
        str(config.get("machine", "")),
        _date_of(folder),
        versions_text(used) if isinstance(used, dict) else "",
        "" if horizon is None else horizon_text(horizon),
    )


def versions_text(versions: Mapping[str, Any]) -> str:
    """Packages and their versions as a text."""
    return ", ".join(f"{name} {number}" for name, number in versions.items())


def _date_of(folder: Path) -> str:
    """The day of the first TensorBoard events, or else of config.json."""
    begun = [
        int(match[1])
        for path in folder.glob("events.out.tfevents.*")
        if (match := EVENTS.match(path.name))
    ]
    return _day(min(begun)) if begun else day_of(folder / CONFIG_FILE)


def day_of(file: Path) -> str:
    """The day on which a file was written; empty if there is no such file."""
    return _day(file.stat().st_mtime) if file.exists() else ""


def _day(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, timezone.utc).strftime("%Y-%m-%d")


def listed(texts: Iterable[str]) -> str:
    """Distinct texts, sorted, without empty ones, as one text."""
    return ", ".join(sorted({text for text in texts if text}))


def range_text(seeds: Sequence[int]) -> str:
    """Ascending seeds as a text, consecutive ones as a range.

    Example:
        >>> range_text([0, 1, 2, 3]), range_text([0, 7])
        ('0 to 3', '0, 7')
    """
    if len(seeds) > 2 and list(seeds) == list(range(seeds[0], seeds[-1] + 1)):
        return f"{seeds[0]} to {seeds[-1]}"
    return ", ".join(map(str, seeds))
