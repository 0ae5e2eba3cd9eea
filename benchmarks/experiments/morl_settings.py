"""The options of `karel-gym benchmark morl`, apart from what needs the extra [morl]."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class MORLSettings:
    """Measure MORL: the paper's programs, their clones, TRPO from each, the repair and the loop."""

    seeds: int = 5
    """Seeds of each figure."""
    epochs: int = 15_000
    """Of the cloning, each a step on all states."""
    iterations: int = 250
    """Of TRPO, each of 10 trajectories of 200 steps."""
    jobs: int = 2
    """Processes; the seconds in the tables are those of one among so many."""
    quick: bool = False
    """Two seeds, 1,500 epochs and 25 iterations: minutes in place of an hour."""
    out: Path = Path("results/morl")
    """Folder for config.json, tables and pictures; what is in it is not measured again."""
