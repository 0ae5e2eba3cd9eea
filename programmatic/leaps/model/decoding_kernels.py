"""Kernels of greedy decoding on a CPU: all that a step does beside products of matrices."""

from __future__ import annotations

from typing import Any

import numpy as np

from karel_gym.simulation.episode_arrays import copy
from karel_gym.simulation.kernels import inner, kernel
from programmatic.leaps.model.grammar import END, KINDS

ENDED = END * KINDS
"""The automaton's row behind the end."""
# The constants of tanh are float32, as others would make its arithmetic double.
HALF = np.float32(0.5)
BOUND = np.float32(7.90531110763549805)
P1, P3, P5, P7, P9, P11, P13 = np.array(
    [
        *(4.89352455891786e-03, 6.37261928875436e-04, 1.48572235717979e-05, 5.12229709037114e-08),
        *(-8.60467152213735e-11, 2.00018790482477e-13, -2.76076847742355e-16),
    ],
    dtype=np.float32,
)
Q0, Q2, Q4, Q6 = np.array(
    [4.89352518554385e-03, 2.26843463243900e-03, 1.18534705686654e-04, 1.19825839466702e-06],
    dtype=np.float32,
)


@inner
def tanh(x: Any) -> Any:
    """tanh within 4e-7, by Eigen's quotient of polynomials, which vectorizes."""
    x = min(max(x, -BOUND), BOUND)
    q = x * x
    p = P1 + q * (P3 + q * (P5 + q * (P7 + q * (P9 + q * (P11 + q * P13)))))
    return x * p / (Q0 + q * (Q2 + q * (Q4 + q * Q6)))


@inner
def sigmoid(x: Any) -> Any:
    return HALF + HALF * tanh(HALF * x)


@kernel
def advance(
    n: int, products: Any, by_token: Any, by_code: Any, bias: Any, current: Any, at: Any,
    states: Any,
) -> None:  # fmt: skip
    """Advance the first `n` states of a GRU by a step.

    Args:
        n: M, the number of running sequences.
        products: float32, (N, 3*U); of states and recurrent weights.
        by_token, by_code: float32, (51, 3*U) and (N, 3*U); see `Decoder.input_parts`. The latter
            has the recurrent biases of the first two gates, too.
        bias: float32, (U,); the recurrent bias of the new gate.
        current, at: int64, (N,) each; the latest token, and the code, of each running sequence.
        states: float32, (N, U); changed.
    """
    width = states.shape[1]
    for i in range(n):
        token, code = by_token[current[i]], by_code[at[i]]
        product, state = products[i], states[i]
        for j in range(width):
            k, m = j + width, j + 2 * width
            reset = sigmoid(token[j] + code[j] + product[j])
            update = sigmoid(token[k] + code[k] + product[k])
            new = tanh(token[m] + code[m] + reset * (product[m] + bias[j]))
            state[j] = new + update * (state[j] - new)


@kernel
def activate(n: int, products: Any, by_token: Any, by_code: Any, current: Any, at: Any) -> None:
    """Make the first `n` rows of `products`, float32, (N, U), the MLP's hidden units.

    See `Decoder.output_parts` for `by_token` and `by_code`, and `advance` for the others.
    """
    for i in range(n):
        token, code, product = by_token[current[i]], by_code[at[i]], products[i]
        for j in range(product.size):
            product[j] = tanh(product[j] + token[j] + code[j])


@kernel
def choose(
    n: int, logits: Any, tables: Any, configurations: Any, current: Any, at: Any, states: Any,
    tokens: Any,
) -> int:  # fmt: skip
    """Choose the best allowed tokens, and move the M sequences that have not ended to the front.

    Args:
        n: Number of running sequences.
        logits: float32, (N, 51).
        tables: The arrays of `Tables`.
        configurations: rows, stacks and slack of the sequences, (N,) each; see `Automaton`.
        current, at, states: As `advance` takes them. These and the configurations are changed.
        tokens: int64, (N,); the chosen tokens are written at each sequence's `at`.

    Returns:
        M.
    """
    cost, following, drop, shift, push = tables
    rows, stacks, slack = configurations
    going = 0
    for i in range(n):
        row, best = rows[i], -1
        for token in range(logits.shape[1]):
            if cost[row, token] <= slack[i] and (best < 0 or logits[i, token] > logits[i, best]):
                best = token
        tokens[at[i]] = best
        stack = (stacks[i] >> drop[row, best]) << shift[row, best] | push[row, best]
        row_after = following[row, best] + (stack & (KINDS - 1))
        if row_after == ENDED:
            continue
        rows[going], stacks[going], slack[going] = row_after, stack, slack[i] - cost[row, best]
        current[going], at[going] = best, at[i]
        if going < i:
            copy(states[i], states[going])
        going += 1
    return going
