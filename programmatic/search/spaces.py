"""Where searches look for programs: the latent space of a model, and the language's grammar.

All random numbers come from a seed a call, so that a search that goes on from a checkpoint draws
what it would have drawn.
"""

from __future__ import annotations

from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from programmatic.dsl.sampling import sample_tokens
from programmatic.dsl.tokens import DEF


class Decoder(Protocol):
    """What a search needs of a `programmatic.leaps.ProgramVAE`."""

    @property
    def latent_dim(self) -> int:
        """The dimension D of a latent."""

    @property
    def device(self) -> torch.device:
        """Where latents and tokens are."""

    def decode_tokens(self, latents: Tensor, complete: bool = True) -> Tensor:
        """The programs' tokens after DEF, int64, (N, L), padded with 50, of latents (N, D)."""


class LatentSpace:
    """The latent space of a model: N(0, 1) at first, then around latents that did well.

    Args:
        model: What makes programs of latents.
    """

    def __init__(self, model: Decoder) -> None:
        self.model = model

    def random(self, n: int, seed: int) -> Tensor:
        """Latents, (n, D), from N(0, 1)."""
        return self._normal(n, self._generator(seed))

    def around(self, centre: Tensor, n: int, sigma: float, seed: int) -> Tensor:
        """Latents, (n, D), from N(centre, sigma) for a centre (D,).

        Of several centres, (C, D), each latent has a random one.
        """
        generator = self._generator(seed)
        if centre.ndim == 2:
            chosen = torch.randint(len(centre), (n,), generator=generator, device=centre.device)
            centre = centre[chosen]
        return centre + sigma * self._normal(n, generator)

    def programs(self, latents: Tensor) -> Tensor:
        """The tokens, int64, (n, L), of the programs of latents (n, D), on the same device."""
        tokens = self.model.decode_tokens(latents, complete=True)
        return torch.nn.functional.pad(tokens, (1, 0), value=DEF)

    def _normal(self, n: int, generator: torch.Generator) -> Tensor:
        size = n, self.model.latent_dim
        return torch.randn(size, generator=generator, device=self.model.device)

    def _generator(self, seed: int) -> torch.Generator:
        return torch.Generator(self.model.device).manual_seed(seed)


class GrammarSpace:
    """The programs that the grammar's probabilities give: those of LEAPS's data set."""

    def random(self, n: int, seed: int) -> NDArray[np.int8]:
        """Tokens, int8, (n, L)."""
        return sample_tokens(n, seed)

    def programs(self, candidates: NDArray[np.int8]) -> NDArray[np.int8]:
        """The tokens of programs, which they are already."""
        return candidates


def seed_of(seed: int, *which: int) -> int:
    """The seed of draw number `which` of a search, 0 .. 2**63 - 1.

    Example:
        >>> seed_of(0, 1) == seed_of(0, 1) != seed_of(0, 2)
        True
    """
    return int(np.random.SeedSequence([seed, *which]).generate_state(1, np.uint64)[0] >> 1)
