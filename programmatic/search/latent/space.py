"""The latent space that searches sample."""

from __future__ import annotations

from typing import Protocol

import torch
from torch import Tensor

from programmatic.dsl.tokens import DEF


class Decoder(Protocol):
    """The part of `programmatic.leaps.ProgramVAE` that searches need."""

    @property
    def latent_dim(self) -> int:
        """The dimension D of a latent."""

    @property
    def device(self) -> torch.device:
        """The device of latents and tokens."""

    def decode_tokens(self, latents: Tensor, complete: bool = True) -> Tensor:
        """The programs' tokens after DEF, int64, (N, L), padded with 50, of latents (N, D)."""


class LatentSpace:
    """The latent space of a model, which decodes latents."""

    def __init__(self, model: Decoder) -> None:
        self.model = model

    def random(self, n: int, seed: int) -> Tensor:
        """Latents, (n, D), from N(0, 1)."""
        return self._normal(n, self._generator(seed))

    def around(self, centre: Tensor, n: int, sigma: float, seed: int) -> Tensor:
        """Latents, (n, D), from N(centre, sigma), with a centre (D,), or a random one of (C, D)."""
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
