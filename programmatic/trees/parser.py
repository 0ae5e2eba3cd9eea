"""Recursive-descent parser of tree programs; every error has its place and what was expected.

program   := statement
statement := action | "if" condition ":" block (("elif" condition ":" block)* "else" ":" block)
block     := action on the same line, or an indented statement on the lines below
condition := feature "<=" number | feature ">" number | flag | "not" flag
"""

from __future__ import annotations

from karel_gym.envs.signature import Signature
from programmatic.trees.nodes import MAX_DEPTH, Leaf, Node, Split
from programmatic.trees.printer import BETWEEN
from programmatic.trees.source import Parser

ONE_STATEMENT = "one action, or one 'if' with its 'else'"
FORMS = "a test is 'feature <= number' or 'feature > number'"


def parse_tree(text: str, signature: Signature, name: str = "program") -> Node:
    """Parse the text of a tree program; `name` is the text's name in errors.

    Raises:
        SourceError: The text is no program; the message has what was expected, and where.

    Example:
        >>> from karel_gym.envs.signature import Feature, Signature
        >>> pole = Signature((Feature("pole_angle", "rad"),), ("left", "right"))
        >>> parse_tree("if pole_angle > 0: right\\nelse: left", pole)
        Split(feature=0, threshold=0.0, low=Leaf(action=0), high=Leaf(action=1))
        >>> parse_tree("if pole_angel > 0: right\\nelse: left", pole)
        Traceback (most recent call last):
            ...
        programmatic.source_errors.SourceError: program, line 1, column 4: there is no feature \
'pole_angel'; did you mean pole_angle? Known are pole_angle
          if pole_angel > 0: right
             ^
    """
    return _Parser(text, signature, name).program()


class _Parser(Parser):
    """One pass over the tokens; methods read their constructs, below `depth` tests."""

    def program(self) -> Node:
        if self.token.kind == "end":
            raise self.error(f"the text is empty: a program is {ONE_STATEMENT}")
        node = self.statement(0)
        if self.token.kind != "end":
            raise self.error(f"expected the end: a program is {ONE_STATEMENT}")
        return node

    def statement(self, depth: int) -> Node:
        if self.token.kind == "indent":
            raise self.error("this line is indented, but no block begins above it")
        if self.token.text == "if":
            return self.conditional(depth)
        return self.action("an action or 'if'")

    def conditional(self, depth: int) -> Split:
        opening = self.token
        if depth == MAX_DEPTH:
            raise self.error(f"expected at most {MAX_DEPTH} nested tests")
        self.take()
        feature, threshold, high_first = self.condition()
        self.colon("the test")
        first = self.block(depth + 1)
        if self.token.text == "elif":
            second: Node = self.conditional(depth + 1)
        elif self.token.text == "else":
            self.take()
            self.colon("'else'")
            second = self.block(depth + 1)
        else:
            raise self.error(
                f"expected the 'else' of the '{opening.text}' in line {opening.line}, {self.got}"
            )
        low, high = (second, first) if high_first else (first, second)
        return Split(feature, threshold, low, high)

    def block(self, depth: int) -> Node:
        if self.token.text == "if":
            raise self.error("an 'if' in a block begins a line of its own, indented")
        if self.token.kind != "newline":
            return self.action("an action, or an indented block on the lines below")
        self.take()
        if self.token.kind != "indent":
            raise self.error(f"expected an indented action or 'if', {self.got}")
        self.take()
        node = self.statement(depth)
        if self.token.kind == "indent":
            raise self.error("this line is indented deeper than the block that it is in")
        if self.token.kind != "dedent":
            raise self.error(f"expected the end of the block: a block is {ONE_STATEMENT}")
        self.take()
        return node

    def condition(self) -> tuple[int, float, bool]:
        """The feature, the threshold, and whether the condition holds above the threshold."""
        if self.token.text == "not":
            self.take()
            token, feature = self.token, self.feature("a boolean feature after 'not'")
            if not self.signature.features[feature].boolean:
                raise self.error(f"{token.text} is not boolean: {FORMS}", token)
            return feature, BETWEEN, False
        feature = self.feature("a feature")
        if self.token.text in ("<=", ">"):
            op = self.take().text
            return feature, self.threshold(op), op == ">"
        if self.signature.features[feature].boolean and self.token.text == ":":
            return feature, BETWEEN, True
        flag = self.signature.features[feature].boolean
        forms = f"{FORMS}, or a boolean feature alone" if flag else FORMS
        raise self.error(f"expected '<=' or '>' after the feature, {self.got}: {forms}")

    def feature(self, expected: str) -> int:
        return self.known(self.signature.feature_names, "feature", expected)

    def action(self, expected: str) -> Leaf:
        """An action at the end of a line."""
        action = self.known(self.signature.actions, "action", expected)
        if self.token.kind != "newline":
            name = self.signature.actions[action]
            raise self.error(f"expected the end of the line after {name!r}, {self.got}")
        self.take()
        return Leaf(action)

    def threshold(self, op: str) -> float:
        sign = 1.0
        if self.token.text in ("-", "+"):
            sign = -1.0 if self.take().text == "-" else 1.0
        if self.token.kind != "number":
            raise self.error(f"expected a number after {op!r}, {self.got}")
        return sign * self.number()

    def colon(self, behind: str) -> None:
        if self.token.text in ("and", "or"):
            raise self.error(f"expected ':', {self.got}: a test is one comparison; nest two 'if's")
        if self.token.text != ":":
            raise self.error(f"expected ':' behind {behind}, {self.got}")
        self.take()
