"""The cross-entropy beam search in a latent space of programs."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from programmatic.search.configs import CEBSConfig
from programmatic.search.objective import Objective, highest
from programmatic.search.spaces import LatentSpace, seed_of


@dataclass(frozen=True)
class CEBSState:
    """Where the search is."""

    iteration: int
    elites: Tensor | None = None
    """(E, D), the beam; None: the search starts from random latents."""
    best_elite_return: float = -float("inf")
    """The best mean return that a beam had since the last start."""
    without_gain: int = 0
    """Iterations since then."""


class CEBS:
    """The cross-entropy beam search (Carvalho et al., ICLR 2024).

    An iteration samples latents, each around a random one of the beam, and makes the best of them
    the new beam. Instead of one mean, as in the cross-entropy method, the search so keeps several
    latents. When the beam's mean return has not risen for some iterations, it starts again from
    random latents. It ends with a solution or the budget.

    Args:
        config: The options.
        space: Where latents are decoded.
        objective: What judges programs.
        seed: Of the random numbers.
    """

    state_class = CEBSState
    evaluations = None

    def __init__(
        self, config: CEBSConfig, space: LatentSpace, objective: Objective, seed: int
    ) -> None:
        self.config = config
        self.space = space
        self.objective = objective
        self.seed = seed

    def start(self) -> CEBSState:
        """The state before the first iteration."""
        return CEBSState(0)

    def is_done(self, state: CEBSState) -> bool:
        """Whether the search has come to its end."""
        return self.objective.is_solved

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
