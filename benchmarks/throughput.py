"""How fast the machine, the envs and the agents are here: medians of repeated runs, after warm-up.

`karel-gym benchmark throughput` prints the table.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from karel_gym import sample_worlds
from programmatic import Program, execute

REPEATS = 7

MAZE = Program.parse(
    "DEF run m( WHILE c( noMarkersPresent c) w( IFELSE c( rightIsClear c) i( turnRight i) "
    "ELSE e( WHILE c( not c( frontIsClear c) c) w( turnLeft w) e) move w) m)"
)
"""LEAPS's program for the maze (Trivedi et al., NeurIPS 2021)."""
HARVESTER = Program.parse(
    "DEF run m( WHILE c( markersPresent c) w( WHILE c( markersPresent c) w( pickMarker move w) "
    "turnRight move turnLeft WHILE c( markersPresent c) w( pickMarker move w) turnLeft move "
    "turnRight w) m)"
)


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


def measure(what: str, unit: str, do: Callable[[], float], repeats: int = REPEATS) -> Rate:
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
    for env_id, program in (("Karel-Maze-v0", MAZE), ("Karel-Harvester-v0", HARVESTER)):
        worlds = sample_worlds(env_id, n_worlds)
        programs = [program] * copies
        calls = float(execute(programs, worlds, env_id).calls.sum())
        what = f"execute, {env_id}, {copies} programs x {n_worlds} worlds"

        rollouts = measure(
            what, "rollouts", lambda p=programs, w=worlds, e=env_id: execute(p, w, e).returns.size
        )
        per_rollout = calls / (copies * n_worlds)
        yield rollouts
        yield Rate(
            what,
            "calls",
            rollouts.per_second * per_rollout,
            rollouts.slowest * per_rollout,
            rollouts.fastest * per_rollout,
        )
