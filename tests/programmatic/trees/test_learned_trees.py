"""Trees of scikit-learn: the programs made of them predict alike."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from karel_gym.envs.signature import Feature, Signature
from programmatic.trees.learned_trees import from_sklearn
from programmatic.trees.nodes import MAX_DEPTH
from programmatic.trees.program import Leaf, Split
from tests.programmatic.trees.trees import CARTPOLE, states_around

FIVE = Signature(tuple(map(Feature, "abcd")), tuple("vwxyz"))


def fitted(seed: int, labels: Any, depth: int | None = None) -> DecisionTreeClassifier:
    """A tree fitted to noisy labels on states that repeat, so that thresholds are hit."""
    rng = np.random.default_rng(seed)
    states = (rng.normal(size=(600, 4)).round(2) / 3).astype(np.float32)
    classes = rng.choice(labels, 600)
    return DecisionTreeClassifier(max_depth=depth, random_state=seed).fit(states, classes)


@pytest.mark.parametrize("depth", [1, 4, None])
@pytest.mark.parametrize("labels", [[0, 1, 2, 3, 4], [3, 1], [4]])
def test_a_learned_tree_predicts_the_same(labels: list[int], depth: int | None) -> None:
    classifier = fitted(len(labels), labels, depth)
    program = from_sklearn(classifier, FIVE, "learned")
    assert program.name == "learned"
    assert program.size == classifier.tree_.node_count
    rng = np.random.default_rng(7)
    states = np.concatenate(
        [
            (rng.normal(size=(20_000, 4)) / 3).astype(np.float32),
            states_around(program, 20_000, 8).astype(np.float32),
        ]
    )
    np.testing.assert_array_equal(program.act(states), classifier.predict(states))


def test_thresholds_between_two_numbers_of_float32_are_kept() -> None:
    value = np.float32(100)
    states = np.array([[value], [np.nextafter(value, np.float32(1))]], dtype=np.float32)
    classifier = DecisionTreeClassifier().fit(states, [0, 1])
    program = from_sklearn(classifier, Signature((Feature("x"),), ("left", "right")))
    assert isinstance(program.root, Split)
    assert program.root.threshold == classifier.tree_.threshold[0]
    np.testing.assert_array_equal(program.act(states), classifier.predict(states))


def test_the_weights_of_states_decide_the_majority() -> None:
    states = np.zeros((3, 4), dtype=np.float32)
    classifier = DecisionTreeClassifier().fit(states, [0, 0, 1], sample_weight=[1, 1, 5])
    assert from_sklearn(classifier, CARTPOLE).root == Leaf(1)


STILL = np.zeros((1, 4), dtype=np.float32)


@pytest.mark.parametrize(
    ("classifier", "told"),
    [
        (DecisionTreeClassifier(), "fitted, got a DecisionTreeClassifier"),
        (DecisionTreeRegressor().fit(STILL, [0]), "got a DecisionTreeRegressor"),
        ("a tree", "got a str"),
    ],
)
def test_what_is_no_fitted_tree_is_refused(classifier: Any, told: str) -> None:
    with pytest.raises(TypeError, match=told):
        from_sklearn(classifier, CARTPOLE)


@pytest.mark.parametrize(
    ("states", "classes", "told"),
    [
        (STILL[:, :1], [0], "fitted to 1 features, the signature has 4: cart_position, "),
        (STILL, [[0, 1]], "2 outputs; a program has one"),
        (STILL, [2], "action 2 at root is none of the 2: left, right"),
        (STILL, [-1], "action -1 at root is none of the 2"),
        (STILL, ["left"], r"must be action numbers, got \['left'\]"),
    ],
)
def test_a_tree_of_something_else_is_refused(states: Any, classes: Any, told: str) -> None:
    classifier = DecisionTreeClassifier().fit(states, classes)
    with pytest.raises(ValueError, match=told):
        from_sklearn(classifier, CARTPOLE)


def test_a_tree_that_is_too_deep_is_refused() -> None:
    n = 2 * MAX_DEPTH
    states = np.pad(np.arange(n, dtype=np.float32)[:, None], ((0, 0), (0, 3)))
    weights = 0.5 ** np.arange(n)  # so that each split takes one state away
    chain = DecisionTreeClassifier().fit(states, np.arange(n) % 2, sample_weight=weights)
    with pytest.raises(ValueError, match="deep, a program at most 64: fit it with max_depth"):
        from_sklearn(chain, CARTPOLE)
