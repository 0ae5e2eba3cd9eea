"""Validity of rows of tokens: the grammar of `programmatic.dsl.parser` as a kernel."""

from __future__ import annotations

from typing import Any

from karel_gym.simulation.kernels import inner
from programmatic.dsl.parser import MAX_NEGATIONS, MAX_NESTING, MAX_REPEAT_NESTING, MAX_TOKENS
from programmatic.dsl.tokens import (
    ACTION_TOKENS,
    C_CLOSE,
    C_OPEN,
    DEF,
    E_CLOSE,
    E_OPEN,
    ELSE,
    I_CLOSE,
    I_OPEN,
    IF,
    IFELSE,
    M_CLOSE,
    M_OPEN,
    NOT,
    PAD,
    PERCEPT_TOKENS,
    R_0,
    R_CLOSE,
    R_MAX,
    R_OPEN,
    REPEAT,
    RUN,
    W_CLOSE,
    W_OPEN,
    WHILE,
)

NONE = -1


@inner
def token_at(tokens: Any, i: int) -> int:
    """The i-th token; PAD after the last one and for invalid ids."""
    if i < tokens.size:
        token = int(tokens[i])
        if 0 <= token < PAD:
            return token
    return PAD


@inner
def skip_condition(tokens: Any, i: int) -> int:
    """The index after the condition 'c( ... c)' that begins at i, or NONE."""
    depth = 0
    while token_at(tokens, i) == C_OPEN:
        depth += 1
        i += 1
        if token_at(tokens, i) in PERCEPT_TOKENS:
            for _ in range(depth):
                i += 1
                if token_at(tokens, i) != C_CLOSE:
                    return NONE
            return i + 1
        if token_at(tokens, i) != NOT or depth > MAX_NEGATIONS:
            return NONE
        i += 1
    return NONE


@inner
def skip_head(tokens: Any, i: int) -> int:
    """The index after the 'w(', 'i(' or 'r(' of the control structure at i, or NONE."""
    token = token_at(tokens, i)
    if token == REPEAT:
        is_head = R_0 <= token_at(tokens, i + 1) <= R_MAX and token_at(tokens, i + 2) == R_OPEN
        return i + 3 if is_head else NONE
    if token != WHILE and token != IF and token != IFELSE:
        return NONE
    i = skip_condition(tokens, i + 1)
    if i == NONE or token_at(tokens, i) != (W_OPEN if token == WHILE else I_OPEN):
        return NONE
    return i + 1


@inner
def closing_of(token: int) -> int:
    """The end of the first block of a control structure; IFELSE stands for its own 'i)'."""
    if token == REPEAT:
        return R_CLOSE
    if token == WHILE:
        return W_CLOSE
    return I_CLOSE if token == IF else IFELSE


@inner
def length_of_program(tokens: Any, stack: Any) -> int:
    """The number of tokens, (L,), before the pads, or 0 if they are not a program.

    `stack`, int64, (L,) or more, is room for the ends of the open blocks.
    """
    if token_at(tokens, 0) != DEF or token_at(tokens, 1) != RUN or token_at(tokens, 2) != M_OPEN:
        return 0
    i, depth, repeats, closing, is_empty = 3, 0, 0, M_CLOSE, True
    while True:
        token = token_at(tokens, i)
        if token in ACTION_TOKENS:
            i += 1
            is_empty = False
            continue
        if not is_empty and token == (I_CLOSE if closing == IFELSE else closing):
            i += 1
            if depth == 0:
                break
            if closing == IFELSE:  # its other block follows, at the same depth
                if token_at(tokens, i) != ELSE or token_at(tokens, i + 1) != E_OPEN:
                    return 0
                i += 2
                closing, is_empty = E_CLOSE, True
                continue
            if closing == R_CLOSE:
                repeats -= 1
            depth -= 1
            closing = stack[depth]
            continue
        behind = skip_head(tokens, i)
        if behind == NONE or depth == MAX_NESTING:
            return 0
        if token == REPEAT:
            if repeats == MAX_REPEAT_NESTING:
                return 0
            repeats += 1
        stack[depth] = closing
        depth += 1
        i, closing, is_empty = behind, closing_of(token), True
    if i > MAX_TOKENS:
        return 0
    for k in range(i, tokens.size):
        if tokens[k] != PAD:
            return 0
    return i
