"""Random programs follow the grammar and its probabilities."""

from __future__ import annotations

import numpy as np
import pytest

from programmatic.dsl import tokens as t
from programmatic.dsl.sampling import MAX_NESTED, sample_programs, sample_tokens
from programmatic.dsl.syntax import Action, If, IfElse, Repeat, Statement, While

N = 20_000
LONG = 1000  # tokens: hardly any program is drawn again, which would distort the probabilities


def nesting(body: tuple[Statement, ...]) -> int:
    """How many control structures lie in each other."""
    blocks = [
        (*s.then, *s.otherwise) if isinstance(s, IfElse) else s.body
        for s in body
        if not isinstance(s, Action)
    ]
    return 1 + max(map(nesting, blocks)) if blocks else 0


def test_programs_are_valid_and_within_the_limits() -> None:
    programs = sample_programs(3000, seed=1)
    assert max(len(p.tokens) for p in programs) == 45
    assert max(nesting(p.body) for p in programs) == MAX_NESTED
    kinds = {type(s) for p in programs for s in p.body}
    assert kinds == {Action, While, If, IfElse, Repeat}


def test_a_program_does_not_depend_on_how_many_are_drawn() -> None:
    assert np.array_equal(sample_tokens(10, seed=3), sample_tokens(200, seed=3)[:10])
    assert not np.array_equal(sample_tokens(10, seed=3), sample_tokens(10, seed=4))


def test_terminals_have_their_probabilities() -> None:
    tokens = sample_tokens(N, seed=2, max_tokens=LONG)
    counts = np.bincount(tokens.ravel(), minlength=t.PAD + 1)
    actions = counts[list(t.ACTION_TOKENS)]
    np.testing.assert_allclose(actions / actions.sum(), [0.5, 0.15, 0.15, 0.1, 0.1], atol=0.01)
    percepts = counts[list(t.PERCEPT_TOKENS)]
    np.testing.assert_allclose(percepts / percepts.sum(), [0.5, 0.15, 0.15, 0.1, 0.1], atol=0.015)
    assert counts[t.NOT] / percepts.sum() == pytest.approx(0.1, abs=0.01)
    times = counts[t.R_0 : t.R_MAX + 1]
    np.testing.assert_allclose(times / times.sum(), 1 / 20, atol=0.01)


def test_first_statements_have_their_probabilities() -> None:
    # A sequence's first statement is drawn anew one level deeper, so the first token of a program
    # is a WHILE with 0.15 * (1 + 0.5 + 0.25 + ...).
    first = sample_tokens(N, seed=5, max_tokens=LONG)[:, 3]
    share = {word: (first == t.TOKEN_IDS[word]).mean() for word in ("WHILE", "REPEAT", "IF")}
    assert share["WHILE"] == pytest.approx(0.30, abs=0.02)
    assert share["REPEAT"] == pytest.approx(0.06, abs=0.015)
    assert share["IF"] == pytest.approx(0.16, abs=0.03)


def test_bad_arguments_are_refused() -> None:
    with pytest.raises(ValueError, match="at least 1"):
        sample_tokens(0)
    with pytest.raises(ValueError, match="5 tokens"):
        sample_tokens(1, max_tokens=4)
