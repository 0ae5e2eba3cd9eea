"""`SynthesisResult`: the program made of an oracle, and the programs that it was chosen from."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from stable_baselines3.common.vec_env import VecEnv

from programmatic.machine.policy import Policy
from programmatic.synthesis.episodes import roll_out
from programmatic.synthesis.weighting import oracle_actions
from programmatic.trees.policy import TreePolicy
from programmatic.trees.program import TreeProgram


@dataclass(frozen=True)
class SynthesisResult:
    """The result of VIPER or of neurally directed program search."""

    program: TreeProgram
    """The best of the iterations."""
    mean_return: float
    """Its mean return over the evaluation episodes, the same for all iterations."""
    iterations: list[dict[str, Any]]
    """A row per iteration: `iteration`, `mean_return`, `samples` (states in the data set), `depth`,
    `leaves`, `fidelity` (share of visited states with the oracle's action), and more by method."""
    config: Any
    """All options."""
    seconds: float
    """Wall time."""


class Candidate(NamedTuple):
    """The program of an iteration and its row."""

    program: TreeProgram
    row: dict[str, Any]

    @property
    def merit(self) -> tuple[float, int, float]:
        """The order of candidates: by return, then by few leaves, then by fidelity."""
        return self.row["mean_return"], -self.row["leaves"], self.row["fidelity"]


def evaluated(
    program: TreeProgram, oracle: Policy, env: VecEnv, episodes: int, seed: int, samples: int
) -> Candidate:
    """A program with its row: its results in the evaluation episodes."""
    tried = roll_out(TreePolicy(program), env, episodes, seed)
    fidelity = np.mean(tried.actions == oracle_actions(oracle, tried.observations))
    row = {
        "mean_return": float(tried.returns.mean()),
        "samples": samples,
        "depth": program.depth,
        "leaves": len(program.leaves),
        "fidelity": float(fidelity),
    }
    return Candidate(program, row)


def best_of(
    candidates: Iterable[Candidate],
    config: Any,
    on_iteration: Callable[[dict[str, Any]], None] | None,
) -> SynthesisResult:
    """Run all iterations; the result has the best candidate."""
    begin = time.perf_counter()
    found: list[Candidate] = []
    for program, row in candidates:
        found.append(Candidate(program, {"iteration": len(found), **row}))
        if on_iteration is not None:
            on_iteration(found[-1].row)
    best = max(found, key=lambda candidate: candidate.merit)
    rows, seconds = [row for _, row in found], time.perf_counter() - begin
    return SynthesisResult(best.program, best.row["mean_return"], rows, config, seconds)


def draw_seed(rng: np.random.Generator) -> int:
    """A seed for what takes an int."""
    return int(rng.integers(2**31))
