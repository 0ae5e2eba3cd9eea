"""Source texts of tree programs and constraints: their tokens, and errors that point into them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from difflib import get_close_matches


class SourceError(ValueError):
    """A text is not well-formed; the message has line and column, and shows the line.

    Args:
        message: What was wrong, and what would be right.
        line, column: Where, from 1 up.
        text: The whole text.
        name: What it is called: a file's name, or "program".
    """

    def __init__(self, message: str, line: int, column: int, text: str, name: str) -> None:
        super().__init__(message, line, column, text, name)
        self.reason = message
        self.line = line
        self.column = column
        self.text = text
        self.name = name

    def __str__(self) -> str:
        lines = self.text.splitlines() or [""]
        shown = lines[min(self.line, len(lines)) - 1].replace("\t", " ")
        pointer = " " * (self.column - 1) + "^"
        place = f"{self.name}, line {self.line}, column {self.column}"
        return f"{place}: {self.reason}\n  {shown}\n  {pointer}"


@dataclass(frozen=True)
class Token:
    """A token: its kind (name, number, op, newline, indent, dedent or end), text and place."""

    kind: str
    text: str
    line: int
    column: int


TOKEN = re.compile(
    r"""(?P<name>[^\W\d]\w*)
    |(?P<number>(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?)
    |(?P<op><=|>=|==|!=|->|\*\*|//|[-+*/%&|^~<>()\[\]{},:.;=!])""",
    re.VERBOSE,
)
OPENING, CLOSING = "([{", ")]}"
KEYWORDS = ("if", "elif", "else", "not")
"""Words of tree programs that name no feature and no action."""


def tokens_of(text: str, name: str) -> list[Token]:
    """The tokens of a text, by Python's rules for names, numbers, comments and indentation.

    Blank lines and comments give no tokens, and a line goes on where a bracket is open. The last
    token is the end, just behind the one before it.

    Args:
        text: The text.
        name: What errors call it.

    Raises:
        SourceError: A character begins no token, a bracket stays open, or a line is indented by a
            tab, or by another width than the lines around it.
        TypeError: `text` is not a str.
    """
    if not isinstance(text, str):
        raise TypeError(f"{name} must be a str, got {type(text).__name__}")
    return list(_tokens(text, name))


def is_name(word: str) -> bool:
    """Whether programs can write a word as the name of a feature or an action."""
    match = TOKEN.fullmatch(word)
    return match is not None and match.lastgroup == "name" and word not in KEYWORDS


def did_you_mean(word: str, known: tuple[str, ...]) -> str:
    """The end of a message on an unknown word: the known one that is like it, and all of them."""
    near = get_close_matches(word, known, n=1)
    suggestion = f"did you mean {near[0]!r}? " if near else ""
    return f"{suggestion}Known are {', '.join(known)}"


def _tokens(text: str, name: str) -> Iterator[Token]:
    widths = [0]  # of the indentations around
    brackets: list[Token] = []  # that are open
    line, column = 1, 1
    for number, content in enumerate(text.splitlines(), start=1):
        code = content.lstrip(" \t")
        if not code or code.startswith("#"):
            continue
        width = len(content) - len(code)
        line, column = number, width + 1
        if not brackets:
            yield from _indentation(content, widths, line, text, name)
        while column <= len(content):
            if content[column - 1] in " \t":
                column += 1
                continue
            if content[column - 1] == "#":
                break
            match = TOKEN.match(content, column - 1)
            if match is None:
                unknown = content[column - 1]
                raise SourceError(f"unexpected {unknown!r}", line, column, text, name)
            token = Token(str(match.lastgroup), match[0], line, column)
            if token.text in OPENING:
                brackets.append(token)
            elif token.text in CLOSING and brackets:
                brackets.pop()
            yield token
            column = match.end() + 1
        column = len(content[: column - 1].rstrip(" \t")) + 1
        if not brackets:
            yield Token("newline", "", line, column)
    if brackets:
        opened = brackets[-1]
        message = f"this {opened.text!r} is never closed"
        raise SourceError(message, opened.line, opened.column, text, name)
    for _ in widths[1:]:
        yield Token("dedent", "", line, column)
    yield Token("end", "", line, column)


def _indentation(
    content: str, widths: list[int], line: int, text: str, name: str
) -> Iterator[Token]:
    """The indent or the dedents before a line; `widths` become those of the blocks it is in."""
    width = len(content) - len(content.lstrip(" \t"))
    if (tab := content[:width].find("\t")) >= 0:
        message = "this line is indented by a tab: indent by spaces"
        raise SourceError(message, line, tab + 1, text, name)
    if width > widths[-1]:
        widths.append(width)
        yield Token("indent", "", line, width + 1)
    while width < widths[-1]:
        widths.pop()
        yield Token("dedent", "", line, width + 1)
    if width != widths[-1]:
        message = "this line's indentation matches no line above"
        raise SourceError(message, line, width + 1, text, name)
