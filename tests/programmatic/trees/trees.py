"""Signatures, and hypothesis strategies of tree programs and of states near their thresholds."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import strategies as st
from numpy.typing import NDArray

from karel_gym.envs.signature import Feature, Signature
from programmatic.trees.program import Leaf, Node, Split, TreeProgram

CARTPOLE = Signature(
    (
        Feature("cart_position", "m", -4.8, 4.8),
        Feature("cart_velocity", "m/s"),
        Feature("pole_angle", "rad", -0.418, 0.418),
        Feature("pole_angular_velocity", "rad/s"),
    ),
    ("left", "right"),
)
PERCEPTS = Signature(
    tuple(
        Feature(name, "", 0, 1, True) for name in ("frontIsClear", "leftIsClear", "rightIsClear")
    ),
    ("move", "turnLeft", "turnRight"),
)
MIXED = Signature(
    (Feature("height", "m", 0, 1), Feature("open", boolean=True, low=0, high=1), Feature("x")),
    ("wait", "go", "stop"),
)
SIGNATURES = (CARTPOLE, PERCEPTS, MIXED)
FEW_THRESHOLDS = (-1.0, -0.0, 0.0, 0.25, 0.5, 1.0)  # so that tests repeat and contradict each other


def nodes(signature: Signature, max_splits: int = 12) -> st.SearchStrategy[Node]:
    """Trees of at most this many splits, in all shapes."""
    leaf = st.integers(0, len(signature.actions) - 1).map(Leaf)
    feature = st.integers(0, len(signature.features) - 1)
    threshold = st.sampled_from(FEW_THRESHOLDS) | st.floats(allow_nan=False, allow_infinity=False)
    return st.recursive(
        leaf,
        lambda below: st.builds(Split, feature, threshold, below, below),
        max_leaves=max_splits + 1,
    )


@st.composite
def tree_programs(
    draw: st.DrawFn, signature: Signature | None = None, max_splits: int = 12
) -> TreeProgram:
    """Tree programs of this signature, or of any of `SIGNATURES`."""
    signature = signature or draw(st.sampled_from(SIGNATURES))
    return TreeProgram(draw(nodes(signature, max_splits)), signature)


def states_around(program: TreeProgram, n: int, seed: int) -> NDArray[Any]:
    """States on, just beside and between the thresholds of a program: float64, (n, D).

    They are within the features' bounds, and 0 or 1 where a feature is boolean.
    """
    rng = np.random.default_rng(seed)
    columns = []
    for i, feature in enumerate(program.signature.features):
        at = [
            node.threshold
            for _, node in program.nodes()
            if isinstance(node, Split) and node.feature == i
        ]
        with np.errstate(over="ignore"):
            beside = *np.nextafter(at, -np.inf), *np.nextafter(at, np.inf)
        values = np.nan_to_num([*at, *beside, -2.0, 0.0, 2.0])
        if feature.boolean:
            values = np.array([0.0, 1.0])
        columns.append(np.clip(rng.choice(values, n), feature.low, feature.high))
    return np.stack(columns, axis=1)


def action_of(node: Node, state: NDArray[Any]) -> int:
    """The action of a tree in a state, by the plainest way."""
    while isinstance(node, Split):
        node = node.low if state[node.feature] <= node.threshold else node.high
    return node.action
