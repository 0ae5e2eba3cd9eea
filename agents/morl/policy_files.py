"""SB3 policies as files without code: weights as safetensors, all else as JSON.

    policy.safetensors   the weights of all networks
    policy.json          the algorithm, its hyperparameters and networks, and the spaces it acts in

The optimiser's moments and a replay buffer are not kept: a loaded policy acts as it did, and learns
on with fresh ones.
"""

from __future__ import annotations

import inspect
import os
import warnings
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import torch
from gymnasium import spaces
from safetensors import SafetensorError
from safetensors.torch import load_file
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.type_aliases import TrainFreq
from stable_baselines3.common.utils import ConstantSchedule, FloatSchedule
from stable_baselines3.common.vec_env import VecEnv
from torch import nn

from agents.morl.models import ACTIVATIONS, ALGORITHMS
from agents.morl.run_folder import POLICY_FILE
from karel_gym.envs.observations import kind_of
from programmatic.algorithms import algorithm_class
from programmatic.leaps.model.checkpoints import write_state_dict
from programmatic.runs import RunError, read_settings_file

WEIGHTS_FILE = "policy.safetensors"
SET_ELSEWHERE = ("self", "policy", "env", "policy_kwargs", "seed", "device")
OF_THE_MACHINERY = (
    *("verbose", "tensorboard_log", "stats_window_size", "_init_setup_model"),
    *("rollout_buffer_class", "rollout_buffer_kwargs"),
    *("replay_buffer_class", "replay_buffer_kwargs"),
)
OPTIMIZER = ("optimizer_class", "optimizer_kwargs")
"""What some algorithms of SB3 add to policy_kwargs, and add again to a new model."""


def save_policy(model: BaseAlgorithm, folder: str | os.PathLike[str]) -> None:
    """Write a model's policy into a folder, which is made if it is not there.

    Args:
        model: Of one of `ALGORITHMS`, with SB3's own network of fully connected layers.
        folder: Where; a policy in it is replaced.

    Raises:
        ValueError: The model is of another algorithm, or its network is one that JSON cannot tell.
        OSError: The folder cannot be written.
    """
    settings = {
        "algo": _algo_of(model),
        "policy_kwargs": _policy_kwargs(model),
        "hyperparameters": _hyperparameters(model),
        "observation_space": _space_to_json(model.observation_space),
        "action_space": _space_to_json(model.action_space),
    }
    Path(folder).mkdir(parents=True, exist_ok=True)
    write_state_dict(Path(folder) / WEIGHTS_FILE, model.policy.state_dict(), settings)


def load_policy(folder: str | os.PathLike[str], env: VecEnv | None = None) -> BaseAlgorithm:
    """The model whose policy `save_policy` wrote, on the CPU.

    Args:
        folder: Where it is.
        env: What it is to learn on in; None: it only acts.

    Raises:
        RunError: A file is missing or damaged, weights and settings do not fit each other, or the
            policy is one for other observations or actions than the env's; the message names the
            file.
    """
    settings_file, weights_file = Path(folder) / POLICY_FILE, Path(folder) / WEIGHTS_FILE
    settings = read_settings_file(settings_file)
    try:
        model = _build(settings, env)
    except KeyError as error:
        raise RunError(f"{settings_file} is damaged: it lacks {error}") from None
    except Exception as error:  # wrong settings fail in any of torch's and SB3's ways
        reason = " ".join(str(error).split())
        raise RunError(f"{settings_file} makes no policy: {reason}") from None
    try:
        weights = load_file(weights_file)
    except FileNotFoundError:
        raise RunError(f"there are no weights {weights_file}") from None
    except (SafetensorError, OSError, ValueError) as error:
        raise RunError(f"{weights_file} cannot be read as weights: {error}") from None
    _check_weights(weights_file, weights, model.policy.state_dict())
    model.policy.load_state_dict(weights)
    model.policy.set_training_mode(False)
    return model


def _build(settings: dict[str, Any], env: VecEnv | None) -> BaseAlgorithm:
    policy_kwargs = dict(settings["policy_kwargs"])
    policy_kwargs["activation_fn"] = getattr(nn, _known(policy_kwargs["activation_fn"]))
    values = {
        name: tuple(value) if isinstance(value, list) else value
        for name, value in settings["hyperparameters"].items()
    }
    own = [_space_from_json(settings[name]) for name in ("observation_space", "action_space")]
    if env is not None:
        for space, other in zip(own, (env.observation_space, env.action_space), strict=True):
            kind = kind_of(space)  # percepts were MultiBinary once
            if space != other and (kind is None or kind != kind_of(other)):
                raise ValueError(f"it is for {space}, the env has {other}")
    algo_class: Any = algorithm_class(settings["algo"], ALGORITHMS)
    model = algo_class(
        "MlpPolicy",
        env,
        policy_kwargs=policy_kwargs,
        device="cpu",
        _init_setup_model=env is not None,
        **values,
    )
    if env is None:
        model.observation_space, model.action_space = own
        model.n_envs = 1
        model._setup_model()
    return model


def _algo_of(model: BaseAlgorithm) -> str:
    for algo in ALGORITHMS:
        if type(model) is algorithm_class(algo):
            return algo
    raise ValueError(
        f"a policy of {type(model).__name__} cannot be kept; known are {', '.join(ALGORITHMS)}"
    )


def _policy_kwargs(model: BaseAlgorithm) -> dict[str, Any]:
    """What makes the networks, as JSON values."""
    if model.policy_class is not model.policy_aliases["MlpPolicy"]:
        raise ValueError(f"a {model.policy_class.__name__} cannot be kept, only an MlpPolicy")
    policy: Any = model.policy
    kept = {k: v for k, v in (model.policy_kwargs or {}).items() if k not in OPTIMIZER}
    kept["net_arch"] = policy.net_arch
    kept["activation_fn"] = _known(policy.activation_fn.__name__)
    for name, value in kept.items():
        if not _is_json(value):
            raise ValueError(f"a policy with {name}={value!r} cannot be kept")
    return kept


def _known(activation: str) -> str:
    if activation not in ACTIVATIONS:
        raise ValueError(
            f"there is no activation {activation!r}; known are {', '.join(ACTIVATIONS)}"
        )
    return activation


def _hyperparameters(model: BaseAlgorithm) -> dict[str, Any]:
    """The arguments that the algorithm was made with, as JSON values."""
    kept: dict[str, Any] = {}
    for name in inspect.signature(type(model).__init__).parameters:
        if name in (*SET_ELSEWHERE, *OF_THE_MACHINERY) or not hasattr(model, name):
            continue
        value = getattr(model, name)
        if isinstance(value, FloatSchedule) and isinstance(value.value_schedule, ConstantSchedule):
            value = value.value_schedule.val
        if isinstance(value, TrainFreq):
            value = [value.frequency, value.unit.value]
        if _is_json(value):
            kept[name] = value
        else:
            warnings.warn(
                f"{name} is a function, which is not kept: a loaded policy learns on with the "
                f"algorithm's own {name}",
                stacklevel=3,
            )
    return kept


def _is_json(value: Any) -> bool:
    if isinstance(value, list | tuple):
        return all(map(_is_json, value))
    if isinstance(value, dict):
        return all(isinstance(key, str) and _is_json(entry) for key, entry in value.items())
    return value is None or isinstance(value, bool | int | float | str)


def _space_to_json(space: gymnasium.Space[Any]) -> dict[str, Any]:
    match space:
        case spaces.Box():
            values = {"type": "Box", "shape": list(space.shape), "dtype": str(space.dtype)}
            for name, bound in (("low", space.low), ("high", space.high)):
                values[name] = [str(x) for x in bound.ravel().tolist()]  # JSON has no infinity
            return values
        case spaces.MultiBinary():
            return {"type": "MultiBinary", "n": list(space.shape)}
        case spaces.MultiDiscrete():
            nvec, start = space.nvec.tolist(), space.start.tolist()
            return {"type": "MultiDiscrete", "nvec": nvec, "start": start}
        case spaces.Discrete():
            return {"type": "Discrete", "n": int(space.n), "start": int(space.start)}
    raise ValueError(f"a policy for the space {space} cannot be kept")


def _space_from_json(values: dict[str, Any]) -> gymnasium.Space[Any]:
    match values["type"]:
        case "Box":
            shape, dtype = tuple(values["shape"]), np.dtype(values["dtype"]).type
            low, high = (
                np.array([float(x) for x in values[name]], dtype=dtype).reshape(shape)
                for name in ("low", "high")
            )
            return spaces.Box(low, high, shape, dtype)
        case "MultiBinary":
            n = values["n"]
            return spaces.MultiBinary(n[0] if len(n) == 1 else n)
        case "MultiDiscrete":
            return spaces.MultiDiscrete(values["nvec"], start=values["start"])
        case "Discrete":
            return spaces.Discrete(values["n"], start=values["start"])
    raise ValueError(f"there is no space {values['type']!r}")


def _check_weights(
    file: Path, found: dict[str, torch.Tensor], expected: dict[str, torch.Tensor]
) -> None:
    """Raise a `RunError` unless both have the same names and shapes."""
    for name in sorted(found.keys() | expected.keys()):
        shapes = [tuple(w[name].shape) if name in w else "nothing" for w in (found, expected)]
        if shapes[0] != shapes[1]:
            raise RunError(
                f"{file} does not fit {POLICY_FILE}: {name} is {shapes[0]}, expected {shapes[1]}"
            )
