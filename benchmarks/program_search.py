"""How many programs a second hill climbing draws and judges, beside a plain Python interpreter.

`karel-gym benchmark program_search` prints the table.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import cycle
from pathlib import Path

from benchmarks.throughput import Rate, measure, plain_interpreter
from programmatic.dsl import Program
from programmatic.search.configs import HCConfig
from programmatic.search.objective import Objective
from programmatic.search.program_climbing import ProgramClimbing

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
    """Folder for config.json and rates.csv."""


def program_search_rates(settings: ProgramSearchSettings) -> Iterator[Rate]:
    """The rates of hill climbing and, on neighbours of what it found, of the plain interpreter."""
    for task in settings.tasks:
        env_id = f"Karel-{task}"
        config = HCConfig(batch_size=settings.evaluations)
        objective = Objective(env_id, config, settings.seed)
        method = ProgramClimbing(config, objective, settings.seed)
        method.rules = method.rules._replace(solved=NEVER)

        def climb(method: ProgramClimbing = method) -> int:
            method.step(method.start())
            return method.config.batch_size

        yield measure(f"hc, {env_id}, one thread", "programs", climb, settings.repeats)
        found = objective.tally.best
        assert found is not None
        neighbours = method.space.neighbours(found, 64, settings.seed).tolist()
        programs = [Program.from_tokens(tokens) for tokens in neighbours]
        yield from _plain_rate(env_id, objective, programs, settings.plain_seconds)


def _plain_rate(
    env_id: str, objective: Objective, programs: list[Program], seconds: float
) -> Iterator[Rate]:
    """The rate of the tests' plain interpreter on some programs; none where it is not installed."""
    reference = plain_interpreter()
    if reference is None:
        return
    worlds = [world.to_json() for world in objective.worlds]
    begin, done = time.perf_counter(), 0
    for program in cycle(programs):
        for world in worlds:
            reference.run(program, world, env_id, objective.config.max_calls)
        done += 1
        if time.perf_counter() - begin >= seconds:
            break
    rate = done / (time.perf_counter() - begin)
    yield Rate(f"plain Python interpreter, {env_id}", "programs", rate, rate, rate)
