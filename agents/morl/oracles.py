"""Oracles: policies that are trained only to be imitated by programs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.vec_env import VecEnv

from agents.morl.models import ALGORITHMS, NET_ARCH, new_model
from agents.morl.optimisation import LearningCurve, Row
from programmatic.options import check_choice, check_whole
from programmatic.threads import torch_threads


@dataclass(frozen=True)
class OracleConfig:
    """The options of training an oracle."""

    algo: str = "ppo"
    """One of ppo, trpo, a2c, dqn, qrdqn."""
    target_return: float | None = None
    """Mean return of an evaluation at which the training ends; None: after all steps."""
    max_timesteps: int = 100_000
    """Steps of all envs, at most."""
    evaluation_interval: int = 5_000
    """Steps of all envs between two evaluations."""
    evaluation_episodes: int = 100
    """Episodes of an evaluation, the same in all."""
    net_arch: Sequence[int] = NET_ARCH
    """Units of each hidden layer."""
    hyperparameters: dict[str, Any] = field(default_factory=dict)
    """Arguments of the algorithm; see `new_model`."""
    seed: int = 0
    """Of weights and learning."""

    def __post_init__(self) -> None:
        check_choice(self, "algo", ALGORITHMS)
        check_whole(self, "max_timesteps", "evaluation_interval", "evaluation_episodes")
        check_whole(self, "seed", least=0)


@dataclass(frozen=True)
class Oracle:
    """A trained oracle."""

    model: BaseAlgorithm
    """With the weights of its best evaluation."""
    mean_return: float
    """In that evaluation."""
    curve: list[Row]
    """A row an evaluation: `timesteps`, `mean_return`, `seconds`."""


@torch_threads(1)
def train_oracle(
    env: VecEnv,
    evaluation_env: VecEnv,
    config: OracleConfig = OracleConfig(),
    on_row: Callable[[Row], None] | None = None,
) -> Oracle:
    """Train a policy from scratch until its deterministic actions reach a mean return.

    Equal options and envs give equal weights on one machine.

    Args:
        env: What it learns in.
        evaluation_env: Where it is evaluated: another env.
        config: The options.
        on_row: Called with each row of the curve.

    Raises:
        ValueError: A hyperparameter is unknown or cannot be, or the two envs are one.
    """
    model = new_model(config.algo, env, config.seed, config.net_arch, **config.hyperparameters)
    curve = LearningCurve(
        evaluation_env,
        config.evaluation_episodes,
        config.evaluation_interval,
        target_return=config.target_return,
        keep_best=True,
        on_row=on_row,
    )
    curve.learn(model, config.max_timesteps)
    return Oracle(model, max(row["mean_return"] for row in curve.rows), curve.rows)
