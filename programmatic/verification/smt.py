"""States and conditions as z3 sees them: linear arithmetic over the reals, constants exact."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from fractions import Fraction
from typing import Any

import z3

from programmatic.constraints.formulas import (
    Absolute,
    ActionIn,
    And,
    Comparison,
    Formula,
    Number,
    Or,
    Scaled,
    Sum,
    Term,
    Variable,
    normal_form,
)
from programmatic.constraints.statements import Constraints
from programmatic.trees.program import Boxes

NO_TIME = "it was not decided within the time"


class Deadline:
    """When work must end.

    Args:
        seconds: How long from now.
    """

    def __init__(self, seconds: float) -> None:
        self._end = time.monotonic() + seconds

    @property
    def seconds(self) -> float:
        """What is left, at least 0."""
        return max(0.0, self._end - time.monotonic())

    def part(self, share: float) -> Deadline:
        """An earlier end: after a share of what is left."""
        return Deadline(share * self.seconds)

    def check(self, solver: Any, *assumptions: Any) -> str:
        """The answer of a z3 solver or optimiser in what is left: "sat", "unsat" or "unknown"."""
        milliseconds = int(1000 * self.seconds)
        if milliseconds < 1:
            return "unknown"
        solver.set("timeout", milliseconds)
        return str(solver.check(*assumptions))


class StateVariables:
    """A state of unknown values, and what is known of it.

    Args:
        constraints: Its features with their bounds, and the assumptions.
        context: Of z3; one of its own makes results independent of what was solved before.
    """

    def __init__(self, constraints: Constraints, context: Any) -> None:
        self.context = context
        features = constraints.signature.features
        self.variables = [z3.Real(feature.name, context) for feature in features]
        self.known = []
        for variable, feature in zip(self.variables, features, strict=True):
            if feature.boolean:
                self.known.append(z3.Or(variable == 0, variable == 1))
                continue
            if math.isfinite(feature.low):
                self.known.append(variable >= rational(feature.low, context))
            if math.isfinite(feature.high):
                self.known.append(variable <= rational(feature.high, context))
        for assumption in constraints.assumptions:
            # An assumption names no action: any number of them does.
            self.known.append(self.condition(normal_form(assumption, 1), 0))

    def condition(self, normal: Formula, action: int, slack: float = 0.0) -> Any:
        """A condition on the state and an action.

        Args:
            normal: Of the kinds that `normal_form` gives, about the present state alone.
            action: The action taken.
            slack: By how much each inequality must hold.
        """
        match normal:
            case ActionIn(actions):
                return z3.BoolVal(action in actions, self.context)
            case And(parts):
                return z3.And([self.condition(part, action, slack) for part in parts])
            case Or(parts):
                return z3.Or([self.condition(part, action, slack) for part in parts])
            case Comparison(left, operator, right):
                less, more = self._term(left), self._term(right)
                if operator == "==":
                    return less == more
                if operator in (">", ">="):
                    less, more = more, less
                less = less + rational(slack, self.context)
                return less < more if operator in ("<", ">") else less <= more
            case _:
                raise TypeError(f"{type(normal).__name__} is not in normal form")

    def in_box(self, boxes: Boxes, leaf: int, slack: float = 0.0) -> list[Any]:
        """The state comes to a leaf, and is within its bounds by the slack."""
        conditions = []
        for variable, low, high in zip(
            self.variables, boxes.low[leaf].tolist(), boxes.high[leaf].tolist(), strict=True
        ):
            if math.isfinite(low):
                conditions.append(variable > rational(low, self.context, slack))
            if math.isfinite(high):
                conditions.append(variable <= rational(high, self.context, -slack))
        return conditions

    def values(self, model: Any) -> tuple[Fraction, ...]:
        """The state of a model."""
        return tuple(fraction_of(model, variable) for variable in self.variables)

    def _term(self, term: Term) -> Any:
        match term:
            case Number(value):
                return rational(value, self.context)
            case Variable(feature):
                return self.variables[feature]
            case Sum(terms):
                return z3.Sum([self._term(part) for part in terms])
            case Scaled(factor, part):
                return rational(factor, self.context) * self._term(part)
            case Absolute(part):
                inner = self._term(part)
                return z3.If(inner >= 0, inner, -inner)


def rational(value: float | Fraction, context: Any, plus: float = 0.0) -> Any:
    """A number as z3's, without rounding."""
    exact = Fraction(value) + Fraction(plus)
    return z3.RealVal(f"{exact.numerator}/{exact.denominator}", context)


def fraction_of(model: Any, expression: Any) -> Fraction:
    """The value of a real expression in a model."""
    value = model.eval(expression, model_completion=True)
    return Fraction(value.numerator_as_long(), value.denominator_as_long())


def any_of(conditions: Sequence[Any], context: Any) -> Any:
    """At least one of the conditions holds; false if there is none."""
    return z3.Or(list(conditions)) if conditions else z3.BoolVal(False, context)
