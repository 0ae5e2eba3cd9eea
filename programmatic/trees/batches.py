"""Trees as arrays of nodes, and the kernel that runs many trees in many states."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from karel_gym.envs.signature import Signature
from karel_gym.simulation.devices import in_parallel
from karel_gym.simulation.kernels import index, inner, kernel
from programmatic.trees.nodes import Leaf, Node, size, walk

LEAF: Final = -1
"""The feature of a leaf."""
WORTH_THREADS: Final = 500_000
"""The least number of decisions for which several threads are faster than one."""


class CompiledTrees(NamedTuple):
    """The M nodes of K trees, one tree behind the other."""

    feature: NDArray[np.int32]
    """(M,); LEAF at a leaf."""
    threshold: NDArray[np.float64]
    """(M,)."""
    low: NDArray[np.int32]
    """(M,); the index of the node `low`."""
    high: NDArray[np.int32]
    """(M,)."""
    action: NDArray[np.int32]
    """(M,); the action of a leaf."""
    root: NDArray[np.int64]
    """(K,); the index of each tree's root."""


def compile_trees(roots: Sequence[Node]) -> CompiledTrees:
    """The nodes of K trees, given by their roots, as arrays."""
    n_nodes = [size(root) for root in roots]
    total = sum(n_nodes)
    feature, action = np.full(total, LEAF, np.int32), np.zeros(total, np.int32)
    low, high = np.zeros(total, np.int32), np.zeros(total, np.int32)
    threshold = np.zeros(total)
    firsts = np.cumsum([0, *n_nodes[:-1]], dtype=np.int64)
    for first, root in zip(firsts.tolist(), roots, strict=True):
        places = {path: first + i for i, (path, _) in enumerate(walk(root))}
        for path, node in walk(root):
            at = places[path]
            if isinstance(node, Leaf):
                action[at] = node.action
            else:
                feature[at], threshold[at] = node.feature, node.threshold
                low[at], high[at] = places[(*path, False)], places[(*path, True)]
    return CompiledTrees(feature, threshold, low, high, action, firsts)


def act_batch(
    trees: CompiledTrees, signature: Signature, observations: NDArray[Any]
) -> NDArray[np.int64]:
    """The actions of K trees in N states, (N, D): int64, (K, N); ValueError on NaN."""
    states = _as_states(observations, signature)
    actions = np.empty((len(trees.root), len(states)), dtype=np.int64)
    if actions.size < WORTH_THREADS:
        act_part(0, len(states), trees, states, actions)
    else:
        in_parallel(lambda first, last: act_part(first, last, trees, states, actions), len(states))
    return actions


def _as_states(observations: NDArray[Any], signature: Signature) -> NDArray[np.float64]:
    """Observations for the kernels, checked: float64, (N, D)."""
    states = np.ascontiguousarray(observations, dtype=np.float64)
    n_features = len(signature.features)
    if states.ndim != 2 or states.shape[1] != n_features:
        raise ValueError(
            f"observations must be of shape (N, {n_features}), for "
            f"{', '.join(signature.feature_names)}; got {states.shape}"
        )
    if np.isnan(states).any():
        row, column = np.argwhere(np.isnan(states))[0].tolist()
        raise ValueError(f"{signature.feature_names[column]} is NaN in observation {row}")
    return states


@inner
def decide(trees: Any, node: int, state: Any) -> Any:
    """The action of the tree below a node in a state, float64, (D,)."""
    at = index(node)
    while trees.feature[at] != LEAF:
        if state[index(trees.feature[at])] <= trees.threshold[at]:
            at = index(trees.low[at])
        else:
            at = index(trees.high[at])
    return trees.action[at]


@kernel
def act_part(first: int, last: int, trees: Any, states: Any, actions: Any) -> None:
    """Write the actions, int64, (K, N), of all trees in the states `first` to `last - 1`."""
    for i in range(len(trees.root)):
        for j in range(first, last):
            actions[i, j] = decide(trees, trees.root[i], states[j])
