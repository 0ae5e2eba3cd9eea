"""GRUs over packed sequences with given products of inputs and weights: fast to train on a CPU.

`torch.nn.GRU` multiplies every input anew, and on a CPU its backward pass fills a gradient of the
size of the whole batch at every step.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import nn


class GRUParameters(NamedTuple):
    """The parameters of a GRU with one layer; its gates are reset, update and new."""

    of_input: torch.Tensor
    """(3*hidden, inputs)."""
    of_state: torch.Tensor
    """(3*hidden, hidden)."""
    input_bias: torch.Tensor
    """(3*hidden,)."""
    state_bias: torch.Tensor
    """(3*hidden,)."""


def parameters_of(gru: nn.GRU) -> GRUParameters:
    """The parameters of a GRU's only layer."""
    return GRUParameters(*gru.all_weights[0])


def run_gru(
    gru: nn.GRU,
    gates: torch.Tensor,
    batch_sizes: torch.Tensor,
    start: torch.Tensor,
    constant: torch.Tensor | None = None,
) -> torch.Tensor:
    """The states of a GRU, float32, (S, hidden), after each step of packed sequences.

    Args:
        gru: A GRU with one layer; only its recurrent parameters are used.
        gates: float32, (S, 3*hidden); products of each packed step's input and the input weights,
            in PyTorch's order (reset, update, new), with the input biases.
        batch_sizes: int64, (T,), on the CPU; the number of sequences with a t-th step.
        start: float32, (B, hidden); the states before the first step.
        constant: float32, (B, 3*hidden); added to the gates at every step of a sequence.
    """
    parameters = parameters_of(gru)
    if constant is None:
        constant = gates.new_zeros(())
    return _Recurrence.apply(  # type: ignore[no-untyped-call]
        gates, start, constant, parameters.of_state, parameters.state_bias, batch_sizes.tolist()
    )


def last_steps(batch_sizes: torch.Tensor) -> torch.Tensor:
    """The indices of the last steps of B packed sequences: int64, (B,), on the CPU."""
    sequences = torch.arange(int(batch_sizes[0]))
    lengths = (batch_sizes[:, None] > sequences).sum(dim=0)
    return (batch_sizes.cumsum(0) - batch_sizes)[lengths - 1] + sequences


class _Recurrence(torch.autograd.Function):
    """The recurrent part of a GRU, with its gradient written out."""

    @staticmethod
    def forward(
        ctx: Any,
        gates: torch.Tensor,
        start: torch.Tensor,
        constant: torch.Tensor,
        weight: torch.Tensor,
        bias: torch.Tensor,
        batch_sizes: list[int],
    ) -> torch.Tensor:
        width = start.shape[1]
        total = gates.shape[0]
        before = gates.new_empty(total, width)  # states
        after = gates.new_empty(total, width)
        switches = gates.new_empty(total, 2 * width)  # reset and update gates
        recurrent = gates.new_empty(total, width)  # the factor of the reset gate
        new = gates.new_empty(total, width)
        transposed = weight.t()
        previous, end = start, 0
        for size in batch_sizes:
            step = slice(end, end + size)
            end += size
            before[step] = previous[:size]
            product = torch.addmm(bias, before[step], transposed)
            product_switches, recurrent[step] = product[:, : 2 * width], product[:, 2 * width :]
            inputs = gates[step] + constant[:size] if constant.ndim else gates[step]
            torch.add(inputs[:, : 2 * width], product_switches, out=switches[step])
            reset, update = switches[step].sigmoid_().chunk(2, dim=1)
            torch.addcmul(inputs[:, 2 * width :], reset, recurrent[step], out=new[step])
            new[step].tanh_()
            torch.lerp(new[step], before[step], update, out=after[step])
            previous = after[step]
        ctx.save_for_backward(before, switches, recurrent, new, weight, constant)
        ctx.batch_sizes = batch_sizes
        return after

    @staticmethod
    def backward(ctx: Any, gradient: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        before, switches, recurrent, new, weight, constant = ctx.saved_tensors
        width = new.shape[1]
        of_gates = new.new_empty(new.shape[0], 3 * width)
        of_product = torch.empty_like(of_gates)
        of_state = new.new_zeros(ctx.batch_sizes[0], width)
        of_constant = new.new_zeros(constant.shape)
        end = new.shape[0]
        for size in reversed(ctx.batch_sizes):
            step = slice(end - size, end)
            end -= size
            reset, update = switches[step].chunk(2, dim=1)
            state = of_state[:size]
            state += gradient[step]
            kept = state * update
            of_new = of_gates[step, 2 * width :]
            torch.mul(state - kept, 1 - new[step].square(), out=of_new)
            of_update = (before[step] - new[step]).mul_(kept).mul_(1 - update)
            of_reset = (of_new * recurrent[step]).mul_(reset).mul_(1 - reset)
            of_gates[step, :width] = of_reset
            of_gates[step, width : 2 * width] = of_update
            of_product[step, : 2 * width] = of_gates[step, : 2 * width]
            torch.mul(of_new, reset, out=of_product[step, 2 * width :])
            torch.addmm(kept, of_product[step], weight, out=state)
            if constant.ndim:
                of_constant[:size] += of_gates[step]
        return (
            of_gates,
            of_state,
            of_constant if constant.ndim else None,
            of_product.t() @ before,
            of_product.sum(dim=0),
            None,
        )
