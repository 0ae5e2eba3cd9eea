"""Tokens of the texts of tree programs and constraints; base class of their parsers."""

from __future__ import annotations

import math
import re
import tokenize
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar

from karel_gym.envs.signature import Signature
from programmatic.options import unknown
from programmatic.source_errors import SourceError


@dataclass(frozen=True)
class Token:
    """A token: its kind (one of `KINDS`), text and place."""

    kind: str
    text: str
    line: int
    column: int


KINDS = {
    tokenize.NAME: "name",
    tokenize.NUMBER: "number",
    tokenize.OP: "op",
    tokenize.NEWLINE: "newline",
    tokenize.INDENT: "indent",
    tokenize.DEDENT: "dedent",
    tokenize.ENDMARKER: "end",
}
IGNORED = (tokenize.COMMENT, tokenize.NL)
TEXTS = {
    "number": re.compile(r"[\d._]+([eE][+-]?\d+)?"),
    "op": re.compile("|".join(map(re.escape, tokenize.EXACT_TOKEN_TYPES))),
}
"""The texts that tokens of a kind may have: Python's numbers in other bases are none here."""
OPENING, CLOSING = ("(", "[", "{"), (")", "]", "}")
KEYWORDS = ("if", "elif", "else", "not")
"""The words of tree programs that cannot name a feature or an action."""


def is_name(word: str) -> bool:
    """Whether programs can write a word as the name of a feature or an action."""
    return word.isidentifier() and word not in KEYWORDS


class Parser:
    """Base class of the recursive-descent parsers: the tokens of a text, and where it reads.

    Names, numbers, comments and indentation follow Python's rules. The last token is the end.

    Raises:
        SourceError: A character begins no token, a bracket stays open, or an indentation is wrong.
    """

    keywords: ClassVar[tuple[str, ...]] = KEYWORDS

    def __init__(self, text: str, signature: Signature, name: str) -> None:
        if not isinstance(text, str):
            raise TypeError(f"{name} must be a str, got {type(text).__name__}")
        self.text, self.signature, self.name = text, signature, name
        self.tokens = list(self._tokens(text.splitlines()))
        self.position = 0

    @property
    def token(self) -> Token:
        """The next token."""
        return self.tokens[self.position]

    @property
    def got(self) -> str:
        """The end of an error about the next token."""
        names = {"newline": "the end of the line", "end": "the end of the text"}
        names |= {"indent": "an indented line", "dedent": "a line that is indented less"}
        return f"got {names.get(self.token.kind, repr(self.token.text))}"

    def take(self) -> Token:
        """Return the next token and move behind it."""
        token = self.token
        self.position += 1
        return token

    def expect(self, text: str, what: str = "") -> None:
        """Take the next token, which must be this one; errors call it `what`."""
        if self.token.text != text:
            raise self.error(f"expected {what or repr(text)}, {self.got}")
        self.take()

    def known(self, names: Sequence[str], what: str, expected: str) -> int:
        """Take a name; return its index in `names`, which are names of a `what`."""
        word = self.token.text
        if self.token.kind != "name" or word in self.keywords:
            raise self.error(f"expected {expected}, {self.got}")
        if word not in names:
            raise self.error(unknown(f"there is no {what}", word, names))
        return names.index(self.take().text)

    def number(self) -> float:
        """Take a number."""
        value = float(self.token.text)
        if not math.isfinite(value):
            raise self.error(f"expected a finite number, {self.got}")
        self.take()
        return value

    def error(self, message: str, token: Token | None = None) -> SourceError:
        """An error that points at a token, by default the next one."""
        token = token or self.token
        return self._error_at(message, token.line, token.column)

    def _error_at(self, message: str, line: int, column: int) -> SourceError:
        return SourceError(message, line, column, self.text, self.name)

    def _tokens(self, lines: list[str]) -> Iterator[Token]:
        brackets: list[Token] = []  # that are open
        end = 1, 1  # of the last word
        try:
            for found in tokenize.generate_tokens((f"{line}\n" for line in lines).__next__):
                kind, text = KINDS.get(found.type, ""), found.string.strip()
                if found.type in IGNORED or not (kind or text):
                    continue
                place = found.start[0], found.start[1] + 1
                before = found.line[: found.start[1]]
                if not brackets and before.isspace() and "\t" in before:
                    column = before.index("\t") + 1
                    raise self._error_at(
                        "this line is indented by a tab: indent by spaces", place[0], column
                    )
                if kind == "indent":
                    place = found.end[0], found.end[1] + 1
                elif kind in ("newline", "end") or place[0] > len(lines):
                    place = end
                if not kind or (kind in TEXTS and not TEXTS[kind].fullmatch(text)):
                    raise self._error_at(f"unexpected {text!r}", *place)
                token = Token(kind, text, *place)
                yield token
                if text in OPENING:
                    brackets.append(token)
                elif text in CLOSING and brackets:
                    brackets.pop()
                if text:
                    end = found.end[0], found.end[1] + 1
        except tokenize.TokenError as error:
            if brackets:
                message = f"this {brackets[-1].text!r} is never closed"
                raise self.error(message, brackets[-1]) from None
            raise self._error_at(f"expected another token: {error.args[0]}", *end) from None
        except IndentationError as error:
            line = error.lineno or 1
            width = len(lines[line - 1]) - len(lines[line - 1].lstrip())
            message = "this line's indentation matches no line above"
            raise self._error_at(message, line, width + 1) from None
