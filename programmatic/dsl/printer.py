"""Programs as text: on one line, or indented; both parse back to the same program."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

from programmatic.dsl.syntax import Span
from programmatic.dsl.tokens import (
    ACTION_TOKENS,
    E_CLOSE,
    E_OPEN,
    ELSE,
    I_CLOSE,
    I_OPEN,
    M_CLOSE,
    M_OPEN,
    R_CLOSE,
    R_OPEN,
    TOKENS,
    W_CLOSE,
    W_OPEN,
)

_INDENT: Final = "    "
_OPENING: Final = frozenset((M_OPEN, W_OPEN, I_OPEN, E_OPEN, R_OPEN))
_CLOSING: Final = frozenset((M_CLOSE, W_CLOSE, I_CLOSE, E_CLOSE, R_CLOSE))
_LINE_ENDS: Final = _OPENING | _CLOSING | frozenset(ACTION_TOKENS)


class PrettyLine(NamedTuple):
    """One line of the indented form.

    Attributes:
        indent: The number of indentation steps.
        text: The line's words without indentation.
        span: The half-open range of the line's token positions; every position of a program is on
            exactly one line.
    """

    indent: int
    text: str
    span: Span


def to_text(tokens: Iterable[int]) -> str:
    """The words of `tokens`, separated by spaces."""
    return " ".join(TOKENS[token] for token in tokens)


def pretty_lines(tokens: Sequence[int]) -> list[PrettyLine]:
    """The lines of the indented form of a program's tokens, one statement per line."""
    lines = []
    indent = start = 0
    for position, token in enumerate(tokens):
        if token in _CLOSING:
            indent -= 1
        shares_line_with_else = token == I_CLOSE and tokens[position + 1] == ELSE
        if token in _LINE_ENDS and not shares_line_with_else:
            span = (start, position + 1)
            lines.append(PrettyLine(indent, to_text(tokens[slice(*span)]), span))
            start = position + 1
        if token in _OPENING:
            indent += 1
    return lines


def pretty(tokens: Sequence[int]) -> str:
    """The indented form of a program's tokens.

    Example:
        >>> from programmatic.dsl import Program
        >>> program = Program.parse("DEF run m( IF c( frontIsClear c) i( move i) turnLeft m)")
        >>> print(pretty(program.tokens))
        DEF run m(
            IF c( frontIsClear c) i(
                move
            i)
            turnLeft
        m)
    """
    return "\n".join(_INDENT * line.indent + line.text for line in pretty_lines(tokens))
