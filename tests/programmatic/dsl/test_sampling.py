"""Random programs have the distribution of LEAPS's generator."""

from __future__ import annotations

import gzip
from collections import Counter
from collections.abc import Callable, Sequence
from functools import cache
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import chi2_contingency

from programmatic.dsl import tokens as t
from programmatic.dsl.sampling import sample_programs, sample_tokens
from programmatic.dsl.syntax import Action, If, IfElse, Repeat, Statement, While

N = 20_000
ORIGINAL = Path(__file__).parents[2] / "data" / "leaps_generator.txt.gz"
BLOCKS = {"w(": 1, "r(": 1, "i(": 1, "e(": 1, "w)": -1, "r)": -1, "i)": -1, "e)": -1}
STATEMENTS = {*t.ACTIONS, "WHILE", "REPEAT", "IF", "IFELSE"}


@cache
def original() -> list[list[str]]:
    """Programs that the generator of clvrai/leaps drew, those of more than 45 tokens left out."""
    lines = gzip.decompress(ORIGINAL.read_bytes()).decode().splitlines()
    programs = [line.split() for line in lines]
    return [words for words in programs if len(words) <= t.MAX_PROGRAM_TOKENS]


@cache
def ours() -> list[list[str]]:
    words = np.array(t.TOKENS)
    return [words[row[row != t.PAD]].tolist() for row in sample_tokens(N, seed=2)]


def depths(words: Sequence[str]) -> list[int]:
    """The number of blocks around each word."""
    return np.cumsum([BLOCKS.get(word, 0) for word in words]).tolist()


def in_sequence(words: Sequence[str]) -> int:
    """The number of statements of the outermost sequence."""
    return sum(not d and w in STATEMENTS for d, w in zip(depths(words), words, strict=True))


@pytest.mark.parametrize(
    "figure",
    [
        len,
        lambda words: max(depths(words)),
        lambda words: sum(word in STATEMENTS for word in words),
        in_sequence,
        lambda words: words[3],
        " ".join,
        *(lambda words, word=word: words.count(word) for word in ("move", "WHILE", "IF", "ELSE")),
        *(lambda words, word=word: words.count(word) for word in ("not", "putMarker", "turnLeft")),
        lambda words: " ".join(words[-3:-1]),
        lambda words: sum(pair == ("c)", "c)") for pair in pairwise(words)),
    ],
)
def test_programs_are_those_of_the_original(figure: Callable[[Sequence[str]], object]) -> None:
    counts = [Counter(map(figure, programs)) for programs in (original(), ours())]
    values = [value for value in counts[1] if sum(count[value] for count in counts) >= 60]
    table = [[count[value] for value in values] for count in counts]
    for row, count in zip(table, counts, strict=True):
        row.append(1 + count.total() - sum(row))
    assert chi2_contingency(table)[1] > 0.002


def test_as_many_programs_recur_as_in_the_original() -> None:
    n = len(original())
    distinct = [len({*map(tuple, ours()[i * n : (i + 1) * n])}) for i in range(4)]
    assert len({*map(tuple, original())}) == pytest.approx(np.mean(distinct), rel=0.02)


def nesting(body: tuple[Statement, ...]) -> int:
    """How many control structures lie in each other."""
    blocks = [
        (*s.then, *s.otherwise) if isinstance(s, IfElse) else s.body
        for s in body
        if not isinstance(s, Action)
    ]
    return 1 + max(map(nesting, blocks)) if blocks else 0


def test_programs_are_valid_and_within_the_limits() -> None:
    programs = sample_programs(N, seed=1)
    assert max(len(p.tokens) for p in programs) == 45
    assert max(nesting(p.body) for p in programs) == 3
    assert max(len(p.body) for p in programs) == 8
    kinds = {type(s) for p in programs for s in p.body}
    assert kinds == {Action, While, If, IfElse, Repeat}


def test_a_program_does_not_depend_on_how_many_are_drawn() -> None:
    assert np.array_equal(sample_tokens(10, seed=3), sample_tokens(200, seed=3)[:10])
    assert not np.array_equal(sample_tokens(10, seed=3), sample_tokens(10, seed=4))


def test_terminals_have_their_probabilities() -> None:
    tokens = sample_tokens(N, seed=2)
    counts = np.bincount(tokens.ravel(), minlength=t.PAD + 1)
    actions = counts[list(t.ACTION_TOKENS)]
    np.testing.assert_allclose(actions / actions.sum(), [0.5, 0.15, 0.15, 0.1, 0.1], atol=0.01)
    percepts = counts[list(t.PERCEPT_TOKENS)]
    np.testing.assert_allclose(percepts / percepts.sum(), [0.5, 0.15, 0.15, 0.1, 0.1], atol=0.015)
    assert counts[t.NOT] / percepts.sum() == pytest.approx(0.1, abs=0.01)
    times = counts[t.R_0 : t.R_MAX + 1]
    np.testing.assert_allclose(times / times.sum(), 1 / 20, atol=0.015)


def test_limits_and_probabilities_can_be_others() -> None:
    tokens = sample_tokens(N, 0, max_tokens=30, sequences=20, min_times=2, max_times=5)
    assert (tokens != t.PAD).sum(axis=1).max() == 30
    times = np.bincount(tokens.ravel(), minlength=t.PAD + 1)[t.R_0 : t.R_MAX + 1]
    assert np.flatnonzero(times).tolist() == [2, 3, 4, 5]
    np.testing.assert_allclose(times[2:6] / times.sum(), 1 / 4, atol=0.04)
    alone = np.isin(tokens[:, 3], t.ACTION_TOKENS) & (tokens[:, 4] == t.M_CLOSE)
    assert alone.mean() == pytest.approx(0.5, abs=0.02)  # 100 - 30 - 20 percent


def test_bad_arguments_are_refused() -> None:
    with pytest.raises(ValueError, match="at least 1"):
        sample_tokens(0)
    with pytest.raises(ValueError, match="5 tokens"):
        sample_tokens(1, max_tokens=4)
