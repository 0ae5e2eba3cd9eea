"""SB3 models in zips.

Models of this package are built from settings in JSON, and only weights and counters are read from
the zip. Other zips must be unpickled, which can run any code; a warning says so.
"""

from __future__ import annotations

import json
import os
import warnings
import zipfile
from pathlib import Path
from typing import Any

from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.vec_env import VecEnv

from agents.drl.extractors import GridCnn
from agents.drl.fcn import GridFcn
from agents.drl.hyperparameters import HyperparameterError, arguments, check_names
from agents.drl.spaces import space_from_json
from agents.drl.training_envs import training_env
from agents.hierarchy.step_policy import StepPolicy
from karel_gym.envs.observations import kind_of
from karel_gym.registration import plain_id
from programmatic.algorithms import ALGORITHMS, algorithm_class
from programmatic.runs import RunError, replacing

NETWORKS = {"Cnn": GridCnn, "Fcn": GridFcn}
"""Networks for grids, by the prefix of the policy's name. SB3's needs images of 36x36 or more."""
TELLTALES = {"trpo": "cg_max_steps", "ppo": "clip_range"}
"""Attributes that distinguish zips of actor-critics: SB3 loads any of them as each other."""

SETTINGS = "karel_gym_settings"  # the model's attribute, and the entry of its zip
SPACES = ("observation_space", "action_space")
COUNTERS = ("num_timesteps", "_n_updates", "_episode_num", "_n_calls")


def build_model(
    settings: dict[str, Any], device: str = "auto", env: VecEnv | None = None
) -> BaseAlgorithm:
    """Make an untrained model.

    Args:
        settings: algo, seed, hyperparameters, deterministic (the model's attribute
            `acts_deterministically`), and the env: either env_id, obs, action, horizon, num_envs,
            height, width, train_max_steps and reward, or observation_space and action_space.
        device: "auto", "cpu" or "cuda".
        env: Env to learn in; by default one of env_id. A model with spaces only acts.

    Raises:
        ValueError: A setting is invalid, or `env` has other spaces.
    """
    algo_class: Any = algorithm_class(settings["algo"])
    check_names(algo_class, settings["hyperparameters"])
    values = arguments(settings["hyperparameters"])
    policy = values.get("policy")
    if policy == StepPolicy.__name__:
        values["policy"] = StepPolicy
    if isinstance(policy, str) and policy[:3] in NETWORKS:
        kwargs = values.get("policy_kwargs") or {}
        values["policy_kwargs"] = {"features_extractor_class": NETWORKS[policy[:3]]} | kwargs
        values["policy"] = f"Cnn{policy[3:]}"
    spaces = [space_from_json(settings[name]) for name in SPACES if name in settings]
    if not spaces and env is None:
        env = training_env(
            settings, settings["num_envs"], settings["train_max_steps"], settings["reward"]
        )
    if spaces and env is not None:
        _check_spaces(spaces, env)
    values |= {"env": env, "seed": settings["seed"], "device": device}
    try:
        model: BaseAlgorithm = algo_class(**values, _init_setup_model=env is not None)
        if env is None:
            model.observation_space, model.action_space = spaces
            model.n_envs = 1
            model._setup_model()
    except (TypeError, ValueError, AssertionError) as error:
        reason = " ".join(str(error).split())
        raise HyperparameterError(
            f"{algo_class.__name__} cannot be made with these hyperparameters: {reason}"
        ) from error
    vars(model)[SETTINGS] = settings
    vars(model)["acts_deterministically"] = settings["deterministic"]
    return model


def _check_spaces(spaces: list[Any], env: VecEnv) -> None:
    for space, other in zip(spaces, (env.observation_space, env.action_space), strict=True):
        kind = kind_of(space)  # percepts were MultiBinary once
        if space != other and (kind is None or kind != kind_of(other)):
            raise ValueError(f"the model is for {space}, the env has {other}")


def save_model(model: BaseAlgorithm, path: Path) -> None:
    """Write a model's zip, completely or not at all."""
    with replacing(path) as temporary:
        model.save(temporary)


def load_model(
    path: str | os.PathLike[str], device: str = "auto", env: VecEnv | None = None
) -> BaseAlgorithm:
    """Load the model in a zip, with its weights, optimizer and counters.

    Args:
        path: The zip.
        device: "auto", "cpu" or "cuda".
        env: Env to learn on in; see `build_model`.

    Raises:
        RunError: The file is missing or damaged, no SB3 model, or for other spaces than the env's.
    """
    path = Path(path)
    data = read_data(path)
    if SETTINGS not in data:
        return _load_foreign(path, data, device)
    try:
        settings = dict(data[SETTINGS])
        if "env_id" in settings:
            # Loading runs no code: a module that the id may name is not imported.
            settings["env_id"] = plain_id(settings["env_id"])
        model = build_model(settings, device, env)
    except (KeyError, TypeError, ValueError) as error:
        raise RunError(f"the settings in {path} make no model: {error!r}") from None
    restore(model, path)
    return model


def restore(model: BaseAlgorithm, path: Path) -> None:
    """Restore weights, optimizer state and counters from a zip; a `RunError` if they do not fit."""
    data = read_data(path)
    try:
        model.set_parameters(str(path), device=model.device)
        counters = {name: int(data[name]) for name in COUNTERS if name in data}
    except Exception as error:  # torch and zipfile raise many kinds
        reason = str(error).strip().partition("\n")[0]
        raise RunError(f"{path} does not hold the weights of this model: {reason}") from None
    vars(model).update(counters)


def read_data(path: Path) -> dict[str, Any]:
    """The settings and counters in a model's zip, as JSON; pickled values are not read.

    Raises:
        RunError: The file is missing or damaged, or not an SB3 model.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            damaged = archive.testzip()
            if damaged:
                raise RunError(f"{path} is damaged: {damaged} in it has another checksum")
            data = json.loads(archive.read("data"))
        if not isinstance(data, dict):
            raise KeyError("data")
    except FileNotFoundError:
        raise RunError(f"there is no model {path}") from None
    except OSError as error:
        raise RunError(f"{path} cannot be read: {error.strerror}") from None
    except zipfile.BadZipFile:
        raise RunError(f"{path} is damaged or cut off: it is not a zip file") from None
    except KeyError:
        raise RunError(f"{path} is not a Stable-Baselines3 model: it has no settings") from None
    except RunError:
        raise
    except Exception as error:  # a damaged archive fails in zlib, struct, UTF-8 or JSON
        raise RunError(f"{path} is damaged: {error}") from None
    return data


def _load_foreign(path: Path, data: dict[str, Any], device: str) -> BaseAlgorithm:
    warnings.warn(
        f"{path} was not written by karel-gym: loading it runs whatever code is pickled in it",
        stacklevel=3,
    )
    reason = "it has other settings"
    for algo in ALGORITHMS:
        if algo in TELLTALES and TELLTALES[algo] not in data:
            continue
        try:
            return algorithm_class(algo).load(path, device=device)
        except Exception as error:  # unpickling can fail in any way
            reason = str(error).strip().partition("\n")[0]
    raise RunError(f"{path} is not a model of {', '.join(ALGORITHMS)}: {reason}")
