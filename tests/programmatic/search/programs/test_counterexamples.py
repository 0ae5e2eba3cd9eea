"""Counterexample-guided hill climbing: a plain one finds the same, and it keeps its promises."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from karel_gym import WorldBatch, sample_worlds
from karel_gym.registration import task_of
from programmatic import Program, execute
from programmatic.dsl import PAD
from programmatic.search import CGHCConfig, SearchResult, search
from programmatic.search.methods import seed_of
from programmatic.search.objective import SOLVED, Objective
from programmatic.search.programs.climb_state import SCORE, UNIT
from programmatic.search.programs.counterexamples import CounterexampleClimbing
from programmatic.search.programs.method import ProgramClimbing
from programmatic.search.programs.portfolio import climbing_for
from programmatic.search.programs.space import draw_neighbours, draw_space_programs
from programmatic.search.start_worlds import distinct_worlds, merge_equal

EASY = "Karel-StairClimber-v1"
ENVS = (EASY, "Karel-Maze-v1", "Karel-PathFollow-v0")
SMALL: dict[str, Any] = {"n_worlds": 40, "climb_worlds": 3, "neighbours": 60, "edits": 0.5}


def climbing(env_id: str, seed: int = 0, **options: Any) -> CounterexampleClimbing:
    config = CGHCConfig(**({"members": 1} | SMALL | options))
    method = climbing_for(config, Objective(env_id, config, seed), seed)
    assert isinstance(method, CounterexampleClimbing)
    return method


def test_the_elites_have_their_returns_in_the_worlds_of_the_climb() -> None:
    method = climbing("Karel-Seeder-v0", crossed=0.5, climb_worlds=1, batch_size=20)
    state, changes = method.start(), 0
    for _ in range(200):
        had_elites, before = len(elites_of(state)) > 0, state.chosen
        state, _ = method.step(state)
        worlds = [method.objective.worlds[method.different[i]] for i in state.chosen.tolist()]
        elites = elites_of(state)
        if len(elites) > 0:
            returns = execute(elites.numpy(), worlds, "Karel-Seeder-v0").returns
            scores = np.floor(returns * UNIT + 0.5).astype(int)
            assert scores.tolist() == state.elite_returns[: len(elites)].tolist()
        changes += had_elites and not torch.equal(before, state.chosen)
    assert changes > 0


def elites_of(state: Any) -> torch.Tensor:
    return state.elite_tokens[state.elite_tokens[:, 0] != PAD]


class PlainSearch:
    """The method as its module tells it, one program after the other."""

    def __init__(self, env_id: str, limit: int, seed: int) -> None:
        method = climbing(env_id, seed)
        start = method.start()
        self.env_id, self.limit, self.seed = env_id, limit, seed
        self.cost = method.objective.cost
        self.worlds = method.objective.worlds
        different, _ = merge_equal(task_of(env_id), self.worlds)
        self.different = [self.worlds[i] for i in different]
        self.chosen: list[int] = start.chosen.tolist()
        self.rng = np.array([[start.rng]], dtype=np.uint64)
        self.space = method.rules.space
        self.evaluations, self.replaced = 0, 0
        self.best = (-np.inf, 0)  # among the worlds of the climb
        self.kept = (-np.inf, 0)  # among all
        self.history: list[tuple[int, str]] = []

    def run(self) -> None:
        while self.evaluations < self.limit and self.kept[0] < SOLVED:
            tokens = np.full((1, 45), 50, dtype=np.int8)
            draw_space_programs(self.space, tokens, self.rng)
            current, tried = self.visit(tokens, self.score(tokens)), 0
            while tried < SMALL["neighbours"] and self.evaluations < self.limit:
                if self.kept[0] >= SOLVED:
                    return
                parent = np.array(Program.from_tokens(tokens[0]).tokens, dtype=np.int8)
                neighbour = np.full((1, 45), 50, dtype=np.int8)
                draw_neighbours(self.space, parent, neighbour, self.rng)
                score, tried = self.score(neighbour), tried + 1
                if score >= current:
                    tried = 0 if score > current else tried
                    current, tokens = self.visit(neighbour, score), neighbour

    def score(self, tokens: np.ndarray) -> int:
        self.evaluations += 1
        worlds = [self.different[i] for i in self.chosen]
        returns = execute(tokens, worlds, self.env_id).returns[0]
        return sum(int(np.floor(value * UNIT + 0.5)) for value in returns)

    def visit(self, tokens: np.ndarray, score: int) -> int:
        """Go to a program; its score in the worlds that the climb has from then on."""
        program = Program.from_tokens(tokens[0])
        if (score, -len(program.tokens)) <= self.best:
            return score
        self.evaluations += self.cost
        returns = execute([program], self.worlds, self.env_id).returns[0]
        if (returns.mean(), -len(program.tokens)) > self.kept:
            self.kept = (returns.mean(), -len(program.tokens))
            self.history.append((self.evaluations, str(program)))
        returns = execute([program], self.different, self.env_id).returns[0]
        if returns[self.chosen].sum() >= SOLVED * len(self.chosen):
            failed = np.flatnonzero(returns < SOLVED)
            n = min(len(failed), 2)
            random = np.random.default_rng(seed_of(self.seed, 3, self.evaluations))
            places = random.choice(len(self.chosen), n, replace=False)
            for place, world in zip(places, random.choice(failed, n, replace=False), strict=True):
                self.chosen[place] = int(world)
            self.replaced += n
        score = sum(int(np.floor(value * UNIT + 0.5)) for value in returns[self.chosen])
        self.best = (score, -len(program.tokens))
        return score


@pytest.mark.parametrize("env_id", ENVS)
def test_it_does_what_its_module_tells(env_id: str) -> None:
    replaced = 0
    for seed in range(3):
        plain = PlainSearch(env_id, 1200, seed)
        plain.run()
        method = climbing(env_id, seed, batch_size=1200)
        state: Any = method.step(method.start())[0]
        tally = method.objective.tally
        assert [(e["evaluations"], e["program"]) for e in tally.history] == plain.history
        assert tally.evaluations == plain.evaluations
        assert state.chosen.tolist() == plain.chosen
        replaced += plain.replaced
    assert replaced > 0 or env_id != EASY


def test_the_size_of_a_batch_changes_nothing() -> None:
    whole, parts = (climbing(EASY, 1, batch_size=size) for size in (2000, 7))
    for method in (whole, parts):
        state: Any = method.start()
        while method.objective.tally.evaluations < 2000 and not method.is_done(state):
            state, _ = method.step(state)
    entries = [
        [(e["evaluations"], e["program"]) for e in method.objective.tally.history]
        for method in (whole, parts)
    ]
    assert entries[0] == entries[1]
    assert len(entries[0]) > 2


def test_a_solution_solves_all_worlds_and_not_only_those_of_the_climb() -> None:
    result = search("cghc", EASY, budget=200_000, n_worlds=300, climb_worlds=2, progress=False)
    assert result.mean_return == pytest.approx(1)
    worlds = distinct_worlds(EASY, 300)
    assert execute([result.program], worlds, EASY).returns.min() > SOLVED
    assert execute([result.program], sample_worlds(EASY, 200, 2**41), EASY).returns.mean() > 0.97
    early = [entry["return"] for entry in result.history[:-1]]
    assert len(early) > 0
    assert max(early) < SOLVED


def test_the_result_is_judged_in_all_worlds() -> None:
    options = SMALL | {"edits": 0.3}
    result = search("cghc", "Karel-DoorKey-v0", budget=3000, seed=2, progress=False, **options)
    worlds = distinct_worlds("Karel-DoorKey-v0", 40, 2)
    returns = execute([result.program], worlds, "Karel-DoorKey-v0").returns
    assert result.mean_return == pytest.approx(returns.mean(), abs=1e-12)


def test_checks_count_as_evaluations(monkeypatch: pytest.MonkeyPatch) -> None:
    checks = []

    def returns(objective: Objective, tokens: Any) -> Any:
        checks.append(len(tokens))
        return execute(tokens, objective.worlds, objective.env_id).returns

    monkeypatch.setattr(Objective, "returns", returns)
    method = climbing("Karel-DoorKey-v0", 0, batch_size=1)
    state: Any = method.start()
    for _ in range(150):
        done, before = len(checks), method.objective.tally.evaluations
        state, _ = method.step(state)
        cost = 1 + 14 * (len(checks) - done)  # 40 worlds are 13 1/3 times 3
        assert method.objective.tally.evaluations - before == cost
    assert set(checks) == {1}
    assert len(checks) > 2


@pytest.mark.parametrize("budget", [15, 16, 40, 300])
def test_a_budget_is_kept_to(budget: int) -> None:
    result = search("cghc", "Karel-DoorKey-v0", budget=budget, progress=False, **SMALL)
    assert result.evaluations <= budget
    assert result.history


def test_a_budget_for_less_than_a_check_is_told() -> None:
    with pytest.raises(ValueError, match="at least 15, for one program and its check in 40 worlds"):
        search("cghc", "Karel-DoorKey-v0", budget=14, progress=False, **SMALL)


def test_a_task_of_few_worlds_needs_no_counterexamples() -> None:
    options: dict[str, Any] = {
        "neighbours": 100,
        "sideways": True,
        "n_worlds": 40,
        "distinct_worlds": True,
    }
    env_id = "Karel-Seeder-v0"
    guided = search("cghc", env_id, budget=4000, edits=0, progress=False, **options)
    plain = search("hc", env_id, budget=4000, progress=False, **options)
    assert (guided.program, guided.evaluations) == (plain.program, plain.evaluations)
    config = CGHCConfig(climb_worlds=24, members=1)
    assert type(climbing_for(config, Objective(env_id, config, 0), 0)) is ProgramClimbing


def test_counterexamples_replace_half_of_the_worlds_at_most() -> None:
    method, replaced = climbing(EASY, 1, climb_worlds=5, batch_size=1), set()
    state: Any = method.start()
    for _ in range(4000):
        before = set(state.chosen.tolist())
        state, _ = method.step(state)
        replaced.add(len(before - set(state.chosen.tolist())))
        assert len(set(state.chosen.tolist())) == 5
        if method.is_done(state):
            break
    assert replaced <= {0, 1, 2, 3}
    assert max(replaced) > 0
    assert state.numbers[SCORE] >= 5 * SOLVED * UNIT


@pytest.mark.parametrize("members", [1, 3])
def test_an_interrupted_search_goes_on(members: int, tmp_path: Path) -> None:
    options = SMALL | {"batch_size": 50, "progress": False, "seed": 1, "members": members}

    def timeless(result: SearchResult) -> list[tuple[int, str]]:
        return [(entry["evaluations"], entry["program"]) for entry in result.history]

    whole = search("cghc", EASY, budget=3000, **options)
    for budget in (20, 300, 900, 3000):
        parts = search("cghc", EASY, budget=budget, run_dir=tmp_path, resume=True, **options)
    assert timeless(parts) == timeless(whole)
    assert (parts.program, parts.evaluations) == (whole.program, whole.evaluations)


def test_climbs_start_from_given_programs(tmp_path: Path) -> None:
    file = tmp_path / "programs.txt"
    solution = "WHILE c( noMarkersPresent c) w( turnLeft move turnRight move w)"
    file.write_text(f"DEF run m( move m)\nDEF run m( {solution} m)\n")
    options = SMALL | {"programs": str(file), "progress": False}
    solved = search("cghc", EASY, budget=100, **options)
    assert (str(solved.program), solved.evaluations) == (f"DEF run m( {solution} m)", 2 * 14)


def test_worlds_are_distinct_by_default() -> None:
    batch = Objective("Karel-OneStroke-v0", CGHCConfig(), 0).worlds
    assert isinstance(batch, WorldBatch)
    assert len(batch) == 36
