"""LEAPS: a learned embedding of programs (Trivedi et al., NeurIPS 2021).

dataset        random programs and their demonstrations
grammar        which tokens may come next, as tables
model          the networks; `ProgramVAE` is what the rest of the project uses of them
losses         what they are trained on, and pretraining, which does it
checkpoints    files of weights
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from programmatic.leaps.data.dataset import DatasetConfig, ProgramDataset
    from programmatic.leaps.data.generation import generate
    from programmatic.leaps.model.vae import ProgramVAE
    from programmatic.leaps.settings import PretrainConfig
    from programmatic.leaps.training.pretraining import pretrain

__all__ = [
    "DatasetConfig",
    "PretrainConfig",
    "ProgramDataset",
    "ProgramVAE",
    "generate",
    "pretrain",
]

# torch and h5py are slow to import: what needs them is imported when used.
_LAZY = {
    "DatasetConfig": "programmatic.leaps.data.dataset",
    "PretrainConfig": "programmatic.leaps.settings",
    "ProgramDataset": "programmatic.leaps.data.dataset",
    "ProgramVAE": "programmatic.leaps.model.vae",
    "generate": "programmatic.leaps.data.generation",
    "pretrain": "programmatic.leaps.training.pretraining",
}


def __getattr__(name: str) -> Any:
    if name in _LAZY:
        return getattr(importlib.import_module(_LAZY[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
