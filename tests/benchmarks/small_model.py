"""A small model with random weights, for tests of what measures searches in latent spaces."""

from __future__ import annotations

from pathlib import Path

import torch

from programmatic.leaps import ProgramVAE
from programmatic.leaps.model.checkpoints import write_state_dict


def small_model(folder: Path, seed: int = 0, test: dict[str, float] | None = None) -> str:
    """Write the weights of a model of 32 dimensions, and return the file.

    Args:
        folder: Where to.
        seed: Of the weights.
        test: What the JSON file beside them tells of test programs.
    """
    torch.manual_seed(seed)
    path = folder / f"small-{seed}.safetensors"
    write_state_dict(path, ProgramVAE(32).state_dict(), {"test": test})
    return str(path)
