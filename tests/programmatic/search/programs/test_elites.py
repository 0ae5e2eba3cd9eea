"""Elites: what is kept, what a cross is, and that members of a portfolio share them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from karel_gym.simulation.kernels import allocating_kernel
from programmatic import Program
from programmatic.dsl import PAD
from programmatic.search import CGHCConfig, resume, search
from programmatic.search.objective import Objective
from programmatic.search.programs.climb_state import Elites
from programmatic.search.programs.elites import best_of, cross, keep_elite
from programmatic.search.programs.mutation import N_COLUMNS
from programmatic.search.programs.portfolio import Portfolio, climbing_for
from programmatic.search.programs.space import SPACES, ProgramSpace
from programmatic.search.programs.statements import STACK_SIZE
from tests.programmatic.search.programs.test_portfolio import found

FEW: dict[str, Any] = {"neighbours": 40, "crossed": 0.5, "batch_size": 1000, "progress": False}


def elites_of(rows: list[tuple[int, list[int]]]) -> Elites:
    """Elites with as many tokens, or none, and these returns."""
    tokens = np.full((len(rows), 4), PAD, dtype=np.int8)
    for row, (length, _) in zip(tokens, rows, strict=True):
        row[:length] = 0
    return Elites(tokens, np.array([returns for _, returns in rows], dtype=np.int64))


def rows_of(elites: Elites) -> list[tuple[int, list[int]]]:
    lengths = (elites.tokens != PAD).sum(axis=1).tolist()
    return list(zip(lengths, elites.returns.tolist(), strict=True))


@pytest.mark.parametrize(
    ("returns", "length", "row"),
    [
        pytest.param([9, 9], 3, 1, id="a better one replaces the worst"),
        pytest.param([2, 1], 3, None, id="one as good as the worst is not kept"),
        pytest.param([5, 5], 2, 0, id="a shorter one replaces that with equal returns"),
        pytest.param([5, 5], 3, None, id="one as long does not"),
    ],
)
def test_what_is_kept(returns: list[int], length: int, row: int | None) -> None:
    rows = [(3, [5, 5]), (3, [1, 2]), (3, [5, 6])]
    elites = elites_of(rows)
    tokens = np.zeros(4, dtype=np.int8)
    keep_elite(elites, tokens, length, np.array(returns), np.array([1, 1]))
    if row is not None:
        rows[row] = (length, returns)
    assert rows_of(elites) == rows


def test_a_free_row_is_taken_first() -> None:
    elites = elites_of([(3, [5, 5]), (0, [0, 0]), (0, [0, 0])])
    keep_elite(elites, np.zeros(4, dtype=np.int8), 2, np.array([-7, 0]), np.array([1, 1]))
    assert rows_of(elites) == [(3, [5, 5]), (2, [-7, 0]), (0, [0, 0])]


def test_the_best_of_several_groups() -> None:
    one = elites_of([(3, [5, 5]), (3, [0, 0]), (0, [0, 0])])
    other = elites_of([(2, [5, 5]), (2, [4, 4]), (0, [0, 0])])
    best = best_of([one, other], np.array([1, 2]))
    assert rows_of(best) == [(3, [5, 5]), (2, [4, 4]), (3, [0, 0])]
    assert rows_of(best_of([one], np.array([1, 2]))) == rows_of(one)


@allocating_kernel
def draw_crosses(space: Any, elites: Any, tokens: Any, rng: Any) -> None:
    stack = np.empty(STACK_SIZE, dtype=np.int64)
    places = np.empty((2 * elites.tokens.shape[1], N_COLUMNS), dtype=np.int64)
    for i in range(len(tokens)):
        length = cross(elites, space, places, tokens[i], stack, rng)
        tokens[i, length:] = PAD


def crosses(texts: list[str], n: int, space: ProgramSpace) -> list[str]:
    rows = np.full((len(texts), 45), PAD, dtype=np.int8)
    for row, text in zip(rows, texts, strict=True):
        tokens = Program.parse(text).tokens
        row[: len(tokens)] = tokens
    drawn = np.zeros((n, 45), dtype=np.int8)
    draw_crosses(space, Elites(rows, np.zeros((len(rows), 0))), drawn, np.ones(1, dtype=np.uint64))
    return [str(Program.from_tokens(row)) for row in drawn.tolist()]


def test_a_cross_has_a_piece_of_another_elite() -> None:
    elites = ["DEF run m( move turnLeft m)", "DEF run m( WHILE c( frontIsClear c) w( move w) m)"]
    whole = "WHILE c( frontIsClear c) w( move w)"
    bodies = {"move turnLeft", "move move turnLeft", "turnLeft", "move", "move move"}
    bodies |= {whole, f"move {whole}"}
    inner = ("turnLeft", "move turnLeft", whole)
    bodies |= {f"WHILE c( frontIsClear c) w( {body} w)" for body in inner}
    drawn = set(crosses(elites, 4000, ProgramSpace()))
    assert drawn == {f"DEF run m( {body} m)" for body in bodies}


@pytest.mark.parametrize("name", SPACES)
def test_crosses_are_programs_of_the_space(name: str) -> None:
    space = SPACES[name]
    elites = [str(Program.from_tokens(row)) for row in space.random(20, seed=1).tolist()]
    for text in crosses(elites, 4000, space):
        space.check(Program.parse(text))


def test_members_share_their_elites() -> None:
    config = CGHCConfig(neighbours=40, crossed=0.5, members=3, batch_size=3000)
    portfolio = climbing_for(config, Objective("Karel-Farmer-v0", config, 0, 10**9), 0)
    assert isinstance(portfolio, Portfolio)
    state = portfolio.start()
    for _ in range(2):
        state, _ = portfolio.step(state)
    first, second, third = state.elite_tokens
    assert (first[:, 0] != PAD).all()
    assert first.tolist() == second.tolist() == third.tolist()


@pytest.mark.parametrize("members", [1, 3])
def test_neither_threads_nor_an_interruption_change_the_result(
    members: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    results = []
    for threads in (1, 3):
        monkeypatch.setattr(
            "programmatic.search.programs.portfolio.most_threads", lambda n=threads: n
        )
        options = {"members": members, "save_interval": 2, "run_dir": tmp_path / str(threads)}
        search("cghc", "Karel-Farmer-v0", budget=5000, **options, **FEW)
        results.append(found(resume(tmp_path / str(threads), budget=15_000)))
    whole = found(search("cghc", "Karel-Farmer-v0", budget=15_000, members=members, **FEW))
    assert results == [whole, whole]
    plain = search(
        "cghc", "Karel-Farmer-v0", budget=15_000, members=members, **FEW | {"crossed": 0.0}
    )
    assert found(plain) != whole
