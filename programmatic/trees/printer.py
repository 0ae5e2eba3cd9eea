"""Printer of tree programs; its text parses back to the same tree."""

from __future__ import annotations

from karel_gym.envs.signature import Signature
from programmatic.trees.nodes import Condition, Leaf, Node, Split

INDENT = "    "
BETWEEN = 0.5
"""The threshold between a boolean feature's 0 and 1."""


def to_text(node: Node, signature: Signature) -> str:
    """The canonical text of a tree with all digits, without a newline at its end."""
    return "\n".join(_lines(node, signature))


def is_flag_test(test: Split | Condition, signature: Signature) -> bool:
    """Whether a test is on a boolean feature; its text is then the name alone."""
    return signature.features[test.feature].boolean and test.threshold == BETWEEN


def condition_text(condition: Condition, signature: Signature) -> str:
    """A condition as programs write it."""
    feature = signature.features[condition.feature].name
    if is_flag_test(condition, signature):
        return feature if condition.op == ">" else f"not {feature}"
    return f"{feature} {condition.op} {condition.threshold!r}"


def question(split: Split, signature: Signature) -> str:
    """The condition behind a split's `if`."""
    return condition_text(split.condition(is_flag_test(split, signature)), signature)


def _lines(node: Node, signature: Signature) -> list[str]:
    if isinstance(node, Leaf):
        return [signature.actions[node.action]]
    high_first = is_flag_test(node, signature)
    test = f"if {question(node, signature)}:"
    first = _lines(node.branch(high_first), signature)
    second = _lines(node.branch(not high_first), signature)
    if isinstance(node.low, Leaf) and isinstance(node.high, Leaf):
        return [f"{test} {first[0]}", f"else: {second[0]}"]
    return [test, *_indented(first), "else:", *_indented(second)]


def _indented(lines: list[str]) -> list[str]:
    return [INDENT + line for line in lines]
