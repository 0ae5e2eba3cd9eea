"""Policies as tables: they do what the policies do, in worlds of any size."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from agents import evaluate_episodes, load, train
from agents.kernels.percept_tables import Table, action_probabilities, has_table, run_table
from agents.policies import contestants
from karel_gym import sample_worlds
from karel_gym.envs.observations import SIGNATURES
from karel_gym.registration import task_of
from programmatic.algorithms import ALGORITHMS
from programmatic.trees.policy import TreePolicy
from programmatic.trees.program import TreeProgram

MAZE = "Karel-Maze-v0"
TREE = """\
if after_turnLeft:
    if frontIsClear: move
    else: turnLeft
else:
    if leftIsClear: turnLeft
    else:
        if frontIsClear: move
        else: turnRight
"""


def trained(algo: str, obs: str, folder: Path) -> Any:
    few = {"n_steps": 8, "batch_size": 16, "learning_starts": 8, "buffer_size": 50}
    wanted = {
        "a2c": ("n_steps",),
        "dqn": ("batch_size", "learning_starts", "buffer_size"),
        "qrdqn": ("batch_size", "learning_starts", "buffer_size"),
    }.get(algo, ("n_steps", "batch_size"))
    return train(
        algo,
        MAZE,
        obs=obs,
        total_timesteps=32,
        num_envs=4,
        max_steps=20,
        eval_episodes=2,
        run_dir=folder,
        device="cpu",
        **{name: few[name] for name in wanted},
    )


@pytest.mark.parametrize("obs", SIGNATURES)
@pytest.mark.parametrize("algo", ["ppo", "trpo", "dqn", "maskable_ppo"])
def test_the_most_probable_actions_lead_to_the_same_episodes(
    algo: str, obs: str, tmp_path: Path
) -> None:
    trained(algo, obs, tmp_path)
    for size in (None, 12):
        tables = [
            evaluate_episodes(
                tmp_path, MAZE, 30, 5, size, size, deterministic=True, compiled=compiled
            )
            for compiled in (False, True)
        ]
        for column in ("return", "length", "solved", "episode", "obs", "policy"):
            assert tables[0][column].tolist() == tables[1][column].tolist()


@pytest.mark.parametrize("obs", SIGNATURES)
def test_drawn_actions_have_the_policys_probabilities(obs: str, tmp_path: Path) -> None:
    model = trained("ppo", obs, tmp_path)
    table = action_probabilities(model, obs)
    n_features = len(SIGNATURES[obs].features)
    assert table.shape == (32 if obs == "percepts" else 192, 5)
    np.testing.assert_allclose(table.sum(axis=1), 1, atol=1e-6)
    # A robot before a wall, with a free cell to its left, after turning left.
    observation = np.zeros((1, n_features), np.float32)
    observation[0, [1, 4]] = 1
    row = 2 + 16
    if obs == "percepts+action":
        observation[0, 5 + 1] = 1
        row += 32 * 2
    seen, _ = model.policy.obs_to_tensor(observation)
    with torch.no_grad():
        expected = model.policy.get_distribution(seen).distribution.probs[0]
    np.testing.assert_allclose(table[row], expected.numpy(), atol=1e-6)


def test_draws_follow_the_probabilities() -> None:
    table = np.tile([0.1, 0.2, 0.3, 0.0, 0.4], (32, 1))
    worlds = sample_worlds("Karel-Seeder-v0", 4000, seed=1)
    where = task_of("Karel-Seeder-v0"), worlds, 0, 1
    returns, lengths, solved = run_table(Table(table, False), False, *where)
    # The first marker put on a cell is worth 1/36.
    assert (returns > 0).mean() == pytest.approx(0.4, abs=0.03)
    assert lengths.tolist() == [1] * 4000
    assert not solved.any()


@pytest.mark.parametrize("greedy", [False, True])
def test_a_masked_table_takes_no_useless_action(greedy: bool) -> None:
    # In Seeder there is no marker to be picked; the first one put on a cell is worth 1/36.
    table = np.tile([0.0, 0.0, 0.0, 0.9, 0.1], (32, 1))
    where = task_of("Karel-Seeder-v0"), sample_worlds("Karel-Seeder-v0", 1000, seed=1), 0, 1
    masked = run_table(Table(table, True), greedy, *where).returns
    np.testing.assert_allclose(masked, 1 / 36)
    unmasked = run_table(Table(table, False), greedy, *where).returns
    assert (unmasked > 0).mean() == pytest.approx(0 if greedy else 0.1, abs=0.03)


def test_a_masked_policys_draws_have_its_distribution(tmp_path: Path) -> None:
    trained("maskable_ppo", "percepts", tmp_path)
    plain, compiled = (
        evaluate_episodes(
            tmp_path, "Karel-Harvester-v0", 1000, 1, deterministic=False, compiled=compiled
        )
        for compiled in (False, True)
    )
    spread = np.hypot(plain["return"].std(), compiled["return"].std()) / 1000**0.5
    assert spread > 0
    assert abs(plain["return"].mean() - compiled["return"].mean()) < 4 * spread


def test_an_episode_is_the_same_however_many_there_are() -> None:
    def run(n: int, seed: int) -> Any:
        table = Table(np.full((192, 5), 0.2), False)
        return run_table(table, False, task_of(MAZE), sample_worlds(MAZE, n, seed=2), seed, 50)

    few, many, other = run(3, 3), run(300, 3), run(300, 4)
    for a, b in zip(few, many, strict=True):
        assert a.tolist() == b[:3].tolist()
    assert many[1].tolist() != other[1].tolist()


def test_a_tree_remembers_the_previous_action_in_large_worlds() -> None:
    tree = TreePolicy(TreeProgram.parse(TREE, SIGNATURES["percepts+action"]))
    tables = [evaluate_episodes(tree, MAZE, 20, 1, 10, 10, compiled=t) for t in (False, True)]
    assert tables[0]["length"].tolist() == tables[1]["length"].tolist()
    # It keeps a wall at its left, and so comes to every cell of a maze.
    large = evaluate_episodes(tree, MAZE, 3, 1, 60, 60, compiled=True)
    assert large["return"].tolist() == [1, 1, 1]


@pytest.mark.parametrize("algo", ALGORITHMS)
def test_only_what_remembers_nothing_is_a_table(algo: str, tmp_path: Path) -> None:
    trained(algo, "percepts", tmp_path)
    model = load(tmp_path)
    value_based = algo in ("dqn", "qrdqn")
    is_table = algo != "ppo_lstm"
    assert has_table(model, deterministic=True) == is_table
    assert has_table(model, deterministic=False) == (is_table and not value_based)
    assert not has_table(contestants("random")[0].policy, deterministic=True)
