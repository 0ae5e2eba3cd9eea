"""Models of Stable-Baselines3 with a small network: the algorithms, and how they are set."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.vec_env import VecEnv
from torch import nn

from programmatic.algorithms import algorithm_class

ACTIVATIONS = ("ELU", "GELU", "LeakyReLU", "ReLU", "SiLU", "Tanh")
NET_ARCH = (64, 64)

TRPO_STEPS = 2000
"""Steps of all envs in an iteration of TRPO: MORL's 10 trajectories of 200."""
PPO_STEPS = 1024
"""Steps of all envs in an iteration of PPO."""

BATCH_SIZE = {"trpo": 128, "ppo": 256}
"""States of a step of Adam, at most."""

_Q_LEARNING: dict[str, Any] = {
    "learning_rate": 2.3e-3,
    "buffer_size": 100_000,
    "learning_starts": 1000,
    "batch_size": 64,
    "train_freq": (256, "step"),
    "gradient_steps": 128,
    "target_update_interval": 10,
    "exploration_fraction": 0.16,
    "exploration_final_eps": 0.04,
}

HYPERPARAMETERS: dict[str, dict[str, Any]] = {
    "trpo": {},
    "ppo": {"learning_rate": 1e-3, "n_epochs": 10, "gae_lambda": 0.95},
    "a2c": {},
    "dqn": _Q_LEARNING,
    "qrdqn": _Q_LEARNING,
}
"""Where they differ from SB3's own: so that CartPole is learned in seconds."""
ALGORITHMS = tuple(HYPERPARAMETERS)
"""The algorithms whose policies MORL knows: without memory and masks."""


def new_model(
    algo: str,
    env: VecEnv,
    seed: int = 0,
    net_arch: Sequence[int] = NET_ARCH,
    activation: str = "Tanh",
    **hyperparameters: Any,
) -> BaseAlgorithm:
    """An untrained model, on the CPU.

    Args:
        algo: One of `ALGORITHMS`.
        env: What it learns in.
        seed: Of its weights and its learning.
        net_arch: Units of each hidden layer, of actor and critic alike.
        activation: One of `ACTIVATIONS`.
        hyperparameters: Arguments of the algorithm in SB3, before those of `HYPERPARAMETERS`. Left
            to itself, TRPO collects 2,000 steps an iteration, PPO 1,024.

    Raises:
        ValueError: The algorithm, the activation or a hyperparameter is unknown or cannot be.
    """
    algo_class = algorithm_class(algo, ALGORITHMS)
    if activation not in ACTIVATIONS:
        raise ValueError(
            f"there is no activation {activation!r}; known are {', '.join(ACTIVATIONS)}"
        )
    values: dict[str, Any] = {}
    if algo in ("trpo", "ppo"):
        steps = TRPO_STEPS if algo == "trpo" else PPO_STEPS
        n_steps = hyperparameters.get("n_steps", -(-steps // env.num_envs))  # rounded up
        batch_size = _divisor(n_steps * env.num_envs, BATCH_SIZE[algo])
        values |= {"n_steps": n_steps, "batch_size": batch_size}
    values |= HYPERPARAMETERS[algo] | hyperparameters
    policy_kwargs = {"net_arch": list(net_arch), "activation_fn": getattr(nn, activation)}
    try:
        return algo_class(
            "MlpPolicy", env, policy_kwargs=policy_kwargs, seed=seed, device="cpu", **values
        )
    except (TypeError, ValueError, AssertionError) as error:
        reason = " ".join(str(error).split())
        raise ValueError(f"{algo_class.__name__} cannot be made so: {reason}") from error


def _divisor(steps: int, most: int) -> int:
    """The greatest divisor of `steps` up to `most`: batches of that size leave no smaller one."""
    return max(size for size in range(1, most + 1) if steps % size == 0)
