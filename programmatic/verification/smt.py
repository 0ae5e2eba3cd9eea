"""States and conditions for z3: linear arithmetic over the reals, with exact constants."""

from __future__ import annotations

import math
import time
from fractions import Fraction
from typing import Any

import z3

from programmatic.constraints.formulas import COMPARE, Formula, Semantics, normal_form
from programmatic.constraints.statements import Constraints
from programmatic.trees.program import Boxes

NO_TIME = "it was not decided within the time"


class Deadline:
    """The end of a time limit that begins now."""

    def __init__(self, seconds: float) -> None:
        self._end = time.monotonic() + seconds

    @property
    def seconds(self) -> float:
        """The seconds left, at least 0."""
        return max(0.0, self._end - time.monotonic())

    def check(self, solver: Any, *assumptions: Any) -> str:
        """Run a z3 solver or optimizer in the time left: "sat", "unsat" or "unknown"."""
        milliseconds = int(1000 * self.seconds)
        if milliseconds < 1:
            return "unknown"
        solver.set("timeout", milliseconds)
        return str(solver.check(*assumptions))


class StateVariables:
    """A state as z3 variables, with its bounds and assumptions; use a new context for each."""

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
            # An assumption names no action: any number of actions will do.
            self.known.append(self.condition(normal_form(assumption, 1), 0))

    def condition(self, normal: Formula, action: int, slack: float = 0.0) -> Any:
        """A condition in normal form as z3's; each inequality must hold by the slack."""

        def compare(left: Any, operator: str, right: Any) -> Any:
            if operator in ("<", "<="):
                left = left + rational(slack, self.context)
            elif operator in (">", ">="):
                right = right + rational(slack, self.context)
            return COMPARE[operator](left, right)

        return Semantics(
            lambda value: rational(value, self.context),
            lambda variable: self.variables[variable.feature],
            compare,
            lambda actions: z3.BoolVal(action in actions, self.context),
            z3.And,
            z3.Or,
            absolute=z3.Abs,
        ).truth(normal)

    def in_box(self, boxes: Boxes, leaf: int, slack: float = 0.0) -> list[Any]:
        """That the state reaches a leaf, and is within its bounds by the slack."""
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
        """The state in a model."""
        return tuple(fraction_of(model, variable) for variable in self.variables)


def rational(value: float | Fraction, context: Any, plus: float = 0.0) -> Any:
    """A number for z3, without rounding."""
    exact = Fraction(value) + Fraction(plus)
    return z3.RealVal(f"{exact.numerator}/{exact.denominator}", context)


def fraction_of(model: Any, expression: Any) -> Fraction:
    """The value of a real expression in a model."""
    value = model.eval(expression, model_completion=True)
    return Fraction(value.numerator_as_long(), value.denominator_as_long())


def is_true(model: Any, condition: Any) -> bool:
    """Whether a condition is true in a model; conditions left open by the model count as false."""
    return bool(z3.is_true(model.eval(condition, model_completion=True)))
