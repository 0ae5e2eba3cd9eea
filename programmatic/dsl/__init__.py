"""The language of programs: vocabulary, grammar, parser, printer, and `Program`."""

from programmatic.dsl.parser import (
    MAX_NEGATIONS,
    MAX_NESTING,
    MAX_REPEAT_NESTING,
    MAX_TOKENS,
    ProgramSyntaxError,
    parse,
)
from programmatic.dsl.printer import pretty_lines, to_text
from programmatic.dsl.program import Program
from programmatic.dsl.syntax import (
    Action,
    Condition,
    If,
    IfElse,
    Repeat,
    Statement,
    While,
)
from programmatic.dsl.tokens import (
    ACTION_TOKENS,
    ACTIONS,
    MAX_TIMES,
    PAD,
    PERCEPT_TOKENS,
    PERCEPTS,
    TOKENS,
)

__all__ = [
    "ACTIONS",
    "ACTION_TOKENS",
    "MAX_NEGATIONS",
    "MAX_NESTING",
    "MAX_REPEAT_NESTING",
    "MAX_TIMES",
    "MAX_TOKENS",
    "PAD",
    "PERCEPTS",
    "PERCEPT_TOKENS",
    "TOKENS",
    "Action",
    "Condition",
    "If",
    "IfElse",
    "Program",
    "ProgramSyntaxError",
    "Repeat",
    "Statement",
    "While",
    "parse",
    "pretty_lines",
    "to_text",
]
