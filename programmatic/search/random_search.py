"""Random search: the best of independent samples, from the latent space or from the grammar."""

from __future__ import annotations

from dataclasses import dataclass

from programmatic.dsl.sampling import sample_tokens
from programmatic.search.configs import LatentRandomConfig, RandomConfig
from programmatic.search.latent.space import Decoder
from programmatic.search.methods import Method, seed_of
from programmatic.search.objective import Objective


@dataclass(frozen=True)
class RandomState:
    """The state of the search."""

    iteration: int


class RandomSearch(Method):
    """Random search; it ends with a solution or after `config.total` programs.

    In the latent space, with 8 or 64 candidates, it is LEAPS-rand-8 or -64 (Trivedi et al., NeurIPS
    2021), and with 1,000 the Best-Sampled of HPRL (Liu et al., ICML 2023). Without a model,
    programs are drawn as those of LEAPS's data set are.
    """

    state_class = RandomState
    config: LatentRandomConfig | RandomConfig

    def __init__(
        self,
        config: LatentRandomConfig | RandomConfig,
        objective: Objective,
        seed: int,
        model: Decoder | None = None,
    ) -> None:
        super().__init__(config, objective, seed, model)
        self.evaluations = config.total

    def is_done(self, state: RandomState) -> bool:
        """Whether the search has ended."""
        done = state.iteration * self.config.batch_size >= self.config.total
        return done or self.objective.is_solved

    def step(self, state: RandomState) -> tuple[RandomState, dict[str, float]]:
        """One iteration: the next state, and figures for the log."""
        size = self.config.batch_size
        n = min(size, self.config.total - state.iteration * size)
        seed = seed_of(self.seed, state.iteration + 1)
        if self.space is None:
            programs = sample_tokens(n, seed)
        else:
            programs = self.space.programs(self.space.random(n, seed))
        returns = self.objective(programs)
        return RandomState(state.iteration + 1), {"population_return": float(returns.mean())}
