"""The automaton allows what the parser takes, and knows how many tokens a program still needs."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from programmatic.dsl import Program, ProgramSyntaxError
from programmatic.dsl import tokens as t
from programmatic.dsl.sampling import sample_tokens
from programmatic.leaps.model.grammar import MAX_DECODED, N_TOKENS, Automaton
from programmatic.machine.bytecode import compile_rows, tokens_of
from tests.programmatic.sample_programs import random_programs

CPU = torch.device("cpu")


def random_sequences(n: int, seed: int, **options: bool | int) -> torch.Tensor:
    """Sequences of allowed tokens, (n, 46), that open more blocks than they must."""
    generator = torch.Generator().manual_seed(seed)
    automaton = Automaton(n, CPU, **options)  # type: ignore[arg-type]
    rows = [torch.zeros(n, dtype=torch.int64)]
    weights = torch.ones(N_TOKENS)
    weights[[t.WHILE, t.IF, t.IFELSE, t.REPEAT, t.NOT]] = torch.rand(1, generator=generator) * 4
    for _ in range(MAX_DECODED):
        chances = weights.expand(n, -1).masked_fill(automaton.forbidden(), 0)
        assert (chances.sum(dim=1) > 0).all()
        rows.append(chances.multinomial(1, generator=generator)[:, 0])
        automaton.read(rows[-1])
    return torch.stack(rows, dim=1)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("room", [MAX_DECODED, 20, 4])
def test_what_is_completed_in_time_is_a_program(seed: int, room: int) -> None:
    rows = random_sequences(2000, seed, room=room)
    _, lengths = compile_rows(rows.numpy())
    assert (lengths > 0).all()
    assert lengths.max() <= room + 1
    if room > 4:
        assert lengths.max() == room + 1


def test_without_room_or_with_empty_blocks_not_all_are_programs() -> None:
    for options in ({}, {"empty_blocks": True, "room": MAX_DECODED}):
        _, lengths = compile_rows(random_sequences(2000, 0, **options).numpy())
        assert 0 < (lengths > 0).mean() < 1


def test_all_programs_are_allowed() -> None:
    several = [*map(Program.from_tokens, sample_tokens(2000, seed=5).tolist())]
    several += [p for p in random_programs(500, 4) if len(p.tokens) <= 46]
    tokens = torch.from_numpy(tokens_of(several).astype(np.int64))
    automaton = Automaton(len(several), CPU, MAX_DECODED)
    for column in tokens[:, 1:].T:
        assert not automaton.forbidden()[torch.arange(len(column)), column].any()
        automaton.read(column)


def test_a_forbidden_token_makes_no_program() -> None:
    tokens = sample_tokens(300, seed=6).astype(np.int64)
    automaton = Automaton(len(tokens), CPU)
    rng = np.random.default_rng(0)
    for at in range(1, tokens.shape[1]):
        forbidden = automaton.forbidden().numpy()
        for row in rng.choice(len(tokens), 5):
            wrong = rng.choice(np.flatnonzero(forbidden[row]))
            with pytest.raises(ProgramSyntaxError) as caught:
                Program.from_tokens([*tokens[row, :at], wrong, *tokens[row, at + 1 :]])
            assert caught.value.position <= at or wrong == t.PAD
        automaton.read(torch.from_numpy(tokens[:, at]))
