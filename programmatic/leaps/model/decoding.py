"""Decoding of latents to programs, in batches, greedy or sampled, within the grammar."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
import torch

from karel_gym.simulation.devices import in_parallel
from programmatic.dsl.tokens import DEF, PAD
from programmatic.leaps.model.decoding_kernels import activate, advance, choose
from programmatic.leaps.model.grammar import N_TOKENS, Automaton
from programmatic.leaps.model.layouts import Layout
from programmatic.leaps.model.networks import Decoder
from programmatic.leaps.model.recurrence import parameters_of
from programmatic.threads import torch_threads

FORCED = 2  # tokens behind DEF that the grammar leaves no choice of: run and m(
BATCH = 128  # sequences, whose gates fit into a core's cache


def decode(
    decoder: Decoder, codes: torch.Tensor, complete: bool = True, sample: bool = False
) -> torch.Tensor:
    """Decode codes to tokens, int64, (N, L), L the layout's: those behind DEF, padded with 50.

    Args:
        decoder: The decoder.
        codes: float32, (N, Z), on the decoder's device.
        complete: Close all blocks within L tokens, with none empty. False: as the original, which
            cuts off longer programs and, in some layouts, allows empty blocks.
        sample: Draw tokens by their probabilities instead of taking the most probable ones.
    """
    if codes.device.type != "cpu":
        return decode_with_torch(decoder, complete, sample, codes)
    work = partial(decode_with_kernels, decoder, complete, sample)
    return work(codes) if sample else in_batches(work, codes)  # draws are in one thread's order


def in_batches(work: Callable[[torch.Tensor], torch.Tensor], rows: torch.Tensor) -> torch.Tensor:
    """The joined results of `work` for batches of `rows`: on a CPU of 128, on all cores.

    The batches, and with them the rounding of results, do not depend on the number of cores.
    """
    if rows.device.type != "cpu":
        return work(rows)
    batches = torch.split(rows, BATCH)
    results: dict[int, torch.Tensor] = {}

    def run(first: int, last: int) -> None:
        torch.set_num_threads(1)  # of this thread
        if first == last and len(batches) > 1:
            work(rows[:0])  # compiles, in one thread
        for i in range(first, last):
            results[i] = work(batches[i])

    with torch_threads(1):
        in_parallel(run, len(batches), least=1)
    return torch.cat([results[i] for i in range(len(batches))])


@torch.no_grad()
def decode_with_kernels(
    decoder: Decoder, complete: bool, sample: bool, codes: torch.Tensor
) -> torch.Tensor:
    """The tokens of codes on a CPU, with kernels between the products; see `decode`."""
    layout, expanded = decoder.layout, decoder.fc(codes)
    n, width = expanded.shape
    gru, (first, last) = parameters_of(decoder.gru), decoder.output_layers
    to_gates, to_hidden = gru.of_state, first.weight[:, :width].contiguous()
    by_token, by_code = decoder.input_parts(expanded)
    by_code[:, : 2 * width] += gru.state_bias[: 2 * width]
    gate_terms = by_token.numpy(), by_code.numpy(), gru.state_bias[2 * width :].numpy()
    output_terms = [part.numpy() for part in decoder.output_parts(expanded)]
    automaton = _automaton(layout, complete, n, codes.device)
    tables = tuple(table.numpy() for table in vars(automaton.tables).values())
    configurations = automaton.rows.numpy(), automaton.stacks.numpy(), automaton.slack[:, 0].numpy()
    states = expanded.clone()
    logits = states.new_zeros(n, N_TOKENS)
    tokens = torch.full((layout.max_tokens, n), PAD)
    current, at = np.full(n, DEF), np.arange(n)
    for step in range(layout.max_tokens):
        products = times(states[:n], to_gates)
        advance(n, products.numpy(), *gate_terms, current, at, states.numpy())
        if step >= FORCED:
            hidden = times(states[:n], to_hidden)
            activate(n, hidden.numpy(), *output_terms, current, at)
            logits = times(hidden, last.weight, last.bias)
            if sample:
                logits = perturbed(logits)
        chosen = tokens[step].numpy()
        n = choose(n, logits.numpy(), tables, configurations, current, at, states.numpy(), chosen)
        if n == 0:
            break
    return tokens.t()


def times(
    rows: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor | None = None
) -> torch.Tensor:
    """A linear layer on a CPU, with the products of oneDNN, which are faster than MKL's on AMD."""
    if not torch.backends.mkldnn.is_available():  # type: ignore[no-untyped-call]
        return torch.nn.functional.linear(rows, weight, bias)
    product: torch.Tensor = torch.ops.mkldnn._linear_pointwise(rows, weight, bias, "none", [], "")
    return product


def _automaton(layout: Layout, complete: bool, n: int, device: torch.device) -> Automaton:
    """The automaton of n sequences, for decoding completely or as the original."""
    room, empty = (layout.max_tokens, False) if complete else (None, layout.empty_blocks)
    return Automaton(n, device, room, empty)


@torch.no_grad()
def decode_with_torch(
    decoder: Decoder, complete: bool, sample: bool, codes: torch.Tensor
) -> torch.Tensor:
    """The tokens of codes on any device, by PyTorch's operations; see `decode`."""
    layout, expanded = decoder.layout, decoder.fc(codes)
    automaton = _automaton(layout, complete, len(codes), codes.device)
    states, tokens = expanded, []
    current = torch.full((len(codes),), DEF, device=codes.device)
    for _ in range(layout.max_tokens):
        embedded = decoder.token_encoder(current)
        inputs = torch.cat([embedded, expanded], dim=1)
        states = torch.gru_cell(inputs, states, *parameters_of(decoder.gru))
        logits = decoder.token_output_layer(torch.cat([states, inputs], dim=1))
        logits.masked_fill_(automaton.forbidden(), -torch.inf)
        current = (perturbed(logits) if sample else logits).argmax(dim=1)
        automaton.read(current)
        tokens.append(current)
    return torch.stack(tokens, dim=1)


def perturbed(logits: torch.Tensor) -> torch.Tensor:
    """Logits, (N, 51), with Gumbel noise: the largest in a row is drawn by the given logits."""
    noise = torch.empty_like(logits).exponential_()
    return logits - noise.clamp_min_(torch.finfo(noise.dtype).tiny).log_()


def with_def(tokens: torch.Tensor) -> torch.Tensor:
    """Decoded tokens, (N, 45), as whole programs: int64, (N, 46), DEF first."""
    return torch.nn.functional.pad(tokens, (1, 0), value=DEF)
