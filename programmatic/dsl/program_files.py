"""Files of programs, such as the answers of language models: what they hold and what is skipped."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, NamedTuple

from programmatic.dsl.program import Program
from programmatic.dsl.python_parser import FUNCTION, code_of, fenced, read_python
from programmatic.source_errors import SourceError

SUFFIXES: Final = (".karel", ".py", ".md", ".txt", ".json", ".jsonl")
"""The files of a folder that are read."""
REQUESTS: Final = ("prompt", "request", "messages", "system")
"""Entries of JSON objects that hold no answer."""
PROGRAM: Final = re.compile(r"\bDEF\b.*?(?:\sm\)|(?=\bDEF\b)|\Z)", re.DOTALL)
DEFINES_RUN: Final = re.compile(r"\s*def\s+run\s*\(")
CALL: Final = re.compile(r"\w\(\)")

Check = Callable[[Program], None]


class Found(NamedTuple):
    """A program, its place, and the changes by which it was repaired."""

    place: str
    program: Program
    repairs: tuple[str, ...]


class Skipped(NamedTuple):
    """The place of a text that was skipped, and the reason."""

    place: str
    reason: str


@dataclass(frozen=True)
class ProgramReport:
    """The programs in a file or folder, and what was skipped; as text, a line for each."""

    name: str
    found: tuple[Found, ...]
    skipped: tuple[Skipped, ...]

    @property
    def programs(self) -> list[Program]:
        """The different programs, in their order."""
        return list(dict.fromkeys(entry.program for entry in self.found))

    def __str__(self) -> str:
        repaired = [entry for entry in self.found if entry.repairs]
        lines = [
            f"{self.name}: {len(self.programs)} different programs; {len(self.found)} taken, "
            f"{len(repaired)} of them repaired; {len(self.skipped)} skipped",
            *(f"  {place}: repaired: {'; '.join(how)}" for place, _, how in repaired),
            *(f"  {place}: skipped: {reason}" for place, reason in self.skipped),
        ]
        return "\n".join(lines)


def read_program_file(path: Path, check: Check = lambda _: None) -> ProgramReport:
    """The programs in a file, or in the files of a folder.

    A file has programs of the language, in any layout, in Python, or both in fences between other
    text; lines of JSON have such texts as values. A program that is beyond the limits of `check`,
    or has no equivalent in the language, is repaired if possible: statements in a row are folded
    and endless loops are bounded, see `programmatic.dsl.structured`. Nothing is executed.

    Args:
        path: The file or folder.
        check: Raises a ValueError for a program that is not wanted.

    Raises:
        ValueError: A file cannot be read.
    """
    files = [path]
    if path.is_dir():
        files = sorted(file for file in path.rglob("*") if file.suffix in SUFFIXES)
    found: list[Found] = []
    skipped: list[Skipped] = []
    for file in files:
        try:
            text = file.read_text(encoding="utf-8-sig")
        except (OSError, UnicodeDecodeError) as error:
            raise ValueError(f"the programs in {file} cannot be read: {error}") from None
        prefix = f"{file.relative_to(path)}, " if path.is_dir() else ""
        is_json = file.suffix in (".json", ".jsonl")
        sources = _of_json(text, file.suffix) if is_json else _sources(text)
        for place, source in sources:
            entry = _taken(prefix + place, source, check)
            if isinstance(entry, Found):
                found.append(entry)
            else:
                skipped.append(entry)
    return ProgramReport(str(path), tuple(found), tuple(skipped))


def _taken(place: str, source: str | Skipped, check: Check) -> Found | Skipped:
    """The program in a source, if possible without repairs."""
    if isinstance(source, Skipped):
        return Skipped(place, source.reason)
    reason = ""
    for bounded in (False, True):
        try:
            if PROGRAM.match(source):
                program = Program.parse(source)
                repairs: list[str] = []
                if bounded:
                    program, repairs = _python(program.to_python(), True)
            else:
                program, repairs = _python(source, bounded)
            check(program)
        except SourceError as error:
            reason = reason or f"line {error.line}, column {error.column}: {error.reason}"
        except ValueError as error:
            reason = reason or str(error)
        else:
            if bounded and not repairs:
                repairs = ["equal statements in a row became a REPEAT"]
            return Found(place, program, tuple(repairs))
    return Skipped(place, reason)


def _python(source: str, bounded: bool) -> tuple[Program, list[str]]:
    words, notes = read_python(source, "program", bounded)
    return Program.parse(" ".join(words)), notes


def _of_json(text: str, suffix: str) -> Iterator[tuple[str, str | Skipped]]:
    """The sources in a JSON document or in lines of JSON."""
    lines = [text] if suffix == ".json" else text.splitlines()
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        place = f"line {number}"
        try:
            answers = [*_texts(json.loads(line))]
        except (ValueError, RecursionError) as error:
            yield place, Skipped(place, f"this is no JSON: {error}")
            continue
        sources = [source for answer in answers for source in _sources(answer)]
        if not sources:
            yield place, Skipped(place, "it has no text with a program")
        yield from ((f"{place}, {inside} of its text", source) for inside, source in sources)


def _texts(value: Any) -> Iterator[str]:
    """The texts in a JSON value that may hold programs."""
    if isinstance(value, str):
        if PROGRAM.search(value) or CALL.search(value):
            yield value
    elif isinstance(value, dict):
        for name, part in value.items():
            if name not in REQUESTS:
                yield from _texts(part)
    elif isinstance(value, list):
        for part in value:
            yield from _texts(part)


def _sources(text: str) -> Iterator[tuple[str, str | Skipped]]:
    """The sources of the programs in a text, and their places."""
    pieces = ["\n".join(lines) for lines in fenced(text)]
    if sum(any(map(DEFINES_RUN.match, piece.splitlines())) for piece in pieces) > 1 or any(
        map(PROGRAM.search, pieces)
    ):
        for piece in pieces:
            yield from _of_language(piece) if PROGRAM.search(piece) else _of_python(piece)
    elif not pieces and PROGRAM.search(text):
        has_python = any(map(FUNCTION.match, text.splitlines()))
        if has_python:
            yield from _of_python(text)
        found = _of_language(text)
        yield from (one for one in found if not has_python or isinstance(one[1], str))
    elif pieces or CALL.search(text):
        yield from _of_python(text)
    else:
        yield from _of_language(text)


def _of_python(text: str) -> Iterator[tuple[str, str | Skipped]]:
    begin = next((n for n, line in enumerate(code_of(text), 1) if line.strip()), None)
    if begin is not None:
        yield f"line {begin}", text


def _of_language(text: str) -> Iterator[tuple[str, str | Skipped]]:
    """Programs of the language, and each other line that is no comment."""
    lines = ["" if line.lstrip().startswith("#") else line for line in text.splitlines()]
    text, at = "\n".join(lines), 0
    for match in [*PROGRAM.finditer(text), None]:
        start = match.start() if match else len(text)
        number = text.count("\n", 0, at) + 1
        for n, line in enumerate(text[at:start].split("\n"), number):
            if line.strip():
                place = f"line {n}"
                yield place, Skipped(place, "expected a program, DEF run m( ... m)")
        if match:
            yield f"line {text.count(chr(10), 0, start) + 1}", match[0]
            at = match.end()
