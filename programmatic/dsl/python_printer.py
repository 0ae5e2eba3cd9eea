"""Programs as Python source."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from programmatic.dsl.syntax import Action, Condition, IfElse, Repeat, Statement, While
from programmatic.dsl.tokens import ACTIONS, PERCEPTS

_INDENT = "    "


def to_python(body: Sequence[Statement]) -> str:
    """The function `run` with the statements of a program.

    Example:
        >>> from programmatic.dsl import parse
        >>> print(to_python(parse("DEF run m( REPEAT R=3 r( move r) turnLeft m)".split())))
        def run():
            for _ in range(3):
                move()
            turnLeft()
    """
    return "\n".join(["def run():", *_lines(body, _INDENT)])


def _lines(block: Sequence[Statement], indent: str) -> Iterator[str]:
    for node in block:
        if isinstance(node, Action):
            yield f"{indent}{ACTIONS[node.index]}()"
            continue
        if isinstance(node, Repeat):
            yield f"{indent}for _ in range({node.times}):"
        else:
            keyword = "while" if isinstance(node, While) else "if"
            yield f"{indent}{keyword} {_condition(node.condition)}:"
        yield from _lines(node.blocks[0], indent + _INDENT)
        if isinstance(node, IfElse):
            yield f"{indent}else:"
            yield from _lines(node.otherwise, indent + _INDENT)


def _condition(condition: Condition) -> str:
    return "not " * condition.negations + f"{PERCEPTS[condition.percept]}()"
