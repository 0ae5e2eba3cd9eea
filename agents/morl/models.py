"""The models of MORL: made from agents/drl/hyperparams, saved in a folder as policy.zip."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.vec_env import VecEnv

from agents.drl.hyperparameters import OF_THE_RUN, read_hyperparameters
from agents.drl.models import build_model, load_model, save_model
from agents.drl.spaces import space_to_json
from agents.morl.run_folder import MODEL_FILE
from agents.morl.settings import ORACLES
from karel_gym.registration import CARTPOLE
from programmatic.algorithms import algorithm_class


def new_model(
    algo: str,
    env: VecEnv,
    seed: int = 0,
    net_arch: Sequence[int] | None = None,
    **hyperparameters: Any,
) -> BaseAlgorithm:
    """Make an untrained model on the CPU.

    Args:
        algo: One of `ORACLES`.
        env: Env to learn in.
        seed: Seed of the weights and the learning.
        net_arch: Units of each hidden layer of actor and critic; default 64, 64.
        hyperparameters: Values that replace those of the block CartPole-MORL-v0 in
            agents/drl/hyperparams/ALGO.yml. By default an iteration takes about as many steps of
            all envs together as in the block, and the batch size divides them.

    Raises:
        ValueError: The algorithm or a hyperparameter is unknown or invalid.
    """
    algorithm_class(algo, ORACLES)
    block = read_hyperparameters(algo, CARTPOLE)
    values = {name: value for name, value in block.items() if name not in OF_THE_RUN}
    if net_arch is not None:
        values["policy_kwargs"] = f"dict(net_arch={list(net_arch)}, activation_fn=nn.Tanh)"
    if "n_steps" in block:
        n_steps = -(-block["n_steps"] * block["n_envs"] // env.num_envs)  # rounded up
        n_steps = hyperparameters.get("n_steps", n_steps)
        batch_size = _divisor(n_steps * env.num_envs, block["batch_size"])
        values |= {"n_steps": n_steps, "batch_size": batch_size}
    return build_model(
        {
            "algo": algo,
            "seed": seed,
            "deterministic": True,
            "hyperparameters": values | hyperparameters,
            "observation_space": space_to_json(env.observation_space),
            "action_space": space_to_json(env.action_space),
        },
        "cpu",
        env,
    )


def save_policy(model: BaseAlgorithm, folder: str | os.PathLike[str]) -> None:
    """Write a model of `new_model` to policy.zip in a folder; a `RunError` if it cannot."""
    Path(folder).mkdir(parents=True, exist_ok=True)
    save_model(model, Path(folder) / MODEL_FILE)


def load_policy(folder: str | os.PathLike[str], env: VecEnv | None = None) -> BaseAlgorithm:
    """Load the model that `save_policy` wrote, on the CPU.

    Args:
        folder: The folder.
        env: Env to learn on in; None: the model only acts.

    Raises:
        RunError: The file is missing or damaged, or the model is for other spaces than the env's.
    """
    return load_model(Path(folder) / MODEL_FILE, "cpu", env)


def _divisor(steps: int, most: int) -> int:
    """The greatest divisor of `steps` up to `most`: all batches are of equal size."""
    return max(size for size in range(1, most + 1) if steps % size == 0)
