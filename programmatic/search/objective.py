"""The objective of a search (mean return over start worlds) and its log of improvements."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from karel_gym.registration import sample_worlds, task_of
from karel_gym.world import WorldBatch
from programmatic.dsl import PAD, Program
from programmatic.horizon import limits_of
from programmatic.machine import execute
from programmatic.search.configs import SearchConfig
from programmatic.search.start_worlds import distinct_worlds

SOLVED = 1 - 1e-9  # the return of a solution: 1, up to rounding of the sum of rewards


class BudgetSpentError(Exception):
    """The budget of evaluations is spent."""


@dataclass(frozen=True)
class Tally:
    """The evaluations so far; immutable, so that a search can return to an earlier tally."""

    evaluations: int = 0  # programs evaluated
    best: Program | None = None
    """The shortest program with the highest mean return; None before the first evaluation."""
    best_return: float = -float("inf")  # its mean return
    history: tuple[dict[str, Any], ...] = ()
    """One entry per change of the best program; see `SearchResult.history`."""


class Objective:
    """The mean return of programs over the start worlds of a search, and their tally.

    Args:
        env_id: The task's id.
        config: The number and size of the worlds, `max_markers`, and the horizon.
        seed: Seed of the worlds.
        budget: Most programs to evaluate; None: no limit.

    Attributes:
        task: The task, with the config's `max_markers`.
        limits: The limits of a run.
        device: The device of the programs: "cpu" or "cuda".
        cost: Evaluations that a program's runs in all worlds count as.
        tally: The evaluations so far.

    Raises:
        ValueError: The task is unknown, or has no worlds of this size.
    """

    def __init__(
        self, env_id: str, config: SearchConfig, seed: int, budget: int | None = None
    ) -> None:
        self.env_id = env_id
        self.config = config
        self.budget = budget
        self.device = "cpu"
        self.cost = 1
        sample = distinct_worlds if config.distinct_worlds else sample_worlds
        self.worlds = sample(env_id, config.n_worlds, seed, config.height, config.width)
        self.task = task_of(env_id).with_max_markers(config.max_markers)
        self.limits = limits_of(config.horizon, self.task.horizon(*self.worlds.shape))
        self.tally = Tally()
        self._begin = time.perf_counter()

    def restore(self, tally: Tally, seconds: float) -> None:
        """Continue from an earlier tally and its time in seconds."""
        self.tally = tally
        self._begin = time.perf_counter() - seconds

    @property
    def seconds(self) -> float:
        """The duration of the search."""
        return time.perf_counter() - self._begin

    @property
    def is_solved(self) -> bool:
        """Whether the best program has the config's target, by default that of a solution."""
        target = self.config.target
        return self.tally.best_return >= (SOLVED if target is None else target)

    def __call__(self, tokens: Any) -> NDArray[np.float64]:
        """The mean returns, (P,), of programs, integer tokens, (P, L), with DEF; numpy or torch.

        Raises:
            BudgetSpentError: The budget suffices only for some, which are in the tally.
        """
        if self.device == "cpu" and not isinstance(tokens, np.ndarray):
            tokens = tokens.cpu().numpy()  # not copied if it is in the processor's memory
        affordable = tokens
        if self.budget is not None:
            affordable = tokens[: max(0, self.budget - self.tally.evaluations) // self.cost]
        if len(affordable) == 0:
            raise BudgetSpentError
        returns = self.mean_returns(affordable)
        self.count(self.tally.evaluations + self.cost * len(returns))
        self.keep(affordable, returns, self.tally.evaluations)
        if len(affordable) < len(tokens):
            raise BudgetSpentError
        return returns

    def mean_returns(self, tokens: Any) -> NDArray[np.float64]:
        """The mean returns, (P,); the tally stays as it is."""
        return self.returns(tokens).mean(axis=1)

    def returns(self, tokens: Any, worlds: WorldBatch | None = None) -> NDArray[np.float64]:
        """The returns, (P, N), in each world, by default of the search; the tally stays."""
        chosen = self.worlds if worlds is None else worlds
        full = self.config.max_markers
        result = execute(tokens, chosen, self.env_id, *self.limits, self.device, full)
        returns: Any = result.returns
        if not isinstance(returns, np.ndarray):
            returns = returns.cpu().numpy()  # a GPU would sum in another order
        return returns

    def keep(self, tokens: Any, returns: NDArray[np.float64], evaluations: int) -> None:
        """Take the best of some programs, (P, L) and (P,), into the tally if it is better.

        `evaluations` is the number of programs evaluated up to then.
        """
        tally, highest = self.tally, float(returns.max())
        if highest < tally.best_return:
            return
        program = Program.from_tokens(tokens[shortest_highest(tokens, returns)].tolist())
        is_shorter = tally.best is not None and len(program.tokens) < len(tally.best.tokens)
        if highest > tally.best_return or is_shorter:
            entry = {
                "evaluations": evaluations,
                "seconds": round(self.seconds, 6),
                "return": highest,
                "program": str(program),
            }
            self.tally = replace(
                tally, best=program, best_return=highest, history=(*tally.history, entry)
            )

    def count(self, evaluations: int) -> None:
        """Set the number of evaluated programs in the tally."""
        self.tally = replace(self.tally, evaluations=evaluations)


def shortest_highest(tokens: Any, returns: NDArray[np.float64]) -> int:
    """The index of the shortest of the programs, (P, L), with the highest return, (P,)."""
    best = np.flatnonzero(returns == returns.max())
    return int(best[np.argmin((tokens[best] != PAD).sum(1).tolist())])


def highest(returns: NDArray[np.float64], n: int) -> NDArray[np.int64]:
    """The indices, (n,), of the n highest returns, the highest first; ties keep their order."""
    return np.argsort(-returns, kind="stable")[:n]
