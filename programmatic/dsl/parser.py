"""Recursive-descent parser; every error says what was expected, and where.

prog := DEF run m( stmt+ m)
stmt := move | turnLeft | turnRight | pickMarker | putMarker
      | WHILE c( cond c) w( stmt+ w) | IF c( cond c) i( stmt+ i)
      | IFELSE c( cond c) i( stmt+ i) ELSE e( stmt+ e) | REPEAT R=n r( stmt+ r)
cond := percept | not c( cond c)
"""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from typing import Final

from programmatic.dsl.syntax import Action, Condition, If, IfElse, Repeat, Statement, While
from programmatic.dsl.tokens import ACTIONS, MAX_TIMES, PERCEPTS, TOKEN_IDS

MAX_TOKENS: Final = 4096
"""The longest program, DEF included."""
MAX_NESTING: Final = 64
"""The deepest nesting of control structures."""
MAX_REPEAT_NESTING: Final = 12
"""The deepest nesting of REPEATs: the machine packs their 5-bit counters into 64 bits."""
MAX_NEGATIONS: Final = 64
"""Most `not`s of one condition."""

_ACTION_NUMBERS: Final = {word: number for number, word in enumerate(ACTIONS)}
_PERCEPT_NUMBERS: Final = {word: number for number, word in enumerate(PERCEPTS)}
_TIMES: Final = {f"R={times}": times for times in range(MAX_TIMES + 1)}
_SHOWN_CHARACTERS: Final = 40  # of a wrong word in an error; the longest word of the language is 16


class ProgramSyntaxError(ValueError):
    """A text or token list is not a program.

    Args:
        position: The index of the wrong token; the number of tokens at the end of the text.
        expected: What was expected there.
        found: The end of the message, such as `got 'move'`.
        source: The program's file, if any.
    """

    def __init__(self, position: int, expected: str, found: str, source: str | None = None) -> None:
        super().__init__(position, expected, found, source)
        self.position = position
        self.expected = expected
        self.found = found
        self.source = source

    def __str__(self) -> str:
        file = f" in {self.source}" if self.source is not None else ""
        return (
            f"Program error{file} at token {self.position}: expected {self.expected}, {self.found}"
        )


def split(text: str) -> list[str]:
    """The words of `text`, separated by white space; words beyond `MAX_TOKENS` stay unsplit."""
    return text.split(maxsplit=MAX_TOKENS)


def parse(words: Sequence[str]) -> tuple[Statement, ...]:
    """The statements of the program in `words`, which start with DEF.

    Raises:
        ProgramSyntaxError: `words` are not a program, or exceed `MAX_TOKENS`, `MAX_NESTING`,
            `MAX_REPEAT_NESTING` or `MAX_NEGATIONS`. The message shows the first fault.

    Example:
        >>> parse("DEF run m( move m)".split())
        (Action(index=0, span=(3, 4)),)
        >>> parse("DEF run m( WHILE move m)".split())
        Traceback (most recent call last):
            ...
        programmatic.dsl.parser.ProgramSyntaxError: Program error at token 4: expected 'c(' after \
WHILE, got 'move'
    """
    if len(words) > MAX_TOKENS:
        raise ProgramSyntaxError(MAX_TOKENS, f"at most {MAX_TOKENS} tokens", "got more")
    return _Parser(words).program()


class _Parser:
    """One pass over `words`; every method reads the part that it is named after."""

    def __init__(self, words: Sequence[str]) -> None:
        self.words = words
        self.position = 0
        self.nesting = 0
        self.repeat_nesting = 0

    def program(self) -> tuple[Statement, ...]:
        self.expect("DEF", "at the start")
        self.expect("run", "after DEF")
        body = self.block("m", "run")
        if self.position < len(self.words):
            raise self.error("the end of the program after its 'm)'")
        return body

    def block(self, bracket: str, opened_after: str) -> tuple[Statement, ...]:
        self.expect(f"{bracket}(", f"after {opened_after}")
        closing = f"{bracket})"
        statements = [self.statement(f"a statement after '{bracket}('")]
        while self.peek() != closing:
            statements.append(self.statement(f"a statement or '{closing}'"))
        self.position += 1
        return tuple(statements)

    def statement(self, expected: str) -> Statement:
        start, word = self.position, self.peek()
        if word in _ACTION_NUMBERS:
            self.position += 1
            return Action(_ACTION_NUMBERS[word], (start, self.position))
        if word not in ("WHILE", "IF", "IFELSE", "REPEAT"):
            raise self.error(expected)
        if self.nesting == MAX_NESTING:
            raise self.error(f"at most {MAX_NESTING} nested control structures")
        self.position += 1
        self.nesting += 1
        node = self.repeat(start) if word == "REPEAT" else self.conditional(word, start)
        self.nesting -= 1
        return node

    def repeat(self, start: int) -> Repeat:
        if self.repeat_nesting == MAX_REPEAT_NESTING:
            self.position = start
            raise self.error(f"at most {MAX_REPEAT_NESTING} nested REPEATs")
        word = self.peek()
        if word not in _TIMES:
            raise self.error(f"'R=0' to 'R={MAX_TIMES}' after REPEAT")
        self.position += 1
        self.repeat_nesting += 1
        body = self.block("r", word)
        self.repeat_nesting -= 1
        return Repeat(_TIMES[word], body, (start, self.position))

    def conditional(self, word: str, start: int) -> Statement:
        self.expect("c(", f"after {word}")
        condition = self.condition()
        self.expect("c)", "after the condition")
        if word == "WHILE":
            body = self.block("w", "the condition")
            return While(condition, body, (start, self.position))
        then = self.block("i", "the condition")
        if word == "IF":
            return If(condition, then, (start, self.position))
        self.expect("ELSE", "after the 'i)' of IFELSE")
        otherwise = self.block("e", "ELSE")
        return IfElse(condition, then, otherwise, (start, self.position))

    def condition(self) -> Condition:
        start, negations = self.position, 0
        while self.peek() == "not":
            if negations == MAX_NEGATIONS:
                raise self.error(f"at most {MAX_NEGATIONS} nested 'not'")
            self.position += 1
            self.expect("c(", "after not")
            negations += 1
        word = self.peek()
        if word not in _PERCEPT_NUMBERS:
            raise self.error("a percept or 'not'")
        self.position += 1
        for _ in range(negations):
            self.expect("c)", "after the negated condition")
        return Condition(_PERCEPT_NUMBERS[word], negations, (start, self.position))

    def peek(self) -> str:
        """The next word, or '' at the end of the program."""
        return self.words[self.position] if self.position < len(self.words) else ""

    def expect(self, word: str, where: str) -> None:
        if self.peek() != word:
            raise self.error(f"'{word}' {where}")
        self.position += 1

    def error(self, expected: str) -> ProgramSyntaxError:
        """The error at the next word."""
        if self.position >= len(self.words):
            return ProgramSyntaxError(self.position, expected, "got the end of the program")
        return ProgramSyntaxError(self.position, expected, _got(self.words[self.position]))


def _got(word: str) -> str:
    if word in TOKEN_IDS:
        return f"got '{word}'"
    if len(word) > _SHOWN_CHARACTERS:
        return f"got {word[:_SHOWN_CHARACTERS] + '...'!r}, which is no word of the language"
    near = difflib.get_close_matches(word, TOKEN_IDS, n=1)
    suggestion = f"; did you mean '{near[0]}'?" if near else ""
    return f"got {word!r}, which is no word of the language{suggestion}"
