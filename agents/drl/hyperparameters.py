"""Hyperparameters in YAML files, one per algorithm, in the layout of RL Baselines3 Zoo.

The block 'ID' is for percepts; other observations and actions have their own blocks: 'ID/grid',
'ID/percepts+action', 'ID/option', 'ID/grid/program' and so on. Ids without a block use 'default',
'default/grid' and so on. The keys of a block are the arguments of the algorithm, `n_envs`,
`n_timesteps`, `deterministic` (how evaluated policies act) and `env_kwargs`; there, `max_steps` is
the horizon of training episodes in actions and `horizon` that in skills. Strings such as
"dict(net_arch=[32, 32])" are parsed; they are never evaluated as code.
"""

from __future__ import annotations

import ast
import inspect
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml
from stable_baselines3.common.utils import LinearSchedule
from torch import nn

from agents.hierarchy.actions import PRIMITIVE
from karel_gym.registration import plain_id
from programmatic.algorithms import algorithm_class
from programmatic.options import unknown

FOLDER = Path(__file__).parent / "hyperparams"
ACTIVATIONS = ("ELU", "GELU", "LeakyReLU", "ReLU", "SiLU", "Tanh")
SCHEDULED = ("learning_rate", "clip_range", "clip_range_vf")
OF_THE_RUN = ("n_envs", "n_timesteps", "env_kwargs", "deterministic", "eval_episodes")
SET_BY_TRAIN = ("self", "env", "seed", "device", "verbose", "tensorboard_log", "_init_setup_model")


class HyperparameterError(ValueError):
    """A hyperparameter is unknown or has an invalid value; the message says which."""


def read_hyperparameters(
    algo: str,
    env_id: str,
    obs: str = "percepts",
    action: str = PRIMITIVE,
    file: Path | None = None,
) -> dict[str, Any]:
    """The hyperparameters of an algorithm for a task, an observation and an action.

    Args:
        algo: Name of the algorithm, such as "ppo".
        env_id: The task's id.
        obs: "percepts", "percepts+action" or "grid".
        action: "primitive", "option", "option-length", "program" or "options".
        file: The YAML file, or without a suffix one of hyperparams; by default ALGO.

    Raises:
        HyperparameterError: The file is missing, is not valid YAML, or has no such block, or the
            block is incomplete or has unknown hyperparameters.
    """
    file = Path(file or algo)
    file = file if file.suffix else FOLDER / f"{file}.yml"
    try:
        blocks = yaml.safe_load(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise HyperparameterError(f"{file} cannot be read: {error.strerror}") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise HyperparameterError(
            f"{file} is not valid YAML: {' '.join(str(error).split())}"
        ) from None
    names = [block_name(each, obs, action) for each in (env_id, "default")]
    for name in names:
        if isinstance(blocks, dict) and isinstance(blocks.get(name), dict):
            try:
                return _checked(blocks[name], algo)
            except HyperparameterError as error:
                raise HyperparameterError(f"block {name} of {file}: {error}") from None
    raise HyperparameterError(f"{file} has neither a block {names[0]} nor {names[1]}")


def _checked(block: dict[str, Any], algo: str) -> dict[str, Any]:
    """A block; a `HyperparameterError` if it lacks one that `train` needs, or has unknown ones."""
    check_names(algorithm_class(algo), block)
    for name in ("n_envs", "n_timesteps"):
        value = block.get(name)
        if not (isinstance(value, int | float) and float(value).is_integer() and value >= 1):
            raise HyperparameterError(f"{name} must be a whole number from 1 up, got {value!r}")
    if not isinstance(block.get("env_kwargs", {}), dict):
        raise HyperparameterError("env_kwargs must be a mapping of names to values")
    return block


def block_name(env_id: str, obs: str, action: str = PRIMITIVE) -> str:
    """The name of the block for a task, an observation and an action."""
    usual = ("percepts", PRIMITIVE)
    return "/".join([plain_id(env_id), *(kind for kind in (obs, action) if kind not in usual)])


def check_names(algo_class: type[Any], hyperparameters: Mapping[str, Any]) -> None:
    """Raise a `HyperparameterError` for unknown names, and for values that do not fit into JSON."""
    known = sorted(set(inspect.signature(algo_class.__init__).parameters) - set(SET_BY_TRAIN))
    for name in hyperparameters:
        if name not in known and name not in OF_THE_RUN:
            what = f"{algo_class.__name__} has no hyperparameter"
            raise HyperparameterError(unknown(what, name, known))
    try:
        json.dumps(dict(hyperparameters))
    except TypeError:
        raise HyperparameterError(
            "hyperparameters must be numbers, texts, lists or dicts of them; write others as text, "
            'such as policy_kwargs="dict(activation_fn=nn.Tanh)"'
        ) from None


def arguments(hyperparameters: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments of an algorithm's constructor, with strings converted.

    "dict(...)" becomes a dict; a learning rate or clip range "lin_0.001" becomes a schedule that
    falls linearly from 0.001 to 0. Other such strings raise a `HyperparameterError`.
    """
    values: dict[str, Any] = {}
    for name, value in hyperparameters.items():
        if name in OF_THE_RUN:
            continue
        values[name] = value
        if name in SCHEDULED and isinstance(value, str):
            values[name] = _schedule(name, value)
        elif isinstance(value, list):  # JSON has no tuples
            values[name] = tuple(value)
        elif isinstance(value, str) and value.startswith("dict("):
            values[name] = parse_dict(value, name)
    return values


def parse_dict(text: str, name: str = "policy_kwargs") -> dict[str, Any]:
    """Parse "dict(key=value, ...)"; `name` is for the message of the `HyperparameterError`.

    Values are literals, lists, tuples, dict(...) and activations such as nn.Tanh.

    Example:
        >>> parse_dict("dict(net_arch=[32, 32], ortho_init=False)")
        {'net_arch': [32, 32], 'ortho_init': False}
    """
    try:
        value = _value(ast.parse(text.strip(), mode="eval").body)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        reason = error.msg if isinstance(error, SyntaxError) else error
        raise HyperparameterError(f"{name} {text!r} cannot be read: {reason}") from None
    if not isinstance(value, dict):
        raise HyperparameterError(f"{name} must be of the form dict(key=value, ...), got {text!r}")
    return value


def _value(node: ast.expr) -> Any:
    match node:
        case ast.Call(func=ast.Name(id="dict"), args=[], keywords=keywords):
            if any(keyword.arg is None for keyword in keywords):
                raise ValueError("** is not allowed")
            return {str(keyword.arg): _value(keyword.value) for keyword in keywords}
        case ast.Attribute(value=ast.Name(id="nn"), attr=activation):
            if activation not in ACTIVATIONS:
                raise ValueError(f"nn.{activation} is not one of nn.{', nn.'.join(ACTIVATIONS)}")
            return getattr(nn, activation)
        case ast.List(elts=elements):
            return [_value(element) for element in elements]
        case ast.Tuple(elts=elements):
            return tuple(_value(element) for element in elements)
        case ast.Dict(keys=keys, values=values) if None not in keys:
            return {_value(k): _value(v) for k, v in zip(keys, values, strict=True) if k}
        case ast.Constant() | ast.UnaryOp(operand=ast.Constant()):
            return ast.literal_eval(node)
    raise ValueError(
        f"{ast.unparse(node)!r} is neither a literal, nor dict(...), nor an activation nn.X"
    )


def _schedule(name: str, text: str) -> LinearSchedule:
    kind, _, start = text.partition("_")
    try:
        if kind == "lin":
            return LinearSchedule(float(start), 0.0, 1.0)
    except ValueError:
        pass
    raise HyperparameterError(f"{name} must be a number or such as lin_0.001, got {text!r}")
