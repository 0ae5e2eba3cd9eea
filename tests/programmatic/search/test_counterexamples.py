"""Few worlds that counterexamples replace, and the cross-entropy method in them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from programmatic import Program, execute
from programmatic.search import SearchResult, search
from programmatic.search.configs import CGCEMConfig
from programmatic.search.counterexamples import FewWorlds
from programmatic.search.latent.cgcem import CGCEM, CGCEMState
from programmatic.search.objective import SOLVED, BudgetSpentError, Objective
from tests.programmatic.search.latent_spaces import ActionSequences

ENV = "Karel-Maze-v0"
SOLUTION = (
    "DEF run m( WHILE c( noMarkersPresent c) w( IFELSE c( rightIsClear c) i( turnRight i) "
    "ELSE e( WHILE c( not c( frontIsClear c) c) w( turnLeft w) e) move w) m)"
)
AHEAD = "DEF run m( WHILE c( noMarkersPresent c) w( move w) m)"  # solves some of the worlds
SHORT = "DEF run m( move m)"
FEW = CGCEMConfig(n_worlds=60, few_worlds=4)


def rows(*texts: str) -> np.ndarray:
    tokens = [Program.parse(text).tokens for text in texts]
    return np.array([[*row, *[50] * (46 - len(row))] for row in tokens])


def few_worlds(seed: int = 0, budget: int | None = None) -> tuple[FewWorlds, np.ndarray]:
    """The few worlds of a search, and in which of its worlds AHEAD solves the task."""
    objective = Objective(ENV, FEW, seed, budget)
    returns = execute(rows(AHEAD), objective.worlds, ENV, *objective.limits).returns[0]
    return FewWorlds(objective, FEW.few_worlds, seed), returns >= SOLVED


def test_programs_run_in_the_few_and_the_best_in_all() -> None:
    few, solved = few_worlds()
    returns = few(rows(SHORT, AHEAD, SOLUTION))
    assert returns[2] == 1
    assert returns[1] == pytest.approx(solved[few.chosen].mean())
    tally = few.objective.tally
    assert (str(tally.best), tally.best_return) == (SOLUTION, 1)
    assert tally.evaluations == 3 + 15  # a check in 60 worlds costs as much as 15 programs in four
    few(rows(AHEAD, SOLUTION))
    assert few.objective.tally.evaluations == 3 + 15 + 2  # no program is better: no check


@pytest.mark.parametrize("seed", range(4))
def test_worlds_in_which_a_solution_fails_replace_half_of_the_few(seed: int) -> None:
    few, solved = few_worlds(seed)
    few.chosen = np.flatnonzero(solved)[:4]
    before = set(few.chosen.tolist())
    assert few(rows(AHEAD)).tolist() == [1]
    assert few.objective.tally.best_return == pytest.approx(solved.mean())
    new = set(few.chosen.tolist()) - before
    assert len(new) == 2
    assert not solved[list(new)].any()
    assert few.highest == 0.5
    assert few(rows(AHEAD)).tolist() == [0.5]


def test_a_check_is_within_the_budget() -> None:
    few, _ = few_worlds(budget=18)
    with pytest.raises(BudgetSpentError):
        few(rows(*[SHORT] * 2, AHEAD, SOLUTION))
    tally = few.objective.tally
    assert (str(tally.best), tally.evaluations) == (AHEAD, 18)
    with pytest.raises(BudgetSpentError):
        few(rows(SOLUTION))
    with pytest.raises(ValueError, match="at least 16, for one program and its check in 60 worlds"):
        few_worlds(budget=15)


def run(**settings: Any) -> SearchResult:
    options = {"n_worlds": 60, "few_worlds": 4, "iterations": 30, "patience": 3, "sigma": 0.5}
    return search("cgcem", ENV, seed=1, model=ActionSequences(), **(options | settings))


def test_an_interrupted_search_goes_on(tmp_path: Path) -> None:
    def timeless(result: SearchResult) -> Any:
        found = [{**row, "seconds": 0} for row in [*result.history, *result.iterations]]
        return replace(result, config={}, history=found, iterations=[], seconds=0)

    whole = run()
    for budget in (60, 200, 30 * 17 + 1):
        parts = run(run_dir=tmp_path, resume=True, budget=budget, save_interval=2)
    assert timeless(parts) == timeless(whole)
    worlds = Objective(ENV, FEW, seed=1).worlds
    returns = execute([whole.program], worlds, ENV, *whole.limits).returns
    assert whole.mean_return == pytest.approx(returns.mean())


def test_a_search_evaluates_no_more_programs_than_cem_does() -> None:
    result = run(few_worlds=1)  # a check costs 60 evaluations
    assert 30 * 17 + 1 - 60 <= result.evaluations <= 30 * 17 + 1


def test_elites_without_gain_restart_the_search() -> None:
    config = CGCEMConfig(n_worlds=60, few_worlds=4, patience=3, sigma=0.4, iterations=20)
    method = CGCEM(config, Objective(ENV, config, 0), 0, ActionSequences())
    state, sigmas, without_gain = method.start(), [], 0
    assert isinstance(state, CGCEMState)
    for _ in range(12):
        after, figures = method.step(state)
        assert isinstance(after, CGCEMState)
        sigmas.append(figures["sigma"])
        gained = figures["elite_return"] > state.best_elite_return
        replaced = after.chosen.tolist() != state.chosen.tolist()
        without_gain = 0 if gained or replaced else without_gain + 1
        restarts = without_gain == config.patience
        assert (after.begun == after.iteration) == restarts
        if restarts:
            without_gain = 0
            assert not torch.equal(after.mean, method.start().mean)
            assert method.step(after)[1]["sigma"] == sigmas[0]
        state = after
    assert state.begun > 0
    assert len(set(sigmas)) > 2
