"""How many programs a second hill climbing draws and judges, beside a plain Python interpreter.

`karel-gym benchmark program_search` prints the table.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import cycle
from pathlib import Path
from typing import Any

from benchmarks.speed.rates import PlannedRate
from benchmarks.speed.throughput import plain_interpreter
from programmatic.dsl import Program
from programmatic.horizon import PUBLISHED
from programmatic.search.configs import HCConfig
from programmatic.search.objective import Objective
from programmatic.search.programs.method import ProgramClimbing

TASKS = (
    *("StairClimber-v1", "Maze-v1", "TopOff-v1", "FourCorners-v1", "Harvester-v1"),
    *("CleanHouse-v1", "DoorKey-v0", "OneStroke-v0", "Seeder-v0", "Snake-v0", "PathFollow-v0"),
    "WallAvoider-v0",
)
"""The twelve tasks as the literature since 2024 defines them."""
NEVER = 2**62  # a score that no program has: the search goes on when it has solved the task


@dataclass(frozen=True)
class ProgramSearchSettings:
    """Measure how many programs a second hill climbing judges, in one thread."""

    tasks: tuple[str, ...] = TASKS
    """The tasks, without the "Karel-" of their ids."""
    evaluations: int = 100_000
    """Programs that a repeat draws and judges, each in 32 worlds."""
    repeats: int = 5
    """Times that this is measured, after one that is not."""
    plain_seconds: float = 2.0
    """How long the plain Python interpreter runs, at least."""
    seed: int = 0
    """Of the worlds and of the search."""
    out: Path = Path("results/program_search")
    """Folder for config.json and rates.csv; rates that are in it are not measured again."""


class _Climber:
    """Hill climbing on a task, and the plain interpreter at the neighbours of what it found."""

    def __init__(self, env_id: str, settings: ProgramSearchSettings) -> None:
        self.env_id, self.settings = env_id, settings
        config = HCConfig(batch_size=settings.evaluations, horizon=PUBLISHED)
        self.objective = Objective(env_id, config, settings.seed)
        self.method = ProgramClimbing(config, self.objective, settings.seed)
        self.method.rules = self.method.rules._replace(solved=NEVER)

    def climb(self) -> int:
        """Draw and judge programs; returns how many."""
        self.method.step(self.method.start())
        return self.settings.evaluations

    @cached_property
    def neighbours(self) -> list[Program]:
        """Some of those of the best program that was found."""
        if self.objective.tally.best is None:  # the rate of climbing is known already
            self.climb()
        best = self.objective.tally.best
        assert best is not None
        tokens = self.method.space.neighbours(best, 64, self.settings.seed).tolist()
        return [Program.from_tokens(each) for each in tokens]

    @cached_property
    def json_worlds(self) -> list[Any]:
        """The worlds as the plain interpreter takes them."""
        return [world.to_json() for world in self.objective.worlds]

    def prepare(self) -> None:
        """Make what `interpret` takes, lest its time count."""
        _ = self.neighbours, self.json_worlds

    def interpret(self) -> int:
        """Judge the neighbours by the plain interpreter, for a while; returns how many."""
        run, max_calls = plain_interpreter().run, self.objective.limits.max_calls
        end = time.perf_counter() + self.settings.plain_seconds
        programs, done = cycle(self.neighbours), 0
        while not done or time.perf_counter() < end:
            program = next(programs)
            for world in self.json_worlds:
                run(program, world, self.env_id, max_calls)
            done += 1
        return done


def program_search_rates(settings: ProgramSearchSettings) -> Iterator[PlannedRate]:
    """The rates of hill climbing and, on neighbours of what it found, of the plain interpreter.

    Those of the plain interpreter are there only where it is installed.

    Raises:
        ValueError: No task is named.
    """
    if not settings.tasks:
        raise ValueError("name at least one task")
    for task in settings.tasks:
        env_id = f"Karel-{task}"
        climber = _Climber(env_id, settings)
        what = f"hc, {env_id}, one thread"
        yield PlannedRate(what, "programs", climber.climb, settings.repeats)
        if plain_interpreter() is not None:
            what = f"plain Python interpreter, {env_id}"
            yield PlannedRate(what, "programs", climber.interpret, 1, climber.prepare)
