"""`Program`: a valid program."""

from __future__ import annotations

import operator
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from programmatic.dsl import parser, printer, python_printer
from programmatic.dsl.parser import ProgramSyntaxError
from programmatic.dsl.python_parser import parse_python
from programmatic.dsl.syntax import Statement
from programmatic.dsl.tokens import DEF, PAD, TOKEN_IDS, TOKENS


@dataclass(frozen=True, slots=True, repr=False)
class Program:
    """A program: immutable, hashable, equal to another one with the same tokens.

    Create programs with `parse`, `from_tokens`, `load` or `read`, which check them.

    Attributes:
        tokens: The token ids, from DEF to `m)`.
        body: The statements between `m(` and `m)`.
        packed: The token ids, one byte each.

    Example:
        >>> program = Program.parse("DEF run m( WHILE c( frontIsClear c) w( move w) m)")
        >>> len(program.tokens), program.body[0].span
        (11, (3, 10))
        >>> print(program.pretty())
        DEF run m(
            WHILE c( frontIsClear c) w(
                move
            w)
        m)
        >>> Program.parse(program.pretty()) == Program.from_tokens(program.tokens) == program
        True
        >>> Program.parse("DEF run m( mvoe m)")
        Traceback (most recent call last):
            ...
        programmatic.dsl.parser.ProgramSyntaxError: Program error at token 3: expected a statement \
after 'm(', got 'mvoe', which is no word of the language; did you mean 'move'?
    """

    tokens: tuple[int, ...]
    body: tuple[Statement, ...] = field(compare=False)
    packed: bytes = field(init=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "packed", bytes(self.tokens))

    @classmethod
    def parse(cls, text: str) -> Program:
        """The program in `text`; any white space separates words.

        Raises:
            ProgramSyntaxError: `text` is not a program; the message says what was expected, where.
            TypeError: `text` is not a str.
        """
        if not isinstance(text, str):
            raise TypeError(f"a program's text must be a str, got {type(text).__name__}")
        return cls._from_words(parser.split(text))

    @classmethod
    def from_python(cls, source: str) -> Program:
        """The program in Python source, such as the answer of a language model.

        The source is parsed, not executed; `programmatic.dsl.python_parser` lists what it may
        have. The program does the same actions and may evaluate other percepts.

        Raises:
            SourceError: The source is no program, or has no equivalent in the language; the message
                has line and column, and what would be right.
            TypeError: `source` is not a str.

        Example:
            >>> source = "while True:\\n    if front_is_clear():\\n        break\\n    turn_left()"
            >>> Program.from_python(source)
            Program.parse('DEF run m( WHILE c( not c( frontIsClear c) c) w( turnLeft w) m)')
            >>> Program.from_python("def run():\\n    mvoe()")
            Traceback (most recent call last):
                ...
            programmatic.source_errors.SourceError: program, line 2, column 5: there is no \
function 'mvoe'; did you mean move? Known are move, turnLeft, turnRight, pickMarker, putMarker, \
frontIsClear, leftIsClear, rightIsClear, markersPresent, noMarkersPresent, run
                  mvoe()
                  ^
        """
        return cls._from_words(parse_python(source))

    @classmethod
    def from_tokens(cls, tokens: Iterable[int]) -> Program:
        """The program of token ids from DEF on; pads at the end are dropped.

        Args:
            tokens: Integers in 0 .. 50, shape (T,): a sequence, an array or a tensor.

        Raises:
            ProgramSyntaxError: The tokens are not a program, or an id is out of range.
            TypeError: The tokens are not a sequence of integers.
        """
        try:
            ids = [operator.index(token) for token in tokens]
        except TypeError as error:
            raise TypeError(f"a program's tokens must be integers: {error}") from None
        end = len(ids)
        while end and ids[end - 1] == PAD:
            end -= 1
        for position, token in enumerate(ids[:end]):
            if not 0 <= token < len(TOKENS):
                raise ProgramSyntaxError(
                    position, f"a token id in 0 .. {len(TOKENS) - 1}", f"got {_shown(token)}"
                )
        return cls._from_words([TOKENS[token] for token in ids[:end]])

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Program:
        """The program in a text file, in any layout; lines that start with '#' are comments.

        Raises:
            ProgramSyntaxError: The file's text is not a program; the message names the file.
            OSError: The file cannot be read.
        """
        # Invalid UTF-8 is allowed in comments; elsewhere the parser reports its position.
        text = Path(path).read_text(encoding="utf-8-sig", errors="replace")
        lines = (line for line in text.splitlines() if not line.lstrip().startswith("#"))
        try:
            return cls.parse("\n".join(lines))
        except ProgramSyntaxError as error:
            raise ProgramSyntaxError(
                error.position, error.expected, error.found, source=os.fspath(path)
            ) from None

    @classmethod
    def read(cls, source: str) -> Program:
        """The program in the text `source`, or in the file of this name.

        Raises:
            ProgramSyntaxError: It is not a program.
            ValueError: `source` neither begins as a program nor names a file.
        """
        if source.split()[:1] == [TOKENS[DEF]]:
            return cls.parse(source)
        try:
            is_file = Path(source).is_file()
        except (OSError, ValueError):  # too long for a name, or with a null character
            is_file = False
        if not is_file:
            shown = source if len(source) <= 80 else f"{source[:80]}..."
            raise ValueError(f"{shown!r} is neither a program (DEF run m( ... m)) nor a file")
        return cls.load(source)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the indented form to a text file, atomically.

        Raises:
            OSError: The file cannot be written; an earlier file is kept.
        """
        path = Path(path)
        temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
        try:
            temporary.write_text(self.pretty() + "\n", encoding="utf-8")
            os.replace(temporary, path)
        finally:
            temporary.unlink(missing_ok=True)

    def pretty(self) -> str:
        """The indented program, one statement per line."""
        return printer.pretty(self.tokens)

    def to_python(self) -> str:
        """The program as a Python function; `from_python` returns the same program."""
        return python_printer.to_python(self.body)

    def __str__(self) -> str:
        return printer.to_text(self.tokens)

    def __repr__(self) -> str:
        return f"Program.parse({str(self)!r})"

    @classmethod
    def _from_words(cls, words: Sequence[str]) -> Program:
        body = parser.parse(words)
        return cls(tuple(TOKEN_IDS[word] for word in words), body)


def _shown(token: int) -> str:
    """`token`, or only its size if the number is too long to print."""
    return str(token) if token.bit_length() <= 64 else f"an integer of {token.bit_length()} bits"
