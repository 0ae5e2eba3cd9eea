"""Hill climbing in a latent space of programs."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from torch import Tensor

from programmatic.search.configs import LatentHCConfig
from programmatic.search.methods import Method, seed_of


@dataclass(frozen=True)
class HCState:
    """The state of the search."""

    iteration: int
    current: Tensor | None = None  # (D,); None: the search starts from a random latent
    current_return: float = -float("inf")
    tried: int = 0  # neighbours of the current latent evaluated so far; none was better


class LatentHC(Method):
    """Hill climbing (Carvalho et al., ICLR 2024) in the latent space.

    The search moves to the first neighbour with a higher return. After `neighbours` of them without
    one, it restarts from a random latent. It ends with a solution or the budget.
    """

    state_class = HCState
    config: LatentHCConfig

    def step(self, state: HCState) -> tuple[HCState, dict[str, float]]:
        """One iteration: the next state, and figures for the log."""
        iteration, seed = state.iteration + 1, seed_of(self.seed, state.iteration + 1)
        if state.current is None:
            candidates = self.space.random(1, seed)
        else:
            n = min(self.config.batch_size, self.config.neighbours - state.tried)
            candidates = self.space.around(state.current, n, self.config.sigma, seed)  # (n, D)
        returns = self.objective(self.space.programs(candidates))  # (n,)
        better = np.flatnonzero(returns > state.current_return)
        figures = {"population_return": float(returns.mean()), "sigma": self.config.sigma}
        if len(better):
            first = int(better[0])
            return HCState(iteration, candidates[first], float(returns[first])), figures
        tried = state.tried + len(returns)
        if tried >= self.config.neighbours:
            return HCState(iteration), figures
        return HCState(iteration, state.current, state.current_return, tried), figures
