"""Programs as arrays of tokens, which may be no programs."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from karel_gym import sample_worlds
from programmatic import Program, ProgramSyntaxError, execute
from programmatic.dsl import (
    MAX_NEGATIONS,
    MAX_NESTING,
    MAX_REPEAT_NESTING,
    MAX_TOKENS,
    TOKENS,
)
from programmatic.dsl.tokens import PAD, TOKEN_IDS
from programmatic.machine.bytecode import compile, compile_programs, tokens_of
from tests.programmatic.sample_programs import SKILLED, random_programs

ENV_ID = "Karel-Maze-v0"


def lengths_of(tokens: Any) -> NDArray[np.int64]:
    """What the kernel takes for the length of each row, 0 for one that is no program."""
    n, longest = tokens.shape
    room = np.zeros((1, 2, longest), np.int64)
    codes, lengths = np.zeros((n, longest), np.int64), np.zeros(n, np.int64)
    compile_programs(0, n, 1, tokens, room, codes, lengths)
    return lengths


def length_by_parser(row: Any) -> int:
    try:
        return len(Program.from_tokens(row.tolist()).tokens)
    except ProgramSyntaxError:
        return 0


@pytest.mark.parametrize("form", [np.int8, np.uint8, np.int64, np.uint64, object, torch.int64])
def test_tokens_run_as_their_programs_do(form: Any) -> None:
    given: Any = np.asfortranarray(tokens_of(SKILLED))
    if form is object:
        given = np.array(SKILLED, dtype=object)
    elif isinstance(form, torch.dtype):
        given = torch.tensor(given, dtype=form)
    else:
        given = given.astype(form)
    worlds = sample_worlds("Karel-Harvester-v0", 5)
    result = execute(given, worlds, "Karel-Harvester-v0")
    expected = execute(SKILLED, worlds, "Karel-Harvester-v0")
    assert isinstance(result.returns, np.ndarray)
    assert np.array_equal(result.returns, expected.returns)
    assert np.array_equal(result.calls, expected.calls)
    assert result.final_world(4, 2) == expected.final_world(4, 2)


def test_the_kernel_knows_the_grammar_and_its_limits() -> None:
    rows = []
    for n in (MAX_NESTING - 1, MAX_NESTING, MAX_NESTING + 1):
        rows.append(["IF", "c(", "frontIsClear", "c)", "i("] * n + ["move"] + ["i)"] * n)
    for n in (MAX_REPEAT_NESTING, MAX_REPEAT_NESTING + 1):
        rows.append(["REPEAT", "R=0", "r("] * n + ["move"] + ["r)"] * n)
        rows.append((["REPEAT", "R=19", "r(", "move", "r)"]) * n)
    for opened in (0, 1, MAX_NEGATIONS, MAX_NEGATIONS + 1):
        for closed in (opened - 1, opened, opened + 1):
            condition = ["not", "c("] * opened + ["frontIsClear"] + ["c)"] * closed
            rows.append(["WHILE", "c(", *condition, "c)", "w(", "move", "w)"])
    rows += [["move"] * (MAX_TOKENS - 4), ["move"] * (MAX_TOKENS - 3)]
    for body in (
        "IFELSE c( frontIsClear c) i( move i)",
        "IFELSE c( frontIsClear c) i( move i) ELSE e( e)",
        "IFELSE c( frontIsClear c) i( move i) ELSE e( move e)",
        "IFELSE c( frontIsClear c) i( move e) ELSE e( move e)",
        "IF c( frontIsClear c) i( move i) ELSE e( move e)",
        "IF c( move c) i( move i)",
        "IF c( not frontIsClear c) i( move i)",
        "WHILE c( c) w( move w)",
        "WHILE c( frontIsClear c) i( move i)",
        "REPEAT r( move r)",
        "REPEAT R=3 r( r)",
        "REPEAT R=3 r( move m) r)",
        "move m) move",
        "<pad> move",
        "",
    ):
        rows.append(body.split())
    programs = [[TOKEN_IDS[word] for word in ["DEF", "run", "m(", *row, "m)"]] for row in rows]
    programs += [program[:-1] for program in programs] + [[], [0], [0, 1], [0, 1, 2]]
    longest = max(map(len, programs)) + 1
    tokens = np.array([row + [PAD] * (longest - len(row)) for row in programs], np.int8)
    expected = [length_by_parser(row) for row in tokens]
    assert sum(length > 0 for length in expected) == 11
    assert lengths_of(tokens).tolist() == expected


def test_the_kernel_and_the_parser_refuse_the_same_rows() -> None:
    rng = np.random.default_rng(0)
    tokens = tokens_of(random_programs(2_000, 2)).astype(np.int64)
    n, longest = tokens.shape
    lengths = (tokens != PAD).sum(axis=1)
    rows = np.arange(n)
    for _ in range(2):  # most rows get one fault, some none or two
        at, other = rng.integers(lengths), rng.integers(lengths)
        any_token = rng.integers(-3, len(TOKENS) + 3, size=n)
        faults = np.stack([tokens[rows, other], any_token, tokens[rows, at], tokens[rows, at]])
        tokens[rows, at] = faults[rng.integers(len(faults), size=n), rows]
    tokens[rng.random(n) < 0.05, longest // 2 :] = PAD
    expected = [length_by_parser(row) for row in tokens]
    assert 0.2 < np.mean(np.array(expected) > 0) < 0.9
    assert lengths_of(tokens).tolist() == expected


def test_the_first_row_that_is_no_program_is_named() -> None:
    tokens = tokens_of(SKILLED).astype(np.int64)
    tokens[2, 3] = TOKEN_IDS["DEF"]
    tokens[3, 0] = -1
    worlds = sample_worlds(ENV_ID, 1)
    with pytest.raises(ProgramSyntaxError, match=r"in programs\[2\] at token 3: .*got 'DEF'"):
        execute(tokens, worlds, ENV_ID)
    with pytest.raises(ProgramSyntaxError, match=r"in programs\[0\] at token 0: .*got -1"):
        execute(tokens[3:], worlds, ENV_ID)
    with pytest.raises(ProgramSyntaxError, match=r"in programs\[0\] at token 0: .*got the end"):
        execute(tokens[:, :0], worlds, ENV_ID)


@pytest.mark.parametrize(
    ("tokens", "message"),
    [
        (np.zeros(5, np.int8), "integers of shape .P, L., got int8, .5,."),
        (np.zeros((2, 5)), "got float64, .2, 5."),
        (np.zeros((2, 5), bool), "got bool"),
        (np.zeros((0, 5), int), "nothing to run: 0 programs"),
    ],
)
def test_other_arrays_are_refused(tokens: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        execute(tokens, sample_worlds(ENV_ID, 1), ENV_ID)


def test_bytecode_does_not_depend_on_the_pads() -> None:
    several = random_programs(200, 3)
    together = compile(several)
    for i, program in enumerate(several):
        (alone,) = compile([program])
        assert np.array_equal(together[i, : len(alone)], alone)
        assert not together[i, len(alone) :].any()
