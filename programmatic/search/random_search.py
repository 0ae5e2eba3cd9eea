"""Random search: the best of independent samples, from the latent space or from the grammar."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

from programmatic.search.objective import Objective
from programmatic.search.spaces import seed_of


class Sampled(Protocol):
    """A space that gives independent candidates."""

    def random(self, n: int, seed: int) -> Any:
        """n random candidates."""

    def programs(self, candidates: Any) -> Any:
        """Their programs' tokens, int, (n, L)."""


@dataclass(frozen=True)
class RandomState:
    """Where the search is."""

    iteration: int


class RandomSearch:
    """Random search; it ends with a solution, or when `total` programs have been sampled.

    In the latent space, with 8 or 64 candidates from N(0, 1), it is LEAPS-rand-8 or -64 (Trivedi et
    al., NeurIPS 2021), and with 1,000 the Best-Sampled of HPRL (Liu et al., ICML 2023). In the
    grammar, candidates are drawn as the programs of LEAPS's data set are.

    Args:
        space: Where candidates come from.
        objective: What judges programs.
        seed: Of the random numbers.
        batch_size: Candidates of an iteration, at most.
        total: Candidates of the search, at most.
    """

    state_class = RandomState

    def __init__(
        self, space: Sampled, objective: Objective, seed: int, batch_size: int, total: int
    ) -> None:
        self.space = space
        self.objective = objective
        self.seed = seed
        self.batch_size = batch_size
        self.evaluations = total

    def start(self) -> RandomState:
        """The state before the first iteration."""
        return RandomState(0)

    def is_done(self, state: RandomState) -> bool:
        """Whether the search has come to its end."""
        return self.objective.is_solved or state.iteration * self.batch_size >= self.evaluations

    def step(self, state: RandomState) -> tuple[RandomState, dict[str, float]]:
        """One iteration: the next state, and figures for the log."""
        n = min(self.batch_size, self.evaluations - state.iteration * self.batch_size)
        candidates = self.space.random(n, seed_of(self.seed, state.iteration + 1))
        returns = self.objective(self.space.programs(candidates))
        return RandomState(state.iteration + 1), {"population_return": float(returns.mean())}
