"""`TreeProgram`: a decision tree over named features, as an immutable value."""

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
"""The suffix of files with a tree program's text."""


class Boxes(NamedTuple):
    """The boxes in which a tree's leaves act: leaf i where `low[i] < x <= high[i]` throughout."""

    low: NDArray[np.float64]
    """(L, D); -inf if there is no bound."""
    high: NDArray[np.float64]
    """(L, D); inf if there is no bound."""
    action: NDArray[np.int64]
    """(L,)."""


@dataclass(frozen=True, repr=False)
class TreeProgram:
    """A decision tree as a policy: immutable, hashable, and equal to others with the same tree.

    Args:
        root: The topmost node.
        signature: The names of features and actions.
        name: The program's name in errors and pictures; equality ignores it.

    Raises:
        TypeError: A node is neither a `Leaf` nor a `Split`.
        ValueError: A node has a feature or an action that the signature lacks, a threshold is not
            finite, a path has more than `MAX_DEPTH` tests, or a text cannot write a name in the
            signature.

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
        features, actions = self.signature.feature_names, self.signature.actions
        for name in (*features, *actions):
            if not is_name(name):
                raise ValueError(
                    f"{self.name}: a program cannot write the name {name!r}: it must be an "
                    f"identifier and none of {', '.join(KEYWORDS)}"
                )
        for path, node in self.nodes():
            place = _place(path)
            if len(path) > MAX_DEPTH:
                raise ValueError(f"{self.name} has a path of more than {MAX_DEPTH} tests")
            if isinstance(node, Leaf):
                what, number, names = "action", node.action, actions
            elif isinstance(node, Split):
                what, number, names = "feature", node.feature, features
            else:
                kind = type(node).__name__
                raise TypeError(f"{self.name}: {place} is a {kind}, not a Leaf or Split")
            if not 0 <= number < len(names):
                raise ValueError(
                    f"{self.name}: {what} {number} at {place} is none of the {len(names)}: "
                    f"{', '.join(names)}"
                )
            if isinstance(node, Split) and not math.isfinite(node.threshold):
                raise ValueError(
                    f"{self.name}: the threshold at {place} must be finite, got {node.threshold}"
                )

    @classmethod
    def parse(cls, text: str, signature: Signature, name: str = "program") -> TreeProgram:
        """Parse a text; see `programmatic.trees.parser.parse_tree`."""
        return cls(parse_tree(text, signature, name), signature, name)

    @classmethod
    def load(cls, path: str | os.PathLike[str], signature: Signature) -> TreeProgram:
        """Read a program from a text file, usually *.tree; it gets the file's name.

        Raises:
            SourceError: The file holds no program.
            OSError: The file cannot be read.
        """
        # Bytes that are not UTF-8 may stand in comments; elsewhere the parser shows their place.
        text = FilePath(path).read_text(encoding="utf-8-sig", errors="replace")
        return replace(cls.parse(text, signature, os.fspath(path)), name=FilePath(path).stem)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the text to a file, completely or not at all; OSError if that fails."""
        write_text(path, f"{self}\n")

    def __str__(self) -> str:
        return printer.to_text(self.root, self.signature)

    def __repr__(self) -> str:
        return f"TreeProgram.parse({str(self)!r})"

    def nodes(self) -> Iterator[tuple[Path, Node]]:
        """All nodes with their paths, a split before its branches, `low` before `high`."""
        return nodes.walk(self.root)

    def node(self, path: Path) -> Node:
        """The node at the end of a path; KeyError if it leads beyond a leaf."""
        splits = self._splits(path)
        return splits[-1].branch(path[-1]) if path else self.root

    def replace(self, path: Path, node: Node) -> TreeProgram:
        """This program with another node, and the nodes below it, at the end of a path.

        Raises:
            KeyError: The path leads beyond a leaf.
            ValueError: The node does not fit the signature.
        """
        for split, to_high in zip(reversed(self._splits(path)), reversed(path), strict=True):
            node = replace(split, high=node) if to_high else replace(split, low=node)
        return replace(self, root=node)

    @property
    def size(self) -> int:
        """The number of nodes."""
        return nodes.size(self.root)

    @property
    def depth(self) -> int:
        """The number of tests on the longest path."""
        return max(len(path) for path, _ in self.nodes())

    @property
    def leaves(self) -> list[tuple[Path, Leaf]]:
        """The L leaves with their paths, from `low` to `high`."""
        return [(path, node) for path, node in self.nodes() if isinstance(node, Leaf)]

    def conditions(self, path: Path) -> tuple[Condition, ...]:
        """The conditions under which a state reaches a path's end; KeyError beyond a leaf."""
        splits = self._splits(path)
        return tuple(split.condition(high) for split, high in zip(splits, path, strict=True))

    def _splits(self, path: Path) -> list[Split]:
        """The splits on a path."""
        splits: list[Split] = []
        node = self.root
        for i, to_high in enumerate(path):
            if not isinstance(node, Split):
                raise KeyError(f"{_place(path)} is no node: {_place(path[:i])} is a leaf")
            splits.append(node)
            node = node.branch(to_high)
        return splits

    def boxes(self) -> Boxes:
        """The boxes of the `leaves`, by the tests alone; some `low` >= `high` if unreachable."""
        leaves = self.leaves
        shape = len(leaves), len(self.signature.features)
        low, high = np.full(shape, -np.inf), np.full(shape, np.inf)
        for i, (path, _) in enumerate(leaves):
            for feature, op, threshold in self.conditions(path):
                if op == "<=":
                    high[i, feature] = min(high[i, feature], threshold)
                else:
                    low[i, feature] = max(low[i, feature], threshold)
        return Boxes(low, high, np.array([leaf.action for _, leaf in leaves], dtype=np.int64))

    def simplified(self) -> TreeProgram:
        """The program without redundant tests; it acts the same in all states.

        A test is redundant if its branches are equal, or if no state within the features' bounds (0
        or 1 for a boolean feature) reaches one of them.
        """
        features = self.signature.features
        above = tuple(-math.inf for _ in features)
        return replace(
            self, root=self._simplified(self.root, above, tuple(f.high for f in features))
        )

    def _simplified(self, node: Node, above: tuple[float, ...], at_most: tuple[float, ...]) -> Node:
        """A node simplified for states with `above < x <= at_most` in all features."""
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
        """The actions in N states, (N, D): int64, (N,); ValueError on NaN or another shape."""
        # numba is slow to import
        from programmatic.trees.batches import act_batch, compile_trees

        return act_batch(compile_trees([self.root]), self.signature, observations)[0]


def _put(bounds: tuple[float, ...], i: int, value: float) -> tuple[float, ...]:
    return (*bounds[:i], value, *bounds[i + 1 :])


def _place(path: Path) -> str:
    """A path in words: root, root.high, root.high.low."""
    return ".".join(("root", *("high" if to_high else "low" for to_high in path)))
