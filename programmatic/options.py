"""Checks of options: the message of an error says which is wrong, and what would be right."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any


def check_whole(config: Any, *names: str, least: int = 1) -> None:
    """Raise a `ValueError` unless these attributes are whole numbers from `least` up."""
    for name in names:
        value = getattr(config, name)
        if not isinstance(value, int) or isinstance(value, bool) or value < least:
            raise ValueError(f"{name} must be a whole number from {least} up, got {value!r}")


def check_number(config: Any, *names: str, least: float = 0.0) -> None:
    """Raise a `ValueError` unless these attributes are finite numbers above `least`."""
    for name in names:
        value = getattr(config, name)
        if not _is_number(value) or not least < value < float("inf"):
            raise ValueError(f"{name} must be a number above {least:g}, got {value!r}")


def check_truth(config: Any, *names: str) -> None:
    """Raise a `ValueError` unless these attributes are true or false."""
    for name in names:
        if not isinstance(getattr(config, name), bool):
            raise ValueError(f"{name} must be true or false, got {getattr(config, name)!r}")


def check_share(config: Any, *names: str) -> None:
    """Raise a `ValueError` unless these attributes are numbers from 0 up and below 1."""
    for name in names:
        value = getattr(config, name)
        if not _is_number(value) or not 0 <= value < 1:
            raise ValueError(f"{name} must be a number from 0 up and below 1, got {value!r}")


def check_choice(config: Any, name: str, known: Sequence[str]) -> None:
    """Raise a `ValueError` unless this attribute is one of `known`."""
    if getattr(config, name) not in known:
        raise ValueError(f"{name} must be one of {', '.join(known)}, got {getattr(config, name)!r}")


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
