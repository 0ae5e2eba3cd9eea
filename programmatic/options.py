"""Options as text, NAME=VALUE, and checks of dataclasses of options."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields, is_dataclass, replace
from difflib import get_close_matches
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

import yaml

Config = TypeVar("Config")


def parse_options(texts: Iterable[str]) -> dict[str, Any]:
    """The options in texts NAME=VALUE (values are YAML); a `ValueError` for other texts.

    Example:
        >>> parse_options(["sigma=0.25", "init_type=ones"])
        {'sigma': 0.25, 'init_type': 'ones'}
    """
    options = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not name or not equals:
            raise ValueError(f"an option is of the form NAME=VALUE, got {text!r}")
        try:
            options[name] = yaml.safe_load(value)
        except yaml.YAMLError:
            raise ValueError(f"the value of the option {text!r} is not valid YAML") from None
    return options


def with_options(config: Config, options: Mapping[str, Any]) -> Config:
    """A copy of a dataclass with other values; those of a part of it are named PART.NAME.

    An unknown option, or a value of another type, raises a `ValueError`.
    """
    known = list(_flat_names(config))
    parts: dict[str, dict[str, Any]] = {}
    values: dict[str, Any] = {}
    for name, value in options.items():
        if name not in known:
            raise ValueError(unknown("there is no option", name, known))
        part, dot, rest = name.partition(".")
        if dot:
            parts.setdefault(part, {})[rest] = value
        else:
            values[name] = value
    values |= {part: with_options(getattr(config, part), parts[part]) for part in parts}
    changed: Config = replace(config, **values)  # type: ignore[type-var]
    check_types(changed)
    return changed


def _flat_names(config: Any) -> Iterable[str]:
    for field in fields(config):
        value = getattr(config, field.name)
        if is_dataclass(value):
            yield from (f"{field.name}.{name}" for name in _flat_names(value))
        else:
            yield field.name


def unknown(what: str, name: object, known: Iterable[str]) -> str:
    """The message for an unknown name; it lists the known ones.

    Example:
        >>> unknown("hc has no option", "seed", ["seeds", "budget"])
        "hc has no option 'seed'; did you mean seeds? Known are seeds, budget"
    """
    known = list(known)
    near = get_close_matches(str(name), known, 1)
    hint = f"did you mean {near[0]}? Known" if near else "known"
    return f"{what} {name!r}; {hint} are {', '.join(known)}"


def split_name(text: str) -> tuple[str | None, str]:
    """The name (None if there is none) and the run in NAME=RUN; a run may be a program's text.

    Example:
        >>> split_name("climber=runs/a"), split_name("DEF run m( REPEAT R=3 r( move r) m)")
        (('climber', 'runs/a'), (None, 'DEF run m( REPEAT R=3 r( move r) m)'))
    """
    name, equals, run = text.partition("=")
    if not name or not equals or text.split()[:1] == ["DEF"] or _exists(text):
        return None, text
    return name, run


def _exists(text: str) -> bool:
    try:
        return Path(text).exists()
    except (OSError, ValueError):  # too long for a file name, or with a null character
        return False


def check_types(config: Any, prefix: str = "") -> None:
    """Raise a `ValueError` unless each field of a dataclass, and of those in it, has its type.

    Example:
        >>> from dataclasses import dataclass
        >>> @dataclass
        ... class Config:
        ...     steps: int | None
        >>> check_types(Config(None))
        >>> check_types(Config("3"))
        Traceback (most recent call last):
            ...
        ValueError: steps must be of the type int | None, got '3'
    """
    hints = get_type_hints(type(config))
    for field in fields(config):
        value, hint = getattr(config, field.name), hints[field.name]
        if not _is_of(value, hint):
            expected = f"of the type {hint.__name__ if isinstance(hint, type) else hint}"
            if get_origin(hint) is Literal:
                expected = f"one of {', '.join(map(str, get_args(hint)))}"
            raise ValueError(f"{prefix}{field.name} must be {expected}, got {value!r}")
        if is_dataclass(value):
            check_types(value, f"{prefix}{field.name}.")


def _is_of(value: Any, hint: Any) -> bool:
    """Whether a value has a type; integers are floats, lists are tuples, texts are paths."""
    origin, arguments = get_origin(hint), get_args(hint)
    if origin in (Union, UnionType):
        return any(_is_of(value, argument) for argument in arguments)
    if origin is Literal:
        return value in arguments
    if hint in (int, float):
        return _is_number(value) and (hint is float or isinstance(value, int))
    if hint is Path:
        return isinstance(value, str | Path)
    if (origin or hint) in (tuple, list, Sequence):
        if not isinstance(value, list | tuple):
            return False
        if origin is tuple and arguments[-1] is not ...:
            return len(arguments) == len(value) and all(map(_is_of, value, arguments))
        return all(_is_of(element, argument) for argument in arguments[:1] for element in value)
    if (origin or hint) in (dict, Mapping):
        return isinstance(value, Mapping)
    if hint in (str, bool, NoneType) or is_dataclass(hint):
        return isinstance(value, hint)
    return True


def check_whole(config: Any, *names: str, least: int = 1, most: int | None = None) -> None:
    """Raise a `ValueError` unless these attributes are whole numbers from `least` to `most`."""
    for name in names:
        value = getattr(config, name)
        is_whole = isinstance(value, int) and not isinstance(value, bool)
        if not is_whole or value < least or (most is not None and value > most):
            end = "up" if most is None else f"to {most:,}"
            raise ValueError(f"{name} must be a whole number from {least} {end}, got {value!r}")


def check_number(config: Any, *names: str, least: float = 0.0) -> None:
    """Raise a `ValueError` unless these attributes are finite numbers above `least`."""
    for name in names:
        value = getattr(config, name)
        if not _is_number(value) or not least < value < float("inf"):
            raise ValueError(f"{name} must be a number above {least:g}, got {value!r}")


def check_share(config: Any, *names: str) -> None:
    """Raise a `ValueError` unless these attributes are numbers from 0 to below 1."""
    for name in names:
        value = getattr(config, name)
        if not _is_number(value) or not 0 <= value < 1:
            raise ValueError(f"{name} must be a number from 0 to below 1, got {value!r}")


def check_choice(config: Any, name: str, known: Sequence[str]) -> None:
    """Raise a `ValueError` unless this attribute is one of `known`."""
    if getattr(config, name) not in known:
        raise ValueError(f"{name} must be one of {', '.join(known)}, got {getattr(config, name)!r}")


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
