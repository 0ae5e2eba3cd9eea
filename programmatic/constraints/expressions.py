"""Conditions from text: the expressions in the language of constraints."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from difflib import get_close_matches

from karel_gym.envs.signature import Signature
from programmatic.constraints.formulas import (
    Absolute,
    ActionIn,
    And,
    Comparison,
    Formula,
    Implies,
    IsTrue,
    Not,
    Number,
    Or,
    Scaled,
    Sum,
    Term,
    Variable,
)
from programmatic.trees.source import SourceError, Token, tokens_of

STATEMENTS = ("always", "never", "assume", "from")
KEYWORDS = (*STATEMENTS, "forever", "implies", "or", "and", "not", "in", "abs", "next", "action")
COMPARISONS = ("<", "<=", ">", ">=", "==", "!=")


class ExpressionParser:
    """Recursive descent over a text's tokens.

    Args:
        text: The text.
        signature: What features and actions are called.
        name: What errors call the text.
    """

    def __init__(self, text: str, signature: Signature, name: str) -> None:
        self._text, self._name, self._signature = text, name, signature
        self._tokens = tokens_of(text, name)
        self._at = 0

    @property
    def token(self) -> Token:
        """The next token."""
        return self._tokens[self._at]

    def formula(self) -> Formula:
        """The condition that begins at the next token."""
        return self._condition(self._implication)

    def _implication(self) -> Formula | Term:
        token = self.token
        left = self._disjunction()
        if self.token.text != "implies":
            return left
        antecedent = self._as_formula(left, token)
        self.take()
        return Implies(antecedent, self._condition(self._implication))

    def _disjunction(self) -> Formula | Term:
        return self._joined("or", self._conjunction, Or)

    def _conjunction(self) -> Formula | Term:
        return self._joined("and", self._negation, And)

    def _joined(
        self, word: str, part: Callable[[], Formula | Term], kind: type[And] | type[Or]
    ) -> Formula | Term:
        token = self.token
        first = part()
        if self.token.text != word:
            return first
        parts = [self._as_formula(first, token)]
        while self.token.text == word:
            self.take()
            parts.append(self._condition(part))
        # A chain of comparisons is a conjunction already: a flat one reads and prints alike.
        flat = [inner for p in parts for inner in (p.parts if isinstance(p, kind) else (p,))]
        return kind(tuple(flat))

    def _negation(self) -> Formula | Term:
        if self.token.text != "not":
            return self._comparison()
        self.take()
        return Not(self._condition(self._negation))

    def _comparison(self) -> Formula | Term:
        token = self.token
        if token.text == "action":
            return self._action_test()
        left = self._sum()
        if self.token.text == "in":
            self.take()
            return self._in_interval(self._as_term(left, token))
        chain: list[Formula] = []
        while self.token.text in COMPARISONS:
            term = self._as_term(left, token)
            operator = self.take().text
            token = self.token
            left = self._term(self._sum)
            chain.append(Comparison(term, operator, left))
        if not chain:
            return left
        return chain[0] if len(chain) == 1 else And(tuple(chain))

    def _in_interval(self, term: Term) -> Formula:
        self.expect("[", "an interval, as in 'x in [-1, 1]'")
        low = self._term(self._sum)
        self.expect(",")
        high = self._term(self._sum)
        self.expect("]")
        return And((Comparison(low, "<=", term), Comparison(term, "<=", high)))

    def _action_test(self) -> Formula:
        self.take()
        operator = self.token
        if operator.text not in ("==", "!=", "in"):
            raise self.error(f"expected '==', '!=' or 'in' after 'action', got {shown(operator)}")
        self.take()
        if operator.text == "in":
            self.expect("{", "a set of actions, as in 'action in {left, right}'")
            actions = {self._action()}
            while self.token.text == ",":
                self.take()
                actions.add(self._action())
            self.expect("}")
            return ActionIn(tuple(sorted(actions)))
        test = ActionIn((self._action(),))
        return test if operator.text == "==" else Not(test)

    def _action(self) -> int:
        names = self._signature.actions
        if self.token.text not in names:
            raise self.error(
                f"expected an action, one of {', '.join(names)}; got {shown(self.token)}"
                + suggestion(self.token.text, names)
            )
        return names.index(self.take().text)

    def _sum(self) -> Formula | Term:
        token = self.token
        first = self._product()
        if self.token.text not in ("+", "-"):
            return first
        terms = [self._as_term(first, token)]
        while self.token.text in ("+", "-"):
            negative = self.take().text == "-"
            term = self._term(self._product)
            terms.append(_scaled(-1.0, term) if negative else term)
        if all(isinstance(term, Number) for term in terms):
            return Number(sum(term.value for term in terms if isinstance(term, Number)))
        return Sum(tuple(terms))

    def _product(self) -> Formula | Term:
        token = self.token
        product = self._unary()
        while self.token.text in ("*", "/"):
            operator = self.take()
            if operator.text == "/":
                raise self.error(
                    "there is no division: multiply by a constant, as in '0.5 * x'", operator
                )
            left, right = self._as_term(product, token), self._term(self._unary)
            if isinstance(left, Number):
                product = _scaled(left.value, right)
            elif isinstance(right, Number):
                product = _scaled(right.value, left)
            else:
                raise self.error(
                    "a product of two terms is not linear: one of them must be a constant", operator
                )
        return product

    def _unary(self) -> Formula | Term:
        if self.token.text not in ("+", "-"):
            return self._atom()
        negative = self.take().text == "-"
        term = self._term(self._unary)
        return _scaled(-1.0, term) if negative else term

    def _atom(self) -> Formula | Term:
        token = self.token
        if token.kind == "number":
            return Number(self._number())
        if token.text == "(":
            self.take()
            inner = self._implication()
            self.expect(")")
            return inner
        if token.text == "abs":
            self.take()
            self.expect("(")
            term = self._term(self._sum)
            self.expect(")")
            return Absolute(term)
        if token.text == "next":
            self.take()
            self.expect("(")
            feature = self._feature()
            self.expect(")")
            return Variable(feature, next=True)
        if token.text in self._signature.actions and token.text not in KEYWORDS:
            return ActionIn((self._action(),))
        return Variable(self._feature())

    def _feature(self) -> int:
        token, names = self.token, self._signature.feature_names
        if token.kind != "name" or token.text in KEYWORDS:
            raise self.error(f"expected a feature or a number, got {shown(token)}")
        if token.text not in names:
            known = (*names, *self._signature.actions)
            raise self.error(
                f"there is no feature {token.text!r}"
                + (suggestion(token.text, known) or f"; known are {', '.join(names)}")
            )
        return names.index(self.take().text)

    def _number(self) -> float:
        value = float(self.token.text)
        if not math.isfinite(value):
            raise self.error(f"{self.token.text} is greater than any double")
        self.take()
        return value

    def _condition(self, rule: Callable[[], Formula | Term]) -> Formula:
        token = self.token
        return self._as_formula(rule(), token)

    def _term(self, rule: Callable[[], Formula | Term]) -> Term:
        token = self.token
        return self._as_term(rule(), token)

    def _as_formula(self, parsed: Formula | Term, token: Token) -> Formula:
        if not isinstance(parsed, Term):
            return parsed
        if isinstance(parsed, Variable) and self._signature.features[parsed.feature].boolean:
            return IsTrue(parsed)
        what = f"{token.text!r} is" if isinstance(parsed, Variable | Number) else "this is"
        raise self.error(f"{what} a number; a condition is needed here, such as 'x <= 0.1'", token)

    def _as_term(self, parsed: Formula | Term, token: Token) -> Term:
        if isinstance(parsed, Term):
            return parsed
        if isinstance(parsed, ActionIn):
            raise self.error(f"{token.text!r} is an action: write 'action == {token.text}'", token)
        raise self.error("this is a condition; a number or a feature is needed here", token)

    def take(self) -> Token:
        """The next token, which is then behind."""
        token = self.token
        self._at += 1
        return token

    def expect(self, text: str, what: str = "") -> None:
        """Take the next token.

        Args:
            text: What it must be.
            what: How an error calls that.

        Raises:
            SourceError: It is another.
        """
        if self.token.text != text:
            raise self.error(f"expected {what or repr(text)}, got {shown(self.token)}")
        self.take()

    def error(self, message: str, token: Token | None = None) -> SourceError:
        """An error that points at a token, by default the next one."""
        token = token or self.token
        return SourceError(message, token.line, token.column, self._text, self._name)


def _scaled(factor: float, term: Term) -> Term:
    if isinstance(term, Number):
        return Number(factor * term.value)
    return Scaled(factor, term)


def shown(token: Token) -> str:
    """A token as errors name it."""
    if token.kind in ("newline", "end"):
        return "the end of the line"
    return repr(token.text)


def choice(words: Sequence[str]) -> str:
    """Several words in a row: "a, b or c"."""
    return f"{', '.join(words[:-1])} or {words[-1]}"


def suggestion(word: str, known: Sequence[str]) -> str:
    """The end of an error that names a known word alike; empty if there is none."""
    close = get_close_matches(word, known, n=1)
    return f"; did you mean {close[0]!r}?" if close else ""
