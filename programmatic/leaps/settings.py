"""The settings of a pretraining."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Literal, get_args

from programmatic.options import check_number, check_whole
from programmatic.settings import RunSettings

LATENT_DIM = 256

Variant = Literal["leaps", "p", "pr", "pl"]
VARIANTS: tuple[Variant, ...] = get_args(Variant)
"""LEAPS whole, and with the losses P alone, P and R, P and L."""


@dataclass(frozen=True)
class PretrainConfig(RunSettings):
    """The settings of a pretraining; the defaults are those of LEAPS."""

    COMMAND: ClassVar[str] = "pretrain"
    MAY_DIFFER: ClassVar[tuple[str, ...]] = ("epochs",)

    data: Path = Path("leaps.h5")
    """The data set: a file that `karel-gym dataset --out FILE` wrote, or the original's folder."""
    variant: Variant = "leaps"
    """The losses: leaps has all of L_P, L_R and L_L; p only the first, pr and pl the two named."""
    epochs: int = 150
    """Passes over the training programs, or over"""
    epoch_programs: int | None = None
    """so many of them, drawn anew for each epoch; None: all."""
    batch_size: int = 256
    """Programs of a step."""
    learning_rate: float = 1e-3
    """Adam's, at the beginning."""
    decay_every: int = 10
    """Epochs after which the learning rate is multiplied by"""
    decay: float = 0.95
    """this factor."""
    kl_weight: float = 0.1
    """Of the KL divergence, which is averaged over the latent's dimensions."""
    behaviour_weight: float = 1.0
    """Of L_R."""
    latent_behaviour_weight: float = 1.0
    """Of L_L."""
    behaviour_from: float = 0.8
    """Greedy reconstruction of whole validation programs from which on L_R is added."""
    demonstrations: int = 10
    """Demonstrations a program and step that L_L uses, drawn from those of the data set."""
    latent_dim: int = LATENT_DIM
    """Size of the latents and of all recurrent states."""
    max_gradient_norm: float | None = None
    """Gradients are scaled down to this norm; None: never."""
    start: Path | None = None
    """Weights to begin with (see `ProgramVAE.load`); None: random ones."""
    valid_programs: int = 1000
    """Validation programs that are measured after each epoch."""
    seed: int = 0
    """Of weights, batches and noise; equal seeds give equal weights on a CPU."""
    device: Literal["auto", "cpu", "cuda"] = "auto"
    """Where the networks run."""
    threads: int | None = None
    """CPU threads of torch; None: its own choice. With 1, results repeat to the last bit."""

    @property
    def uses_behaviour(self) -> bool:
        """Whether L_R is one of the losses."""
        return "r" in self.variant or self.variant == "leaps"

    @property
    def uses_latent_behaviour(self) -> bool:
        """Whether L_L is one of the losses."""
        return "l" in self.variant

    def check(self) -> None:
        """Raise a `ValueError` if a setting is invalid."""
        super().check()
        check_whole(self, "epochs", "batch_size", "decay_every", "demonstrations", "latent_dim")
        if self.epoch_programs is not None:
            check_whole(self, "epoch_programs")
        check_number(self, "learning_rate", "decay")
        if not 0 <= self.seed < 2**32:
            raise ValueError(f"seed must be in 0 to 2**32 - 1, got {self.seed}")
