"""Text to tree programs, by recursive descent, with the place and the expectation in every error.

program   := statement
statement := action | "if" condition ":" block (("elif" condition ":" block)* "else" ":" block)
block     := action on the same line, or an indented statement on the lines below
condition := feature "<=" number | feature ">" number | flag | "not" flag
"""

from __future__ import annotations

import math

from karel_gym.envs.signature import Signature
from programmatic.trees.nodes import MAX_DEPTH, Leaf, Node, Split
from programmatic.trees.printer import BETWEEN
from programmatic.trees.source import SourceError, Token, did_you_mean, is_name, tokens_of

ONE_STATEMENT = "one action, or one 'if' with its 'else'"
FORMS = "a test is 'feature <= number' or 'feature > number'"


def parse_tree(text: str, signature: Signature, name: str = "program") -> Node:
    """The root of the tree program that a text spells.

    Args:
        text: The text.
        signature: What features and actions are called.
        name: What errors call it.

    Raises:
        SourceError: The text is no program; the message tells what was expected, and where.

    Example:
        >>> from karel_gym.envs.signature import Feature, Signature
        >>> pole = Signature((Feature("pole_angle", "rad"),), ("left", "right"))
        >>> parse_tree("if pole_angle > 0: right\\nelse: left", pole)
        Split(feature=0, threshold=0.0, low=Leaf(action=0), high=Leaf(action=1))
        >>> parse_tree("if pole_angel > 0: right\\nelse: left", pole)
        Traceback (most recent call last):
            ...
        programmatic.trees.source.SourceError: program, line 1, column 4: there is no feature \
'pole_angel': did you mean 'pole_angle'? Known are pole_angle
          if pole_angel > 0: right
             ^
    """
    return _Parser(text, signature, name).program()


class _Parser:
    """One pass over the tokens; every method reads what it is named after and moves on behind it.

    `depth` is how many tests lie above what is read.
    """

    def __init__(self, text: str, signature: Signature, name: str) -> None:
        self.text = text
        self.signature = signature
        self.name = name
        self.tokens = tokens_of(text, name)
        self.position = 0

    def program(self) -> Node:
        if self.next.kind == "end":
            raise self.error(f"the text is empty: a program is {ONE_STATEMENT}")
        node = self.statement(0)
        if self.next.kind != "end":
            raise self.error(f"expected the end: a program is {ONE_STATEMENT}")
        return node

    def statement(self, depth: int) -> Node:
        if self.next.kind == "indent":
            raise self.error("this line is indented, but no block begins above it")
        if self.next.text == "if":
            return self.conditional(depth)
        leaf = self.action("an action or 'if'")
        self.end_of_line(leaf)
        return leaf

    def conditional(self, depth: int) -> Split:
        opening = self.next
        if depth == MAX_DEPTH:
            raise self.error(f"expected at most {MAX_DEPTH} nested tests")
        self.position += 1
        feature, threshold, high_first = self.condition()
        self.colon("the test")
        first = self.block(depth + 1)
        if self.next.text == "elif":
            second: Node = self.conditional(depth + 1)
        elif self.next.text == "else":
            self.position += 1
            self.colon("'else'")
            second = self.block(depth + 1)
        else:
            raise self.error(
                f"expected the 'else' of the '{opening.text}' in line {opening.line}, {self.got}"
            )
        low, high = (second, first) if high_first else (first, second)
        return Split(feature, threshold, low, high)

    def block(self, depth: int) -> Node:
        if self.next.text == "if":
            raise self.error("an 'if' in a block begins a line of its own, indented")
        if self.next.kind != "newline":
            leaf = self.action("an action, or an indented block on the lines below")
            self.end_of_line(leaf)
            return leaf
        self.position += 1
        if self.next.kind != "indent":
            raise self.error(f"expected an indented action or 'if', {self.got}")
        self.position += 1
        node = self.statement(depth)
        if self.next.kind == "indent":
            raise self.error("this line is indented deeper than the block that it is in")
        if self.next.kind != "dedent":
            raise self.error(f"expected the end of the block: a block is {ONE_STATEMENT}")
        self.position += 1
        return node

    def condition(self) -> tuple[int, float, bool]:
        """The feature, the threshold, and whether the condition holds above the threshold."""
        if self.next.text == "not":
            self.position += 1
            token, feature = self.next, self.feature("a boolean feature after 'not'")
            if not self.signature.features[feature].boolean:
                raise self.error(f"{token.text} is not boolean: {FORMS}", token)
            return feature, BETWEEN, False
        feature = self.feature("a feature")
        if self.next.text in ("<=", ">"):
            op = self.next.text
            self.position += 1
            return feature, self.number(op), op == ">"
        if self.signature.features[feature].boolean and self.next.text == ":":
            return feature, BETWEEN, True
        flag = self.signature.features[feature].boolean
        forms = f"{FORMS}, or a boolean feature alone" if flag else FORMS
        raise self.error(f"expected '<=' or '>' after the feature, {self.got}: {forms}")

    def feature(self, expected: str) -> int:
        return self.known(self.signature.feature_names, "feature", expected)

    def action(self, expected: str) -> Leaf:
        return Leaf(self.known(self.signature.actions, "action", expected))

    def known(self, names: tuple[str, ...], what: str, expected: str) -> int:
        """The number of the name that comes next."""
        token = self.next
        if not is_name(token.text):
            raise self.error(f"expected {expected}, {self.got}")
        if token.text not in names:
            raise self.error(
                f"there is no {what} {token.text!r}: {did_you_mean(token.text, names)}"
            )
        self.position += 1
        return names.index(token.text)

    def number(self, op: str) -> float:
        token, sign = self.next, 1.0
        if token.text in ("-", "+"):
            sign = -1.0 if token.text == "-" else 1.0
            self.position += 1
        if self.next.kind != "number":
            raise self.error(f"expected a number after {op!r}, {self.got}")
        value = sign * float(self.next.text)
        if not math.isfinite(value):
            raise self.error(f"expected a finite number, {self.got}")
        self.position += 1
        return value

    def colon(self, behind: str) -> None:
        if self.next.text in ("and", "or"):
            raise self.error(f"expected ':', {self.got}: a test is one comparison; nest two 'if's")
        if self.next.text != ":":
            raise self.error(f"expected ':' behind {behind}, {self.got}")
        self.position += 1

    def end_of_line(self, leaf: Leaf) -> None:
        if self.next.kind != "newline":
            action = self.signature.actions[leaf.action]
            raise self.error(f"expected the end of the line after {action!r}, {self.got}")
        self.position += 1

    @property
    def next(self) -> Token:
        return self.tokens[self.position]

    @property
    def got(self) -> str:
        token = self.next
        names = {"newline": "the end of the line", "end": "the end of the text"}
        names |= {"indent": "an indented line", "dedent": "a line that is indented less"}
        return f"got {names.get(token.kind, repr(token.text))}"

    def error(self, message: str, token: Token | None = None) -> SourceError:
        token = token or self.next
        return SourceError(message, token.line, token.column, self.text, self.name)
