"""Portfolios: climbs with several seeds in parallel threads, until one of them finds a solution."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from copy import copy
from dataclasses import fields, replace
from typing import Any

import numpy as np
import torch

from karel_gym.simulation.devices import most_threads
from programmatic.dsl import Program
from programmatic.machine.bytecode import tokens_of
from programmatic.search.configs import CGHCConfig, ProgramClimbingConfig
from programmatic.search.latent.space import Decoder
from programmatic.search.methods import Method, seed_of
from programmatic.search.objective import BudgetSpentError, Objective
from programmatic.search.programs.climb_state import EVALUATIONS, Elites
from programmatic.search.programs.counterexamples import CounterexampleClimbing
from programmatic.search.programs.elites import best_of
from programmatic.search.programs.method import ProgramClimbing
from programmatic.search.start_worlds import merge_equal


class Portfolio(Method):
    """Climbs of one method and in the same start worlds, with other random numbers each.

    In an iteration each of the members evaluates the same number of programs. Their gains up to a
    solution enter the tally in the order of the members, so that threads and time do not change the
    result. The first member has the random numbers of the search without a portfolio. After each
    iteration the members share their elites, unless they climb in few of the worlds, others each.

    The state is that of a member whose tensors have a first axis of members, and whose other values
    are lists.
    """

    config: ProgramClimbingConfig

    def __init__(
        self,
        config: ProgramClimbingConfig,
        objective: Objective,
        seed: int,
        model: Decoder | None = None,
    ) -> None:
        super().__init__(config, objective, seed, model)
        self.batch_size = max(1, config.batch_size // config.members)
        own = replace(config, members=1, batch_size=self.batch_size)
        seeds = [seed, *(seed_of(seed, 4, i) for i in range(1, config.members))]
        self.members = [_member(own, copy(objective), other, model) for other in seeds]
        self.state_class = self.members[0].state_class
        self.names = [f.name for f in fields(self.state_class) if f.name != "iteration"]

    def start(self) -> Any:
        """The first state."""
        return self._joined(0, [member.start() for member in self.members])

    def is_done(self, state: Any) -> bool:
        """Whether the search has ended."""
        pairs = zip(self.members, self._parts(state), strict=True)
        return self.objective.is_solved or any(member.is_done(own) for member, own in pairs)

    def step(self, state: Any) -> tuple[Any, dict[str, float]]:
        """One iteration: the next state, and figures for the log."""
        tally, n = self.objective.tally, len(self.members)
        assert self.objective.budget is not None
        left = self.objective.budget - tally.evaluations
        states, spent, is_cut = self._parts(state), [0] * n, False
        logged: list[dict[str, float]] = [{} for _ in self.members]
        begins = [int(own.numbers[EVALUATIONS]) for own in states]
        gives = self.members[0].gives_order(states[0])  # the first member orders given programs
        # One member after another spends the last evaluations, so that none are left.
        in_turn = gives or left < n * (2 * self.batch_size + self.members[0].objective.cost)

        def advance(i: int) -> None:
            nonlocal is_cut
            own = self.members[i].objective
            own.tally = replace(tally, evaluations=begins[i], history=())
            own.budget = begins[i] + (left - sum(spent) if in_turn else left // n)
            try:
                states[i], logged[i] = self.members[i].step(states[i])
            except BudgetSpentError:
                is_cut = True
            spent[i] = own.tally.evaluations - begins[i]

        with ThreadPoolExecutor(1 if in_turn else most_threads()) as pool:
            list(pool.map(advance, range(1 if gives else n)))
        if gives:
            states = [replace(own, order=states[0].order) for own in states]
        for i, member in enumerate(self.members):
            done = tally.evaluations + sum(spent[:i])
            for gain in member.objective.tally.history:
                if not self.objective.is_solved:
                    tokens, found = tokens_of([Program.parse(gain["program"])]), gain["return"]
                    evaluations = done + gain["evaluations"] - begins[i]
                    self.objective.keep(tokens, np.array([found]), evaluations)
        self.objective.count(tally.evaluations + sum(spent))
        if is_cut and not self.objective.is_solved:
            raise BudgetSpentError
        are_in_same_worlds = not isinstance(self.members[0], CounterexampleClimbing)
        if are_in_same_worlds and len(states[0].elite_tokens) > 0:
            groups = [Elites(s.elite_tokens.numpy(), s.elite_returns.numpy()) for s in states]
            best = best_of(groups, self.members[0].worlds.weights)
            shared = {"elite_tokens": torch.from_numpy(best.tokens)}
            shared["elite_returns"] = torch.from_numpy(best.returns)
            states = [replace(own, **shared) for own in states]
        names = dict.fromkeys(name for own in logged for name in own)
        figures = {name: [own[name] for own in logged if name in own] for name in names}
        totals = {name: sum(v) if name == "climbs" else max(v) for name, v in figures.items()}
        return self._joined(state.iteration + 1, states), totals

    def finished(self, best: Program) -> Program:
        """The result of the search whose best program is `best`."""
        return self.members[0].finished(best)

    def _joined(self, iteration: int, states: list[Any]) -> Any:
        """The state of the portfolio with these states of its members."""
        values = {name: [getattr(own, name) for own in states] for name in self.names}
        joined = {n: torch.stack(v) if torch.is_tensor(v[0]) else v for n, v in values.items()}
        return self.state_class(iteration=iteration, **joined)

    def _parts(self, state: Any) -> list[Any]:
        """The states of the members."""
        values = [{n: getattr(state, n)[i] for n in self.names} for i in range(len(self.members))]
        return [replace(state, **own) for own in values]


def climbing_for(
    config: ProgramClimbingConfig, objective: Objective, seed: int, model: Decoder | None = None
) -> Method:
    """The method of a config: a portfolio, or its only member."""
    make = Portfolio if config.members > 1 else _member
    return make(config, objective, seed, model)


def _member(
    config: ProgramClimbingConfig, objective: Objective, seed: int, model: Decoder | None
) -> ProgramClimbing:
    """Counterexample-guided climbing, or plain climbing if all different worlds are climbed in."""
    if isinstance(config, CGHCConfig):
        different, _ = merge_equal(objective.task, objective.worlds)
        if config.climb_worlds < len(different):
            return CounterexampleClimbing(config, objective, seed, model)
    return ProgramClimbing(config, objective, seed, model)
