"""Our recurrence over packed sequences is PyTorch's GRU, gradients included."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn.utils.rnn import PackedSequence, pack_padded_sequence

from programmatic.leaps.model.recurrence import last_steps, parameters_of, run_gru

HIDDEN, INPUTS = 6, 4


def sequences(seed: int) -> tuple[nn.GRU, PackedSequence, torch.Tensor, torch.Tensor]:
    """A GRU, packed inputs of sequences of several lengths, start states, and the lengths."""
    torch.manual_seed(seed)
    lengths = torch.tensor([9, 9, 5, 2, 1])
    inputs = pack_padded_sequence(torch.randn(5, 9, INPUTS), lengths, batch_first=True)
    gru = nn.GRU(INPUTS, HIDDEN, batch_first=True)
    return gru, inputs, torch.randn(5, HIDDEN, requires_grad=True), lengths


def test_states_and_gradients_are_those_of_torch() -> None:
    gru, inputs, start, _ = sequences(0)
    parameters = [*gru.parameters(), start]
    weights = torch.randn(len(inputs.data), HIDDEN)
    expected, _ = gru(inputs, start[None])
    wanted = torch.autograd.grad((expected.data * weights).sum(), parameters)
    of = parameters_of(gru)
    gates = inputs.data @ of.of_input.t() + of.input_bias
    states = run_gru(gru, gates, inputs.batch_sizes, start)
    found = torch.autograd.grad((states * weights).sum(), parameters)
    torch.testing.assert_close(states, expected.data)
    for one, other in zip(found, wanted, strict=True):
        torch.testing.assert_close(one, other)


def test_gradients_are_right_with_what_is_constant() -> None:
    gru, inputs, start, _ = sequences(1)
    gru.double()
    gates = torch.randn(len(inputs.data), 3 * HIDDEN, dtype=torch.double, requires_grad=True)
    constant = torch.randn(5, 3 * HIDDEN, dtype=torch.double, requires_grad=True)
    first = start.detach().double().requires_grad_()
    assert torch.autograd.gradcheck(
        lambda g, s, c: run_gru(gru, g, inputs.batch_sizes, s, c), (gates, first, constant)
    )


def test_the_last_steps_are_found() -> None:
    _, inputs, _, lengths = sequences(2)
    marks = pack_padded_sequence(
        torch.arange(9).repeat(5, 1) + 100 * torch.arange(5)[:, None], lengths, batch_first=True
    )
    at = last_steps(inputs.batch_sizes)
    assert torch.equal(marks.data[at], lengths - 1 + 100 * torch.arange(5))
