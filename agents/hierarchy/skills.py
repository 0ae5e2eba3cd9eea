"""Skills of a high-level policy: programs, each given by a latent.

A skill of HPRL is a program of LEAPS's latent space; one of HRL is a fixed number of actions.
"""

from __future__ import annotations

import os
from functools import cache
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray

from agents.hierarchy.actions import SKILLS
from agents.hierarchy.option_vae import OptionVAE
from programmatic.dsl.sampling import sample_programs
from programmatic.dsl.tokens import ACTION_TOKENS, DEF, M_CLOSE, M_OPEN, RUN
from programmatic.leaps import ProgramVAE
from programmatic.leaps.model.decoding import with_def

COMPRESSED_DIM = 64
"""HPRL's size of the latents that the meta-policy chooses (Liu et al., ICML 2023)."""
COMPRESSION_PROGRAMS = 2000


class Skills(Protocol):
    """A space of skills."""

    latent_dim: int

    def tokens(self, latents: NDArray[np.float32]) -> NDArray[np.int64]:
        """The programs of latents, float32, (N, latent_dim): int64, (N, L), padded with 50."""


class OptionSkills:
    """Options of HRL, each a fixed number of actions; by default with this package's VAE."""

    def __init__(self, vae: OptionVAE | None = None) -> None:
        self.vae = vae or OptionVAE.load()
        self.latent_dim = self.vae.latent_dim

    def tokens(self, latents: NDArray[np.float32]) -> NDArray[np.int64]:
        """The programs of latents; see `Skills`."""
        actions = self.vae.decode(torch.from_numpy(latents)).numpy()  # (N, L)
        n, length = actions.shape
        programs = np.empty((n, length + 4), dtype=np.int64)
        programs[:, :3] = DEF, RUN, M_OPEN
        programs[:, 3:-1] = np.array(ACTION_TOKENS)[actions]
        programs[:, -1] = M_CLOSE
        return programs


class ProgramSkills:
    """Programs of HPRL, given by latents of a compressed embedding, or of components of another.

    HPRL learns the compression, two linear layers, together with the embedding. For embeddings
    without such layers it consists here of the `latent_dim` principal components of the latents of
    random programs, scaled to variance 1.

    Args:
        model: A `ProgramVAE` on the CPU, its file, or "default".
        latent_dim: Size of the skills' latents, unless the embedding compresses.

    Raises:
        RunError: The model's file is missing or damaged.
    """

    def __init__(
        self,
        model: ProgramVAE | str | os.PathLike[str] = "default",
        latent_dim: int = COMPRESSED_DIM,
    ) -> None:
        self.model = model if isinstance(model, ProgramVAE) else ProgramVAE.load(model, "cpu")
        if self.model.layout.units is not None:
            self.latent_dim = self.model.latent_dim
            self._center, self._axes = torch.zeros(self.latent_dim), torch.eye(self.latent_dim)
            return
        self.latent_dim = min(latent_dim, self.model.latent_dim)
        means, _ = self.model.encode(sample_programs(COMPRESSION_PROGRAMS))
        self._center = means.mean(dim=0)  # (Z,)
        _, scales, components = torch.linalg.svd(means - self._center, full_matrices=False)
        scales = scales[: self.latent_dim] / COMPRESSION_PROGRAMS**0.5
        self._axes = scales[:, None] * components[: self.latent_dim]  # (latent_dim, Z)

    def tokens(self, latents: NDArray[np.float32]) -> NDArray[np.int64]:
        """The programs of latents; see `Skills`."""
        expanded = self._center + torch.from_numpy(latents) @ self._axes
        return with_def(self.model.decode_tokens(expanded)).numpy()


@cache
def skills_named(name: str, model: str = "default") -> Skills:
    """The skills "option", or "program" of an embedding: a file of weights or "default"."""
    if name not in SKILLS:
        raise ValueError(f"skills are {' or '.join(map(repr, SKILLS))}, got {name!r}")
    return OptionSkills() if name == SKILLS[0] else ProgramSkills(model)
