"""Counterexamples: worlds in which a program fails replace some of the few that a search looks at.

Source of the idea: counterexample-guided inductive synthesis (Solar-Lezama et al., Combinatorial
Sketching for Finite Programs, ASPLOS 2006).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from programmatic.search.methods import seed_of
from programmatic.search.objective import SOLVED, BudgetSpentError, Objective, shortest_highest
from programmatic.search.start_worlds import worlds_at


def first_worlds(n_worlds: int, few: int, seed: int) -> NDArray[np.int64]:
    """The indices of the worlds, at most `few` of `n_worlds`, that a search looks at first."""
    return np.random.default_rng(seed_of(seed, 3)).permutation(n_worlds)[:few]


def with_counterexamples(
    chosen: NDArray[np.int64], returns: NDArray[np.float64], seed: int, evaluations: int
) -> NDArray[np.int64]:
    """The worlds after the check of a program; failed ones replace up to half of the `chosen`.

    Args:
        chosen: Indices of worlds, (A,).
        returns: The program's return in every world, (N,).
        seed: The search's seed.
        evaluations: The number of evaluations so far; each number draws other worlds.
    """
    chosen = chosen.copy()
    failed = np.flatnonzero(returns < SOLVED)
    n = min(len(failed), (len(chosen) + 1) // 2)
    random = np.random.default_rng(seed_of(seed, 3, evaluations))
    places = random.choice(len(chosen), n, replace=False)
    chosen[places] = random.choice(failed, n, replace=False)
    return chosen


def cost_of_check(objective: Objective, few: int) -> int:
    """Evaluations that a program's runs in all worlds count as, if those in `few` count as one.

    Raises:
        ValueError: The budget does not suffice for a program and its check.
    """
    cost = -(-len(objective.worlds) // few)
    if objective.budget is not None and objective.budget <= cost:
        raise ValueError(
            f"the budget must be at least {cost + 1}, for one program and its check in "
            f"{len(objective.worlds)} worlds; got {objective.budget}"
        )
    return cost


class FewWorlds:
    """The evaluation of programs in few of the worlds of an objective.

    A program that is better there than all before is checked in all worlds and enters the tally. If
    it solves the few but not all, worlds in which it fails replace up to half of the few.

    Args:
        objective: Evaluates programs in all worlds.
        few: The number of worlds; if there are not more, programs run in all of them.
        seed: The search's seed.

    Attributes:
        chosen: Indices of the few worlds, (A,).
        highest: The highest mean return in these worlds.

    Raises:
        ValueError: As `cost_of_check`.
    """

    def __init__(self, objective: Objective, few: int, seed: int) -> None:
        self.objective, self.seed = objective, seed
        self.chosen = first_worlds(len(objective.worlds), few, seed)
        self.highest = -float("inf")
        self.is_whole = len(self.chosen) == len(objective.worlds)
        self.cost = 0 if self.is_whole else cost_of_check(objective, few)

    def __call__(self, tokens: Any) -> NDArray[np.float64]:
        """The mean returns, (P,), in the few worlds; see `Objective`.

        Raises:
            BudgetSpentError: The budget suffices only for some of the programs and a check.
        """
        objective = self.objective
        if self.is_whole:
            return objective(tokens)
        affordable, before = tokens, objective.tally.evaluations
        if objective.budget is not None:
            affordable = tokens[: max(0, objective.budget - before - self.cost)]
        if len(affordable) == 0:
            raise BudgetSpentError
        few = worlds_at(objective.worlds, self.chosen)
        returns = objective.returns(affordable, few).mean(axis=1)
        objective.count(before + len(affordable))
        if returns.max() > self.highest:
            self._check(affordable, returns)
        if len(affordable) < len(tokens):
            raise BudgetSpentError
        return returns

    def _check(self, tokens: Any, returns: NDArray[np.float64]) -> None:
        """Run the best program in all worlds; change the few if it solves them and fails there."""
        best = shortest_highest(tokens, returns)
        checked = tokens[best : best + 1]
        in_all = self.objective.returns(checked)  # (1, N)
        evaluations = self.objective.tally.evaluations + self.cost
        self.objective.count(evaluations)
        self.objective.keep(checked, in_all.mean(axis=1), evaluations)
        if returns[best] >= SOLVED:
            self.chosen = with_counterexamples(self.chosen, in_all[0], self.seed, evaluations)
        self.highest = float(in_all[0, self.chosen].mean())
