"""Compiled rollouts of tree programs: their returns are those of the environment."""

from __future__ import annotations

from typing import Any

import gymnasium
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import karel_gym  # noqa: F401 (registers the ids)
from karel_gym.envs.cartpole import SIGNATURE
from karel_gym.simulation.cartpole import sample_states
from programmatic.trees.policy import TreePolicy
from programmatic.trees.program import Leaf, Split, TreeProgram
from programmatic.trees.rollouts import rollout_returns
from tests.programmatic.trees.trees import PERCEPTS, tree_programs

LEFT = TreeProgram(Leaf(0), SIGNATURE)
FOLLOW = TreeProgram.parse("if pole_angle <= 0: left\nelse: right", SIGNATURE)
STEADY = TreeProgram.parse(
    """
if pole_angular_velocity > 0.3: right
elif pole_angular_velocity <= -0.3: left
elif pole_angle > 0: right
else: left
""",
    SIGNATURE,
)


def returns_in_env(program: TreeProgram, starts: Any, **options: Any) -> list[float]:
    env = gymnasium.make("CartPole-MORL-v0", **options)
    policy, returns = TreePolicy(program), []
    for start in starts:
        observation, _ = env.reset(options={"state": start})
        total, ended = 0.0, False
        while not ended:
            action, _ = policy.predict(observation)
            observation, reward, terminated, truncated, _ = env.step(int(action))
            total += float(reward)
            ended = terminated or truncated
        returns.append(total)
    return returns


def test_returns_are_those_of_stepping_the_environment() -> None:
    starts = sample_states(12, seed=3)
    programs = [LEFT, FOLLOW, STEADY]
    returns = rollout_returns(programs, starts)
    assert returns.shape == (3, 12)
    np.testing.assert_array_equal(returns, [returns_in_env(one, starts) for one in programs])
    assert returns[2].mean() == 200
    assert 9 <= returns[0].mean() < 11


@settings(max_examples=15)
@given(st.lists(tree_programs(SIGNATURE, 6), min_size=1, max_size=3), st.integers(0, 1000))
def test_any_programs_returns_are_those_of_the_environment(
    programs: list[TreeProgram], seed: int
) -> None:
    starts = sample_states(3, seed)
    expected = [returns_in_env(one, starts) for one in programs]
    np.testing.assert_array_equal(rollout_returns(programs, starts), expected)


def test_programs_see_what_float32_can_tell() -> None:
    start = np.array([[0.0, 0.0, 0.01 + 1e-12, 0.0]])
    threshold = float(np.float32(0.01))
    assert start[0, 2] > 0.01 > threshold
    program = TreeProgram(Split(2, threshold, Leaf(0), Leaf(1)), SIGNATURE)
    np.testing.assert_array_equal(
        rollout_returns([program], start, max_steps=40)[0],
        returns_in_env(program, start, max_steps=40),
    )


@pytest.mark.parametrize("max_steps", [1, 25, 500])
def test_the_horizon_ends_an_episode(max_steps: int) -> None:
    starts = sample_states(2, seed=0)
    returns = rollout_returns([STEADY, FOLLOW], starts, max_steps)
    np.testing.assert_array_equal(
        returns, [returns_in_env(one, starts, max_steps=max_steps) for one in (STEADY, FOLLOW)]
    )
    assert returns[0].tolist() == [max_steps, max_steps]


def test_a_return_depends_on_its_program_and_start_alone() -> None:
    starts = sample_states(300, seed=1)
    together = rollout_returns([FOLLOW, LEFT, FOLLOW], starts)
    np.testing.assert_array_equal(together[0], together[2])
    np.testing.assert_array_equal(together[0, ::-1], rollout_returns([FOLLOW], starts[::-1])[0])
    np.testing.assert_array_equal(together[1, :5], rollout_returns([LEFT], starts[:5])[0])


@pytest.mark.parametrize(
    ("starts", "max_steps", "told"),
    [
        (np.zeros(4), 200, r"shape \(E, 4\), for cart_position, .* got \(4,\)"),
        (np.zeros((2, 3)), 200, r"got \(2, 3\)"),
        (np.full((1, 4), np.nan), 200, "must be finite"),
        (np.zeros((1, 4)), 0, "max_steps must be at least 1, got 0"),
    ],
)
def test_bad_starts_and_horizons_are_refused(starts: Any, max_steps: int, told: str) -> None:
    with pytest.raises(ValueError, match=told):
        rollout_returns([FOLLOW], starts, max_steps)


def test_a_program_for_something_else_is_refused() -> None:
    karel = TreeProgram(Leaf(0), PERCEPTS, "turner")
    with pytest.raises(
        ValueError, match=r"turner is not a program for CartPole-MORL: .*frontIsClear"
    ):
        rollout_returns([FOLLOW, karel], np.zeros((1, 4)))
    with pytest.raises(ValueError, match="no program to run"):
        rollout_returns([], np.zeros((1, 4)))
    with pytest.raises(TypeError, match=r"programs\[1\] must be a TreeProgram, got str"):
        rollout_returns([FOLLOW, "left"], np.zeros((1, 4)))  # type: ignore[list-item]
