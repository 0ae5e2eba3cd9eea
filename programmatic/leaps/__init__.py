"""LEAPS: a learned embedding of programs (Trivedi et al., NeurIPS 2021)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from karel_gym.lazy import lazy_imports

if TYPE_CHECKING:
    from programmatic.leaps.data.dataset import ProgramDataset
    from programmatic.leaps.data.generation import generate
    from programmatic.leaps.model.layouts import Layout
    from programmatic.leaps.model.vae import ProgramVAE
    from programmatic.leaps.settings import DatasetConfig, PretrainConfig
    from programmatic.leaps.training.pretraining import pretrain

__all__ = [
    "DatasetConfig",
    "Layout",
    "PretrainConfig",
    "ProgramDataset",
    "ProgramVAE",
    "generate",
    "pretrain",
]

# torch and h5py are slow to import.
__getattr__, __dir__ = lazy_imports(__name__)
