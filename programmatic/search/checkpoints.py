"""Checkpoints of a search: tensors in a safetensors file, the rest as JSON in its metadata."""

from __future__ import annotations

import json
from dataclasses import fields
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save

from programmatic.dsl import Program
from programmatic.runs import RunError, checkpoint_path, replacing
from programmatic.search.methods import Method
from programmatic.search.objective import Tally


def save_checkpoint(run: Path, state: Any, tally: Tally, seconds: float) -> None:
    """Write the state of a method (a dataclass of tensors and JSON values), the tally, the time."""
    values = {field.name: getattr(state, field.name) for field in fields(state)}
    tensors = {name: value.contiguous() for name, value in values.items() if torch.is_tensor(value)}
    others = {name: value for name, value in values.items() if name not in tensors}
    best = None if tally.best is None else str(tally.best)
    metadata = {
        "state": json.dumps(others),
        "tally": json.dumps({**vars(tally), "best": best}),
        "seconds": json.dumps(seconds),
    }
    with replacing(checkpoint_path(run, state.iteration, ".safetensors")) as temporary:
        temporary.write_bytes(save(tensors, metadata))


def load_checkpoint(path: Path, method: Method) -> tuple[Any, Tally, float]:
    """The state, the tally and the seconds of a method's checkpoint.

    Raises:
        RunError: The file is missing, damaged, or of another method; the message names it.
    """
    device = "cpu" if method.model is None else method.model.device
    try:
        with safe_open(path, "pt", device=str(device)) as file:
            metadata = file.metadata()
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        state = method.state_class(**json.loads(metadata["state"]), **tensors)
        tally = json.loads(metadata["tally"])
        if tally["best"] is not None:
            tally["best"] = Program.parse(tally["best"])
        tally["history"] = tuple(tally["history"])
        return state, Tally(**tally), float(json.loads(metadata["seconds"]))
    except (OSError, SafetensorError, ValueError, KeyError, TypeError) as error:
        raise RunError(
            f"{path} is not a checkpoint of this search, or damaged: {error}; delete it to resume "
            "from the previous checkpoint"
        ) from None
