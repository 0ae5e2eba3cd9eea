"""Rates of pretraining an embedding: steps of each variant, and the GRU beside PyTorch's."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import torch
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence

from benchmarks.settings import PretrainingSettings
from benchmarks.speed.devices import finish, on_device
from benchmarks.speed.rates import PlannedRate, measure_rates
from programmatic.leaps import DatasetConfig, PretrainConfig, ProgramDataset, generate
from programmatic.leaps.model.batches import Programs
from programmatic.leaps.model.grammar import N_TOKENS
from programmatic.leaps.model.recurrence import parameters_of, run_gru
from programmatic.leaps.model.vae import torch_device
from programmatic.leaps.settings import VARIANTS
from programmatic.leaps.training.pretraining import Pretraining, fast_arithmetic
from programmatic.threads import torch_threads


def measure_pretraining(settings: PretrainingSettings) -> None:
    """Measure the rates of pretraining."""
    measure_rates(pretraining_rates(settings), settings)


def pretraining_rates(settings: PretrainingSettings) -> Iterator[PlannedRate]:
    """Programs per second of whole steps of each variant, and on a CPU of the recurrence alone."""
    device = torch_device(settings.device)
    dataset = generate(DatasetConfig(programs=settings.programs, seed=settings.seed))
    with torch_threads(settings.threads), fast_arithmetic(device):
        if device.type == "cpu":
            yield from recurrence_rates(settings, dataset)
        for variant in VARIANTS:
            config = PretrainConfig(
                variant=variant,
                batch_size=settings.batch_size,
                demonstrations=settings.demonstrations,
                latent_dim=settings.latent_dim,
                device=settings.device,
                seed=settings.seed,
            )
            training = Pretraining(config, settings.folder, dataset)
            training.state.reinforces = True  # as after the first epochs
            size = settings.batch_size
            what = f"pretraining steps{on_device(device)}, variant {variant}, batches of {size}"
            yield PlannedRate(what, "programs", partial(_steps, training), settings.repeats)


def _steps(training: Pretraining, n: int = 2) -> int:
    """Do n steps; returns their number of programs."""
    generator = torch.Generator().manual_seed(0)
    batches = training.programs.batches(training.config.batch_size, generator)
    done = 0
    for _, which in zip(range(n), batches, strict=False):
        training.step(which, generator)
        done += len(which)
    finish(training.device)
    return done


def recurrence_rates(
    settings: PretrainingSettings, dataset: ProgramDataset
) -> Iterator[PlannedRate]:
    """The encoder's GRU over a batch, forward and backward: PyTorch's, and `run_gru`."""
    torch.manual_seed(settings.seed)
    programs = Programs(dataset.tokens, torch.device("cpu"))
    which = next(
        programs.batches(settings.batch_size, torch.Generator().manual_seed(settings.seed))
    )
    lengths = programs.lengths[which]
    tokens = programs.tokens[which, : int(lengths[0])]
    packed = pack_padded_sequence(tokens, lengths, batch_first=True)
    embedding = nn.Embedding(N_TOKENS, N_TOKENS)
    gru = nn.GRU(N_TOKENS, settings.latent_dim, batch_first=True)

    def theirs() -> torch.Tensor:
        states, _ = gru(packed._replace(data=embedding(packed.data)))
        data: torch.Tensor = states.data
        return data

    def ours() -> torch.Tensor:
        of = parameters_of(gru)
        by_token = nn.functional.linear(embedding.weight, of.of_input, of.input_bias)
        gates = nn.functional.embedding(packed.data, by_token)
        start = gates.new_zeros(len(which), settings.latent_dim)
        return run_gru(gru, gates, packed.batch_sizes, start)

    def run(states: Callable[[], Any]) -> int:
        torch.autograd.backward(states().sum())
        return len(which)

    for what, states in (("torch.nn.GRU", theirs), ("run_gru", ours)):
        yield PlannedRate(
            f"GRU over packed programs, forward and backward, {what}",
            "programs",
            partial(run, states),
            settings.repeats,
        )
