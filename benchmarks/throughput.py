"""How fast the machine, the envs and the agents are here: medians of repeated runs, after warm-up.

`karel-gym benchmark throughput` prints the table.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

from karel_gym import sample_worlds
from programmatic import execute
from programmatic.references import reference_program

REPEATS = 7


@dataclass(frozen=True)
class Rate:
    """A measured rate.

    Args:
        what: What was done.
        unit: What a second's worth of it is counted in.
        per_second: The median over the repeats.
        slowest, fastest: The range over the repeats.
    """

    what: str
    unit: str
    per_second: float
    slowest: float
    fastest: float


def measure(what: str, unit: str, do: Callable[..., Any], repeats: int = REPEATS) -> Rate:
    """The rate of `do`, which returns how many units it did; it is run once before, untimed."""
    do()
    rates = []
    for _ in range(repeats):
        start = time.perf_counter()
        units = do()
        rates.append(units / (time.perf_counter() - start))
    return Rate(what, unit, statistics.median(rates), min(rates), max(rates))


def execution_rates(copies: int = 512, n_worlds: int = 16) -> Iterator[Rate]:
    """Rates of `execute`, in rollouts and in calls, of two programs in `n_worlds` worlds each."""
    for env_id in ("Karel-Maze-v0", "Karel-Harvester-v0"):
        worlds = sample_worlds(env_id, n_worlds)
        programs = [reference_program(env_id)] * copies
        run = partial(execute, programs, worlds, env_id)
        what = f"execute, {env_id}, {copies} programs x {n_worlds} worlds"
        yield measure(what, "rollouts", lambda run=run: run().returns.size)
        yield measure(what, "calls", lambda run=run: run().calls.sum())
