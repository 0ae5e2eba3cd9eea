"""The nodes of tree programs, as immutable values, and the paths to them."""

from __future__ import annotations

import operator
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, NamedTuple

MAX_DEPTH: Final = 64
"""The most tests on a path through a tree program."""


class Condition(NamedTuple):
    """The condition that a test on a path sets on a state."""

    feature: int
    op: str
    """ "<=" or ">"."""
    threshold: float


@dataclass(frozen=True)
class Leaf:
    """An action."""

    action: int

    def __post_init__(self) -> None:
        object.__setattr__(self, "action", operator.index(self.action))


@dataclass(frozen=True)
class Split:
    """A test: it leads to `low` if the feature is at most the threshold, else to `high`."""

    feature: int
    threshold: float
    low: Node
    high: Node

    def __post_init__(self) -> None:
        object.__setattr__(self, "feature", operator.index(self.feature))
        object.__setattr__(self, "threshold", float(self.threshold))  # numpy prints its own longer

    def branch(self, to_high: bool) -> Node:
        """`high` or `low`."""
        return self.high if to_high else self.low

    def condition(self, to_high: bool) -> Condition:
        """The condition under which it leads to `high`, or to `low`."""
        return Condition(self.feature, ">" if to_high else "<=", self.threshold)


Node = Leaf | Split
Path = tuple[bool, ...]
"""The path from the root to a node: for each split, whether it leads to `high`."""


def walk(node: Node, path: Path = ()) -> Iterator[tuple[Path, Node]]:
    """A node at `path` and all nodes below it with their paths: a split, then `low`, `high`."""
    waiting = [(path, node)]
    while waiting:
        path, node = waiting.pop()
        yield path, node
        if isinstance(node, Split):
            waiting += [((*path, True), node.high), ((*path, False), node.low)]


def size(node: Node) -> int:
    """The number of nodes from this one down."""
    return sum(1 for _ in walk(node))
