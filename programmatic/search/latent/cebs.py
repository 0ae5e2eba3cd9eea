"""The cross-entropy beam search in a latent space of programs."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from programmatic.search.configs import CEBSConfig
from programmatic.search.methods import Method, seed_of
from programmatic.search.objective import highest


@dataclass(frozen=True)
class CEBSState:
    """The state of the search."""

    iteration: int
    elites: Tensor | None = None  # (E, D), the beam; None: the search starts from random latents
    best_elite_return: float = -float("inf")  # the best mean return of a beam since the last start
    without_gain: int = 0  # iterations since it was reached


class CEBS(Method):
    """The cross-entropy beam search (Carvalho et al., ICLR 2024).

    An iteration samples latents, each around a random one of the beam; the best of them are the new
    beam. When the beam's mean return has not risen for some iterations, the search restarts from
    random latents. It ends with a solution or the budget.
    """

    state_class = CEBSState
    config: CEBSConfig

    def step(self, state: CEBSState) -> tuple[CEBSState, dict[str, float]]:
        """One iteration: the next state, and figures for the log."""
        n, seed = self.config.population_size, seed_of(self.seed, state.iteration + 1)
        if state.elites is None:
            candidates = self.space.random(n, seed)
        else:
            candidates = self.space.around(state.elites, n, self.config.sigma, seed)  # (K, D)
        returns = self.objective(self.space.programs(candidates))  # (K,)
        best = highest(returns, self.config.elites)
        elite_return = float(returns[best].mean())
        figures = {
            "population_return": float(returns.mean()),
            "elite_return": elite_return,
            "sigma": self.config.sigma,
        }
        iteration = state.iteration + 1
        if elite_return > state.best_elite_return:
            return CEBSState(iteration, candidates[best], elite_return), figures
        without_gain = state.without_gain + 1
        if without_gain >= self.config.patience:
            return CEBSState(iteration), figures
        return (
            CEBSState(iteration, candidates[best], state.best_elite_return, without_gain),
            figures,
        )
