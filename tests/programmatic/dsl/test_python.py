"""Programs in Python: the way into the language and back."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from karel_gym import World
from programmatic import Program
from programmatic.dsl import ACTIONS, PERCEPTS
from programmatic.dsl.python_parser import read_python
from programmatic.machine import execute, trace
from programmatic.source_errors import SourceError
from tests.reference_grid import Grid
from tests.strategies import programs, worlds

MOST_ACTIONS, MOST_CALLS = 40, 4000
SETTINGS = settings(max_examples=60)


class EndError(Exception):
    """The robot has acted often enough."""


class Robot:
    """A robot that ends a program after some actions and calls."""

    def __init__(self) -> None:
        self.actions: list[str] = []
        self.calls = 0

    def act(self, name: str) -> None:
        self.actions.append(name)
        if len(self.actions) == MOST_ACTIONS:
            raise EndError

    def perceive(self, name: str) -> bool:
        self.calls += 1
        if self.calls == MOST_CALLS:
            raise EndError
        return self.sees(name)

    def sees(self, name: str) -> bool:
        raise NotImplementedError


class Oracle(Robot):
    """A robot whose percepts depend on all of its actions in an unforeseeable way."""

    def __init__(self, seed: int) -> None:
        super().__init__()
        self.seed = seed

    def sees(self, name: str) -> bool:
        if name == "noMarkersPresent":
            return not self.sees("markersPresent")
        text = f"{self.seed} {name} {' '.join(self.actions)}"
        return hashlib.md5(text.encode()).digest()[0] % 2 == 0


class Toy(Robot):
    """The robot of the plain reference."""

    def __init__(self, world: World) -> None:
        super().__init__()
        self.grid = Grid.from_json(world.to_json())

    def act(self, name: str) -> None:
        self.grid.act(ACTIONS.index(name))
        super().act(name)

    def sees(self, name: str) -> bool:
        return self.grid.percept(PERCEPTS.index(name))


def act_as(source: str, robot: Robot) -> list[str]:
    """The actions of a program in Python that Python runs."""

    def action(name: str) -> Callable[[], None]:
        return lambda: robot.act(name)

    def percept(name: str) -> Callable[[], bool]:
        return lambda: robot.perceive(name)

    names = {name: action(name) for name in ACTIONS} | {name: percept(name) for name in PERCEPTS}
    names["always"] = lambda: robot.perceive(PERCEPTS[0]) or True
    exec(source.replace("while True", "while always()"), names)  # so that it ends
    with suppress(EndError):
        names["run"]()
    return robot.actions


INDENT = "    "


@st.composite
def conditions(draw: st.DrawFn, depth: int) -> str:
    kind = draw(st.sampled_from(["percept"] * 3 + ["not", "and", "or"] * (depth > 0)))
    if kind == "percept":
        return f"{draw(st.sampled_from(PERCEPTS))}()"
    first = draw(conditions(depth - 1))
    if kind == "not":
        return f"not ({first})"
    return f"({first} {kind} {draw(conditions(depth - 1))})"


@st.composite
def blocks(draw: st.DrawFn, depth: int, in_loop: bool = False) -> list[str]:
    """Lines of Python with all that the parser accepts."""
    lines: list[str] = []
    for _ in range(draw(st.integers(1, 3))):
        nested = ["if", "if", "while", "forever", "for", "exit"] * (depth > 0)
        jumps = ["break", "continue"] * in_loop + ["return", "pass", "turn_around"]
        kind = draw(st.sampled_from(["action"] * 4 + nested + jumps * (depth < 2)))
        if kind == "action":
            lines.append(f"{draw(st.sampled_from(ACTIONS))}()")
        elif kind in ("break", "continue", "return", "pass"):
            lines.append(kind)
        elif kind == "turn_around":
            lines.append("turn_around()")
        else:
            test = draw(conditions(2))
            header = {
                "if": f"if {test}:",
                "exit": f"if {test}:",
                "while": f"while {test}:",
                "forever": "while True:",
                "for": f"for _ in range({draw(st.sampled_from([0, 1, 2, 5, 19, 23, 40]))}):",
            }[kind]
            body = draw(blocks(depth - 1, in_loop or kind not in ("if", "exit")))
            if kind == "exit":
                body = [*body, "break" if in_loop else "return"]
            lines += [header, *(INDENT + line for line in body)]
            if kind == "if" and draw(st.booleans()):
                lines += ["else:", *(INDENT + line for line in draw(blocks(depth - 1, in_loop)))]
    return lines


HELPER = (
    "def turn_around():\n    if leftIsClear():\n        return\n    turnLeft()\n    turnLeft()\n"
)
SOURCES = blocks(3).map(lambda lines: "\n".join(["def run():", *(INDENT + x for x in lines)]))


@given(programs(max_tokens=90))
@SETTINGS
def test_python_and_back_is_the_same_program(program: Program) -> None:
    assert Program.from_python(program.to_python()) == program


@given(programs(), worlds())
@SETTINGS
def test_python_runs_a_program_as_the_machine_does(program: Program, world: World) -> None:
    robot = Toy(world)
    act_as(program.to_python(), robot)
    limits = {"max_calls": 2 * MOST_CALLS, "max_actions": MOST_ACTIONS}
    steps = trace(program, world, "Karel-Harvester-v0", **limits)
    assert [ACTIONS[step.action] for step in steps] == robot.actions[: len(steps)]
    result = execute([program], [world], "Karel-Harvester-v0", **limits)
    assert len(steps) == len(robot.actions) or result.terminated[0, 0]


@given(SOURCES, st.integers(0, 99))
@settings(max_examples=150)
def test_programs_act_as_their_python_source(source: str, seed: int) -> None:
    source = f"{HELPER}\n{source}"
    try:
        program = Program.from_python(source)
    except SourceError as error:
        assert re.search(r"exits|no 'and'|does nothing|more than 4096|at most", str(error))  # noqa: PT017
    else:
        assert act_as(program.to_python(), Oracle(seed)) == act_as(source, Oracle(seed))


SAID = {
    "fences, prose, hints": (
        'Sure! Here it is:\n\n```python\nfrom karel import *\n\ndef run() -> None:\n    """Go."""\n'
        "    move()  # one step\n    pass\n```\nIt **moves**: `turnLeft()`.",
        "move",
    ),
    "prose without fences": ("The program:\n\ndef run():\n    move()\n\nThis is right.", "move"),
    "an indented fence": ("1. So:\n   ```\n   def run():\n       move()\n   ```", "move"),
    "helpers in other pieces": (
        "```\ndef back():\n    turn_left()\n    turn_left()\n```\n~~~\ndef run():\n    back()\n~~~",
        "turnLeft turnLeft",
    ),
    "statements alone": ("robot.move()\nrobot.put_beeper()", "move putMarker"),
    "a method": (
        "class Robot:\n    def solve(self):\n        self.pickMarker()\n\nRobot().run_all()",
        "pickMarker",
    ),
    "elif": (
        "if front_is_clear():\n    move()\nelif markers_present():\n    pick_marker()",
        "IFELSE c( frontIsClear c) i( move i) ELSE e( IF c( markersPresent c) i( pickMarker i) e)",
    ),
    "not blocked": (
        "while not front_is_blocked():\n    move()",
        "WHILE c( not c( not c( frontIsClear c) c) c) w( move w)",
    ),
    "comparison": (
        "if frontIsClear() == False:\n    move()",
        "IF c( not c( frontIsClear c) c) i( move i)",
    ),
    "and": (
        "if frontIsClear() and leftIsClear():\n    move()",
        "IF c( frontIsClear c) i( IF c( leftIsClear c) i( move i) i)",
    ),
    "or in a loop": (
        "while frontIsClear() or leftIsClear():\n    move()",
        "WHILE c( frontIsClear c) w( move w) WHILE c( leftIsClear c) w( move WHILE c( frontIsClear "
        "c) w( move w) w)",
    ),
    "while True": (
        "while True:\n    if frontIsClear():\n        move()\n    else:\n        turnLeft()",
        "WHILE c( frontIsClear c) w( move w) WHILE c( not c( frontIsClear c) c) w( turnLeft WHILE "
        "c( frontIsClear c) w( move w) w)",
    ),
    "while True, break": (
        "while True:\n    move()\n    if markersPresent():\n        break\n    turnLeft()",
        "move WHILE c( not c( markersPresent c) c) w( turnLeft move w)",
    ),
    "a loop to the first marker": (
        "for _ in range(9):\n    if markersPresent():\n        return\n    move()",
        "REPEAT R=8 r( IF c( not c( markersPresent c) c) i( move i) r) "
        "IF c( not c( markersPresent c) c) i( move i)",
    ),
    "25 rounds": ("for i in range(25):\n    move()", "REPEAT R=5 r( REPEAT R=5 r( move r) r)"),
    "23 rounds": (
        "for i in range(23):\n    move()",
        "REPEAT R=2 r( REPEAT R=11 r( move r) r) REPEAT R=1 r( move r)",
    ),
    "a test of its own": (
        "def blocked(robot):\n    return not robot.front_is_clear()\n\ndef run():\n"
        "    if blocked(robot):\n        turn_left(robot)",
        "IF c( not c( frontIsClear c) c) i( turnLeft i)",
    ),
    "an idle loop": (
        "while frontIsClear():\n    pass",
        "WHILE c( frontIsClear c) w( REPEAT R=0 r( turnLeft r) w)",
    ),
}


@pytest.mark.parametrize(("source", "body"), SAID.values(), ids=SAID)
def test_python_of_language_models_is_understood(source: str, body: str) -> None:
    assert str(Program.from_python(source)) == f"DEF run m( {body} m)"


@pytest.mark.parametrize(
    ("source", "place", "message"),
    [
        ("def run():\n    x = 1", (2, 5), "the language has no variables"),
        ("def run():\n    move(3)", (2, 5), r"move takes no argument: repeat it with for _ in"),
        ("def run():\n    jump()", (2, 5), "there is no function 'jump'"),
        ("def run():\n    if move():\n        move()", (2, 8), "move is an action, not a test"),
        ("def run():\n    if frontIsClear:\n        move()", (2, 8), r"a call: frontIsClear\(\)"),
        ("def run():\n    while x > 3:\n        move()", (2, 11), "expected a test of percepts"),
        ("def run():\n    for _ in range(n):\n        move()", (2, 14), r"expected range\(n\)"),
        ("for i in range(10**9):\n    move()", (1, 10), r"expected range\(n\)"),
        ("for i in range(9999999):\n    move()", (1, 10), "at most 1,000,000 rounds"),
        ("def run():\n    move()\n    run()", (3, 5), "run calls itself"),
        ("with open('x') as f:\n    move()", (1, 1), "expected a statement of the language"),
        ("import os\nos.system('ls')", (2, 1), "there is no function 'system'"),
        ("def run():\n    pass", (1, 1), "the program does nothing"),
        ("def a():\n    move()\n\ndef b():\n    move()", (1, 1), "no function 'run'"),
        ("def run():\n    move(\n", (2, 9), "this is no Python"),
        ("```python\ndef run():\n    jump()\n```", (3, 5), "there is no function"),
        ("I cannot help with that.", (1, 3), "this is no Python"),
        ("a\0b", (1, 1), "this is no Python"),
        ("not " * 5000 + "move()", (1, 1), "nested too deep"),
        (
            "while frontIsClear() and leftIsClear():\n    move()",
            (1, 1),
            r"no 'and' in a loop's condition: test one percept, or write for _ in range\(n\)",
        ),
        (
            "while frontIsClear():\n    move()\n    if markersPresent():\n        break\n"
            "    turnLeft()",
            (1, 1),
            "two exits with actions between them",
        ),
        ("while frontIsClear():\n    move()\nelse:\n    move()", (4, 5), "has no 'else' here"),
        (
            "".join(f"def f{i}():\n    f{i + 1}()\n    f{i + 1}()\n" for i in range(30))
            + "def f30():\n    move()\ndef run():\n    f0()",
            (86, 5),
            "more than 4096 tokens",
        ),
    ],
)
def test_what_cannot_be_said_has_a_place_and_a_reason(
    source: str, place: tuple[int, int], message: str
) -> None:
    with pytest.raises(SourceError, match=message) as caught:
        Program.from_python(source)
    assert (caught.value.line, caught.value.column) == place


def test_only_text_is_parsed() -> None:
    with pytest.raises(TypeError, match="must be a str"):
        Program.from_python(b"move()")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("source", "body", "note"),
    [
        (
            "while frontIsClear() and noMarkersPresent():\n    move()",
            "REPEAT R=19 r( IF c( frontIsClear c) i( IF c( noMarkersPresent c) i( move i) i) r)",
            "line 1: a loop with 'and' has at most 19 rounds",
        ),
        (
            "move()\nwhile True:\n    move()",
            "move REPEAT R=19 r( REPEAT R=19 r( move r) r)",
            "line 2: an endless loop has 361 rounds",
        ),
    ],
)
def test_loops_may_be_approximated(source: str, body: str, note: str) -> None:
    words, notes = read_python(source, "program", bounded=True)
    assert (" ".join(words), notes) == (f"DEF run m( {body} m)", [note])
