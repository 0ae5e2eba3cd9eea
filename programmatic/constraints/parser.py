"""Parser of the language of constraints.

    upright: always pole_angle >= 0.05 and pole_angular_velocity >= 0 implies action == right
    never action == putMarker
    calm: always -0.1 <= pole_angular_velocity <= 0.1 implies action in {left, right}
    assume markersPresent + noMarkersPresent == 1
    safe: always pole_angle in [-0.1, 0.1] implies abs(next(pole_angle)) <= 0.2095
    keep: from abs(pole_angle) <= 0.05 forever abs(pole_angle) <= 0.2095

A statement is one line, or several while a bracket is open; its name is optional. A `#` begins a
comment.
"""

from __future__ import annotations

import os
from pathlib import Path

from karel_gym.envs.signature import Signature
from programmatic.constraints.expressions import ExpressionParser
from programmatic.constraints.formulas import Formula, Not, names_action, names_next
from programmatic.constraints.statements import Always, Constraint, Constraints, Forever

STATEMENTS = ("always", "never", "assume", "from")


def load_constraints(path: str | os.PathLike[str], signature: Signature) -> Constraints:
    """Read a file of constraints; SourceError if not well-formed, OSError if not readable."""
    return parse_constraints(Path(path).read_text(encoding="utf-8"), signature, os.fspath(path))


def parse_constraints(text: str, signature: Signature, name: str = "constraints") -> Constraints:
    """Parse a text in the language above; `name` is the text's name in errors.

    Raises:
        SourceError: The text is not well-formed; the message has the place, and what was expected.

    Example:
        >>> from karel_gym.envs.signature import Feature
        >>> signature = Signature((Feature("speed", "m/s"),), ("brake", "coast"))
        >>> for constraint in parse_constraints("slow: always speed > 3 implies brake", signature):
        ...     print(constraint.name, "|", constraint)
        slow | always speed > 3 implies action == brake
    """
    return _StatementParser(text, signature, name).constraints()


class _StatementParser(ExpressionParser):
    """Recursive descent over statements: keywords with one or two conditions each."""

    def constraints(self) -> Constraints:
        statements: dict[str, Constraint] = {}
        assumptions: list[Formula] = []
        while self.token.kind != "end":
            begin = self.token
            if begin.kind in ("indent", "dedent"):
                raise self.error("a statement begins at the start of a line, without indentation")
            statement = self._statement()
            if self.token.kind != "newline":
                raise self.error(f"expected the end of the statement, {self.got}")
            self.take()
            if not isinstance(statement, Always | Forever):
                assumptions.append(statement)
            elif statement.name in statements:
                raise self.error(f"two constraints are named {statement.name!r}", begin)
            else:
                statements[statement.name] = statement
        return Constraints(self.signature, tuple(statements.values()), tuple(assumptions))

    def _statement(self) -> Constraint | Formula:
        begin, signature = self.token, self.signature
        name = unnamed = f"line {begin.line}"
        if begin.kind == "name" and self.tokens[self.position + 1].text == ":":
            name = self.take().text
            self.take()
        word = STATEMENTS[self.known(STATEMENTS, "statement", "a statement")]
        if word == "always":
            return Always(name, signature, self.formula())
        if word == "never":
            return Always(name, signature, Not(self.formula()))
        if word == "assume":
            if name != unnamed:
                raise self.error("an assumption has no name", begin)
            return self._state_formula("an assumption")
        start = self._state_formula("the start of 'from'")
        self.expect("forever")
        return Forever(name, signature, start, self._state_formula("what holds 'forever'"))

    def _state_formula(self, what: str) -> Formula:
        token = self.token
        formula = self.formula()
        if names_action(formula) or names_next(formula):
            raise self.error(
                f"{what} is a condition on states, with neither an action nor next()", token
            )
        return formula
