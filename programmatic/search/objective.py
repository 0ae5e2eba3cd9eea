"""What a search maximises, the mean return over start worlds, and the account of what it found."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from karel_gym.registration import sample_worlds, task_of
from programmatic.dsl import PAD, Program
from programmatic.horizon import limits_of
from programmatic.machine import execute
from programmatic.search.configs import SearchConfig
from programmatic.search.start_worlds import distinct_worlds

SOLVED = 1 - 1e-9
"""From this return on a task is solved; the sum of rewards may fall short of 1 by rounding."""


class BudgetSpentError(Exception):
    """No more programs may be evaluated."""


@dataclass(frozen=True)
class Tally:
    """What was evaluated so far; immutable, so that a search can go back to an earlier one."""

    evaluations: int = 0
    """Programs evaluated."""
    best: Program | None = None
    """The one of the highest mean return, of those the shortest; None before the first."""
    best_return: float = -float("inf")
    """Its mean return."""
    history: tuple[dict[str, Any], ...] = ()
    """An entry each time that the best one changed; see `SearchResult.history`."""


class Objective:
    """The mean return of programs over the start worlds of a search, and the tally of them.

    Args:
        env_id: The task's id.
        config: How many worlds, of which size, and the horizon of a run.
        seed: Of the worlds.
        budget: Most programs to evaluate; None: no limit.

    Attributes:
        limits: Those of a run.
        device: Where programs run: "cpu" or "cuda".
        cost: How many evaluations it counts as that a program runs in all worlds.
        tally: What was evaluated.

    Raises:
        ValueError: The task is unknown, or has no worlds of this size.
    """

    def __init__(
        self,
        env_id: str,
        config: SearchConfig,
        seed: int,
        budget: int | None = None,
    ) -> None:
        self.env_id = env_id
        self.config = config
        self.budget = budget
        self.device = "cpu"
        self.cost = 1
        sample = distinct_worlds if config.distinct_worlds else sample_worlds
        self.worlds = sample(env_id, config.n_worlds, seed, config.height, config.width)
        self.limits = limits_of(config.horizon, task_of(env_id).horizon(*self.worlds.shape))
        self.tally = Tally()
        self._begin = time.perf_counter()

    def restore(self, tally: Tally, seconds: float) -> None:
        """Go on from what was evaluated before, and how long that took."""
        self.tally = tally
        self._begin = time.perf_counter() - seconds

    @property
    def seconds(self) -> float:
        """How long the search has taken."""
        return time.perf_counter() - self._begin

    @property
    def is_solved(self) -> bool:
        """Whether the best program solves the task in all worlds of the search."""
        return self.tally.best_return >= SOLVED

    def __call__(self, tokens: Any) -> NDArray[np.float64]:
        """The mean returns, (P,), of programs.

        Args:
            tokens: int, (P, L), DEF included: a numpy array or a tensor.

        Raises:
            BudgetSpentError: The budget is not enough for all. Those for which it is have been
                evaluated and are in the tally.
        """
        if self.device == "cpu" and not isinstance(tokens, np.ndarray):
            tokens = tokens.cpu().numpy()  # of a tensor in the processor's memory, the same memory
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
        """The mean returns, (P,), without any account of them."""
        return self.returns(tokens).mean(axis=1)

    def returns(self, tokens: Any) -> NDArray[np.float64]:
        """The returns, (P, N), in each world, without any account of them."""
        result = execute(tokens, self.worlds, self.env_id, *self.limits, device=self.device)
        returns: Any = result.returns
        if not isinstance(returns, np.ndarray):
            returns = returns.cpu().numpy()  # summed here: a GPU would sum in another order
        return returns

    def keep(self, tokens: Any, returns: NDArray[np.float64], evaluations: int) -> None:
        """Take the best of some programs into the tally, if it is better than the one there.

        Args:
            tokens: int, (P, L), DEF included.
            returns: (P,); their mean returns.
            evaluations: How many programs had been evaluated when they had.
        """
        tally, highest = self.tally, float(returns.max())
        if highest < tally.best_return:
            return
        best = np.flatnonzero(returns == highest)  # of those, the shortest
        lengths = (tokens[best] != PAD).sum(1).tolist()
        shortest = int(np.argmin(lengths))
        is_shorter = tally.best is not None and lengths[shortest] < len(tally.best.tokens)
        if highest > tally.best_return or is_shorter:
            program = Program.from_tokens(tokens[int(best[shortest])].tolist())
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
        """Take into the tally that so many programs have been evaluated by now."""
        self.tally = replace(self.tally, evaluations=evaluations)


def highest(returns: NDArray[np.float64], n: int) -> NDArray[np.int64]:
    """The indices, (n,), of the n highest returns, the highest first, of equal ones the first."""
    return np.argsort(-returns, kind="stable")[:n]
