"""`SourceError`: an error with its place in a text."""

from __future__ import annotations


class SourceError(ValueError):
    """A text is not well-formed; the message has line and column, and shows the line.

    Args:
        message: The fault, and what would be right.
        line, column: Its place, from 1 up.
        text: The whole text.
        name: The text's name: that of a file, or "program".
    """

    def __init__(self, message: str, line: int, column: int, text: str, name: str) -> None:
        super().__init__(message, line, column, text, name)
        self.reason, self.line, self.column = message, line, column
        self.text, self.name = text, name

    def __str__(self) -> str:
        lines = self.text.splitlines() or [""]
        shown = lines[min(self.line, len(lines)) - 1].replace("\t", " ")
        pointer = " " * (self.column - 1) + "^"
        place = f"{self.name}, line {self.line}, column {self.column}"
        return f"{place}: {self.reason}\n  {shown}\n  {pointer}"
