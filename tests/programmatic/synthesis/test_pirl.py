"""Neurally directed program search: its sketches, neighbors, and the programs that it finds."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import optuna
import pytest

from agents.morl.models import new_model
from karel_gym.envs.sb3 import make_sb3_vec_env
from programmatic.synthesis.episodes import episode_returns
from programmatic.synthesis.pirl import pirl
from programmatic.synthesis.settings import PIRLConfig
from programmatic.synthesis.sketch import (
    Labeled,
    first_sketches,
    imitate,
    neighbors,
    pd_sketch,
    shape,
    threshold_sketch,
)
from programmatic.trees.nodes import Leaf, Node, Split, walk
from programmatic.trees.policy import TreePolicy
from programmatic.trees.program import TreeProgram
from tests.programmatic.trees.linear_oracles import CARTPOLE as CARTPOLE_ID
from tests.programmatic.trees.linear_oracles import balancer, cartpole
from tests.programmatic.trees.trees import CARTPOLE, MIXED

SHORT: dict[str, Any] = {"iterations": 3, "rollouts": 3, "trials": 12, "pool_size": 3}
SHORT |= {"refinements": 8, "evaluation_episodes": 10, "max_samples": 500}
THREE = Split(0, 0.0, Leaf(0), Split(2, 1.0, Leaf(0), Leaf(1)))


def labelled(n: int = 300, seed: int = 0) -> Labeled:
    rng = np.random.default_rng(seed)
    return Labeled(rng.normal(size=(n, 4)), rng.integers(0, 2, n), 2)


def n_right(root: Node, data: Labeled) -> int:
    program = TreeProgram(root, CARTPOLE)
    return int((program.act(data.states) == data.actions).sum())


def n_leaves(root: Node) -> int:
    return sum(isinstance(node, Leaf) for _, node in walk(root))


def test_leaves_imitate_as_well_as_any_could() -> None:
    data = labelled()
    filled, right = imitate(THREE, data)
    assert right == n_right(filled, data)
    others = [
        Split(0, 0.0, Leaf(a), Split(2, 1.0, Leaf(b), Leaf(c)))
        for a, b, c in itertools.product((0, 1), repeat=3)
    ]
    assert right == max(n_right(other, data) for other in others)


def test_a_leaf_that_no_state_comes_to_acts_as_the_split_above() -> None:
    data = Labeled(np.array([[1.0, 0, 0, 0]] * 3), np.array([1, 1, 0]), 2)
    filled, right = imitate(Split(0, 0.0, Leaf(0), Leaf(0)), data)
    assert filled == Split(0, 0.0, Leaf(1), Leaf(1))
    assert right == 2


def test_thresholds_are_the_holes_but_for_boolean_features() -> None:
    root = Split(1, 0.5, Split(2, 3.0, Leaf(0), Leaf(1)), Split(0, 0.25, Leaf(1), Leaf(2)))
    sketch = threshold_sketch(root, MIXED, np.array([0.5, 0.5, 2.0]))
    assert sketch.holes == [(1.0, 5.0), (-0.25, 0.75)]
    assert sketch.start is not None
    assert sketch.start == [3.0, 0.25]
    assert sketch.fill(sketch.start) == root
    moved = Split(1, 0.5, Split(2, 1.5, Leaf(0), Leaf(1)), Split(0, 0.5, Leaf(1), Leaf(2)))
    assert sketch.fill([1.5, 0.5]) == moved


@pytest.mark.parametrize("slope", [-2.0, 0.5, 3.0])
def test_stairs_follow_the_line_of_a_pd_condition(slope: float) -> None:
    rng = np.random.default_rng(1)
    states = rng.normal(size=(4000, 4)) * [1, 5, 0.1, 2] + [0, 1, 3, -1]
    z = (states - states.mean(axis=0)) / states.std(axis=0)
    is_above = z[:, 3] + slope * z[:, 2] > 0.2
    data = Labeled(states, is_above.astype(np.int64), 2)
    shares = []
    for segments in (1, 4, 16):
        filled, right = imitate(
            pd_sketch(2, 3, states, segments).fill([np.arctan(slope), 0.2]), data
        )
        assert n_leaves(filled) == 2 * segments
        assert right == n_right(filled, data)
        shares.append(right / len(data))
    assert shares == sorted(shares)
    assert shares[-1] > 0.93


def test_neighbors_differ_by_one_test() -> None:
    cuts = [[-0.5, 0.5], [], [2.0], [7.0]]
    found = list(neighbors(THREE, cuts, max_leaves=4))
    assert len(found) == len(set(found))
    assert {n_leaves(root) for root in found} == {1, 2, 3, 4}
    assert Split(0, 0.0, Leaf(0), Leaf(1)) in found, "a test less"
    assert Split(0, 0.0, Leaf(0), Split(3, 7.0, Leaf(0), Leaf(1))) in found, "another test"
    more = Split(3, 7.0, Leaf(0), Leaf(0))
    assert Split(0, 0.0, more, THREE.high) in found, "a test more"
    assert THREE not in found
    assert all(n_leaves(root) <= 3 for root in neighbors(THREE, cuts, max_leaves=3))


def test_shapes_leave_numbers_and_actions_out() -> None:
    assert shape(THREE) == shape(Split(0, 9.0, Leaf(1), Split(2, 8.0, Leaf(1), Leaf(1))))
    assert shape(THREE) != shape(Split(0, 9.0, Split(2, 8.0, Leaf(1), Leaf(1)), Leaf(1)))


def test_the_first_sketches_leave_constant_and_boolean_features_be() -> None:
    states = np.random.default_rng(0).normal(size=(50, 3))
    states[:, 1] = states[:, 0] > 0
    sketches = first_sketches(MIXED, Labeled(states, np.zeros(50, np.int64), 3), 4)
    roots = [sketch.fill(sketch.start or [0.0, 0.0]) for sketch in sketches]
    features = [
        {node.feature for _, node in walk(root) if isinstance(node, Split)} for root in roots
    ]
    assert features == [{0}, {1}, {2}, {0, 2}]
    states[:, 2] = 4.0
    sketches = first_sketches(MIXED, Labeled(states, np.zeros(50, np.int64), 3), 4)
    assert len(sketches) == 2


def test_a_program_balances_as_its_oracle_does() -> None:
    env = cartpole()
    oracle = balancer("ppo", env)
    verbosity = optuna.logging.get_verbosity()
    rows: list[dict[str, Any]] = []
    result = pirl(oracle, env, PIRLConfig(seed=1, **SHORT), rows.append)
    assert optuna.logging.get_verbosity() == verbosity
    assert rows == result.iterations
    assert rows[-1]["phase"] == "refinement"
    assert {row["phase"] for row in rows[:-1]} == {"imitation"}
    assert all(row["leaves"] <= 8 for row in rows)
    assert np.diff([row["evaluations"] for row in rows]).min() > 0
    assert result.mean_return == max(row["mean_return"] for row in rows)
    fresh = episode_returns(TreePolicy(result.program), CARTPOLE_ID, 50, seed=999)
    assert fresh.mean() >= 190
    again = pirl(oracle, cartpole(), PIRLConfig(seed=1, **SHORT))
    assert again.program == result.program
    assert again.iterations == rows


def test_refinement_is_for_the_return() -> None:
    env = cartpole()
    hasty = new_model("ppo", env, seed=4)  # untrained: whoever imitates it falls
    config = PIRLConfig(**SHORT | {"iterations": 1, "refinements": 40, "max_leaves": 8})
    imitated, refined = pirl(hasty, env, config).iterations
    assert imitated["mean_return"] < 150
    assert refined["mean_return"] > imitated["mean_return"]


def test_percepts_are_tested_at_a_half() -> None:
    env = make_sb3_vec_env("Karel-Harvester-v0", 3, seed=0)
    oracle = TreeProgram.parse(
        "if markersPresent <= 0.5:\n"
        "    if frontIsClear <= 0.5: turnLeft\n"
        "    else: move\n"
        "else: pickMarker",
        env.signature,
    )
    result = pirl(TreePolicy(oracle), env, PIRLConfig(**SHORT))
    assert result.iterations[-1]["fidelity"] == 1
    tests = [node for _, node in result.program.nodes() if isinstance(node, Split)]
    assert len(tests) == 2
    assert {test.threshold for test in tests} == {0.5}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"trials": 0}, "trials must be a whole number from 1 up, got 0"),
        ({"max_leaves": 1}, "max_leaves must be a whole number from 2 up, got 1"),
        ({"leaf_cost": -1.0}, "leaf_cost must be a number from 0 to below 1, got -1.0"),
        ({"refinements": -1}, "refinements must be a whole number from 0 up, got -1"),
    ],
)
def test_options_that_cannot_be(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        PIRLConfig(**options)
