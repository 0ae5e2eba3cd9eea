"""Programs for the networks: packed, in batches of similar length."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn.utils.rnn import PackedSequence, pack_padded_sequence

from programmatic.dsl.tokens import PAD
from programmatic.leaps.model.grammar import NEVER, Automaton

BATCHES_PER_BUCKET = 16  # of programs sorted by length


@dataclass(frozen=True)
class ProgramBatch:
    """Programs by falling length, with the inputs and targets of a decoder.

    The S tokens (all but each program's last) are packed: by step, then by program.
    """

    programs: PackedSequence
    """The packed tokens of the B programs, for the encoder."""
    inputs: PackedSequence
    """The packed tokens without the last ones, (S,), for the decoder."""
    rows: torch.Tensor
    """int64, (S,); the program of each input."""
    targets: torch.Tensor
    """int64, (S,); the next tokens."""
    open: torch.Tensor
    """int64, (F,); the inputs after which the grammar allows more than one token."""
    forbidden: torch.Tensor
    """bool, (F, 51); the tokens that the grammar excludes there."""


class Programs:
    """Programs, (N, L), padded with 50, and the automaton's configuration before each token.

    The grammar is the original's: a block may be closed at once, and a program may be cut off.
    """

    def __init__(self, tokens: NDArray[np.integer] | torch.Tensor, device: torch.device) -> None:
        self.device = device
        self.tokens = torch.as_tensor(tokens).to(torch.int64).cpu()  # (N, L)
        self.lengths = (self.tokens != PAD).sum(dim=1)  # (N,)
        n, longest = self.tokens.shape
        automaton = Automaton(n, self.tokens.device, empty_blocks=True)
        self.rows = torch.empty((n, longest - 1), dtype=torch.int64)
        for step in range(longest - 1):
            self.rows[:, step] = automaton.rows
            automaton.read(self.tokens[:, step + 1])
        self.forbidden = automaton.tables.cost == NEVER

    def __len__(self) -> int:
        return len(self.tokens)

    def batch(self, which: torch.Tensor) -> ProgramBatch:
        """The programs `which`, int64, (B,), in order of falling length."""
        lengths = self.lengths[which]
        longest = int(lengths[0])
        tokens = self.tokens[which, :longest]
        inputs = pack_padded_sequence(tokens[:, :-1], lengths - 1, batch_first=True)

        def packed(values: torch.Tensor) -> torch.Tensor:
            return pack_padded_sequence(values, lengths - 1, batch_first=True).data

        rows = packed(torch.arange(len(which))[:, None].expand(-1, longest - 1))
        forbidden = self.forbidden[packed(self.rows[which, : longest - 1])]
        open_ = ((~forbidden).sum(dim=1) > 1).nonzero()[:, 0]
        on = self.device
        return ProgramBatch(
            moved(pack_padded_sequence(tokens, lengths, batch_first=True), on),
            moved(inputs, on),
            rows.to(on),
            packed(tokens[:, 1:]).to(on),
            open_.to(on),
            forbidden[open_].to(on),
        )

    def by_length(self, which: torch.Tensor) -> torch.Tensor:
        """`which`, int64, (B,), by falling length."""
        return which[self.lengths[which].argsort(descending=True, stable=True)]

    def batches(self, size: int, generator: torch.Generator) -> Iterator[torch.Tensor]:
        """Yield the numbers of all programs, shuffled, in batches of similar length.

        A batch is int64, (size,), by falling length, as its longest program sets its cost.
        """
        drawn = torch.randperm(len(self), generator=generator)
        batches = [
            batch
            for bucket in torch.split(drawn, size * BATCHES_PER_BUCKET)
            for batch in torch.split(self.by_length(bucket), size)
        ]
        for i in torch.randperm(len(batches), generator=generator).tolist():
            yield batches[i]


def moved(packed: PackedSequence, device: torch.device) -> PackedSequence:
    """A sorted packed sequence on a device; batch sizes stay on the CPU."""
    return PackedSequence(packed.data.to(device), packed.batch_sizes)
