"""Episodes of a policy in a vector env."""

from __future__ import annotations

import gymnasium
import numpy as np
import pytest
import torch
from stable_baselines3.common.vec_env import DummyVecEnv

from programmatic.synthesis.episodes import discounted_returns, episode_returns, joined, roll_out
from programmatic.trees.policy import TreePolicy
from programmatic.trees.program import TreeProgram
from tests.programmatic.trees.linear_oracles import CARTPOLE, balancer, cartpole


def test_episodes_are_those_of_a_single_env_with_their_seeds() -> None:
    env = cartpole(3)
    model = balancer("ppo", env)
    seen = roll_out(model, env, 4, seed=7, deterministic=False)
    single = gymnasium.make(CARTPOLE)
    for i in range(4):
        mine = seen.episodes == i
        observation, _ = single.reset(seed=7 + i)
        for t, action in enumerate(seen.actions[mine]):
            np.testing.assert_array_equal(seen.observations[mine][t], observation)
            observation, _, terminated, truncated, _ = single.step(action)
            np.testing.assert_array_equal(seen.next_observations[mine][t], observation)
        assert terminated or truncated
        assert seen.truncated[i] == truncated
        assert seen.returns[i] == mine.sum()


def test_the_number_of_places_makes_no_difference() -> None:
    model = balancer("ppo", cartpole(1))
    few, many = (roll_out(model, cartpole(n), 5, seed=1) for n in (2, 8))
    np.testing.assert_array_equal(few.observations, many.observations)
    np.testing.assert_array_equal(few.episodes, many.episodes)
    np.testing.assert_array_equal(few.returns, episode_returns(model, CARTPOLE, 5, seed=1))


def test_drawing_is_by_the_seed_and_leaves_torchs_generator_alone() -> None:
    env = cartpole(4)
    model = balancer("ppo", env)
    torch.manual_seed(3)
    expected = torch.rand(2)
    torch.manual_seed(3)
    first = roll_out(model, env, 4, seed=0, deterministic=False)
    torch.testing.assert_close(torch.rand(2), expected)
    again = roll_out(model, env, 4, seed=0, deterministic=False)
    np.testing.assert_array_equal(first.actions, again.actions)
    certain = roll_out(model, env, 4, seed=0)
    assert len(certain.actions) != len(first.actions) or (certain.actions != first.actions).any()


def test_looking_ahead_tells_of_the_action_taken_what_came() -> None:
    env = cartpole(3)
    seen = roll_out(balancer("ppo", env), env, 3, seed=2, look_ahead=True)
    assert seen.look_ahead is not None
    rows = np.arange(len(seen.actions))
    taken = seen.look_ahead.observations[rows, seen.actions]
    np.testing.assert_array_equal(taken, seen.next_observations)
    np.testing.assert_array_equal(seen.look_ahead.rewards[rows, seen.actions], seen.rewards)


def test_joined_rollouts_are_numbered_on() -> None:
    env = cartpole(2)
    model = balancer("ppo", env)
    parts = [roll_out(model, env, 2, seed) for seed in (0, 2)]
    whole = roll_out(model, env, 4, seed=0)
    both = joined(parts)
    np.testing.assert_array_equal(both.episodes, whole.episodes)
    np.testing.assert_array_equal(both.next_observations, whole.next_observations)
    np.testing.assert_array_equal(both.returns, whole.returns)


def test_returns_are_discounted_within_episodes() -> None:
    env = cartpole(max_steps=30)
    seen = roll_out(balancer("ppo", env), env, 3, seed=0)
    assert seen.truncated.all()
    # One for each step for ever, as the cut-off episodes would have gone on.
    np.testing.assert_allclose(discounted_returns(seen, 0.9), 1 / (1 - 0.9))
    np.testing.assert_allclose(discounted_returns(seen, 1.0), np.tile(np.arange(30, 0, -1), 3))
    faller = TreePolicy(
        TreeProgram.parse("if cart_position <= 0: right\nelse: left", env.signature)
    )
    falling = roll_out(faller, cartpole(2), 2, seed=0)
    lengths = np.bincount(falling.episodes)
    expected = np.concatenate([(1 - 0.9 ** np.arange(n, 0, -1)) / (1 - 0.9) for n in lengths])
    np.testing.assert_allclose(discounted_returns(falling, 0.9), expected)


def test_says_what_cannot_be_played() -> None:
    env = cartpole(2)
    model = balancer("ppo", env)
    with pytest.raises(ValueError, match="episodes must be at least 1, got 0"):
        roll_out(model, env, 0, seed=0)
    plain = DummyVecEnv([lambda: gymnasium.make("CartPole-v1")])
    with pytest.raises(ValueError, match=r"DummyVecEnv has no look_ahead\(\)"):
        roll_out(model, plain, 1, seed=0, look_ahead=True)
