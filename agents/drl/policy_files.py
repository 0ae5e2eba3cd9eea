"""Policies in safetensors files: weights, and settings and origin as JSON in the metadata.

Loading one runs no code from the file.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from safetensors.torch import load_model, save_model
from stable_baselines3.common.base_class import BaseAlgorithm

from agents.drl.models import SETTINGS, SPACES, build_model
from agents.drl.spaces import space_to_json
from programmatic.algorithms import ALGORITHMS, algorithm_class
from programmatic.runs import RunError, replacing

SETTINGS_ENTRY, ORIGIN = "settings", "origin"  # the latter is also an attribute of the model
OF_THE_RUN_FOLDER = (
    *("device", "torch_threads", "run_dir"),
    *("checkpoint_every", "eval_every", "eval_episodes"),
)
"""Settings of a training that do not change what it learns."""


def write_policy(path: Path, model: BaseAlgorithm, origin: dict[str, Any]) -> None:
    """Write a model's policy to a file, and read it back before the file gets its name.

    Raises:
        ValueError: The model is of an unknown algorithm, or has a custom policy.
        RunError: The file cannot be written, or its settings do not make the policy.
    """
    settings = getattr(model, SETTINGS, None) or _settings_of_foreign(model)
    settings = {name: settings[name] for name in settings if name not in OF_THE_RUN_FOLDER}
    settings |= {name: space_to_json(getattr(model, name)) for name in SPACES}
    settings["env_id"] = origin["env_id"]
    metadata = {SETTINGS_ENTRY: json.dumps(settings), ORIGIN: json.dumps(origin)}
    with replacing(path) as temporary:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            save_model(model.policy, str(temporary), metadata)
            read_policy(temporary, "cpu")
        except SafetensorError as error:
            raise RunError(f"{path} cannot be written: {error}") from None
        except RunError as error:
            reason = str(error).removeprefix(f"{temporary} ")
            raise RunError(f"the policy cannot be exported: its file {reason}") from None


def _settings_of_foreign(model: BaseAlgorithm) -> dict[str, Any]:
    """The settings of a model that karel-gym did not make."""
    algos = [algo for algo in ALGORITHMS if type(model) is algorithm_class(algo)]
    names = [n for n, kind in model.policy_aliases.items() if type(model.policy) is kind]
    if not algos or not names:
        kind = f"{type(model).__name__} with {type(model.policy).__name__}"
        raise ValueError(f"{kind} is not an algorithm and a policy of {', '.join(ALGORITHMS)}")
    kwargs = {n: v for n, v in model.policy_kwargs.items() if not n.startswith("optimizer_")}
    values = {"policy": names[0], "policy_kwargs": _text(kwargs)}
    return {"algo": algos[0], "seed": model.seed, "deterministic": True, "hyperparameters": values}


def _text(value: Any) -> str:
    """The text that `hyperparameters.parse_dict` reads."""
    if isinstance(value, dict):
        return f"dict({', '.join(f'{name}={_text(value[name])}' for name in value)})"
    return f"nn.{value.__name__}" if isinstance(value, type) else repr(value)


def read_policy(path: Path, device: str = "auto") -> BaseAlgorithm:
    """Load the model in a policy's file; it only acts, and its `origin` is that of the file.

    Raises:
        RunError: The file is missing or damaged, or holds no policy.
    """
    try:
        with safe_open(path, "pt") as file:
            metadata = file.metadata() or {}
        settings = dict(json.loads(metadata[SETTINGS_ENTRY]))
        # Without a space `build_model` would make an env, and import the module of its id.
        settings |= {name: settings[name] for name in SPACES}
        model = build_model(settings, device)
        load_model(model.policy, path)
        for name, tensor in model.policy.state_dict().items():
            if not tensor.isfinite().all():
                raise ValueError(f"{name} has a value that is not finite")
        vars(model)[ORIGIN] = dict(json.loads(metadata.get(ORIGIN, "{}")))
    except FileNotFoundError:
        raise RunError(f"there is no policy {path}") from None
    except KeyError as error:
        raise RunError(f"{path} holds no policy: it lacks {error}") from None
    except Exception as error:  # damaged files fail in any of torch's and SB3's ways
        raise RunError(f"{path} holds no policy: {' '.join(str(error).split())}") from None
    return model
