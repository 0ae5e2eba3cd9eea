"""Compilation of tokens to bytecode.

Each token that does something has one instruction, at the token's index. An instruction is a word
of op, argument and two targets; there are no separate jumps:

    bits 0-2 op | bits 3-7 argument | bits 8-23 target | bits 24-39 other target

    ACT     do action `argument`, continue at the target
    TEST    continue at the target if percept `argument` holds, else at the other one;
            arguments from N_PERCEPTS on are the negated percepts
    REPEAT  push a counter of `argument`, continue at the target
    NEXT    decrement the innermost counter: continue at the target, or pop it and use the other one
    HALT    the program has ended

Targets of jumps back (to the condition of a WHILE or the body of a REPEAT) have the mark LOOP: a
program can repeat a state only there. Word 0 holds the index of the first instruction. The index of
an instruction is the token that a trace shows as executing.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from karel_gym.simulation.devices import CPU, Device
from karel_gym.simulation.kernels import inner, kernel
from programmatic.dsl import Program, ProgramSyntaxError
from programmatic.dsl.tokens import (
    ACTION_TOKENS,
    E_CLOSE,
    ELSE,
    I_CLOSE,
    M_CLOSE,
    NOT,
    PAD,
    PERCEPT_TOKENS,
    R_0,
    R_CLOSE,
    R_MAX,
    W_CLOSE,
    W_OPEN,
)
from programmatic.machine.validity import length_of_program

ACT, TEST, REPEAT, NEXT, HALT = range(5)
N_PERCEPTS = len(PERCEPT_TOKENS)
LOOP = 1 << 15
TARGET = LOOP - 1

NO_MEANING = -1
ACTION_OF = np.full(PAD + 1, NO_MEANING, dtype=np.int64)
ACTION_OF[list(ACTION_TOKENS)] = range(len(ACTION_TOKENS))
PERCEPT_OF = np.full(PAD + 1, NO_MEANING, dtype=np.int64)
PERCEPT_OF[list(PERCEPT_TOKENS)] = range(N_PERCEPTS)


@inner
def op_of(word: int) -> int:
    return word & 7


@inner
def argument_of(word: int) -> int:
    return (word >> 3) & 31


@inner
def target_of(word: int) -> int:
    """The target, with the LOOP mark."""
    return (word >> 8) & 0xFFFF


@inner
def other_target_of(word: int) -> int:
    """The other target, with the LOOP mark."""
    return (word >> 24) & 0xFFFF


@inner
def instruction(op: int, argument: int, target: int, other: int) -> int:
    return op | argument << 3 | target << 8 | other << 24


@inner
def condition_of_loops(tokens: Any, stack: Any, conditions: Any) -> None:
    """Write the index of the WHILE's percept into `conditions`, for every 'w)'."""
    depth = 0
    last_percept = 0
    for i in range(len(tokens)):
        if PERCEPT_OF[tokens[i]] >= 0:
            last_percept = i
        elif tokens[i] == W_OPEN:
            stack[depth] = last_percept
            depth += 1
        elif tokens[i] == W_CLOSE:
            depth -= 1
            conditions[i] = stack[depth]


@inner
def compile_program(tokens: Any, stack: Any, conditions: Any, code: Any) -> None:
    """Compile one program, from its last token to its first.

    `entry` is the index of the instruction that runs after the current token. `stack` holds the
    targets that the heads of the open blocks need.

    Args:
        tokens: (n,); of a valid program.
        stack, conditions: int64, (n,) or more; room to work in.
        code: int64, (n,) or more; gets the bytecode.
    """
    condition_of_loops(tokens, stack, conditions)
    depth = 0
    entry = 0
    for i in range(len(tokens) - 1, 0, -1):
        token = tokens[i]
        if ACTION_OF[token] >= 0:
            code[i] = instruction(ACT, ACTION_OF[token], entry, 0)
            entry = i
        elif token == M_CLOSE:
            code[i] = HALT
            entry = i
        elif token == W_CLOSE:
            stack[depth] = entry
            depth += 1
            entry = conditions[i] | LOOP
        elif token == E_CLOSE or (token == I_CLOSE and tokens[i + 1] != ELSE):
            stack[depth] = entry
            depth += 1
        elif token == ELSE:  # the branch before it continues after the whole statement
            stack[depth - 1], entry = entry, stack[depth - 1]
        elif PERCEPT_OF[token] >= 0:
            negations = 0
            while tokens[i - 2 - 2 * negations] == NOT:  # not c( not c( percept
                negations += 1
            depth -= 1
            argument = PERCEPT_OF[token] + N_PERCEPTS * (negations & 1)
            code[i] = instruction(TEST, argument, entry, stack[depth])
            entry = i
        elif token == R_CLOSE:
            stack[depth] = i
            stack[depth + 1] = entry
            depth += 2
            entry = i
        elif R_0 <= token <= R_MAX:
            depth -= 2
            close, after = stack[depth], stack[depth + 1]
            if token == R_0 or entry == close:  # an empty loop makes no call and must cost no time
                entry = after
            else:
                code[close] = instruction(NEXT, 0, entry | LOOP, after)
                code[i] = instruction(REPEAT, token - R_0, entry, 0)
                entry = i
    code[0] = entry


@kernel
def compile_programs(
    first: int, last: int, step: int, tokens: Any, room: Any, codes: Any, lengths: Any
) -> None:
    """Compile rows `first`, `first + step`, ... of `tokens` that are programs.

    Args:
        first, last, step: The rows.
        tokens: integers, (N, L); padded, and possibly invalid.
        room: int64, (R, 2, L); row `first` is used.
        codes: int64, (N, L), zeros; written.
        lengths: int64, (N,); written: the number of tokens before the pads, 0 if invalid.
    """
    for i in range(first, last, step):
        lengths[i] = length_of_program(tokens[i], room[first, 0])
        if lengths[i]:
            compile_program(tokens[i, : lengths[i]], room[first, 0], room[first, 1], codes[i])


def tokens_of(programs: Sequence[Program]) -> NDArray[np.int8]:
    """The tokens of programs: int8, (N, L), padded to the longest, L."""
    rows = [program.packed for program in programs]
    longest, pad = max(map(len, rows)), bytes([PAD])
    padded = b"".join([row.ljust(longest, pad) for row in rows])
    return np.frombuffer(padded, dtype=np.int8).reshape(len(rows), longest)


def compile_rows(tokens: Any, device: Device = CPU) -> tuple[Any, Any]:
    """The bytecode, int64, (N, L), and lengths, int64, (N,), of integer `tokens`, (N, L).

    A length is the number of tokens before the pads, 0 for an invalid row.
    """
    n, longest = tokens.shape
    codes, lengths = device.zeros((n, longest), np.int64), device.zeros((n,), np.int64)
    room = device.zeros((device.n_threads(n), 2, longest), np.int64)
    device.kernel(compile_programs)(n, tokens, room, codes, lengths)
    return codes, lengths


def compile_tokens(tokens: Any, device: Device = CPU) -> Any:
    """The bytecode, int64, (N, L), of programs as padded tokens, integers, (N, L).

    Raises:
        ProgramSyntaxError: A row is not a program; the message names it and its first fault.
    """
    codes, lengths = compile_rows(tokens, device)
    if (lengths == 0).any():
        row = int(np.flatnonzero(device.to_host(lengths) == 0)[0])
        try:
            Program.from_tokens(tokens[row].tolist())
        except ProgramSyntaxError as error:
            raise ProgramSyntaxError(
                error.position, error.expected, error.found, source=f"programs[{row}]"
            ) from None
    return codes


def compile(programs: Sequence[Program]) -> NDArray[np.int64]:
    """The bytecode of programs: int64, (N, L); L is the length of the longest."""
    codes: NDArray[np.int64] = compile_tokens(tokens_of(programs))
    return codes
