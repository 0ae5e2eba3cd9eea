"""`SynthesisResult`: the program that a policy became, and how."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from programmatic.trees.program import TreeProgram


@dataclass(frozen=True)
class SynthesisResult:
    """What VIPER or the programmatically interpretable search found."""

    program: TreeProgram
    """The best of the iterations."""
    mean_return: float
    """Its mean return over the episodes that the iterations were compared in."""
    iterations: list[dict[str, Any]]
    """A row an iteration: `iteration`, `mean_return`, `samples` (states in the data set), `depth`,
    `leaves`, `fidelity` (share of the states that the program visits in which it does what the
    oracle does), and what the method adds."""
    config: Any
    """All options."""
    seconds: float
    """Wall time."""


def best_of(
    programs: Sequence[TreeProgram], iterations: list[dict[str, Any]], config: Any, seconds: float
) -> SynthesisResult:
    """The result with the program of the highest mean return.

    Of equally good programs it is that with the fewest leaves, and of those the most faithful.

    Args:
        programs: One an iteration.
        iterations, config, seconds: As in the result.
    """
    merits = list(map(merit, iterations))
    best = merits.index(max(merits))
    return SynthesisResult(programs[best], merits[best][0], iterations, config, seconds)


def merit(row: dict[str, Any]) -> tuple[float, int, float]:
    """What iterations are compared by: the return; of equal ones few leaves, then the fidelity."""
    return row["mean_return"], -row["leaves"], row["fidelity"]
