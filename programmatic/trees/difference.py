"""The difference of two tree programs: the cheapest sequence of edits, and its text."""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Literal, NamedTuple

from programmatic.trees.nodes import Leaf, Node, Path, Split, size, walk
from programmatic.trees.printer import condition_text, question, to_text
from programmatic.trees.program import TreeProgram

Kind = Literal[
    "action changed",
    "threshold moved",
    "feature changed",
    "guard added",
    "split removed",
    "subtree replaced",
]
ACTION_COST: Final = 1
THRESHOLD_COST: Final = 1
FEATURE_COST: Final = 2
REMOVAL_COST: Final = 2
SHOWN_NODES: Final = 3  # of a subtree in a change's text, which only counts larger ones


@dataclass(frozen=True)
class Change:
    """One edit of a tree."""

    kind: Kind
    before: Path
    """The place in the tree before the edit."""
    after: Path
    """The place in the tree after the edit."""
    made: tuple[Path, ...]
    """The new and the changed nodes of the tree after the edit."""
    text: str
    """The edit in words, such as `pole_angle <= 0.012  ->  pole_angle <= 0.05`."""

    def __str__(self) -> str:
        return f"{self.kind}: {self.text}"


Pair = tuple[Path, Path]
"""A node of the tree before and one of the tree after."""


class Edit(NamedTuple):
    """A first edit that turns one subtree into the other."""

    kind: Kind | None
    """None: nothing changes at the root."""
    cost: int
    to_high: bool = False
    """The branch that is added or removed."""
    rest: tuple[Pair, ...] = ()
    """The subtrees that still differ."""


def difference(before: TreeProgram, after: TreeProgram) -> list[Change]:
    """The cheapest edits that turn one tree into the other, from the root down.

    A new action or threshold costs 1, a new feature or a removed split 2, an added guard or a
    replaced subtree 1 plus 1 for each new node. Of equally cheap sequences the shortest is chosen.
    A guard is a split put above a subtree, with a new branch beside it. One branch of a removed
    split takes its place.

    Raises:
        ValueError: The signatures differ.

    Example:
        >>> from karel_gym.envs.signature import Feature, Signature
        >>> pole = Signature((Feature("angle"), Feature("speed")), ("left", "right"))
        >>> before = TreeProgram.parse("if angle <= 0: left\\nelse: right", pole)
        >>> after = TreeProgram.parse('''
        ... if speed > 2: right
        ... elif angle <= 0.1: left
        ... else: right''', pole)
        >>> for change in difference(before, after):
        ...     print(change)
        guard added: if speed > 2.0: right
        threshold moved: angle <= 0.0  ->  angle <= 0.1
    """
    if before.signature != after.signature:
        raise ValueError("the programs have different signatures: they cannot be compared")
    return list(_Comparison(before, after).changes((), ()))


def difference_text(before: TreeProgram, after: TreeProgram) -> str:
    """A unified diff of two programs, and below it the changes with their conditions.

    Raises:
        ValueError: The signatures differ.
    """
    changes = difference(before, after)
    if not changes:
        return f"{before.name} and {after.name} are equal"
    names = before.name, after.name
    if before.name == after.name:
        names = f"{before.name}, before", f"{after.name}, after"
    lines = difflib.unified_diff(
        str(before).splitlines(), str(after).splitlines(), *names, lineterm=""
    )
    listed = [f"{change}{_where(after, change.after)}" for change in changes]
    return "\n".join([*lines, "", *listed])


def print_difference(before: TreeProgram, after: TreeProgram) -> None:
    """Print the difference of two programs; see `difference_text`."""
    print(difference_text(before, after))


class _Comparison:
    """The edits between the subtrees of two trees; each pair is compared once."""

    def __init__(self, before: TreeProgram, after: TreeProgram) -> None:
        self.signature = before.signature
        self.before = dict(before.nodes())
        self.after = dict(after.nodes())
        self.sizes = {path: size(node) for path, node in self.after.items()}
        self.known: dict[Pair, tuple[int, int, Edit]] = {}

    def changes(self, here: Path, there: Path) -> Iterator[Change]:
        """The cheapest edits between the subtrees at two paths."""
        _, _, edit = self.cheapest(here, there)
        if edit.kind is not None:
            text = self.text(edit, here, there)
            yield Change(edit.kind, here, there, self.made(edit, there), text)
        for pair in edit.rest:
            yield from self.changes(*pair)

    def cheapest(self, here: Path, there: Path) -> tuple[int, int, Edit]:
        """The least cost of all edits between two subtrees, their number, and the first edit."""
        if (here, there) not in self.known:
            self.known[here, there] = min(
                (self.priced(edit) for edit in self.edits(here, there)), key=lambda found: found[:2]
            )
        return self.known[here, there]

    def priced(self, edit: Edit) -> tuple[int, int, Edit]:
        """The cost and the number of all edits that begin with an edit, and the edit."""
        cost, number = edit.cost, int(edit.kind is not None)
        for pair in edit.rest:
            more_cost, more, _ = self.cheapest(*pair)
            cost, number = cost + more_cost, number + more
        return cost, number, edit

    def edits(self, here: Path, there: Path) -> Iterator[Edit]:
        """All possible first edits."""
        before, after = self.before[here], self.after[there]
        if before == after:
            yield Edit(None, 0)
            return
        if isinstance(before, Leaf) and isinstance(after, Leaf):
            yield Edit("action changed", ACTION_COST)
            return
        if isinstance(before, Split) and isinstance(after, Split):
            branches = [((*here, to_high), (*there, to_high)) for to_high in (False, True)]
            if before.feature != after.feature:
                yield Edit("feature changed", FEATURE_COST, rest=tuple(branches))
            elif before.threshold != after.threshold:
                yield Edit("threshold moved", THRESHOLD_COST, rest=tuple(branches))
            else:
                yield Edit(None, 0, rest=tuple(branches))
        for to_high in (False, True):
            if isinstance(after, Split):
                cost = 1 + self.sizes[(*there, to_high)]
                yield Edit("guard added", cost, to_high, ((here, (*there, not to_high)),))
            if isinstance(before, Split):
                rest = (((*here, not to_high), there),)
                yield Edit("split removed", REMOVAL_COST, to_high, rest)
        yield Edit("subtree replaced", 1 + self.sizes[there])

    def made(self, edit: Edit, there: Path) -> tuple[Path, ...]:
        """The new and the changed nodes of the tree after an edit."""
        if edit.kind == "subtree replaced":
            return tuple(path for path, _ in walk(self.after[there], there))
        if edit.kind == "guard added":
            new = (*there, edit.to_high)
            return (there, *(path for path, _ in walk(self.after[new], new)))
        return (there,)

    def text(self, edit: Edit, here: Path, there: Path) -> str:
        """An edit in words."""
        before, after = self.before[here], self.after[there]
        if edit.kind in ("guard added", "split removed"):
            split = after if edit.kind == "guard added" else before
            assert isinstance(split, Split)
            condition = condition_text(split.condition(edit.to_high), self.signature)
            return f"if {condition}: {self.brief(split.branch(edit.to_high))}"
        if edit.kind in ("action changed", "subtree replaced"):
            return f"{self.brief(before)}  ->  {self.brief(after)}"
        assert isinstance(before, Split)
        assert isinstance(after, Split)
        return f"{question(before, self.signature)}  ->  {question(after, self.signature)}"

    def brief(self, node: Node) -> str:
        n_nodes = size(node)
        if n_nodes <= SHOWN_NODES:
            return to_text(node, self.signature).replace("\n", " ")
        return f"a tree of {n_nodes} nodes"


def _where(program: TreeProgram, path: Path) -> str:
    """The conditions on the path to a node, as the end of a line."""
    conditions = [
        condition_text(condition, program.signature) for condition in program.conditions(path)
    ]
    return f"    (where {' and '.join(conditions)})" if conditions else ""
