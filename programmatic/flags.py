"""Types of command-line flags that tyro does not know."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, TypeVar

import tyro
from tyro.constructors import PrimitiveConstructorSpec

from programmatic.options import parse_options


def _whole(texts: Sequence[str]) -> int:
    try:
        number = float(texts[0].replace("_", ""))
        if number.is_integer():
            return int(number)
    except (OverflowError, ValueError):
        pass
    raise ValueError(f"it must be a whole number such as 50000 or 1e6, got {texts[0]!r}")


Count = Annotated[
    int,
    PrimitiveConstructorSpec(
        nargs=1,
        metavar="INT",
        instance_from_str=_whole,
        is_instance=lambda value: isinstance(value, int),
        str_from_instance=lambda value: [str(value)],
    ),
]
"""A whole number, also as 1e6."""

Options = Annotated[
    Mapping[str, Any],
    PrimitiveConstructorSpec(
        nargs="*",
        metavar="[NAME=VALUE ...]",
        instance_from_str=parse_options,
        is_instance=lambda value: isinstance(value, Mapping),
        str_from_instance=lambda value: [f"{name}={option}" for name, option in value.items()],
    ),
]
"""Options as NAME=VALUE."""

T = TypeVar("T")
Flags = Annotated[T, tyro.conf.arg(name="")]
"""A dataclass whose fields are flags beside a command's own."""


@dataclass(frozen=True)
class Again:
    """The flags of a command whose run folder may hold a run already."""

    resume: Path | None = None
    """Run folder to resume with its own settings."""
    overwrite: bool = False
    """Remove the run in the run folder."""
