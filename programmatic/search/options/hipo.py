"""HIPO's search: options that differ from each other and work in any order."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import lru_cache

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from karel_gym.simulation.episodes import begun_worlds
from programmatic.dsl import PAD, Program
from programmatic.machine.bytecode import compile, compile_tokens
from programmatic.search.configs import HIPOConfig
from programmatic.search.latent.space import Decoder
from programmatic.search.methods import Method, seed_of
from programmatic.search.objective import BudgetSpentError, Objective
from programmatic.search.options.candidates import (
    Candidates,
    LatentCandidates,
    ProgramCandidates,
)
from programmatic.search.options.lists import draw_lists, list_scores

BONUS = 0.1  # of the score of every program, so that the factor of diversity multiplies no zeros
STEADY = 1e-3  # standard deviation of the recent scores at which a search ends


@dataclass(frozen=True)
class HIPOState:
    """The state of the search."""

    iteration: int
    point: Tensor  # (D,); the mean, or the current program
    features: Tensor  # float64, (K, F); of the options, the finished searches, and the best
    epoch: int = 0  # of the running search
    scores: list[float] = field(default_factory=list)  # of the points of its latest epochs
    best: tuple[str, float, float] | None = None
    """The program of its best point, the score, and the score with the factor of diversity."""
    searched: list[tuple[str, float]] = field(default_factory=list)
    """Results of the option's finished searches: program and score."""
    options: list[str] = field(default_factory=list)  # the finished options


class HIPO(Method):
    """The search for options of HIPO (Lin et al., NeurIPS 2024).

    Options are found one after another. For each there are several searches: CEM in the latent
    space, or hill climbing over programs. A candidate's score is its mean return per program in
    random lists of the candidate and the options before (compatibility). Its similarity to these
    options and to the results of the option's earlier searches lowers the score (diversity). The
    result with the highest score is the option.

    The search's own best program is the point of a search with the highest mean return, run once.
    """

    state_class = HIPOState
    config: HIPOConfig

    def __init__(
        self, config: HIPOConfig, objective: Objective, seed: int, model: Decoder | None
    ) -> None:
        super().__init__(config, objective, seed, model)
        per_search = config.iterations * (config.population_size + 1)
        self.evaluations = config.n_options * config.searches * per_search
        self.task = objective.task
        self.worlds = begun_worlds(self.task, objective.worlds)
        self.candidates: Candidates
        if model is None:
            self.candidates = ProgramCandidates(self.task, self.worlds, config)
        else:
            self.candidates = LatentCandidates(self.space, config)
        self._lists = lru_cache(self._drawn_lists)

    def start(self) -> HIPOState:
        """The first state."""
        nothing = torch.zeros((0, self.candidates.n_features), dtype=torch.float64)
        return HIPOState(0, self.candidates.first(seed_of(self.seed, 0)), nothing)

    def is_done(self, state: HIPOState) -> bool:
        """Whether all options were found, or a program that needs no others."""
        return len(state.options) >= self.config.n_options or self.objective.is_solved

    def options(self, state: HIPOState) -> list[Program]:
        """The options found so far, or the program that solves the task in all worlds."""
        if self.objective.is_solved and self.objective.tally.best is not None:
            return [self.objective.tally.best]
        return [Program.parse(text) for text in state.options]

    def step(self, state: HIPOState) -> tuple[HIPOState, dict[str, float]]:
        """One epoch of a search: the next state, and figures for the log."""
        config, objective = self.config, self.objective
        sigma = config.sigma_in(state.epoch)
        others = self.candidates.around(
            state.point, config.population_size, sigma, seed_of(self.seed, state.iteration + 1)
        )
        points = torch.cat([state.point[None], others])  # (1 + N, D)
        left = len(points)
        if objective.budget is not None:
            left = min(left, objective.budget - objective.tally.evaluations)
        if left == 0:
            raise BudgetSpentError
        tokens = self.candidates.tokens(points[:left])
        codes = compile_tokens(tokens)
        scores = self._scores(state, codes)
        objective.count(objective.tally.evaluations + left)
        objective.keep(tokens[:1], objective.mean_returns(tokens[:1]), objective.tally.evaluations)
        if left < len(points):
            raise BudgetSpentError
        features = torch.from_numpy(self.candidates.features(points, codes))  # (1 + N, F)
        known = state.features[: len(state.options) + len(state.searched)]
        scaled = scores * self._diversity(features, known)
        after = replace(
            state,
            iteration=state.iteration + 1,
            point=self.candidates.following(points, scaled),
            epoch=state.epoch + 1,
            scores=[*state.scores, float(scores[0])][-config.patience :],
        )
        if state.best is None or scaled[0] > state.best[2]:
            text = str(Program.from_tokens(tokens[0][tokens[0] != PAD].tolist()))
            best = text, float(scores[0]), float(scaled[0])
            after = replace(after, best=best, features=torch.cat([known, features[:1]]))
        figures = {
            "mean_program_return": float(scores[0]),
            "population_return": float(scores[1:].mean()),
            "sigma": sigma,
            "climbs": len(state.options) * config.searches + len(state.searched) + 1,
        }
        steady = len(after.scores) == config.patience and np.std(after.scores) <= STEADY
        return self._next_search(after) if steady or after.epoch == config.iterations else after, (
            figures
        )

    def _next_search(self, state: HIPOState) -> HIPOState:
        """The state after the end of a search, and of an option's last one with this option."""
        assert state.best is not None
        searched = [*state.searched, state.best[:2]]
        options, features = state.options, state.features
        if len(searched) == self.config.searches:
            best = max(range(len(searched)), key=lambda i: (searched[i][1], i))
            kept = [*range(len(options)), len(options) + best]
            options, features = [*options, searched[best][0]], features[kept]
            searched = []
        first = self.candidates.first(seed_of(self.seed, 0, len(options), len(searched)))
        return HIPOState(state.iteration, first, features, searched=searched, options=options)

    def _scores(self, state: HIPOState, codes: NDArray[np.int64]) -> NDArray[np.float64]:
        """The scores, (P,), of bytecode, (P, L), without the factor of diversity."""
        options = [Program.parse(text) for text in state.options]
        earlier = compile(options) if options else np.zeros((0, 1), dtype=np.int64)
        lists = self._lists(len(options))
        limit = self.config.max_calls
        return BONUS + list_scores(self.task, codes, earlier, lists, self.worlds, limit)

    def _drawn_lists(self, n_options: int) -> NDArray[np.int64]:
        least = self.config.least_programs
        rng = np.random.default_rng(seed_of(self.seed, 4, n_options))
        return draw_lists(n_options, n_options**2 if least is None else least, rng)

    def _diversity(self, features: Tensor, known: Tensor) -> NDArray[np.float64]:
        """The factors, (P,), of features (P, F); 1 if there is nothing to differ from."""
        if len(known) == 0:
            return np.ones(len(features))
        similar = torch.nn.functional.cosine_similarity(features[:, None], known[None], dim=2)
        factors: NDArray[np.float64] = torch.sigmoid(
            -self.config.diversity * similar.amax(dim=1)
        ).numpy()
        return factors
