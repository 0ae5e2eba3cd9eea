"""Hill climbing over programs as a search method; an iteration is a batch of evaluations."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from karel_gym.registration import sample_worlds
from karel_gym.simulation.rng import states_of
from programmatic.dsl import PAD, Program
from programmatic.horizon import Limits
from programmatic.machine.execution import NO_LIMIT
from programmatic.search.configs import CGHCConfig, HCConfig, ProgramClimbingConfig
from programmatic.search.latent.space import Decoder
from programmatic.search.methods import Method, seed_of
from programmatic.search.objective import SOLVED, BudgetSpentError, Objective, highest
from programmatic.search.programs.climb_state import (
    ABOVE_BOUND,
    BEST_SCORE,
    CLIMBS,
    EVALUATIONS,
    LENGTH,
    N_NUMBERS,
    NEIGHBOURS,
    REJECTED,
    SCORE,
    UNIT,
    Climb,
    Elites,
    Gains,
    Rules,
    climb_room,
    whole,
)
from programmatic.search.programs.climbing import climb
from programmatic.search.programs.dictionary import dictionary_of
from programmatic.search.programs.elites import N_ELITES, no_elites
from programmatic.search.programs.simplification import shorten, simplify
from programmatic.search.programs.space import SPACES
from programmatic.search.start_worlds import begin_worlds

WORLDS_TO_SIMPLIFY_IN = 1000


@dataclass(frozen=True)
class ProgramClimbingState:
    """The state of the search; see `programmatic.search.programs.climb_state.Climb`."""

    iteration: int
    numbers: Tensor  # int64, (N_NUMBERS,)
    rng: int
    parent: Tensor  # int8, (L,)
    returns: Tensor  # int64, (N,)
    best: Tensor  # int8, (L,)
    order: list[int]
    """Order of the config's programs by their returns; empty before they were evaluated."""
    elite_tokens: Tensor = field(
        default_factory=lambda: torch.zeros((0, 1), dtype=torch.int8), kw_only=True
    )
    """int8, (E, L); checkpoints of earlier versions have no elites."""
    elite_returns: Tensor = field(
        default_factory=lambda: torch.zeros((0, 1), dtype=torch.int64), kw_only=True
    )
    """int64, (E, N)"""


class ProgramClimbing(Method):
    """Hill climbing over programs (Carvalho et al., ICLR 2024), and Scheduled HC (LLM-GS).

    The search moves to the first neighbour with a higher return. After a number of neighbours
    without one, it restarts from a random program or from the next one of the config's file, all of
    which are evaluated first; pieces of these may be the new subtrees of neighbours. As in the
    published code, every neighbour counts as evaluated.

    Raises:
        ValueError: The config's file of programs cannot be read, or has no program of the space.
    """

    state_class: type[Any] = ProgramClimbingState
    config: ProgramClimbingConfig
    at_once = 64  # gains that the kernel has room for before it returns

    def __init__(
        self,
        config: ProgramClimbingConfig,
        objective: Objective,
        seed: int,
        model: Decoder | None = None,
    ) -> None:
        super().__init__(config, objective, seed, model)
        self.space = SPACES[config.space]
        task = objective.task
        self.worlds = begin_worlds(task, objective.worlds)
        programs = self.space.read_programs(config.programs).programs if config.programs else []
        self.tokens = np.full((len(programs), self.space.max_tokens), PAD, dtype=np.int8)
        for row, program in zip(self.tokens, programs, strict=True):
            row[: len(program.tokens)] = program.tokens
        rules = rules_of(config, task.max_return, len(objective.worlds), objective.limits)
        dictionary = dictionary_of(programs, config.dictionary)
        self.rules = rules._replace(space=rules.space._replace(dictionary=dictionary))
        self._climb = climb.of(task)

    def start(self) -> ProgramClimbingState:
        """The first state."""
        numbers = np.zeros(N_NUMBERS, dtype=np.int64)
        numbers[BEST_SCORE] = REJECTED
        n = N_ELITES if self.rules.crossed_percent > 0 else 0
        elites = no_elites(n, self.space.max_tokens, len(self.worlds.weights))
        return ProgramClimbingState(
            0,
            torch.from_numpy(numbers),
            int(states_of(seed_of(self.seed, 1), 1)[0]),
            torch.zeros(self.space.max_tokens, dtype=torch.int8),
            torch.zeros(len(self.worlds.weights), dtype=torch.int64),
            torch.zeros(self.space.max_tokens, dtype=torch.int8),
            [],
            elite_tokens=torch.from_numpy(elites.tokens),
            elite_returns=torch.from_numpy(elites.returns),
        )

    def is_done(self, state: ProgramClimbingState) -> bool:
        """Whether the search has ended."""
        return self.objective.is_solved or self._is_solved(state.numbers)

    def step(self, state: ProgramClimbingState) -> tuple[ProgramClimbingState, dict[str, float]]:
        """One iteration: the next state, and figures for the log."""
        if self.gives_order(state):
            return self._evaluate_given(state)
        numbers, parent = state.numbers.numpy().copy(), state.parent.numpy().copy()
        returns, best = state.returns.numpy().copy(), state.best.numpy().copy()
        rng = np.array([state.rng], dtype=np.uint64)
        begin = int(numbers[EVALUATIONS])
        goal = begin + self.config.batch_size
        limit = goal if self.objective.budget is None else min(goal, self.objective.budget)
        if begin >= limit:
            raise BudgetSpentError
        starts = self.tokens[state.order]
        gains = Gains(
            np.full((self.at_once, len(parent)), PAD, dtype=np.int8),
            np.zeros(self.at_once, dtype=np.int64),
            np.zeros(self.at_once, dtype=np.int64),
        )
        elites = Elites(state.elite_tokens.numpy().copy(), state.elite_returns.numpy().copy())
        climbing = Climb(numbers, rng, parent, returns, best, elites)
        lengths = (starts != PAD).sum(axis=1)
        while numbers[EVALUATIONS] < limit and not self._is_solved(numbers):
            room = climb_room(self.rules, self.worlds, len(parent))
            n_gains = self._climb(
                self.rules, self.worlds, starts, lengths, climbing, limit, room, gains
            )
            self._keep(gains, n_gains, climbing)
        self.objective.count(int(numbers[EVALUATIONS]))
        if numbers[ABOVE_BOUND]:
            raise ValueError(
                f"a return in {self.objective.env_id} was above the task's max_return, by which "
                "candidates are dropped: raise max_return"
            )
        if limit < goal and not self._is_solved(numbers):
            raise BudgetSpentError
        after = replace(
            state,
            iteration=state.iteration + 1,
            numbers=torch.from_numpy(numbers),
            rng=int(rng[0]),
            parent=torch.from_numpy(parent),
            returns=torch.from_numpy(returns),
            best=torch.from_numpy(best),
            elite_tokens=torch.from_numpy(elites.tokens),
            elite_returns=torch.from_numpy(elites.returns),
        )
        figures: dict[str, float] = {
            "climbs": int(numbers[CLIMBS]),
            "neighbours": int(numbers[NEIGHBOURS]),
        }
        if numbers[LENGTH]:
            scale = UNIT * self.worlds.weights.sum()
            return after, {**figures, "current_return": float(numbers[SCORE] / scale)}
        return after, figures

    def gives_order(self, state: ProgramClimbingState) -> bool:
        """Whether the next step evaluates and orders the given programs."""
        return len(self.tokens) > 0 and not state.order

    def finished(self, best: Program) -> Program:
        """The program; with the option `simplify` shortened as far as its returns stay the same."""
        if not self.config.simplify:
            return best
        env_id, limits = self.objective.env_id, self.objective.limits
        size, seed = self.objective.worlds.shape, seed_of(self.seed, 2)
        others = sample_worlds(env_id, WORLDS_TO_SIMPLIFY_IN, seed, *size)
        worlds = [*self.objective.worlds, *others]
        budget, full = self.config.simplify_budget, self.config.max_markers
        best = simplify(best, worlds, env_id, *limits, full)
        return shorten(best, worlds, env_id, self.space, seed, budget, *limits, full)

    def _evaluate_given(
        self, state: ProgramClimbingState
    ) -> tuple[ProgramClimbingState, dict[str, float]]:
        returns = self.objective(self.tokens)
        numbers = state.numbers.clone()
        numbers[EVALUATIONS] = self.objective.tally.evaluations
        order = highest(returns, len(returns)).tolist()
        figures = {"population_return": float(returns.mean())}
        return replace(state, iteration=1, numbers=numbers, order=order), figures

    def _is_solved(self, numbers: Any) -> bool:
        return bool(numbers[BEST_SCORE] >= self.rules.solved)

    def _keep(self, gains: Gains, n_gains: int, climbing: Climb) -> None:
        """Take the gains into the tally."""
        for i in range(n_gains):
            tokens: NDArray[np.int8] = gains.tokens[i : i + 1].copy()
            tokens[0, gains.lengths[i] :] = PAD
            evaluations = int(gains.evaluations[i])
            self.objective.keep(tokens, self.objective.mean_returns(tokens), evaluations)


def rules_of(
    config: ProgramClimbingConfig, max_return: float, n_worlds: int, limits: Limits
) -> Rules:
    """The rules of a search in `n_worlds` worlds, with all accelerations."""
    space, crossed, temperature = SPACES[config.space], 0.0, 0.0
    if isinstance(config, CGHCConfig):
        space = space._replace(edits=round(100 * config.edits))
        crossed, temperature = config.crossed, config.temperature
    return Rules(
        space,
        *config.schedule_of_neighbours,
        sideways=config.sideways,
        solved=whole.py_func(SOLVED * n_worlds),
        most=whole.py_func(max_return),
        limits=Limits(
            limits.max_calls, NO_LIMIT if limits.max_actions is None else limits.max_actions
        ),
        given_percent=round(100 * config.given_share),
        crossed_percent=round(100 * crossed),
        temperature=temperature * n_worlds * UNIT,
        skip_loops=True,
        drop_early=True,
        skip_repeated=True,
        skip_unreached=True,
        worst_first=True,
    )


def compile_for(env_id: str, max_markers: int | None = None) -> None:
    """Compile the kernels of climbs in a task; see `SearchConfig` for `max_markers`."""
    config = HCConfig(n_worlds=1, batch_size=1, max_markers=max_markers)
    method = ProgramClimbing(config, Objective(env_id, config, seed=0), seed=0)
    method.step(method.start())
