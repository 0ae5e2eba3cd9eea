"""Decision trees of scikit-learn as tree programs."""

from __future__ import annotations

from typing import Any

import numpy as np

from karel_gym.envs.signature import Signature
from programmatic.trees.nodes import MAX_DEPTH, Leaf, Node, Split
from programmatic.trees.program import TreeProgram

NO_CHILD = -1  # in scikit-learn's arrays of children


def from_sklearn(classifier: Any, signature: Signature, name: str = "program") -> TreeProgram:
    """The tree program that acts as a classifier predicts.

    scikit-learn rounds states to float32 and compares them with float64 thresholds, so both agree
    exactly on float32 observations, the type of Gymnasium's environments.

    Args:
        classifier: A fitted `sklearn.tree.DecisionTreeClassifier`; the columns of its data are the
            signature's features, its classes are action numbers.

    Raises:
        TypeError: The classifier is not a fitted decision tree.
        ValueError: It was fitted to another number of features, to several outputs, or to classes
            that are not action numbers, or it is deeper than `MAX_DEPTH`.
    """
    tree = getattr(classifier, "tree_", None)
    if tree is None or not hasattr(classifier, "classes_"):
        kind = type(classifier).__name__
        raise TypeError(f"expected a DecisionTreeClassifier that has been fitted, got a {kind}")
    if tree.n_outputs != 1:
        raise ValueError(f"the classifier has {tree.n_outputs} outputs; a program has one")
    if tree.n_features != len(signature.features):
        raise ValueError(
            f"the classifier was fitted to {tree.n_features} features, the signature has "
            f"{len(signature.features)}: {', '.join(signature.feature_names)}"
        )
    if tree.max_depth > MAX_DEPTH:
        raise ValueError(
            f"the classifier is {tree.max_depth} deep, a program at most {MAX_DEPTH}: fit it with "
            "max_depth"
        )
    classes = np.asarray(classifier.classes_)
    if not np.issubdtype(classes.dtype, np.integer):
        raise ValueError(f"the classes must be action numbers, got {classes.tolist()}")
    actions = classes[tree.value[:, 0, :].argmax(axis=1)]  # (nodes,)

    def convert(i: int) -> Node:
        if tree.children_left[i] == NO_CHILD:
            return Leaf(actions[i])
        low, high = convert(tree.children_left[i]), convert(tree.children_right[i])
        return Split(tree.feature[i], tree.threshold[i], low, high)

    return TreeProgram(convert(0), signature, name)
