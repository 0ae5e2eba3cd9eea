"""Rates at which hill climbing draws and evaluates programs."""

from __future__ import annotations

import time
from collections.abc import Iterator
from functools import cached_property
from itertools import cycle
from typing import Any

from benchmarks.settings import ProgramSearchSettings
from benchmarks.speed.rates import PlannedRate, measure_rates, plain_interpreter
from programmatic.dsl import Program
from programmatic.horizon import PUBLISHED
from programmatic.search.configs import HCConfig
from programmatic.search.objective import Objective
from programmatic.search.programs.method import ProgramClimbing

NEVER = 2**62  # a score that no program has: the search continues when it has solved the task


def measure_program_search(settings: ProgramSearchSettings) -> None:
    """Measure the rates of hill climbing over programs."""
    measure_rates(program_search_rates(settings), settings)


def program_search_rates(settings: ProgramSearchSettings) -> Iterator[PlannedRate]:
    """The rates of hill climbing and, on neighbors of its program, of a plain interpreter."""
    if not settings.tasks:
        raise ValueError("name at least one task")
    if settings.reference:
        plain_interpreter(settings.reference)  # an error comes before any work
    for task in settings.tasks:
        env_id = f"Karel-{task}"
        climber = _Climber(env_id, settings)
        yield PlannedRate(f"hc, {env_id}, one thread", "programs", climber.climb, settings.repeats)
        if settings.reference:
            what = f"plain Python interpreter, {env_id}"
            yield PlannedRate(what, "programs", climber.interpret, 1, climber.prepare)


class _Climber:
    """Hill climbing on a task, and the plain interpreter on neighbors of its best program."""

    def __init__(self, env_id: str, settings: ProgramSearchSettings) -> None:
        self.env_id, self.settings = env_id, settings
        config = HCConfig(batch_size=settings.evaluations, horizon=PUBLISHED)
        self.objective = Objective(env_id, config, settings.seed)
        self.method = ProgramClimbing(config, self.objective, settings.seed)
        self.method.rules = self.method.rules._replace(solved=NEVER)

    def climb(self) -> int:
        """Draw and evaluate programs; returns how many."""
        self.method.step(self.method.start())
        return self.settings.evaluations

    @cached_property
    def neighbours(self) -> list[Program]:
        """Some neighbors of the best program that was found."""
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
        """Make the arguments of `interpret`, so that this is not timed."""
        _ = self.neighbours, self.json_worlds

    def interpret(self) -> int:
        """Evaluate neighbors with the plain interpreter for a while; returns how many."""
        run = plain_interpreter(self.settings.reference).run
        max_calls = self.objective.limits.max_calls
        end = time.perf_counter() + self.settings.plain_seconds
        programs, done = cycle(self.neighbours), 0
        while not done or time.perf_counter() < end:
            program = next(programs)
            for world in self.json_worlds:
                run(program, world, self.env_id, max_calls)
            done += 1
        return done
