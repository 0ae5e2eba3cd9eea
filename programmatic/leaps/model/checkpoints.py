"""Files of weights and checkpoints of pretrainings; reading of published weights."""

from __future__ import annotations

import json
import os
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save

from programmatic.leaps.model.layouts import LATENT_HEAD, Layout, recognized
from programmatic.leaps.model.networks import VAE, NeuralExecutor
from programmatic.leaps.settings import SHIPPED
from programmatic.runs import RunError, read_settings_file, replacing, write_json

WEIGHTS_FOLDER = Path(__file__).parents[1] / "weights"
DEFAULT = "default"
DEFAULT_VARIANT = "leaps"
BEST_FILE = "best.safetensors"
"""The file of weights in the run folder of a pretraining."""
ORIGINAL_SUFFIXES = (".ptp", ".pt", ".pth")
LAYOUT = "layout"  # in the header of a file of weights
MODEL, OPTIMIZER, STATE = "model.", "optimizer.", "state"  # of a checkpoint's names


def write_state_dict(
    path: str | os.PathLike[str],
    weights: Mapping[str, torch.Tensor],
    about: Mapping[str, Any] | None = None,
    dtype: torch.dtype | None = None,
    layout: Layout | None = None,
) -> None:
    """Write weights as safetensors, in `dtype` if given, and the information `about` as JSON.

    The header has the layout, if it is that of an embedding.
    """
    kept = {
        name: tensor.detach().cpu().to(dtype if tensor.is_floating_point() else None).contiguous()
        for name, tensor in weights.items()
    }
    with replacing(path) as temporary:
        temporary.write_bytes(save(kept, {LAYOUT: layout.to_json()} if layout else None))
    if about is not None:
        write_json(Path(path).with_suffix(".json"), dict(about))


def export_weights(weights: Path, path: Path) -> None:
    """Copy weights with their JSON file to `path` in half precision; RunError if damaged."""
    tensors, layout = read_state_dict(weights)
    write_state_dict(path, tensors, read_about(weights), torch.float16, layout)


def weights_path(name: str | os.PathLike[str]) -> Path:
    """The file of weights of a name: "default", or in the package; a run folder, or a path."""
    if str(name) == DEFAULT:
        name = DEFAULT_VARIANT
    if str(name) in SHIPPED:
        return WEIGHTS_FOLDER / f"{name}.safetensors"
    return Path(name) / BEST_FILE if Path(name).is_dir() else Path(name)


def read_state_dict(name: str | os.PathLike[str]) -> tuple[dict[str, torch.Tensor], Layout]:
    """The float32 weights of a `ProgramVAE` on the CPU, and their layout.

    Raises:
        RunError: The file is missing or damaged, or of no known layout.
    """
    path = weights_path(name)
    if not path.is_file():
        shipped = ", ".join(map(repr, (DEFAULT, *SHIPPED)))
        raise RunError(f"there are no weights {path}: name a file, or one of {shipped}")
    try:
        tensors, metadata = _stored(path)
        published = None if LAYOUT in metadata else recognized(tensors)
        weights = _floats(tensors)
        if published is None:
            layout = Layout.from_json(metadata[LAYOUT])
        else:
            weights, layout = published.translated(weights)
        _check(weights, layout)
    except (SafetensorError, OSError, ValueError, RuntimeError, EOFError) as error:
        reason = " ".join(str(error).split()).partition(". ")[0]
        raise RunError(f"{path} cannot be read as weights: {reason}") from None
    except Exception as error:  # torch's errors for pickles of other objects have no other base
        raise RunError(f"{path} holds more than weights: {type(error).__name__}") from None
    return weights, layout


def read_about(name: str | os.PathLike[str]) -> dict[str, Any]:
    """The settings and metrics of weights; RunError if missing or damaged."""
    return read_settings_file(weights_path(name).with_suffix(".json"))


def _stored(path: Path) -> tuple[dict[str, Any], dict[str, str]]:
    """The entries of a file of weights, without critics, and the metadata in its header."""
    if path.suffix not in ORIGINAL_SUFFIXES:
        with safe_open(path, "pt") as file:
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
            return tensors, file.metadata() or {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of pickles that are refused
        stored = torch.load(path, map_location="cpu", weights_only=True)
    state = stored[0] if isinstance(stored, list | tuple) and stored else stored
    if not isinstance(state, Mapping) or not all(isinstance(name, str) for name in state):
        raise ValueError("expected a state dict, or a list whose first entry is one")
    return {name: tensor for name, tensor in state.items() if "critic" not in name}, {}


def _floats(tensors: Mapping[str, Any]) -> dict[str, torch.Tensor]:
    """The tensors as float32; a `ValueError` unless all are finite floating-point numbers."""
    floats = {}
    for name, tensor in tensors.items():
        if not isinstance(tensor, torch.Tensor) or not tensor.is_floating_point():
            raise ValueError(f"{name} is no tensor of floating-point numbers")
        floats[name] = tensor.float()
        if not floats[name].isfinite().all():
            raise ValueError(f"{name} has entries that are NaN or infinite")
    return floats


def _check(weights: Mapping[str, torch.Tensor], layout: Layout) -> None:
    """Raise a `ValueError` unless these are a model's weights, of any width."""
    if LATENT_HEAD not in weights or weights[LATENT_HEAD].ndim != 2:
        raise ValueError(f"it lacks the matrix {LATENT_HEAD}")
    width = weights[LATENT_HEAD].shape[0]
    with torch.device("meta"):
        parts = {"vae": VAE(width, layout), "condition_policy": NeuralExecutor(width, layout)}
    try:
        torch.nn.ModuleDict(parts).load_state_dict(dict(weights), assign=True)
    except RuntimeError as error:
        fault = " ".join(str(error).split()).partition(": ")[2]
        raise ValueError(
            f"it does not fit a program embedding of {width} dimensions: {fault}"
        ) from None


@dataclass
class TrainingState:
    """The state of a pretraining, beside the weights and the optimizer's moments."""

    epoch: int = 0
    """Finished epochs."""
    seconds: float = 0.0
    """Their wall time."""
    reinforces: bool = False
    """Whether L_R has begun."""
    rows: list[dict[str, float]] = field(default_factory=list)
    """The rows of progress.csv."""
    steps: int = 0
    """Finished steps of the current epoch."""
    sums: dict[str, float] = field(default_factory=dict)
    """The sums of the results of these steps."""
    random: Sequence[str] = ()
    """The states of the generators after these steps, in hexadecimal digits, if restored."""


def write_training_state(
    path: Path, model: torch.nn.Module, optimizer: torch.optim.Optimizer, state: TrainingState
) -> None:
    """Write a checkpoint: one safetensors file, with the state as JSON in its header."""
    tensors = {f"{MODEL}{name}": tensor for name, tensor in model.state_dict().items()}
    for index, moments in optimizer.state_dict()["state"].items():
        tensors |= {f"{OPTIMIZER}{index}.{name}": tensor for name, tensor in moments.items()}
    kept = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    with replacing(path) as temporary:
        temporary.write_bytes(save(kept, {STATE: json.dumps(asdict(state))}))


def read_training_state(
    path: Path, model: torch.nn.Module, optimizer: torch.optim.Optimizer
) -> TrainingState:
    """Load a checkpoint into a model and an optimizer; RunError if damaged or of another model."""
    try:
        with safe_open(path, "pt") as file:
            state = TrainingState(**json.loads(file.metadata()[STATE]))
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        model.load_state_dict(
            {n.removeprefix(MODEL): t for n, t in tensors.items() if n.startswith(MODEL)}
        )
        moments: dict[int, dict[str, torch.Tensor]] = {}
        for name, tensor in tensors.items():
            if name.startswith(OPTIMIZER):
                index, _, moment = name.removeprefix(OPTIMIZER).partition(".")
                moments.setdefault(int(index), {})[moment] = tensor
        groups = optimizer.state_dict()["param_groups"]
        optimizer.load_state_dict({"state": moments, "param_groups": groups})
    except (SafetensorError, OSError, RuntimeError, ValueError, KeyError, TypeError) as error:
        raise RunError(
            f"{path} is damaged: {error}; delete it to go on from the checkpoint before it"
        ) from None
    return state
