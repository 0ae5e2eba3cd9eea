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
    from programmatic.leaps.dataset import DatasetConfig, ProgramDataset
    from programmatic.leaps.generation import generate
    from programmatic.leaps.pretraining import pretrain
    from programmatic.leaps.settings import PretrainConfig
    from programmatic.leaps.vae import ProgramVAE

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
    "DatasetConfig": "programmatic.leaps.dataset",
    "PretrainConfig": "programmatic.leaps.settings",
    "ProgramDataset": "programmatic.leaps.dataset",
    "ProgramVAE": "programmatic.leaps.vae",
    "generate": "programmatic.leaps.generation",
    "pretrain": "programmatic.leaps.pretraining",
}


def __getattr__(name: str) -> Any:
    if name in _LAZY:
        return getattr(importlib.import_module(_LAZY[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
