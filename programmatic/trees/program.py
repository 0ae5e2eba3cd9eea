"""`TreeProgram`: a decision tree over named features as a value."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path as FilePath
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from karel_gym.envs.signature import Signature
from programmatic.runs import write_text
from programmatic.trees import nodes, printer
from programmatic.trees.nodes import MAX_DEPTH, Condition, Leaf, Node, Path, Split
from programmatic.trees.parser import parse_tree
from programmatic.trees.source import KEYWORDS, is_name

__all__ = ["Boxes", "Condition", "Leaf", "Node", "Path", "Split", "TreeProgram"]

TREE_SUFFIX = ".tree"
"""Of a file with a tree program's text."""


class Boxes(NamedTuple):
    """Where a tree's leaves act: leaf i where `low[i] < x` and `x <= high[i]` in all features."""

    low: NDArray[np.float64]
    """(L, D); -inf where there is no bound."""
    high: NDArray[np.float64]
    """(L, D); inf where there is no bound."""
    action: NDArray[np.int64]
    """(L,)."""


@dataclass(frozen=True, repr=False)
class TreeProgram:
    """A decision tree as a policy: immutable, hashable, equal to another of the same tree.

    Args:
        root: Its topmost node.
        signature: What its features and actions are called.
        name: What errors and pictures call it; two programs that differ in it alone are equal.

    Raises:
        TypeError: A node is no `Leaf` and no `Split`.
        ValueError: A node names a feature or an action that the signature lacks, a threshold is
            no finite number, a way through the tree has more than `MAX_DEPTH` tests, or a name in
            the signature is no word that a text could have.

    Example:
        >>> from karel_gym.envs.signature import Feature, Signature
        >>> pole = Signature((Feature("angle"), Feature("speed")), ("left", "right"))
        >>> program = TreeProgram.parse('''
        ... if angle <= 0.012:
        ...     left
        ... else:
        ...     if speed <= -0.3: left
        ...     else: right
        ... ''', pole)
        >>> program.size, program.depth
        (5, 2)
        >>> program.act(np.array([[0.1, 0.5], [0.1, -0.5]])).tolist()
        [1, 0]
        >>> print(program.replace((True,), Leaf(1)))
        if angle <= 0.012: left
        else: right
    """

    root: Node
    signature: Signature
    name: str = field(default="program", compare=False)

    def __post_init__(self) -> None:
        n_features, n_actions = len(self.signature.features), len(self.signature.actions)
        for name in (*self.signature.feature_names, *self.signature.actions):
            if not is_name(name):
                raise ValueError(
                    f"{self.name}: a program cannot write the name {name!r}: it must be an "
                    f"identifier and none of {', '.join(KEYWORDS)}"
                )
        for path, node in self.nodes():
            if len(path) > MAX_DEPTH:
                raise ValueError(f"{self.name} has a way of more than {MAX_DEPTH} tests")
            if isinstance(node, Leaf):
                if not 0 <= node.action < n_actions:
                    raise ValueError(
                        f"{self.name}: action {node.action} at {_place(path)} is none of the "
                        f"{n_actions}: {', '.join(self.signature.actions)}"
                    )
                continue
            if not isinstance(node, Split):
                kind = type(node).__name__
                raise TypeError(f"{self.name}: {_place(path)} is a {kind}, no Leaf or Split")
            if not 0 <= node.feature < n_features:
                raise ValueError(
                    f"{self.name}: feature {node.feature} at {_place(path)} is none of the "
                    f"{n_features}: {', '.join(self.signature.feature_names)}"
                )
            if not math.isfinite(node.threshold):
                raise ValueError(
                    f"{self.name}: the threshold at {_place(path)} must be finite, "
                    f"got {node.threshold}"
                )

    @classmethod
    def parse(cls, text: str, signature: Signature, name: str = "program") -> TreeProgram:
        """The program that a text spells; see `programmatic.trees.parser.parse_tree`."""
        return cls(parse_tree(text, signature, name), signature, name)

    @classmethod
    def load(cls, path: str | os.PathLike[str], signature: Signature) -> TreeProgram:
        """The program in a text file, usually *.tree; its name is the file's.

        Raises:
            SourceError: The file holds no program; the message names the file.
            OSError: The file cannot be read.
        """
        # Bytes that are no UTF-8 may stand in comments; elsewhere the parser shows where they are.
        text = FilePath(path).read_text(encoding="utf-8-sig", errors="replace")
        return replace(cls.parse(text, signature, os.fspath(path)), name=FilePath(path).stem)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the text to a file, usually *.tree, as a whole or not at all.

        Raises:
            OSError: The file cannot be written; what was there before is still there.
        """
        write_text(path, f"{self}\n")

    def __str__(self) -> str:
        return printer.to_text(self.root, self.signature)

    def __repr__(self) -> str:
        return f"TreeProgram.parse({str(self)!r})"

    def nodes(self) -> Iterator[tuple[Path, Node]]:
        """All nodes with their paths, a split before its branches, `low` before `high`."""
        return nodes.walk(self.root)

    def node(self, path: Path) -> Node:
        """The node at the end of a path.

        Raises:
            KeyError: The path leads beyond a leaf.
        """
        node = self.root
        for i, to_high in enumerate(path):
            if not isinstance(node, Split):
                raise KeyError(f"{_place(path)} is no node: {_place(path[:i])} is a leaf")
            node = node.branch(to_high)
        return node

    def replace(self, path: Path, node: Node) -> TreeProgram:
        """This program with another node, and what is below it, at the end of a path.

        Raises:
            KeyError: The path leads beyond a leaf.
            ValueError: The node does not fit the signature.
        """
        for i in reversed(range(len(path))):
            above = self.node(path[:i])
            if not isinstance(above, Split):
                raise KeyError(f"{_place(path)} is no node: {_place(path[:i])} is a leaf")
            node = replace(above, high=node) if path[i] else replace(above, low=node)
        return replace(self, root=node)

    @property
    def size(self) -> int:
        """The number of nodes."""
        return nodes.size(self.root)

    @property
    def depth(self) -> int:
        """The number of tests on the longest way to a leaf."""
        return max(len(path) for path, _ in self.nodes())

    @property
    def leaves(self) -> list[tuple[Path, Leaf]]:
        """The leaves with their paths, L of them, from `low` to `high`."""
        return [(path, node) for path, node in self.nodes() if isinstance(node, Leaf)]

    @property
    def paths(self) -> list[tuple[Condition, ...]]:
        """For each of the `leaves` the conditions under which it acts: a box, see `boxes`."""
        return [self.conditions(path) for path, _ in self.leaves]

    def conditions(self, path: Path) -> tuple[Condition, ...]:
        """The conditions under which a state comes to the node at the end of a path.

        Raises:
            KeyError: The path leads beyond a leaf.
        """
        self.node(path)
        tests = [self.node(path[:i]) for i in range(len(path))]
        return tuple(
            test.condition(to_high)
            for test, to_high in zip(tests, path, strict=True)
            if isinstance(test, Split)
        )

    def boxes(self) -> Boxes:
        """Where each of the `leaves` acts; a leaf that no state reaches has a low not below high.

        The bounds are those of the tests alone: the features' own are not in them.
        """
        paths = self.paths
        shape = len(paths), len(self.signature.features)
        low, high = np.full(shape, -np.inf), np.full(shape, np.inf)
        for i, path in enumerate(paths):
            for feature, op, threshold in path:
                if op == "<=":
                    high[i, feature] = min(high[i, feature], threshold)
                else:
                    low[i, feature] = max(low[i, feature], threshold)
        return Boxes(low, high, np.array([leaf.action for _, leaf in self.leaves], dtype=np.int64))

    def simplified(self) -> TreeProgram:
        """The program without tests that make no difference: it acts alike in all states.

        A test goes if its branches are equal, or if one of them is reached by no state that passes
        the tests above and is within the features' bounds (0 or 1 for a boolean one).
        """
        features = self.signature.features
        above = tuple(-math.inf for _ in features)
        return replace(
            self, root=self._simplified(self.root, above, tuple(f.high for f in features))
        )

    def _simplified(self, node: Node, above: tuple[float, ...], at_most: tuple[float, ...]) -> Node:
        """A node as states see it that have `above < x <= at_most` in all features."""
        if isinstance(node, Leaf):
            return node
        i, threshold = node.feature, node.threshold
        to_low, to_high = (_put(bounds, i, threshold) for bounds in (at_most, above))
        if not self._is_reached(i, above[i], min(threshold, at_most[i])):
            return self._simplified(node.high, above, at_most)
        if not self._is_reached(i, max(threshold, above[i]), at_most[i]):
            return self._simplified(node.low, above, at_most)
        low = self._simplified(node.low, above, to_low)
        high = self._simplified(node.high, to_high, at_most)
        return low if low == high else Split(i, threshold, low, high)

    def _is_reached(self, i: int, above: float, at_most: float) -> bool:
        """Whether feature i has a value in (above, at_most]."""
        feature = self.signature.features[i]
        if feature.boolean:
            return any(above < value <= at_most for value in (0.0, 1.0))
        return above < at_most and feature.low <= at_most

    def act(self, observations: NDArray[Any]) -> NDArray[np.int64]:
        """The actions in N states.

        Args:
            observations: (N, D), of any type of number.

        Returns:
            int64, (N,).

        Raises:
            ValueError: The observations have another shape, or one is NaN.
        """
        from programmatic.trees.batches import act_batch  # numba is slow to import

        return act_batch([self.root], self.signature, observations)[0]


def _put(bounds: tuple[float, ...], i: int, value: float) -> tuple[float, ...]:
    return (*bounds[:i], value, *bounds[i + 1 :])


def _place(path: Path) -> str:
    """A path in words: root, root.high, root.high.low."""
    return ".".join(("root", *("high" if to_high else "low" for to_high in path)))
