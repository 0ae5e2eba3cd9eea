"""Printer of conditions, in the language of constraints."""

from __future__ import annotations

from collections.abc import Iterator

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

# The strength with which a text binds.
_IMPLIES, _OR, _AND, _NOT, _COMPARISON, _SUM, _PRODUCT, _ATOM = range(8)


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
