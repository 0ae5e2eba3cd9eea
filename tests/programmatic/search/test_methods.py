"""What each search method does by itself."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from karel_gym.registration import TASKS
from programmatic import Program
from programmatic.dsl.sampling import sample_tokens
from programmatic.search import CEBSConfig, CEMConfig, LatentHCConfig, search
from programmatic.search.latent.cebs import CEBS, CEBSState
from programmatic.search.latent.cem import CEM, CEMState, reduce_elites
from programmatic.search.latent.hill_climbing import HCState, LatentHC
from programmatic.search.latent.space import LatentSpace
from programmatic.search.methods import seed_of
from programmatic.search.objective import BudgetSpentError, Objective, highest
from programmatic.search.run_settings import config_of
from tests.cuda_agreement import simulate
from tests.programmatic.search.latent_spaces import ActionSequences

ENV = "Karel-Harvester-v0"


class Returns(Objective):
    """An objective that returns what a test wants instead of running programs."""

    def __init__(self, *returns: list[float]) -> None:
        super().__init__(ENV, CEMConfig(), seed=0)
        self.batches = list(returns)

    def mean_returns(self, tokens: Any) -> np.ndarray:
        return np.array(self.batches.pop(0))


@pytest.mark.parametrize("method", ["cem", "cgcem", "cebs", "latent_hc"])
def test_searches_find_better_programs_than_random_search(method: str) -> None:
    budget, model = 4000, ActionSequences()
    by_chance = search("latent_random", ENV, model=model, n_latents=budget)
    result = search(method, ENV, model=model, budget=budget)
    assert result.mean_return > by_chance.mean_return


def test_cem_takes_the_settings_of_the_task_and_the_users_before_them() -> None:
    maze = config_of("cem", "Karel-Maze-v1", {"sigma": 0.7})
    assert isinstance(maze, CEMConfig)
    assert (maze.population_size, maze.init_type, maze.sigma) == (16, "ones", 0.7)
    assert config_of("cem", "my_module:Karel-TopOff-v0", {}).to_json()["population_size"] == 64
    assert config_of("cem", "Karel-Snake-v0", {}) == CEMConfig()
    for env_id in TASKS:
        published, own = (config_of(method, env_id, {}).to_json() for method in ("cem", "cgcem"))
        different = {name for name, value in own.items() if published.get(name) != value}
        assert different - {"sigma"} == {"n_worlds", "distinct_worlds", "few_worlds", "patience"}
        assert own["sigma"] == 0.5


@pytest.mark.parametrize(
    ("init_type", "deviation", "mean"),
    [("normal", 1.0, 0.0), ("tiny_normal", 0.1, 0.0), ("ones", 0.0, 0.01), ("zeros", 0.0, 0.0)],
)
def test_cem_starts_where_it_is_told(init_type: str, deviation: float, mean: float) -> None:
    start = CEM(CEMConfig(init_type=init_type), Returns(), 0, ActionSequences()).start().mean
    assert start.shape == (ActionSequences.latent_dim,)
    assert float(start.std()) == pytest.approx(deviation, rel=0.2)
    assert float(start.mean()) == pytest.approx(mean, abs=0.2 * deviation + 1e-9)


def test_cem_makes_the_next_mean_of_the_elites() -> None:
    config = CEMConfig(population_size=4, elitism_rate=0.5, sigma=0.5)
    cem = CEM(config, Returns([0.5, 0.1, 0.6, 0.2, 0.3]), 0, ActionSequences())
    before = cem.start()
    after, figures = cem.step(before)
    population = cem.space.around(before.mean, 4, 0.5, seed_of(0, 1))
    expected = (0.6 * population[1] + 0.3 * population[3]) / (0.9 + 1e-5)
    torch.testing.assert_close(after.mean, expected)
    assert figures["mean_program_return"] == 0.5
    assert figures["elite_return"] == pytest.approx(0.45)
    assert figures["population_return"] == pytest.approx(0.3)


def test_cem_has_at_least_one_elite() -> None:
    assert (
        CEM(
            CEMConfig(population_size=8, elitism_rate=0.01), Returns(), 0, ActionSequences()
        ).n_elites
        == 1
    )


@pytest.mark.parametrize("returns", [[0.0, 0.0], [-1.0, -0.5], [-1.0, 1.0]])
def test_without_any_return_the_weighted_mean_is_the_mean(returns: list[float]) -> None:
    elites = torch.randn(2, 7)
    found = reduce_elites(elites, np.array(returns), "weighted_mean")
    torch.testing.assert_close(found, elites.mean(0))


def test_reductions_by_mean_and_maximum() -> None:
    elites, returns = torch.tensor([[0.0, 4.0], [2.0, 0.0]]), np.array([0.1, 0.2])
    assert reduce_elites(elites, returns, "mean").tolist() == [1, 2]
    assert reduce_elites(elites, returns, "max").tolist() == [2, 4]


def test_cems_sigma_falls_over_the_first_half() -> None:
    cem = CEM(
        CEMConfig(sigma=0.4, final_sigma=0.1, iterations=100), Returns(), 0, ActionSequences()
    )
    assert [cem.config.sigma_in(i) for i in (0, 25, 50, 99)] == pytest.approx([0.4, 0.2, 0.1, 0.1])
    constant = CEM(CEMConfig(sigma=0.4, use_exp_sig_decay=False), Returns(), 0, ActionSequences())
    assert {constant.config.sigma_in(i) for i in (0, 500, 999)} == {0.4}


def test_cem_ends_when_its_mean_has_been_a_solution_often_enough() -> None:
    config = CEMConfig(population_size=2, patience=2)
    cem = CEM(
        config, Returns([1.0, 0, 0], [0.9, 0, 0], [1.0, 0, 0], [1.0, 0, 0]), 0, ActionSequences()
    )
    state, ends = cem.start(), []
    for _ in range(4):
        state, _ = cem.step(state)
        ends.append(cem.is_done(state))
    assert ends == [False, False, False, True]


def test_cem_runs_the_last_mean_alone() -> None:
    result = search("cem", ENV, model=ActionSequences(), population_size=5, iterations=3)
    assert [row["evaluations"] for row in result.iterations] == [6, 12, 18, 19]
    assert "elite_return" not in result.iterations[-1]
    assert result.evaluations == 19


def test_cebs_keeps_the_best_and_starts_again_without_gain() -> None:
    config = CEBSConfig(population_size=3, elites=2, patience=2)
    rows = [[0.1, 0.3, 0.2], [0.25, 0.25, 0.0], [0.4, 0.0, 0.3], [0.0, 0.1, 0.0], [0.0, 0.0, 0.0]]
    cebs = CEBS(config, Returns(*rows), 0, ActionSequences())
    state, states = cebs.start(), []
    for _ in rows:
        state, _ = cebs.step(state)
        states.append(state)
    assert [s.best_elite_return for s in states[:4]] == pytest.approx([0.25, 0.25, 0.35, 0.35])
    assert [s.without_gain for s in states] == [0, 1, 0, 1, 0]
    assert states[4] == CEBSState(5)
    first = cebs.space.random(3, seed_of(0, 1))
    assert states[0].elites is not None
    assert torch.equal(states[0].elites, first[[1, 2]])


def test_hill_climbing_goes_to_the_first_better_neighbour() -> None:
    config = LatentHCConfig(neighbours=5, batch_size=3)
    rows = [[0.1], [0.1, 0.2, 0.3], [0.2, 0.1, 0.2], [0.0, 0.1], [0.0]]
    climb = LatentHC(config, Returns(*rows), 0, ActionSequences())
    state, states = climb.start(), []
    for _ in rows:
        state, _ = climb.step(state)
        states.append(state)
    assert [s.current_return for s in states[:3]] == [0.1, 0.2, 0.2]
    assert states[2].tried == 3
    assert states[3] == HCState(4)  # none of five was better
    assert states[4].current_return == 0.0


def test_of_several_centres_each_neighbour_has_one() -> None:
    centres = torch.stack([torch.full((200,), 100.0), torch.full((200,), -100.0)])
    found = LatentSpace(ActionSequences()).around(centres, 64, 0.1, seed=1)
    signs = found.sign()
    assert bool((signs == signs[:, :1]).all())
    assert 10 < int((signs[:, 0] > 0).sum()) < 54


def test_the_objective_counts_and_prefers_the_shorter_of_equals() -> None:
    objective = Objective(ENV, CEMConfig(), seed=0, budget=5)
    texts = ["DEF run m( move m)", "DEF run m( pickMarker turnLeft m)", "DEF run m( pickMarker m)"]
    rows = [[*Program.parse(text).tokens, *[50] * 10][:10] for text in texts]
    returns = objective(np.array(rows[:2]))
    assert returns[1] == pytest.approx(1 / 36)
    assert objective.tally.best == Program.parse(texts[1])
    objective(torch.tensor(rows[2:]))
    assert objective.tally.best == Program.parse(texts[2])
    with pytest.raises(BudgetSpentError):
        objective(np.array(rows))
    assert objective.tally.evaluations == 5
    assert [entry["evaluations"] for entry in objective.tally.history] == [2, 3]


def check_objective_on_simulated_gpu() -> None:
    tokens = torch.from_numpy(sample_tokens(6, seed=1))
    on_processor, on_gpu = (Objective(ENV, CEMConfig(n_worlds=2), seed=0) for _ in range(2))
    on_gpu.device = "cuda"
    assert np.array_equal(on_gpu(tokens), on_processor(tokens))
    assert on_gpu.tally.best == on_processor.tally.best


def test_the_objective_takes_tensors_on_a_gpu() -> None:
    name = check_objective_on_simulated_gpu.__name__
    simulate(f"from {__name__} import {name}; {name}()")


def test_the_highest_are_in_order() -> None:
    assert highest(np.array([0.0, 2.0, 1.0, 2.0]), 3).tolist() == [1, 3, 2]


def test_a_state_of_cem_is_where_it_began() -> None:
    cem = CEM(CEMConfig(), Returns(), 7, ActionSequences())
    assert isinstance(cem.start(), CEMState)
    assert torch.equal(cem.start().mean, cem.start().mean)
