"""The cross-entropy method with restarts, in few worlds, guided by counterexamples."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from programmatic.search.configs import CGCEMConfig
from programmatic.search.counterexamples import FewWorlds
from programmatic.search.latent.cem import CEM, CEMState
from programmatic.search.latent.space import Decoder
from programmatic.search.methods import seed_of
from programmatic.search.objective import Objective


@dataclass(frozen=True, kw_only=True)
class CGCEMState(CEMState):
    """The state of the search."""

    chosen: Tensor  # int64, (A,); the few worlds, as indices into those of the search
    highest: float = -float("inf")  # mean return in these worlds
    best_elite_return: float = -float("inf")  # the best mean return of elites since the last start
    without_gain: int = 0  # iterations since it was reached


class CGCEM(CEM):
    """LEAPS's cross-entropy method, in few worlds that counterexamples replace, with restarts.

    It restarts from a new first mean when the elites have not improved for some iterations. It ends
    with a program that solves all worlds of the search; or, if no budget is given, after as many
    evaluations as CEM does at most, checks in all worlds included.

    Raises:
        ValueError: The budget does not suffice to check one program.
    """

    state_class = CGCEMState
    config: CGCEMConfig

    def __init__(
        self, config: CGCEMConfig, objective: Objective, seed: int, model: Decoder | None
    ) -> None:
        super().__init__(config, objective, seed, model)
        self.few = FewWorlds(objective, config.few_worlds, seed)

    def start(self) -> CGCEMState:
        """The first state."""
        return CGCEMState(**vars(super().start()), chosen=torch.from_numpy(self.few.chosen))

    def is_done(self, state: CEMState) -> bool:
        """Whether the search has ended."""
        return state.iteration > self.config.iterations or self.objective.is_solved

    def returns(self, tokens: Tensor) -> NDArray[np.float64]:
        """The mean returns, (P,), of programs, (P, L), in the few worlds."""
        return self.few(tokens)

    def step(self, state: CEMState) -> tuple[CEMState, dict[str, float]]:
        """One iteration: the next state, and figures for the log."""
        assert isinstance(state, CGCEMState)
        before = state.chosen.numpy()
        self.few.chosen, self.few.highest = before, state.highest
        after, figures = super().step(state)
        assert isinstance(after, CGCEMState)
        after = replace(after, chosen=torch.from_numpy(self.few.chosen), highest=self.few.highest)
        elite_return = figures.get("elite_return", -float("inf"))
        if self.few.chosen is not before:
            return replace(after, best_elite_return=-float("inf"), without_gain=0), figures
        if elite_return > state.best_elite_return:
            return replace(after, best_elite_return=elite_return, without_gain=0), figures
        if state.without_gain + 1 < self.config.patience:
            return replace(after, without_gain=state.without_gain + 1), figures
        return replace(
            after,
            mean=self.first_mean(seed_of(self.seed, 0, after.iteration)),
            begun=after.iteration,
            best_elite_return=-float("inf"),
            without_gain=0,
        ), figures
