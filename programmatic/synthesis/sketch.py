"""Sketches (PIRL, Verma et al., ICML 2018) as tree programs with holes; neighbors of a tree."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from karel_gym.envs.signature import Signature
from programmatic.trees.nodes import Leaf, Node, Split, walk

STEEPEST = 1.5  # rad; the steepest slope of a PD condition, in standard deviations of both features
FARTHEST = 2.0  # standard deviations; how far from the mean a PD condition may lie
TO_FILL = Leaf(0)
"""A leaf whose action is still to be chosen; see `imitate`."""


@dataclass(frozen=True)
class Labeled:
    """States, float64, (S, D), with the actions that an oracle takes there, int64, (S,)."""

    states: NDArray[np.float64]
    actions: NDArray[np.int64]
    n_actions: int

    def __len__(self) -> int:
        return len(self.actions)

    def rows(self, which: NDArray[np.bool_]) -> Labeled:
        """The states of a mask, bool, (S,)."""
        return replace(self, states=self.states[which], actions=self.actions[which])


def imitate(node: Node, data: Labeled, default: int = 0) -> tuple[Node, int]:
    """A tree with the leaf actions that agree with most of the data, and the number that agree.

    A leaf that no state reaches gets the most frequent action at the split above, or `default`.
    """
    counts = np.bincount(data.actions, minlength=data.n_actions)
    most = int(counts.argmax()) if len(data) else default
    if isinstance(node, Leaf):
        return Leaf(most), int(counts[most])
    is_low = data.states[:, node.feature] <= node.threshold
    low, right_low = imitate(node.low, data.rows(is_low), most)
    high, right_high = imitate(node.high, data.rows(~is_low), most)
    return Split(node.feature, node.threshold, low, high), right_low + right_high


@dataclass(frozen=True)
class Sketch:
    """A shape of trees with holes for numbers."""

    holes: list[tuple[float, float]]
    """The least and the greatest number of each hole."""
    fill: Callable[[Sequence[float]], Node]
    """Makes the tree with these numbers in the holes."""
    start: list[float] | None = None
    """The numbers to try first; None: any."""


def threshold_sketch(root: Node, signature: Signature, reach: NDArray[np.float64]) -> Sketch:
    """A tree whose thresholds, except of boolean features, are holes that move by `reach`, (D,).

    There is one hole per split, a split before its branches, `low` before `high`.
    """

    def is_hole(split: Split) -> bool:
        return not signature.features[split.feature].boolean and reach[split.feature] > 0

    def fill(numbers: Sequence[float]) -> Node:
        waiting = iter(numbers)

        def filled(node: Node) -> Node:
            if isinstance(node, Leaf):
                return node
            threshold = next(waiting) if is_hole(node) else node.threshold
            low = filled(node.low)
            return Split(node.feature, threshold, low, filled(node.high))

        return filled(root)

    splits = [node for _, node in walk(root) if isinstance(node, Split) and is_hole(node)]
    start = [split.threshold for split in splits]
    far = [reach[split.feature] for split in splits]
    holes = [(middle - by, middle + by) for middle, by in zip(start, far, strict=True)]
    return Sketch(holes, fill, start)


def pd_sketch(x: int, y: int, states: NDArray[np.float64], segments: int) -> Sketch:
    """A condition kp x + kd y <= c of two features, as of a PD controller, as a tree.

    The line becomes stairs: x is split into `segments` parts with equally many of the states,
    (S, D), and each part compares y with the line's height in its middle. The holes are the line's
    slope, as an angle, and its offset, in standard deviations.
    """
    mean, deviation = states.mean(axis=0), states.std(axis=0)
    # Cuts and middles of the segments take turns.
    points = np.quantile(states[:, x], np.arange(1, 2 * segments) / 2 / segments)

    def fill(numbers: Sequence[float]) -> Node:
        angle, offset = numbers

        def stairs(first: int, last: int) -> Node:
            if last - first == 1:
                middle = (points[2 * first] - mean[x]) / deviation[x]
                height = offset - math.tan(angle) * middle
                return Split(y, mean[y] + deviation[y] * height, TO_FILL, TO_FILL)
            between = (first + last) // 2
            low, high = stairs(first, between), stairs(between, last)
            return Split(x, points[2 * between - 1], low, high)

        return stairs(0, segments)

    return Sketch([(-STEEPEST, STEEPEST), (-FARTHEST, FARTHEST)], fill)


def first_sketches(signature: Signature, data: Labeled, segments: int) -> list[Sketch]:
    """A test of each feature, and a PD condition of each pair, without constant features."""
    deviation = data.states.std(axis=0)
    varying = np.flatnonzero(deviation > 0).tolist()
    sketches: list[Sketch] = []
    for feature in varying:
        middle = 0.5 if signature.features[feature].boolean else data.states[:, feature].mean()
        root = Split(feature, middle, TO_FILL, TO_FILL)
        sketches.append(threshold_sketch(root, signature, FARTHEST * deviation))
    numeric = [feature for feature in varying if not signature.features[feature].boolean]
    for i, x in enumerate(numeric):
        sketches += [pd_sketch(x, y, data.states, segments) for y in numeric[i + 1 :]]
    return sketches


def neighbors(root: Node, cuts: Sequence[Sequence[float]], max_leaves: int) -> Iterator[Node]:
    """The neighbors of a tree: a test more, less or replaced; `cuts` are new thresholds."""
    n_leaves = sum(isinstance(node, Leaf) for _, node in walk(root))
    tests = [(feature, cut) for feature, row in enumerate(cuts) for cut in row]

    def changed(node: Node) -> Iterator[Node]:
        if isinstance(node, Leaf):
            if n_leaves < max_leaves:
                yield from (Split(feature, cut, node, node) for feature, cut in tests)
            return
        yield from (node.low, node.high)
        yield from (replace(node, feature=f, threshold=c) for f, c in tests if f != node.feature)
        yield from (replace(node, low=low) for low in changed(node.low))
        yield from (replace(node, high=high) for high in changed(node.high))

    return changed(root)


def shape(node: Node) -> Node:
    """A tree without numbers and actions, equal for trees of the same sketch."""
    if isinstance(node, Leaf):
        return TO_FILL
    return Split(node.feature, 0.0, shape(node.low), shape(node.high))
