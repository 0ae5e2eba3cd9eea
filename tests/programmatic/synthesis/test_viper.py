"""VIPER: the weights of states, the data set, and the trees that come out."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sb3_contrib import RecurrentPPO

from agents.morl.models import new_model
from karel_gym.envs.sb3 import make_sb3_vec_env
from programmatic.synthesis.episodes import episode_returns, roll_out
from programmatic.synthesis.settings import WEIGHTINGS, ViperConfig
from programmatic.synthesis.viper import DataSet, viper
from programmatic.synthesis.weighting import oracle_actions, q_values, state_weights
from programmatic.trees.policy import TreePolicy
from tests.programmatic.trees.linear_oracles import (
    CARTPOLE,
    TOWARDS_RIGHT,
    VALUES,
    balancer,
    cartpole,
)

SHORT: dict[str, Any] = {"iterations": 4, "rollouts": 5, "max_depth": 5, "evaluation_episodes": 10}
ORACLES = [("dqn", "values"), ("qrdqn", "values"), *(("ppo", name) for name in WEIGHTINGS)]


@pytest.mark.parametrize(("algo", "weighting"), ORACLES)
def test_a_tree_balances_as_its_oracle_does(algo: str, weighting: Any) -> None:
    env = cartpole()
    oracle = balancer(algo, env)
    rows: list[dict[str, Any]] = []
    config = ViperConfig(weighting=weighting, seed=3, **SHORT)
    result = viper(oracle, env, config, rows.append)
    assert rows == result.iterations
    assert [row["iteration"] for row in rows] == [0, 1, 2, 3]
    assert result.mean_return == max(row["mean_return"] for row in rows)
    assert result.program.depth <= 5
    fresh = episode_returns(TreePolicy(result.program), CARTPOLE, 50, seed=999)
    assert fresh.mean() >= 190
    again = viper(oracle, cartpole(), config)
    assert again.program == result.program
    assert again.iterations == rows


def test_rows_tell_of_the_trees() -> None:
    env = cartpole()
    oracle = balancer("dqn", env)
    result = viper(oracle, env, ViperConfig(**SHORT | {"iterations": 1}))
    (row,) = result.iterations
    assert row["samples"] == 5 * 200, "the oracle's own episodes last to the end"
    assert row["depth"] == result.program.depth
    assert row["leaves"] == len(result.program.leaves)
    assert 0.5 < row["fidelity"] < 1
    few = viper(oracle, env, ViperConfig(**SHORT | {"max_leaf_nodes": 3}))
    assert max(row["leaves"] for row in few.iterations) <= 3


def test_later_iterations_learn_in_the_states_that_the_tree_visits() -> None:
    env = cartpole()
    oracle = balancer("dqn", env)
    result = viper(oracle, env, ViperConfig(**SHORT | {"max_leaf_nodes": 2}))
    added = np.diff([0, *(row["samples"] for row in result.iterations)])
    assert added[0] == 1000
    assert (added[1:] < 1000).any(), "a single test does not balance the pole for long"


def test_weights_of_action_values() -> None:
    env = cartpole()
    states = roll_out(balancer("ppo", env), env, 2, seed=0, deterministic=False).observations
    expected = 2 * np.abs(states @ TOWARDS_RIGHT.numpy())
    for algo in ("dqn", "qrdqn"):
        weights = state_weights(balancer(algo, env), states, "values")
        np.testing.assert_allclose(weights, expected, atol=1e-5)
    weights = state_weights(balancer("ppo", env), states, "log_probs")
    np.testing.assert_allclose(weights, 10 * expected, atol=1e-4)
    np.testing.assert_array_equal(state_weights(None, states, "none"), 1)


def test_weights_of_a_critic_look_one_step_ahead() -> None:
    env = cartpole()
    oracle: Any = balancer("trpo", env)
    oracle.gamma = 0.9
    shaky = new_model("ppo", env, seed=1)
    seen = roll_out(shaky, env, 6, seed=0, deterministic=False, look_ahead=True)
    q = q_values(oracle, seen.observations, seen.look_ahead)
    ends = np.append(np.diff(seen.episodes) != 0, True)
    rows = np.arange(len(ends))
    following = seen.next_observations @ VALUES.numpy()
    expected = seen.rewards + 0.9 * np.where(ends, 0.0, following)
    assert not seen.truncated.any(), "all poles fall"
    np.testing.assert_allclose(q[rows, seen.actions], expected, rtol=1e-4, atol=1e-4)
    weights = state_weights(oracle, seen.observations, "values", seen.look_ahead)
    np.testing.assert_allclose(weights, q.max(axis=1) - q.min(axis=1))


def test_states_are_drawn_by_weight() -> None:
    data = DataSet()
    weights = np.array([0.0, 1.0, 3.0])
    for _ in range(1000):
        data.add(np.arange(3.0)[:, None], np.arange(3), weights)
    observations, actions = data.sample(2000, np.random.default_rng(0))
    np.testing.assert_array_equal(observations[:, 0], actions)
    assert np.bincount(actions, minlength=3)[0] == 0
    assert np.mean(actions == 2) == pytest.approx(0.75, abs=0.04)
    assert len(data.sample(10_000, np.random.default_rng(0))[0]) == len(data) == 3000
    weightless = DataSet()
    weightless.add(np.zeros((4, 1)), np.arange(4), np.zeros(4))
    assert len(weightless.sample(4, np.random.default_rng(0))[0]) == 4


@pytest.mark.parametrize(
    ("env_id", "algo", "options"),
    [
        ("MountainCar-v0", "dqn", {}),
        ("Acrobot-v1", "ppo", {"max_episode_steps": 50}),
        ("Karel-Harvester-v0", "ppo", {}),
        ("Karel-Maze-v1", "qrdqn", {}),
    ],
)
def test_any_env_with_flat_observations(env_id: str, algo: str, options: dict[str, Any]) -> None:
    env = make_sb3_vec_env(env_id, 3, seed=0, **options)
    oracle = new_model(algo, env, seed=2)
    config = ViperConfig(iterations=2, rollouts=3, evaluation_episodes=3, max_depth=6)
    result = viper(oracle, env, config)
    assert result.program.signature == env.signature
    assert set(result.program.signature.feature_names) == set(env.signature.feature_names)
    states = roll_out(TreePolicy(result.program), env, 3, seed=5).observations
    agreement = result.program.act(states) == oracle_actions(oracle, states)
    assert agreement.mean() > 0.8


def test_says_which_oracles_it_cannot_use() -> None:
    env = cartpole(2)
    remembers = RecurrentPPO("MlpLstmPolicy", env, device="cpu")
    with pytest.raises(ValueError, match="RecurrentPPO has a memory"):
        viper(remembers, env, ViperConfig(**SHORT))
    with pytest.raises(ValueError, match="DQN has none: use 'values' or 'none'"):
        viper(balancer("dqn", env), env, ViperConfig(weighting="log_probs"))
    program = viper(balancer("dqn", env), env, ViperConfig(**SHORT)).program
    with pytest.raises(ValueError, match="TreePolicy has neither: use 'log_probs' or 'none'"):
        viper(TreePolicy(program), env, ViperConfig())
    same = viper(TreePolicy(program), env, ViperConfig(weighting="none", **SHORT))
    assert same.iterations[0]["fidelity"] > 0.9


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"iterations": 0}, "iterations must be a whole number from 1 up, got 0"),
        ({"max_depth": 65}, "max_depth must be at most 64, got 65"),
        ({"max_leaf_nodes": 1}, "max_leaf_nodes must be a whole number from 2 up"),
        ({"weighting": "q"}, "weighting must be one of values, log_probs, none, got 'q'"),
        ({"seed": -1}, "seed must be a whole number from 0 up"),
    ],
)
def test_options_that_cannot_be(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        ViperConfig(**options)
