"""Decoding of latents to programs, in batches, greedy or sampled, within the grammar."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
import torch

from karel_gym.simulation.devices import in_parallel
from programmatic.dsl.tokens import DEF, M_OPEN, PAD, RUN
from programmatic.leaps.model.decoding_kernels import ENDED, activate, advance, choose
from programmatic.leaps.model.grammar import N_TOKENS, Automaton
from programmatic.leaps.model.layouts import Layout
from programmatic.leaps.model.networks import Decoder
from programmatic.leaps.model.recurrence import parameters_of
from programmatic.threads import torch_threads

PREFIX = RUN, M_OPEN
"""The tokens of every program behind DEF."""
BATCH = 128  # sequences, whose gates fit into a core's cache
LOOK_EVERY = 3  # steps between two removals of finished sequences


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
    if sample:  # in one thread, as equal seeds draw equal tokens
        return decode_by_steps(decoder, complete, True, codes)
    if codes.device.type == "cpu":
        return in_batches(partial(decode_with_kernels, decoder, complete), codes)
    return decode_by_steps(decoder, complete, False, codes)


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
def decode_with_kernels(decoder: Decoder, complete: bool, codes: torch.Tensor) -> torch.Tensor:
    """The tokens of one batch on a CPU, with kernels between the products; see `decode`."""
    layout, expanded = decoder.layout, decoder.fc(codes)
    n, width = expanded.shape
    gru, (first, last) = parameters_of(decoder.gru), decoder.output_layers
    to_gates, to_hidden, to_logits = gru.of_state.t(), first.weight[:, :width].t(), last.weight.t()
    by_token, by_code = decoder.input_parts(expanded)
    by_code[:, : 2 * width] += gru.state_bias[: 2 * width]
    gate_terms = by_token.numpy(), by_code.numpy(), gru.state_bias[2 * width :].numpy()
    output_terms = [part.numpy() for part in decoder.output_parts(expanded)]
    automaton = _automaton(layout, complete, n, codes.device)
    cost, *effects = (table.numpy() for table in vars(automaton.tables).values())
    configurations = automaton.rows.numpy(), automaton.stacks.numpy(), automaton.slack[:, 0].numpy()
    states = expanded.clone()
    products, hidden, logits = (states.new_zeros(n, size) for size in (3 * width, width, N_TOKENS))
    tokens = torch.full((layout.max_tokens, n), PAD)
    current, at = np.full(n, DEF), np.arange(n)
    for step in range(layout.max_tokens):
        torch.mm(states[:n], to_gates, out=products[:n])
        advance(n, products.numpy(), *gate_terms, current, at, states.numpy())
        if step >= len(PREFIX):  # before, the grammar allows one token
            torch.mm(states[:n], to_hidden, out=hidden[:n])
            activate(n, hidden.numpy(), *output_terms, current, at)
            torch.addmm(last.bias, hidden[:n], to_logits, out=logits[:n])
        n = choose(
            n, logits.numpy(), cost, *effects, *configurations, current, at, states.numpy(),
            tokens[step].numpy(),
        )  # fmt: skip
        if n == 0:
            break
    return tokens.t()


def _automaton(layout: Layout, complete: bool, n: int, device: torch.device) -> Automaton:
    """The automaton of n sequences, for decoding completely or as the original."""
    room, empty = (layout.max_tokens, False) if complete else (None, layout.empty_blocks)
    return Automaton(n, device, room, empty)


@torch.no_grad()
def decode_by_steps(
    decoder: Decoder, complete: bool, sample: bool, codes: torch.Tensor
) -> torch.Tensor:
    """The tokens of one batch on any device, by torch's operations; see `decode`."""
    layout, latents = decoder.layout, decoder.fc(codes)
    n, width = latents.shape
    device = latents.device
    token_gates, latent_gates = decoder.input_parts(latents)
    token_output, latent_output = decoder.output_parts(latents)
    gru, (first, last) = parameters_of(decoder.gru), decoder.output_layers
    sizes = [2 * width, width]
    to_switches, to_new = torch.split(gru.of_state.t(), sizes, dim=1)
    new_bias = gru.state_bias[2 * width :]
    latent_gates[:, : 2 * width] += gru.state_bias[: 2 * width]
    to_output, to_logits = first.weight[:, :width].t(), last.weight.t()

    automaton = _automaton(layout, complete, n, device)
    tokens = torch.full((layout.max_tokens, n), PAD, device=device)
    running = torch.arange(n, device=device)
    states = latents  # (N, hidden)
    current = torch.full((n,), DEF, device=device)
    for step in range(layout.max_tokens):
        gates = token_gates.index_select(0, current).add_(latent_gates)
        switches, new_input = torch.split(gates, sizes, dim=1)
        switches = torch.addmm(switches, states, to_switches).sigmoid_()
        reset, update = switches.chunk(2, dim=1)
        new = torch.addcmul(new_input, reset, torch.addmm(new_bias, states, to_new)).tanh_()
        states = torch.lerp(new, states, update)
        if step < len(PREFIX):
            current = torch.full_like(current, PREFIX[step])
        else:
            hidden = token_output.index_select(0, current).add_(latent_output)
            hidden = hidden.addmm_(states, to_output).tanh_()
            logits = torch.addmm(last.bias, hidden, to_logits)
            logits.masked_fill_(automaton.forbidden(), -torch.inf)
            current = draw(logits) if sample else logits.argmax(dim=1)
        tokens[step, running] = current
        automaton.read(current)
        if device.type == "cpu" and step % LOOK_EVERY == 0:
            going = (automaton.rows != ENDED).nonzero()[:, 0]
            if len(going) == 0:
                break
            if len(going) < len(running):
                automaton.keep(going)
                running, states, current = running[going], states[going], current[going]
                latent_gates, latent_output = latent_gates[going], latent_output[going]
    return tokens.t()


def draw(logits: torch.Tensor) -> torch.Tensor:
    """Tokens drawn by their logits: int64, (N,), of float32, (N, 51)."""
    return logits.softmax(dim=1).multinomial(1)[:, 0]


def with_def(tokens: torch.Tensor) -> torch.Tensor:
    """Decoded tokens, (N, 45), as whole programs: int64, (N, 46), DEF first."""
    return torch.nn.functional.pad(tokens, (1, 0), value=DEF)
