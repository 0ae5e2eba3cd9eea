"""The cross-entropy method in a latent space of programs: stage 2 of LEAPS."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from programmatic.search.configs import CEMConfig
from programmatic.search.latent.space import Decoder
from programmatic.search.methods import Method, seed_of
from programmatic.search.objective import SOLVED, Objective, highest

TINY = 0.1  # standard deviation of "tiny_normal"
ONES = 0.01  # value of "ones"
EPSILON = 1e-5


@dataclass(frozen=True)
class CEMState:
    """The state of the search."""

    iteration: int
    mean: Tensor  # (D,)
    solved_in_a_row: int = 0  # the latest iterations whose mean was a solution
    begun: int = 0  # the iteration of the first mean


class CEM(Method):
    """The cross-entropy method (Trivedi et al., NeurIPS 2021, section 4.3 and appendix).

    An iteration decodes and runs the mean's program and a population around the mean; in LEAPS, the
    mean's program runs alone. The elites, the members with the highest returns, form the next mean.
    After the last population the mean is run once more.
    """

    state_class: type[CEMState] = CEMState

    config: CEMConfig

    def __init__(
        self, config: CEMConfig, objective: Objective, seed: int, model: Decoder | None
    ) -> None:
        super().__init__(config, objective, seed, model)
        self.n_elites = max(1, round(config.population_size * config.elitism_rate))
        self.evaluations = config.iterations * (config.population_size + 1) + 1

    def start(self) -> CEMState:
        """The first state."""
        return CEMState(0, self.first_mean(seed_of(self.seed, 0)))

    def first_mean(self, seed: int) -> Tensor:
        """The mean, (D,), of the first population."""
        mean = self.space.random(1, seed)[0]
        if self.config.init_type == "tiny_normal":
            mean = TINY * mean
        elif self.config.init_type == "ones":
            mean = torch.full_like(mean, ONES)
        elif self.config.init_type == "zeros":
            mean = torch.zeros_like(mean)
        return mean

    def is_done(self, state: CEMState) -> bool:
        """Whether the search has ended."""
        return (
            state.iteration > self.config.iterations
            or state.solved_in_a_row >= self.config.patience
        )

    def step(self, state: CEMState) -> tuple[CEMState, dict[str, float]]:
        """One iteration: the next state, and figures for the log."""
        sigma = self.config.sigma_in(state.iteration - state.begun)
        is_last = state.iteration == self.config.iterations
        n = 0 if is_last else self.config.population_size
        population = self.space.around(
            state.mean, n, sigma, seed_of(self.seed, state.iteration + 1)
        )  # (N, D)
        latents = torch.cat([state.mean[None], population])  # (1 + N, D)
        of_mean, *rest = self.returns(self.space.programs(latents)).tolist()
        figures = {"mean_program_return": of_mean, "sigma": sigma}
        mean = state.mean
        if not is_last:
            returns = np.array(rest)  # (N,)
            best = highest(returns, self.n_elites)
            mean = reduce_elites(population[best], returns[best], self.config.reduction)
            figures |= {"population_return": returns.mean(), "elite_return": returns[best].mean()}
        solved = state.solved_in_a_row + 1 if of_mean >= SOLVED else 0
        return replace(
            state, iteration=state.iteration + 1, mean=mean, solved_in_a_row=solved
        ), figures

    def returns(self, tokens: Tensor) -> NDArray[np.float64]:
        """The mean returns, (P,), of programs, (P, L)."""
        return self.objective(tokens)


def reduce_elites(elites: Tensor, returns: NDArray[np.float64], reduction: str) -> Tensor:
    """The next mean, (D,), of elites, (E, D), with returns, (E,); "max" is that of each element.

    "weighted_mean" is LEAPS's sum(return * latent) / (sum(return) + 1e-5). If the sum of returns is
    not positive, that formula moves away from the elites; the result is then their plain mean.

    Example:
        >>> elites = torch.tensor([[0.0, 4.0], [2.0, 0.0]])
        >>> reduce_elites(elites, np.array([0.25, 0.75]), "weighted_mean").round(decimals=3)
        tensor([1.5000, 1.0000])
        >>> reduce_elites(elites, np.array([0.0, 0.0]), "weighted_mean")
        tensor([1., 2.])
    """
    if reduction == "max":
        return elites.amax(dim=0)
    total = returns.sum()
    if reduction == "mean" or total <= 0:
        return elites.mean(dim=0)
    weights = torch.as_tensor(returns / (total + EPSILON), dtype=elites.dtype, device=elites.device)
    return (weights[:, None] * elites).sum(dim=0)
