"""Karel-Long's tasks in plain Python, after the reading of the original code."""

from __future__ import annotations

from tests.reference_grid import PICK, PUT, Cell, Grid, Task

COST, FINE = 0.0001, 0.0005
COIN = [(0, 0), (0, 1)]  # the cells between which a Food decides as a coin does


class LongTask(Task):
    """Every action costs; `gain` says what it scored, over `divisor`, and what it is fined."""

    full = 1
    counts_idle = False
    divisor = 1

    def gain(self, before: Grid, grid: Grid) -> tuple[int, float, bool]:
        raise NotImplementedError

    def step(self, before: Grid, grid: Grid) -> tuple[float, bool]:
        score, fine, ended = self.gain(before, grid)
        return score / self.divisor - COST - fine, ended


def put(grid: Grid, cell: Cell, count: int) -> None:
    grid.markers[cell[0]][cell[1]] = count


class Seesaw(LongTask):
    divisor = 64
    picked = 0

    def gain(self, before: Grid, grid: Grid) -> tuple[int, float, bool]:
        if self.action == PUT:
            put(grid, grid.robot, before.count(grid.robot))
        if self.action != PICK or not before.count(grid.robot):
            return 0, 0, False
        self.picked += 1
        if self.picked < 64:
            n = (grid.width - 2) // 3
            left, right = range(1, n + 1), range(grid.width - 1 - n, grid.width - 1)
            middle = grid.height // 2
            cols = right if grid.col in left else left
            room = [(r, c) for r in range(middle - 2, middle + 2) for c in cols]
            put(grid, self.food(room), 1)
        return 1, 0, self.picked == 64


class UpNDown(LongTask):
    divisor = 100
    reached = 0

    def begin(self, grid: Grid) -> None:
        self.goal = max(grid.marked(), default=None)

    def gain(self, before: Grid, grid: Grid) -> tuple[int, float, bool]:
        side = grid.height
        fine = FINE if sum(grid.robot) < side - 2 else 0
        if grid.robot != self.goal:
            return 0, fine, False
        self.reached += 1
        put(grid, grid.robot, 0)
        if self.reached < 100:
            stairs = [(r, c) for r, c in grid.free() if r + c in (side - 2, side - 1)]
            lower = [cell for cell in stairs if cell[0] > grid.row]
            higher = [cell for cell in stairs if cell[0] < grid.row]
            choice = lower if self.reached % 2 else higher
            self.goal = self.food(choice) if choice else None
            if self.goal is not None:
                put(grid, self.goal, max(grid.count(self.goal), 1))
        return 1, fine, self.reached == 100


class Farmer(LongTask):
    """The sprout looks like a marker and is not one."""

    def begin(self, grid: Grid) -> None:
        rows, cols = grid.height - 2, grid.width - 2
        self.divisor = 20 * rows * cols
        self.enough = rows * cols - min(rows, cols)
        self.harvesting, self.streak, self.seasons = False, 1, 0
        self.sprout: Cell | None = None

    def gain(self, before: Grid, grid: Grid) -> tuple[int, float, bool]:
        score = 0
        if self.action in (PICK, PUT):
            here, markers = grid.robot, before.count(grid.robot)
            if here == self.sprout:
                self.sprout, markers = None, 0
            if self.action == PUT and not self.harvesting and markers == 0:
                markers, score = 1, 1
            if self.action == PICK and not self.harvesting and self.streak >= self.enough:
                self.harvesting, self.streak = True, 0
            if self.action == PICK and self.harvesting and markers:
                markers, score = markers - 1, 1
            self.streak += score
            put(grid, here, markers)
        if grid.marked():
            return score, 0, False
        self.seasons += 1
        if self.seasons < 10:
            self.sprout = (1, grid.width - 2)
            put(grid, self.sprout, 1)
            self.harvesting, self.streak = False, 1
        return score, 0, self.seasons == 10


class InfDoorKey(LongTask):
    divisor = 100
    stage = 0

    def begin(self, grid: Grid) -> None:
        row, col = grid.height // 2, grid.width // 2
        self.doors = [(2, col), (row, grid.width - 2), (grid.height - 2, col), (row, 2)]
        rooms = [(False, False), (False, True), (True, True), (True, False)]
        self.places = [
            max([(r, c) for r, c in grid.marked() if (r > row, c > col) == room], default=None)
            for room in rooms
        ]

    def gain(self, before: Grid, grid: Grid) -> tuple[int, float, bool]:
        if self.action == PUT:
            put(grid, grid.robot, before.count(grid.robot))
        k = self.stage % 4
        if grid.robot != self.places[k] or self.action != (PICK, PUT)[k % 2]:
            return 0, 0, False
        self.stage += 1
        if self.action == PUT:
            put(grid, grid.robot, 0)
        for number, is_closed in ((k, False), ((k - 1) % 4, True)):
            row, col = self.doors[number]
            grid.walls[row][col] = is_closed
        after = self.places[(k + 1) % 4]
        if self.stage < 99 and after is not None:
            put(grid, after, max(grid.count(after), 1))
        return 1, 0, self.stage == 99


class InfHarvester(LongTask):
    def begin(self, grid: Grid) -> None:
        self.divisor = 2 * (grid.height - 2) * (grid.width - 2)
        self.own: set[Cell] = set()
        self.picked = 0

    def gain(self, before: Grid, grid: Grid) -> tuple[int, float, bool]:
        here, old, new = grid.robot, before.count(grid.robot), grid.count(grid.robot)
        if (old, new) == (0, 1) and self.action == PUT:
            self.own.add(here)
        if self.action != PICK or (old, new) != (1, 0):
            return 0, 0, False
        if here in self.own:
            self.own.remove(here)
            return 0, 0, False
        self.picked += 1
        cell = self.food([empty for empty in grid.free() if not grid.count(empty)])
        if self.food(COIN) == COIN[1]:
            put(grid, cell, 1)
        return 1, 0, self.picked == self.divisor


LONG: dict[str, type[LongTask]] = {
    "Seesaw": Seesaw,
    "UpNDown": UpNDown,
    "Farmer": Farmer,
    "InfDoorKey": InfDoorKey,
    "InfHarvester": InfHarvester,
}
