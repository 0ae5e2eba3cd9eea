"""Programs run the plain way, from the start worlds of demonstrations."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from karel_gym.world import MARKERS, WALL
from programmatic.dsl import Action, Condition, If, IfElse, Program, Repeat, Statement, While
from tests.reference import Grid

State = tuple[int, int, tuple[tuple[int, ...], ...]]
"""The robot's position and heading, and the markers."""


def grid_of(cells: NDArray[np.uint8], width: int, robot: NDArray[np.int16]) -> Grid:
    rows = cells.reshape(-1, width)
    row, col = divmod(int(robot[0]), width)
    walls, markers = (rows & WALL != 0).tolist(), (rows & MARKERS).tolist()
    return Grid(walls, markers, row, col, int(robot[1]))


def state_of(grid: Grid) -> State:
    position = grid.row * grid.width + grid.col
    return position, grid.heading, tuple(map(tuple, grid.markers))


class _LimitError(Exception):
    """The run has met a limit."""


@dataclass
class PlainRun:
    """A run with all that it does and evaluates, up to a limit of actions and calls."""

    grid: Grid
    max_actions: int
    max_calls: int = 2000
    halted: bool = False
    actions: list[int] = field(default_factory=list)
    states: list[State] = field(default_factory=list)
    outcomes: dict[tuple[int, int], set[bool]] = field(default_factory=lambda: defaultdict(set))

    def of(self, program: Program) -> PlainRun:
        self.states.append(state_of(self.grid))
        try:
            self.block(program.body)
            self.halted = True
        except _LimitError:
            pass
        return self

    def call(self) -> None:
        if self.max_calls == 0:
            raise _LimitError
        self.max_calls -= 1

    def holds(self, condition: Condition) -> bool:
        self.call()
        outcome = self.grid.percept(condition.percept) != (condition.negations % 2 == 1)
        self.outcomes[condition.span].add(outcome)
        return outcome

    def block(self, body: Iterable[Statement]) -> None:
        for node in body:
            match node:
                case Action(index):
                    self.call()
                    if len(self.actions) == self.max_actions:
                        raise _LimitError
                    self.grid.act(index)
                    self.actions.append(index)
                    self.states.append(state_of(self.grid))
                case While(condition, inside):
                    while self.holds(condition):
                        self.block(inside)
                case If(condition, inside):
                    if self.holds(condition):
                        self.block(inside)
                case IfElse(condition, then, otherwise):
                    self.block(then if self.holds(condition) else otherwise)
                case Repeat(times, inside):
                    for _ in range(times):
                        self.block(inside)


def conditions_of(body: Iterable[Statement]) -> set[tuple[int, int]]:
    """The spans of all conditions."""
    spans: set[tuple[int, int]] = set()
    for node in body:
        match node:
            case While(condition, inside) | If(condition, inside):
                spans |= {condition.span} | conditions_of(inside)
            case IfElse(condition, then, otherwise):
                spans |= {condition.span} | conditions_of(then) | conditions_of(otherwise)
            case Repeat(_, inside):
                spans |= conditions_of(inside)
    return spans
