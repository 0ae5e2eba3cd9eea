"""Programs in Python: parsed with `ast` and rewritten, never executed.

A program is the function `run`, or the only function that no other one calls, or statements
without a function. Its statements are calls of actions and of its other functions, `if`, `while`,
`for _ in range(n)`, `break`, `continue`, `return` and `pass`; a test is made of percepts, `and`,
`or`, `not`, True and False. Names may be in snake case, and methods of any object.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable
from functools import reduce
from typing import Final

from programmatic.dsl import control_flow
from programmatic.dsl.control_flow import Block, Branch, Loop, Place, Times
from programmatic.dsl.formulas import FALSE, TRUE, Formula, Test, both, either, negated
from programmatic.dsl.structured import TOO_LONG, Lowering, UnsayableError
from programmatic.dsl.tokens import ACTIONS, PERCEPTS
from programmatic.options import unknown
from programmatic.source_errors import SourceError

FENCE: Final = re.compile(r"\s*(```|~~~)")
FUNCTION: Final = re.compile(r"\s*(async\s+)?def\s+\w+\s*\(")
MAX_ROUNDS: Final = 1_000_000
MAX_CALLS: Final = 1000  # of functions that are put in place of their calls
BLOCKED: Final = {"frontisblocked": 0, "leftisblocked": 1, "rightisblocked": 2}
"""Percepts of other Karel languages that are negations of ours."""
NO_EFFECT = (ast.Pass, ast.Import, ast.ImportFrom, ast.Global, ast.Nonlocal)
DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
FORMS = "statements are calls of actions, 'if', 'while' and 'for _ in range(n)'"

_ACTIONS: Final = {word.lower(): number for number, word in enumerate(ACTIONS)}
_PERCEPTS: Final = {word.lower(): number for number, word in enumerate(PERCEPTS)}


def parse_python(text: str, name: str = "program", bounded: bool = False) -> list[str]:
    """The words, DEF included, of a program in Python; see `read_python`."""
    return read_python(text, name, bounded)[0]


def read_python(text: str, name: str, bounded: bool) -> tuple[list[str], list[str]]:
    """The words, DEF included, of a program in Python, and its approximations.

    Args:
        text: The program. Only the code between fences counts, if there are any.
        name: The text's name in errors.
        bounded: Whether loops without an equivalent may be approximated, see `Lowering`.

    Raises:
        SourceError: The text is no program, or has no equivalent in the language.
        TypeError: The text is not a str.
    """
    if not isinstance(text, str):
        raise TypeError(f"a program's source must be a str, got {type(text).__name__}")
    code = code_of(text)
    indent = min((len(line) - len(line.lstrip()) for line in code if line.strip()), default=0)
    try:
        tree = ast.parse("\n".join(line[indent:] for line in code))
        lowering = Lowering(bounded)
        return lowering.words(_Reader(tree).program()), lowering.notes
    except SyntaxError as error:
        place = error.lineno or 1, error.offset or 1
        message = f"this is no Python: {error.msg}"
    except UnsayableError as error:
        place, message = error.place or (1, 1), error.message
    except (RecursionError, MemoryError):
        place, message = (1, 1), "the program is nested too deep"
    except ValueError as error:  # a null character
        place, message = (1, 1), f"this is no Python: {error}"
    raise SourceError(message, place[0], place[1] + indent, text, name)


def code_of(text: str) -> list[str]:
    """The lines of a text with those that are not code blanked.

    Code is what is between fences; of several pieces, those with functions. Without fences it is
    the whole text, or if that is no Python, its functions.
    """
    pieces = fenced(text)
    if pieces:
        chosen = [piece for piece in pieces if any(map(FUNCTION.match, piece))] or pieces
        return ["".join(lines) for lines in zip(*chosen, strict=True)]
    lines = text.splitlines()
    try:
        ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        if any(map(FUNCTION.match, lines)):
            return [*_functions(lines)]
    return lines


def fenced(text: str) -> list[list[str]]:
    """The pieces of a text between fences, each as all lines of the text, the others blank."""
    lines = text.splitlines()
    pieces: list[list[str]] = []
    is_inside = False
    for number, line in enumerate(lines):
        if FENCE.match(line):
            is_inside = not is_inside
            if is_inside:
                pieces.append([""] * len(lines))
        elif is_inside:
            pieces[-1][number] = line
    return pieces


def _functions(lines: Iterable[str]) -> Iterable[str]:
    """The lines of functions at the beginning of a line; the others blank."""
    is_inside = False
    for line in lines:
        if FUNCTION.match(line) and not line[0].isspace():
            is_inside = True
        elif line.strip() and not line[0].isspace():
            is_inside = False
        yield line if is_inside else ""


class _Reader:
    """The statements of a parsed module."""

    def __init__(self, tree: ast.Module) -> None:
        self.tree = tree
        found = (n for n in ast.walk(tree) if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef))
        self.functions = {node.name: node for node in found}
        self.active: list[str] = []  # functions whose calls are being replaced
        self.calls = 0

    def program(self) -> Block:
        program = self.block(self._main())
        if not program:
            raise _error("the program does nothing: it needs an action")
        return program

    def _main(self) -> list[ast.stmt]:
        if not self.functions:
            return self.tree.body
        if "run" in self.functions:
            main = "run"
        else:
            called = {_name(n) for n in ast.walk(self.tree) if isinstance(n, ast.Call)}
            free = [name for name in self.functions if name not in called]
            if len(free) != 1:
                raise _error("there is no function 'run': define the program as def run():")
            main = free[0]
        self.active.append(main)
        return self.functions[main].body

    def block(self, nodes: list[ast.stmt]) -> Block:
        return tuple(statement for node in nodes for statement in self.statement(node))

    def statement(self, node: ast.stmt) -> Block:
        if isinstance(node, NO_EFFECT + DEFINITIONS):
            return ()
        if isinstance(node, ast.Break):
            return (control_flow.BREAK,)
        if isinstance(node, ast.Continue):
            return (control_flow.CONTINUE,)
        if isinstance(node, ast.Return):
            value = node.value
            return (*(self.expression(value) if value is not None else ()), control_flow.RETURN)
        if isinstance(node, ast.Expr):
            return self.expression(node.value)
        if isinstance(node, ast.If):
            return (Branch(self.test(node.test), self.block(node.body), self.block(node.orelse)),)
        if isinstance(node, ast.While | ast.For) and node.orelse:
            raise _error(
                "a loop has no 'else' here: write these statements after it", node.orelse[0]
            )
        if isinstance(node, ast.While):
            return (Loop(self.test(node.test), self.block(node.body), _place(node)),)
        if isinstance(node, ast.For):
            return (Times(self.rounds(node.iter), self.block(node.body), _place(node)),)
        if isinstance(node, ast.Assign | ast.AnnAssign | ast.AugAssign):
            raise _error(f"the language has no variables: {FORMS}", node)
        raise _error(f"expected a statement of the language, got {_shown(node)}: {FORMS}", node)

    def expression(self, node: ast.expr) -> Block:
        """An expression as a statement."""
        if isinstance(node, ast.Constant):
            return ()
        if not isinstance(node, ast.Call):
            raise _error(f"expected a call such as move(), got {_shown(node)}: {FORMS}", node)
        name = _name(node)
        word = _word(name)
        if word in _ACTIONS:
            if any(not isinstance(argument, ast.Name) for argument in node.args) or node.keywords:
                raise _error(f"{name} takes no argument: repeat it with for _ in range(n)", node)
            return (control_flow.Act(_ACTIONS[word]),)
        if word in _PERCEPTS or word in BLOCKED or word == "print":
            return ()
        self._enter(name, node)
        body = self.block(self.functions[name].body)
        self.active.pop()
        return (control_flow.Scope(body),)

    def test(self, node: ast.expr) -> Formula:
        """An expression as a condition."""
        if isinstance(node, ast.Constant) and isinstance(node.value, bool | int):
            return TRUE if node.value else FALSE
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
            found = self.test(node.operand)
            if isinstance(found, Test):
                return Test(found.percept, found.negations + 1)
            return negated(found)
        if isinstance(node, ast.BoolOp):
            found, *others = map(self.test, node.values)
            join = both if isinstance(node.op, ast.And) else either
            return reduce(join, others, found)
        if isinstance(node, ast.Compare) and len(node.ops) == 1:
            other = node.comparators[0]
            if isinstance(other, ast.Constant) and isinstance(other.value, bool):
                is_same = isinstance(node.ops[0], ast.Eq | ast.Is)
                if is_same or isinstance(node.ops[0], ast.NotEq | ast.IsNot):
                    found = self.test(node.left)
                    return found if is_same == other.value else negated(found)
        if isinstance(node, ast.Name | ast.Attribute) and _word(_last(node)) in _PERCEPTS:
            raise _error(f"a percept is a call: {_last(node)}()", node)
        if not isinstance(node, ast.Call):
            raise _error(
                f"expected a test of percepts such as frontIsClear(), got {_shown(node)}: tests "
                "are percepts joined by 'and', 'or' and 'not'",
                node,
            )
        name = _name(node)
        word = _word(name)
        if word in _PERCEPTS:
            return Test(_PERCEPTS[word])
        if word in BLOCKED:
            return Test(BLOCKED[word], 1)
        if word in _ACTIONS:
            raise _error(
                f"{name} is an action, not a test: percepts are {', '.join(PERCEPTS)}", node
            )
        self._enter(name, node)
        found = self.returned(self.functions[name].body, node)
        self.active.pop()
        return found

    def returned(self, nodes: list[ast.stmt], call: ast.Call) -> Formula:
        """The value that statements without actions return."""
        for i, node in enumerate(nodes):
            if isinstance(node, ast.Return) and node.value is not None:
                return self.test(node.value)
            if isinstance(node, ast.If):
                rest, test = nodes[i + 1 :], self.test(node.test)
                then = self.returned(node.body + rest, call)
                otherwise = self.returned(node.orelse + rest, call)
                return either(both(test, then), both(negated(test), otherwise))
            if self.statement(node):
                raise _error("a function in a test must not act: only percepts and 'return'", node)
        return FALSE

    def rounds(self, node: ast.expr) -> int:
        """The rounds of a loop over a range of numbers."""
        if not isinstance(node, ast.Call) or _name(node) != "range" or node.keywords:
            raise _error(f"expected range(n) with a number n, got {_shown(node)}", node)
        try:
            n = len(range(*map(ast.literal_eval, node.args)))
        except (ValueError, TypeError, OverflowError):
            message = f"expected range(n) with a number n, got {_shown(node)}"
            raise _error(message, node) from None
        if n > MAX_ROUNDS:
            raise _error(
                f"expected at most {MAX_ROUNDS:,} rounds, got {n:,}: write while True:", node
            )
        return n

    def _enter(self, name: str, node: ast.Call) -> None:
        if name not in self.functions:
            known = [*ACTIONS, *PERCEPTS, *self.functions]
            raise _error(unknown("there is no function", name, known), node)
        if name in self.active:
            raise _error(f"{name} calls itself: functions must not be recursive; use a loop", node)
        self.active.append(name)
        self.calls += 1
        if self.calls > MAX_CALLS:
            raise _error(TOO_LONG, node)


def _word(name: str) -> str:
    """A name as the language's words are looked up: robot.pick_beeper is pickMarker."""
    return name.replace("_", "").lower().replace("beeper", "marker")


def _last(node: ast.expr) -> str:
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else ""


def _name(node: ast.Call) -> str:
    """The name of the called function or method."""
    name = _last(node.func)
    if not name:
        raise _error(f"expected the name of a function, got {_shown(node.func)}", node)
    return name


def _place(node: ast.AST) -> Place:
    return getattr(node, "lineno", 1), getattr(node, "col_offset", 0) + 1


def _shown(node: ast.AST) -> str:
    text = " ".join(ast.unparse(node).split())
    return repr(text if len(text) <= 40 else f"{text[:40]}...")


def _error(message: str, node: ast.AST | None = None) -> UnsayableError:
    return UnsayableError(message, None if node is None else _place(node))
