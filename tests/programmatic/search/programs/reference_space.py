"""The published space of programs in plain Python, as trees, to check the kernels against.

A node is a list: its kind, then its children. Statements are 'action', 'WHILE', 'IF', 'IFELSE',
'REPEAT' and 'link', which is a statement followed by the rest of a sequence.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from copy import deepcopy
from typing import Any

Node = list[Any]

STATEMENTS = {"WHILE": 15, "REPEAT": 3, "link": 50, "action": 20, "IF": 8, "IFELSE": 4}
ACTIONS = {"move": 50, "turnLeft": 15, "turnRight": 15, "pickMarker": 10, "putMarker": 10}
PERCEPTS = {
    "frontIsClear": 50,
    "leftIsClear": 15,
    "rightIsClear": 15,
    "markersPresent": 10,
    "noMarkersPresent": 10,
}
CONTROL = ("WHILE", "REPEAT", "IF", "IFELSE")


class ReferenceSpace:
    """Random trees and neighbours, by rejection where they are beyond the limits."""

    def __init__(self, seed: int, max_height: int = 4, negated_ifelse: bool = False) -> None:
        self.rng = random.Random(seed)
        self.max_height = max_height
        self.negated_ifelse = negated_ifelse

    def choose(self, weights: dict[str, int]) -> str:
        return self.rng.choices(list(weights), list(weights.values()))[0]

    def program(self) -> Node:
        while True:
            tree = ["program", self.statement(1, True, 1, self.max_height, 6)]
            if len(text_of(tree).split()) <= 45:
                return tree

    def statement(
        self, height: int, may_link: bool, sequence: int, max_height: int, max_sequence: int
    ) -> Node:
        """`sequence` is the number that a link drawn here has in its chain."""
        weights = {
            kind: weight
            for kind, weight in STATEMENTS.items()
            if (kind != "link" or may_link) and (kind not in CONTROL or height < max_height)
        }
        return self.fill(self.choose(weights), height, sequence, max_height, max_sequence)

    def fill(
        self, kind: str, height: int, sequence: int, max_height: int, max_sequence: int
    ) -> Node:
        limits = max_height, max_sequence
        if kind == "action":
            return ["action", self.choose(ACTIONS)]
        if kind == "link":
            goes_on = sequence + 1 < max_sequence
            first = self.statement(height, False, 0, *limits)
            return ["link", first, self.statement(height, goes_on, sequence + 1, *limits)]
        if kind == "REPEAT":
            head = ["times", self.rng.randrange(20)]
        else:
            head = self.condition(kind != "IFELSE" or self.negated_ifelse)
        blocks = 2 if kind == "IFELSE" else 1
        return [
            kind,
            head,
            *(self.statement(height + 1, True, 1, *limits) for _ in range(blocks)),
        ]

    def condition(self, may_negate: bool) -> Node:
        if may_negate and self.rng.random() < 0.1:
            return ["not", self.condition(False)]
        return ["percept", self.choose(PERCEPTS)]

    def neighbour(self, parent: Node) -> Node:
        while True:
            tree = deepcopy(parent)
            holder, index = self.rng.choice(list(places_of(tree)))
            kind = holder[index][0]
            if kind == "times":
                new: Node = ["times", self.rng.randrange(20)]
            elif kind in ("not", "percept"):
                may_negate = holder[0] != "not" and (holder[0] != "IFELSE" or self.negated_ifelse)
                new = self.condition(may_negate)
            else:
                weights = dict(STATEMENTS)
                if holder[0] == "link" and index == 1:
                    del weights["link"]
                # As published, the new node itself adds nothing to its height, and a chain at its
                # top is numbered from 0.
                drawn = self.choose(weights)
                height = 1 if drawn in ("link", "action") else 0
                new = self.fill(drawn, height, 0, 2, 4)
            holder[index] = new
            if (
                height_of(tree) <= self.max_height
                and longest_block(tree) <= 6
                and len(text_of(tree).split()) <= 45
            ):
                return tree


def places_of(node: Node) -> Iterator[tuple[Node, int]]:
    """Where each node but the root hangs: its parent, and its index there."""
    for index, child in enumerate(node):
        if isinstance(child, list):
            yield node, index
            yield from places_of(child)


def height_of(node: Node) -> int:
    below = max((height_of(child) for child in node if isinstance(child, list)), default=0)
    return below + (node[0] in (*CONTROL, "program"))


def longest_block(node: Node) -> int:
    """Statements of the longest block."""
    own, last = 1, node
    while last[0] == "link":
        own, last = own + 1, last[2]
    return max([own, *(longest_block(child) for child in node if isinstance(child, list))])


def text_of(node: Node) -> str:
    kind, *children = node
    if kind in ("action", "percept"):
        return children[0]
    if kind == "times":
        return f"R={children[0]}"
    parts = [text_of(child) for child in children]
    if kind == "program":
        return f"DEF run m( {parts[0]} m)"
    if kind == "link":
        return " ".join(parts)
    if kind == "not":
        return f"not c( {parts[0]} c)"
    if kind == "REPEAT":
        return f"REPEAT {parts[0]} r( {parts[1]} r)"
    if kind == "WHILE":
        return f"WHILE c( {parts[0]} c) w( {parts[1]} w)"
    if kind == "IF":
        return f"IF c( {parts[0]} c) i( {parts[1]} i)"
    return f"IFELSE c( {parts[0]} c) i( {parts[1]} i) ELSE e( {parts[2]} e)"


def tree_of(words: list[str]) -> Node:
    """The tree of a valid program's words."""
    return ["program", _block(words[3:-1])]


def _block(words: list[str]) -> Node:
    first, rest = _first(words)
    return first if not rest else ["link", first, _block(rest)]


def _first(words: list[str]) -> tuple[Node, list[str]]:
    """The first statement, and the words behind it."""
    word, *rest = words
    if word in ACTIONS:
        return ["action", word], rest
    if word == "REPEAT":
        head: Node = ["times", int(rest[0][2:])]
        body, rest = _bracketed(rest[1:])
        return [word, head, _block(body)], rest
    inside, rest = _bracketed(rest)
    condition: Node = ["percept", inside[-1]]
    if inside[0] == "not":
        condition = ["not", ["percept", inside[2]]]
    body, rest = _bracketed(rest)
    if word != "IFELSE":
        return [word, condition, _block(body)], rest
    otherwise, rest = _bracketed(rest[1:])
    return [word, condition, _block(body), _block(otherwise)], rest


def _bracketed(words: list[str]) -> tuple[list[str], list[str]]:
    """What is between the first word, an opening bracket, and its closing one; and the rest."""
    opening, closing = words[0], words[0].replace("(", ")")
    depth = 0
    for index, word in enumerate(words):
        depth += (word == opening) - (word == closing)
        if depth == 0:
            return words[1:index], words[index + 1 :]
    raise AssertionError("no program")
