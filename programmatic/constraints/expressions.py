"""Parser and printer of conditions, the expressions in the language of constraints."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import ClassVar

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
from programmatic.trees.source import Parser, Token

KEYWORDS = ("forever", "implies", "or", "and", "not", "in", "abs", "next", "action")
COMPARISONS = ("<", "<=", ">", ">=", "==", "!=")

# The strength with which a text binds.
_IMPLIES, _OR, _AND, _NOT, _COMPARISON, _SUM, _PRODUCT, _ATOM = range(8)


class ExpressionParser(Parser):
    """Recursive descent over conditions and terms."""

    keywords: ClassVar[tuple[str, ...]] = KEYWORDS

    def formula(self) -> Formula:
        """Read a condition."""
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
        # A chain of comparisons is a conjunction already; a flat one reads and prints the same.
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
        if self.token.text not in ("==", "!=", "in"):
            raise self.error(f"expected '==', '!=' or 'in' after 'action', {self.got}")
        operator = self.take().text
        if operator != "in":
            test = ActionIn((self._action(),))
            return test if operator == "==" else Not(test)
        self.expect("{", "a set of actions, as in 'action in {left, right}'")
        actions = {self._action()}
        while self.token.text == ",":
            self.take()
            actions.add(self._action())
        self.expect("}")
        return ActionIn(tuple(sorted(actions)))

    def _action(self) -> int:
        return self.known(self.signature.actions, "action", "an action")

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
            return Number(self.number())
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
            feature = self.known(self.signature.feature_names, "feature", "a feature")
            self.expect(")")
            return Variable(feature, next=True)
        actions = self.signature.actions
        number = self.known(
            (*actions, *self.signature.feature_names),
            "feature or action",
            "a feature, an action or a number",
        )
        if number < len(actions):
            return ActionIn((number,))
        return Variable(number - len(actions))

    def _condition(self, rule: Callable[[], Formula | Term]) -> Formula:
        token = self.token
        return self._as_formula(rule(), token)

    def _term(self, rule: Callable[[], Formula | Term]) -> Term:
        token = self.token
        return self._as_term(rule(), token)

    def _as_formula(self, parsed: Formula | Term, token: Token) -> Formula:
        if not isinstance(parsed, Term):
            return parsed
        if isinstance(parsed, Variable) and self.signature.features[parsed.feature].boolean:
            return IsTrue(parsed)
        what = f"{token.text!r} is" if isinstance(parsed, Variable | Number) else "this is"
        raise self.error(f"{what} a number; a condition is needed here, such as 'x <= 0.1'", token)

    def _as_term(self, parsed: Formula | Term, token: Token) -> Term:
        if isinstance(parsed, Term):
            return parsed
        if isinstance(parsed, ActionIn):
            raise self.error(f"{token.text!r} is an action: write 'action == {token.text}'", token)
        raise self.error("this is a condition; a number or a feature is needed here", token)


def _scaled(factor: float, term: Term) -> Term:
    if isinstance(term, Number):
        return Number(factor * term.value)
    return Scaled(factor, term)


def formula_text(formula: Formula, signature: Signature) -> str:
    """The text of a condition, which parses back to an equal condition."""
    return _formula_text(formula, signature, _IMPLIES)


def _formula_text(formula: Formula, signature: Signature, around: int) -> str:
    """The text, in brackets if it binds less strongly than the text around it."""

    def inner(part: Formula, level: int) -> str:
        return _formula_text(part, signature, level)

    match formula:
        case Comparison():
            level, text = _COMPARISON, _chain_text((formula,), signature)
        case IsTrue(variable):
            level, text = _COMPARISON, _term_text(variable, signature, _ATOM)
        case ActionIn(actions):
            names = [signature.actions[action] for action in actions]
            test = f"== {names[0]}" if len(names) == 1 else f"in {{{', '.join(names)}}}"
            level, text = _COMPARISON, f"action {test}"
        case Not(part):
            level, text = _NOT, f"not {inner(part, _NOT)}"
        case And(parts):
            level, text = _AND, " and ".join(_conjuncts(parts, signature))
        case Or(parts):
            level, text = _OR, " or ".join(inner(part, _AND) for part in parts)
        case Implies(antecedent, consequent):
            level = _IMPLIES
            text = f"{inner(antecedent, _OR)} implies {inner(consequent, _IMPLIES)}"
    return text if level >= around else f"({text})"


def _conjuncts(parts: tuple[Formula, ...], signature: Signature) -> Iterator[str]:
    """The texts of a conjunction's parts; comparisons that share a side become a chain."""
    chain: tuple[Comparison, ...] = ()
    for part in parts:
        if chain and isinstance(part, Comparison) and chain[-1].right == part.left:
            chain = (*chain, part)
            continue
        if chain:
            yield _chain_text(chain, signature)
        chain = (part,) if isinstance(part, Comparison) else ()
        if not chain:
            yield _formula_text(part, signature, _NOT)
    if chain:
        yield _chain_text(chain, signature)


def _chain_text(chain: tuple[Comparison, ...], signature: Signature) -> str:
    first = _term_text(chain[0].left, signature, _SUM)
    rest = (f"{link.operator} {_term_text(link.right, signature, _SUM)}" for link in chain)
    return " ".join((first, *rest))


def _term_text(term: Term, signature: Signature, around: int) -> str:
    match term:
        case Number(value):
            level, text = _ATOM, repr(value).removesuffix(".0")
        case Variable(feature, is_next):
            name = signature.feature_names[feature]
            level, text = _ATOM, f"next({name})" if is_next else name
        case Sum(terms):
            level, text = _SUM, _term_text(terms[0], signature, _SUM)
            for part in terms[1:]:
                sign = "+"
                match part:
                    case Scaled(-1.0, negated):
                        sign, part = "-", negated
                    case Number(value) if value < 0:
                        sign, part = "-", Number(-value)
                text += f" {sign} {_term_text(part, signature, _PRODUCT)}"
        case Scaled(-1.0, part):
            level, text = _PRODUCT, f"-{_term_text(part, signature, _ATOM)}"
        case Scaled(factor, part):
            level = _PRODUCT
            text = f"{_term_text(Number(factor), signature, _ATOM)} * " + _term_text(
                part, signature, _ATOM
            )
        case Absolute(part):
            level, text = _ATOM, f"abs({_term_text(part, signature, _SUM)})"
    return text if level >= around else f"({text})"
