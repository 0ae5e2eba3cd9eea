"""Counterexample-guided hill climbing: climbs run in worlds in which their programs failed.

A climb runs its programs in a few of the search's worlds. A program that is better there than all
before is checked in all worlds. If it solves the few but not all, worlds in which it fails replace
half of the few, and the climb continues from it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from programmatic.dsl import PAD
from programmatic.search.configs import CGHCConfig
from programmatic.search.counterexamples import (
    cost_of_check,
    first_worlds,
    with_counterexamples,
)
from programmatic.search.latent.space import Decoder
from programmatic.search.objective import SOLVED, BudgetSpentError, Objective
from programmatic.search.programs.climb_state import (
    BEST_SCORE,
    EVALUATIONS,
    SCORE,
    UNIT,
    Climb,
    Gains,
    StartWorlds,
    whole,
)
from programmatic.search.programs.method import ProgramClimbing, ProgramClimbingState
from programmatic.search.start_worlds import merge_equal


@dataclass(frozen=True)
class CounterexampleClimbingState(ProgramClimbingState):
    """The state of the search."""

    chosen: Tensor  # int64, (A,); the worlds of the climb, as indices into the different worlds


class CounterexampleClimbing(ProgramClimbing):
    """Counterexample-guided hill climbing.

    Raises:
        ValueError: The budget does not suffice to check one program; or as `ProgramClimbing`.
    """

    config: CGHCConfig
    state_class = CounterexampleClimbingState
    at_once = 1

    def __init__(
        self, config: CGHCConfig, objective: Objective, seed: int, model: Decoder | None = None
    ) -> None:
        super().__init__(config, objective, seed, model)
        self.all_worlds = self.worlds
        self.different, _ = merge_equal(objective.task, objective.worlds)
        self.rules = self.rules._replace(solved=whole.py_func(SOLVED * config.climb_worlds))
        objective.cost = cost_of_check(objective, config.climb_worlds)

    def start(self) -> CounterexampleClimbingState:
        """The first state."""
        chosen = first_worlds(len(self.different), self.config.climb_worlds, self.seed)
        self._climb_in(chosen)
        return CounterexampleClimbingState(**vars(super().start()), chosen=torch.from_numpy(chosen))

    def step(self, state: ProgramClimbingState) -> tuple[ProgramClimbingState, dict[str, float]]:
        """One iteration: the next state, and figures for the log."""
        assert isinstance(state, CounterexampleClimbingState)
        self._climb_in(state.chosen.numpy())
        after, figures = super().step(state)
        return replace(after, chosen=torch.from_numpy(self._chosen)), figures  # type: ignore[call-arg]

    def _climb_in(self, chosen: NDArray[np.int64]) -> None:
        """Let climbs run in these worlds."""
        self._chosen = chosen
        weights = np.ones(len(chosen), dtype=np.int64)
        self.worlds = StartWorlds(self.all_worlds.arrays.take(chosen), weights)

    def _keep(self, gains: Gains, n_gains: int, climbing: Climb) -> None:
        """Check the gain, if any, and take its counterexamples into the climb."""
        numbers = climbing.numbers
        if n_gains == 0:
            return
        evaluations = int(numbers[EVALUATIONS]) + self.objective.cost
        if self.objective.budget is not None and evaluations > self.objective.budget:
            self.objective.count(int(numbers[EVALUATIONS]))
            raise BudgetSpentError
        numbers[EVALUATIONS] = evaluations
        tokens = gains.tokens.copy()
        tokens[0, gains.lengths[0] :] = PAD
        returns = self.objective.returns(tokens)[0]  # (N,)
        self.objective.keep(tokens, returns[None].mean(axis=1), evaluations)
        scores = np.floor(returns[self.different] * UNIT + 0.5).astype(np.int64)
        if numbers[SCORE] >= self.rules.solved:
            different = returns[self.different]
            self._climb_in(with_counterexamples(self._chosen, different, self.seed, evaluations))
            climbing.elites.tokens[:] = PAD  # their returns were in other worlds
        climbing.returns[:] = scores[self._chosen]
        numbers[SCORE] = numbers[BEST_SCORE] = climbing.returns.sum()
