"""Base class of the settings of a run: the way into config.json and back."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, is_dataclass, replace
from pathlib import Path
from types import NoneType, UnionType
from typing import TYPE_CHECKING, Any, ClassVar, Union, get_args, get_origin, get_type_hints

import tyro

from programmatic.options import check_types
from programmatic.runs import CONFIG_FILE, RunError, read_config

if TYPE_CHECKING:
    from typing_extensions import Self  # in typing from Python 3.11 on

DEVICES = ("auto", "cpu", "cuda")


@dataclass(frozen=True)
class RunSettings:
    """The settings of a run; a subclass adds fields, with a docstring each.

    Fields are numbers, texts, paths, tuples, mappings or other dataclasses. A subclass that
    checks more than types extends `check`.
    """

    COMMAND: ClassVar[str]
    """The command that makes the run."""
    MAY_DIFFER: ClassVar[tuple[str, ...]] = ()
    """Fields that may change when a run is resumed; those of a part as 'part.field'."""
    NOT_STORED: ClassVar[tuple[str, ...]] = ()
    """Fields that config.json does not hold. One of them may be `run_dir`, the run folder."""
    ADDED: ClassVar[tuple[str, ...]] = ()
    """Fields that runs of earlier versions did not store; they had today's default."""

    def check(self) -> None:
        """Raise a `ValueError` if a setting is invalid."""
        check_types(self)

    def to_json(self) -> dict[str, Any]:
        """The stored fields as JSON values: paths as texts, tuples as lists."""
        values = json.loads(json.dumps(asdict(self), default=os.fspath))
        return {name: value for name, value in values.items() if name not in self.NOT_STORED}

    def config_json(self) -> dict[str, Any]:
        """The command and the stored fields, for `begin_run` and `go_on_with_run`."""
        return {"command": self.COMMAND, **self.to_json()}

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> Self:
        """The settings in what `to_json` returned; other entries are ignored.

        A missing or invalid field raises a `ValueError`.
        """
        names = [f.name for f in fields(cls) if f.name not in cls.NOT_STORED]
        added = {f.name: f.default for f in fields(cls) if f.name in cls.ADDED}
        stored = added | dict(stored)
        missing = [name for name in names if name not in stored]
        if missing:
            raise ValueError(f"it lacks {', '.join(missing)}")
        settings: Self = _from_json(cls, {name: stored[name] for name in names})
        settings.check()
        return settings

    @classmethod
    def stored(cls, run: Path) -> dict[str, Any]:
        """The entries of config.json of a run of this command; a `RunError` if there is none."""
        stored = read_config(run)
        if stored.get("command") != cls.COMMAND:
            raise RunError(
                f"{run} is not a run of karel-gym {cls.COMMAND}: the command in its {CONFIG_FILE} "
                f"is {stored.get('command')!r}"
            )
        return stored

    @classmethod
    def read(cls, run: Path) -> Self:
        """The settings of the run in a folder; raises as `stored`, also if one is invalid."""
        stored = cls.stored(run)
        try:
            settings = cls.from_json(stored)
        except (TypeError, ValueError) as error:
            raise RunError(f"{run / CONFIG_FILE} is damaged: {error}") from None
        place = {"run_dir": run} if "run_dir" in cls.NOT_STORED else {}
        return replace(settings, **place)

    def check_same(self, run: Path) -> None:
        """Raise a `RunError` that lists the differences unless the run has these settings."""
        before, now = _flat(self.read(run).to_json()), _flat(self.to_json())
        listed = "; ".join(
            f"{name} was {before.get(name)!r}, not {now.get(name)!r}"
            for name in before | now
            if before.get(name) != now.get(name) and name not in self.MAY_DIFFER
        )
        if listed:
            raise RunError(f"the run in {run} cannot go on with other settings: {listed}")

    def resumed(self, run: Path, /, **flags: object) -> Self:
        """The settings of the run in a folder, with those of this object that are not defaults.

        Args:
            run: The run folder that `--resume` names.
            flags: Other flags of the command that `--resume` excludes, such as `overwrite`.

        Raises:
            RunError: As `read` does.
            ValueError: A flag is set, or a setting that may not change is not the default.
        """
        usual = type(self)()
        given = {f.name: getattr(self, f.name) for f in fields(self)}
        given = {name: value for name, value in given.items() if value != getattr(usual, name)}
        wrong = [_flag(type(self), name) for name in given if name not in self.MAY_DIFFER]
        wrong += [_flag(type(self), name) for name, value in flags.items() if value]
        if wrong:
            raise ValueError(
                f"--resume continues a run with its own settings; leave out {', '.join(wrong)}"
            )
        return replace(self.read(run), **given)


def _flag(settings: type[RunSettings], name: str) -> str:
    """The command-line flag of a field, or the name of a positional argument."""
    hint = get_type_hints(settings, include_extras=True).get(name)
    marks = getattr(hint, "__metadata__", ())
    if tyro.conf.Positional in marks:
        return name.upper()
    named = [mark.name for mark in marks if getattr(mark, "name", None)]
    return f"--{(named or [name])[0].replace('_', '-')}"


def _from_json(hint: Any, value: Any) -> Any:
    """A JSON value as the type `hint`; a value of another type stays as it is."""
    origin, arguments = get_origin(hint), get_args(hint)
    if origin in (Union, UnionType):
        kinds = [argument for argument in arguments if argument is not NoneType]
        return value if value is None or len(kinds) > 1 else _from_json(kinds[0], value)
    if hint is Path and isinstance(value, str):
        return Path(value)
    if origin is tuple and isinstance(value, list):
        return tuple(value)
    if is_dataclass(hint) and isinstance(value, dict):
        build: Any = hint
        hints = get_type_hints(build)
        names = [f.name for f in fields(build) if f.name in value]
        return build(**{name: _from_json(hints[name], value[name]) for name in names})
    return value


def _flat(values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested values by their names, 'part.field'."""
    flat: dict[str, Any] = {}
    for name, value in values.items():
        if isinstance(value, Mapping):
            flat |= _flat(value, f"{prefix}{name}.")
        else:
            flat[prefix + name] = value
    return flat
