"""A plain reference of the robot, the tasks and the machine, to check the compiled kernels against.

Nothing here is fast or shares code with what it checks, the parser excepted: programs run by
recursion over their nodes, and after every action a task looks at the whole world.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from programmatic.dsl import Action, Condition, If, IfElse, Program, Repeat, Statement, While
from tests.reference_grid import FULL, Cell, Food, Grid, Task
from tests.reference_long import LONG

SIX = ("StairClimber", "FourCorners", "TopOff", "Maze", "CleanHouse", "Harvester")
NEWER = ("DoorKey", "OneStroke", "Seeder", "Snake", "PathFollow", "WallAvoider")
ENV_IDS = tuple(
    [f"Karel-{task}-v0" for task in SIX]
    + [f"Karel-{task}-v1" for task in SIX]
    + [f"Karel-{task}-v0" for task in (*NEWER, *LONG)]
)


class ScoreTask(Task):
    """A task whose reward is the change of its score; it ends when the score is 1."""

    last = 0.0

    def score(self, grid: Grid) -> float:
        raise NotImplementedError

    def step(self, before: Grid, grid: Grid) -> tuple[float, bool]:
        last, self.last = self.last, self.score(grid)
        return self.last - last, self.last == 1


def last_marked(grid: Grid) -> Cell | None:
    """The marked cell; where a world has several, the last one."""
    return max(grid.marked(), default=None)


class StairClimber(Task):
    """A stair is a cell of the diagonal from the lower left corner; one cell above is allowed."""

    def begin(self, grid: Grid) -> None:
        self.goal = last_marked(grid)
        stairs = [(grid.height - 2 - i, 1 + i) for i in range(min(grid.height, grid.width) - 2)]
        self.allowed = stairs + [(row - 1, col) for row, col in stairs]

    def step(self, before: Grid, grid: Grid) -> tuple[float, bool]:
        if grid.robot == self.goal:
            return 1, True
        if grid.robot not in self.allowed:
            return -1, True
        return 0, False


class Maze(Task):
    """Standing on the goal is enough, also when the robot starts there and only turns."""

    def begin(self, grid: Grid) -> None:
        self.goal = last_marked(grid)

    def step(self, before: Grid, grid: Grid) -> tuple[float, bool]:
        return (1, True) if grid.robot == self.goal else (0, False)


def corners(grid: Grid) -> list[Cell]:
    return [(r, c) for r in (1, grid.height - 2) for c in (1, grid.width - 2)]


class FourCornersV0(ScoreTask):
    def score(self, grid: Grid) -> float:
        right = [cell for cell in corners(grid) if grid.count(cell)]
        if sum(map(sum, grid.markers)) > len(right):
            return 0
        return len(right) / 4


class TopOffV0(ScoreTask):
    """The robot's column counts in whatever row it is."""

    def score(self, grid: Grid) -> float:
        row, count = grid.height - 2, 0
        for col in range(1, grid.col + 1):
            if grid.markers[row][col] != (2 if self.start.markers[row][col] else 0):
                break
            count += 1
        if count == grid.width - 2 and grid.robot == (row, grid.width - 2):
            count += 1
        return count / (grid.width - 1)


class CleanHouseV0(ScoreTask):
    """The two markers on (2, 12) are in the way and count for nothing."""

    def begin(self, grid: Grid) -> None:
        self.dirty = [cell for cell in grid.marked() if cell != (2, 12)]

    def score(self, grid: Grid) -> float:
        return sum(grid.count(cell) == 0 for cell in self.dirty) / max(len(self.dirty), 1)


class HarvesterV0(ScoreTask):
    def score(self, grid: Grid) -> float:
        total = max(sum(map(sum, self.start.markers)), 1)
        return (total - sum(map(sum, grid.markers))) / total


def changed(before: Grid, grid: Grid) -> tuple[Cell, int, int] | None:
    """The cell whose markers the action changed, with their number before and after."""
    for cell in grid.cells():
        if before.count(cell) != grid.count(cell):
            return cell, before.count(cell), grid.count(cell)
    return None


class MarkerTask(Task):
    """A task in the newer definition, which only looks at markers put and picked."""

    def change(self, cell: Cell, old: int, new: int) -> tuple[float, bool]:
        raise NotImplementedError

    def step(self, before: Grid, grid: Grid) -> tuple[float, bool]:
        change = changed(before, grid)
        return self.change(*change) if change else (0, False)


class FourCornersV1(MarkerTask):
    """Picking a corner's marker is not forbidden: it takes back what the marker paid."""

    def begin(self, grid: Grid) -> None:
        self.corners = corners(grid)
        self.right = 0

    def change(self, cell: Cell, old: int, new: int) -> tuple[float, bool]:
        if cell not in self.corners or new > 1:
            return -1, True
        self.right += new - old
        return (new - old) / 4, self.right == 4


class TopOffV1(MarkerTask):
    def begin(self, grid: Grid) -> None:
        self.targets = grid.marked()
        self.done = 0

    def change(self, cell: Cell, old: int, new: int) -> tuple[float, bool]:
        if cell not in self.targets or new not in (1, 2):
            return -1, True
        self.done += 1 if new == 2 else -1
        return (new - old) / len(self.targets), self.done == len(self.targets)


class PickAll(MarkerTask):
    """CleanHouse-v1 and Harvester-v1."""

    def begin(self, grid: Grid) -> None:
        self.total = self.left = sum(map(sum, grid.markers))

    def change(self, cell: Cell, old: int, new: int) -> tuple[float, bool]:
        if new > old:
            return -1, True
        self.left -= 1
        return 1 / self.total, self.left == 0


class PathFollow(PickAll):
    """The path is where markers lay at the start, also when they are gone."""

    def begin(self, grid: Grid) -> None:
        super().begin(grid)
        self.allowed = [
            cell
            for r, c in grid.marked()
            for cell in ((r, c), (r - 1, c), (r + 1, c), (r, c - 1), (r, c + 1))
        ]

    def step(self, before: Grid, grid: Grid) -> tuple[float, bool]:
        if grid.robot not in self.allowed:
            return -1, True
        return super().step(before, grid)


class DoorKey(Task):
    def begin(self, grid: Grid) -> None:
        self.door = (grid.width + 1) // 2
        (self.key,) = [cell for cell in grid.marked() if cell[1] < self.door]
        (self.goal,) = [cell for cell in grid.marked() if cell[1] > self.door]
        self.has_key = False

    def step(self, before: Grid, grid: Grid) -> tuple[float, bool]:
        change = changed(before, grid)
        if change is None:
            return 0, False
        if not self.has_key and change == (self.key, 1, 0):
            self.has_key = True
            grid.walls[2][self.door] = grid.walls[3][self.door] = False
            return 1 / 2, False
        if self.has_key and change == (self.goal, 1, 2):
            return 1 / 2, True
        return -1, True


class OneStroke(Task):
    """Markers stay on a cell that becomes a wall."""

    def begin(self, grid: Grid) -> None:
        self.cells = len(grid.free())
        self.visited = 1

    def step(self, before: Grid, grid: Grid) -> tuple[float, bool]:
        if grid.robot == before.robot:
            return 0, False
        grid.walls[before.row][before.col] = True
        self.visited += 1
        return 1 / (self.cells - 1), self.visited == self.cells


class FirstMarkers(MarkerTask):
    """Seeder and WallAvoider: one marker on each of some cells."""

    def targets(self, grid: Grid) -> list[Cell]:
        raise NotImplementedError

    def begin(self, grid: Grid) -> None:
        self.left = self.targets(grid)
        self.total = len(self.left)

    def change(self, cell: Cell, old: int, new: int) -> tuple[float, bool]:
        if cell not in self.left or new < old:
            return -1, True
        self.left.remove(cell)
        return 1 / self.total, not self.left


class Seeder(FirstMarkers):
    def targets(self, grid: Grid) -> list[Cell]:
        return grid.free()


class WallAvoider(FirstMarkers):
    def targets(self, grid: Grid) -> list[Cell]:
        return [
            (r, c) for r, c in grid.free() if 2 <= r <= grid.height - 3 and 2 <= c <= grid.width - 3
        ]


class Snake(Task):
    """Food is remembered by its place: other markers are none.

    No recorded run eats; the tail stays on the move that eats, as in the published definition.
    """

    foods = 20

    def begin(self, grid: Grid) -> None:
        self.place = last_marked(grid)
        self.body: list[Cell] = []
        self.eaten = 0

    def step(self, before: Grid, grid: Grid) -> tuple[float, bool]:
        if grid.robot == before.robot:
            return 0, False
        if grid.robot in self.body:
            return -1, True
        ate = grid.robot == self.place
        self.body.insert(0, before.robot)
        self.add(grid, before.robot, 1)
        if ate:
            self.eaten += 1
            self.add(grid, grid.robot, -1)
        elif len(self.body) > 1 + self.eaten:
            self.add(grid, self.body.pop(), -1)
        if not ate:
            return 0, False
        if self.eaten < self.foods:
            taken = [grid.robot, *self.body]
            free = [cell for cell in grid.free() if cell not in taken]
            self.place = self.food(free) if free else None
            if self.place is not None:
                self.add(grid, self.place, 1)
        return 1 / self.foods, self.eaten == self.foods

    def add(self, grid: Grid, cell: Cell, count: int) -> None:
        row, col = cell
        grid.markers[row][col] = min(max(grid.markers[row][col] + count, 0), FULL)


TASKS: dict[str, type[Task]] = {
    "Karel-StairClimber-v0": StairClimber,
    "Karel-StairClimber-v1": StairClimber,
    "Karel-FourCorners-v0": FourCornersV0,
    "Karel-FourCorners-v1": FourCornersV1,
    "Karel-TopOff-v0": TopOffV0,
    "Karel-TopOff-v1": TopOffV1,
    "Karel-Maze-v0": Maze,
    "Karel-Maze-v1": Maze,
    "Karel-CleanHouse-v0": CleanHouseV0,
    "Karel-CleanHouse-v1": PickAll,
    "Karel-Harvester-v0": HarvesterV0,
    "Karel-Harvester-v1": PickAll,
    "Karel-DoorKey-v0": DoorKey,
    "Karel-OneStroke-v0": OneStroke,
    "Karel-Seeder-v0": Seeder,
    "Karel-Snake-v0": Snake,
    "Karel-PathFollow-v0": PathFollow,
    "Karel-WallAvoider-v0": WallAvoider,
    **{f"Karel-{name}-v0": task for name, task in LONG.items()},
}


@dataclass
class Run:
    """What one run did.

    Attributes:
        total: The return, the sum of `rewards` and `idle`.
        actions: How many actions were made.
        calls: How many actions and percepts were made.
        terminated: Whether the task ended.
        final: The last world, in its JSON form.
        rewards: The reward of each action.
        idle: What a run without any action is paid. In an env a halted program keeps turning left,
            so such a run is judged as if it had turned once, in tasks without a cost per action.
    """

    final: dict[str, Any]
    actions: int = 0
    calls: int = 0
    terminated: bool = False
    rewards: list[float] = field(default_factory=list)
    idle: float = 0.0

    @property
    def total(self) -> float:
        return sum(self.rewards, self.idle)


class _StopError(Exception):
    """The run ends before the program does."""


class _Machine:
    def __init__(self, grid: Grid, task: Task, max_calls: int, max_actions: int | None) -> None:
        self.grid = grid
        self.task = task
        self.max_calls = max_calls
        self.max_actions = max_actions
        self.run = Run({})

    def call(self) -> None:
        if self.run.calls == self.max_calls or self.run.actions == self.max_actions:
            raise _StopError
        self.run.calls += 1

    def block(self, body: Iterable[Statement]) -> None:
        for statement in body:
            self.statement(statement)

    def statement(self, node: Statement) -> None:
        match node:
            case Action(index):
                self.action(index)
            case While(condition, body):
                while self.holds(condition):
                    self.block(body)
            case If(condition, body):
                if self.holds(condition):
                    self.block(body)
            case IfElse(condition, then, otherwise):
                self.block(then if self.holds(condition) else otherwise)
            case Repeat(times, body):
                for _ in range(times):
                    calls = self.run.calls
                    self.block(body)
                    if self.run.calls == calls:
                        break  # what calls nothing changes nothing, however often it runs

    def holds(self, condition: Condition) -> bool:
        self.call()
        return self.grid.percept(condition.percept) != (condition.negations % 2 == 1)

    def action(self, index: int) -> None:
        self.call()
        before = self.grid.copy()
        self.grid.act(index)
        self.task.action = index
        reward, self.run.terminated = self.task.step(before, self.grid)
        self.run.actions += 1
        self.run.rewards.append(reward)
        if self.run.terminated:
            raise _StopError


def first_free(cells: list[Cell]) -> Cell:
    return cells[0]


def run(
    program: Program,
    world: dict[str, Any],
    env_id: str,
    max_calls: int = 10_000,
    max_actions: int | None = None,
    food: Food = first_free,
    max_markers: int | None = None,
) -> Run:
    """Run `program` in `world` (its JSON form) until it halts, the task ends or a limit is met.

    Args:
        program: The program.
        world: The start, in the JSON form of `World`.
        env_id: The id of the task.
        max_calls: After this many calls, the next one is not made.
        max_actions: After this many actions, no further call is made.
        food: Where Snake's food and Karel-Long's markers appear.
        max_markers: How many markers fill a cell; None: the task's.
    """
    grid = Grid.from_json(world)
    task = TASKS[env_id](grid, food)
    grid.full = task.full if max_markers is None else max_markers
    machine = _Machine(grid, task, max_calls, max_actions)
    with contextlib.suppress(_StopError):
        machine.block(program.body)
    if machine.run.actions == 0 and max_actions != 0 and task.counts_idle:
        machine.run.idle, machine.run.terminated = machine.task.step(grid.copy(), grid)
    machine.run.final = grid.to_json()
    return machine.run
