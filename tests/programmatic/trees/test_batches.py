"""Compiled trees and the policy made of one: they act as the tree says."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from programmatic.trees.batches import act_batch, compile_trees
from programmatic.trees.policy import TreePolicy
from programmatic.trees.program import Leaf, Split, TreeProgram
from tests.programmatic.trees.trees import (
    CARTPOLE,
    PERCEPTS,
    SIGNATURES,
    action_of,
    states_around,
    tree_programs,
)

LEANING = TreeProgram(Split(2, 0.0, Leaf(0), Leaf(1)), CARTPOLE)


@settings(max_examples=40)
@given(st.data(), st.integers(0, 2**32 - 1))
def test_many_trees_act_as_each_does(data: st.DataObject, seed: int) -> None:
    signature = data.draw(st.sampled_from(SIGNATURES))
    programs = data.draw(st.lists(tree_programs(signature), min_size=1, max_size=5))
    states = np.concatenate([states_around(program, 10, seed) for program in programs])
    actions = act_batch(compile_trees([program.root for program in programs]), signature, states)
    assert actions.dtype == np.int64
    expected = [[action_of(program.root, state) for state in states] for program in programs]
    np.testing.assert_array_equal(actions, expected)
    np.testing.assert_array_equal(programs[0].act(states), expected[0])


def test_a_batch_larger_than_a_threads_share_is_complete() -> None:
    states = np.random.default_rng(0).normal(size=(5000, 4)).astype(np.float32)
    actions = act_batch(compile_trees([LEANING.root, Leaf(1)]), CARTPOLE, states)
    np.testing.assert_array_equal(actions[0], states[:, 2] > 0)
    assert (actions[1] == 1).all()
    assert act_batch(compile_trees([LEANING.root]), CARTPOLE, states[:0]).shape == (1, 0)


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int8])
def test_the_policy_predicts_one_action_or_many(dtype: Any) -> None:
    program = TreeProgram.parse("if frontIsClear: move\nelse: turnRight", PERCEPTS)
    policy = TreePolicy(program)
    states = np.array([[1, 0, 0], [0, 1, 1]], dtype=dtype)
    actions, state = policy.predict(states, None, np.array([True, False]), deterministic=False)
    assert actions.tolist() == [0, 2]
    assert state is None
    one, _ = policy.predict(states[1])
    assert one.shape == ()
    assert one.dtype == actions.dtype == np.int64
    assert int(one) == 2


@pytest.mark.parametrize("shape", [(3,), (2, 3), (0,), (1, 2, 4)])
def test_states_of_another_shape_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"must be of shape \(N, 4\), for cart_position, "):
        LEANING.act(np.zeros(shape))
    with pytest.raises(ValueError, match=r"must be of shape \(N, 4\)"):
        TreePolicy(LEANING).predict(np.zeros(shape))


def test_a_state_that_is_nan_is_refused() -> None:
    states = np.zeros((3, 4))
    states[1, 2] = np.nan
    with pytest.raises(ValueError, match="pole_angle is NaN in observation 1"):
        LEANING.act(states)
    with pytest.raises(ValueError, match="pole_angle is NaN"):
        TreePolicy(LEANING).predict(states[1])
