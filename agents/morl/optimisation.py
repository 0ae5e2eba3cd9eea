"""Learning with a curve of returns: oracles from scratch, and clones by policy optimization."""

from __future__ import annotations

import time
from collections.abc import Callable
from copy import deepcopy
from typing import Any

from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.on_policy_algorithm import OnPolicyAlgorithm
from stable_baselines3.common.vec_env import VecEnv

from agents.drl.callbacks import Periodic
from agents.morl.models import new_model
from agents.morl.settings import OptimisationConfig, OracleConfig
from programmatic.synthesis.episodes import roll_out
from programmatic.threads import torch_threads

Row = dict[str, Any]
OnRow = Callable[[Row], None]
EVALUATION_SEED = 2**30
"""Seed of the episodes of all evaluations: far from the seeds of the learning."""


@torch_threads(1)
def train_oracle(
    env: VecEnv,
    evaluation_env: VecEnv,
    config: OracleConfig = OracleConfig(),
) -> tuple[BaseAlgorithm, list[Row]]:
    """Train a policy from scratch until its deterministic actions reach a mean return.

    Equal options and envs give equal weights on one machine.

    Args:
        env: Env to learn in.
        evaluation_env: Env to evaluate in, another one.
        config: The options.

    Returns:
        The model with the weights of its best evaluation, and a row per evaluation: `timesteps`,
        `mean_return`, `seconds`.

    Raises:
        ValueError: A hyperparameter is unknown or invalid, or the two envs are one.
    """
    model = new_model(config.algo, env, config.seed, config.net_arch, **config.hyperparameters)
    rollout = _rollout_steps(model)
    every = -(-config.evaluation_interval // rollout) * rollout  # rounded up to whole rollouts
    curve = _LearningCurve(evaluation_env, config.evaluation_episodes, every)
    curve.learn(model, config.max_timesteps, config.target_return)
    return model, curve.rows


@torch_threads(1)
def optimise(
    model: BaseAlgorithm,
    evaluation_env: VecEnv,
    config: OptimisationConfig = OptimisationConfig(),
    on_row: OnRow | None = None,
) -> list[Row]:
    """Train a model of TRPO, PPO or A2C further in its own env.

    Equal weights, options and envs give equal curves on one machine.

    Args:
        model: The model, which is changed.
        evaluation_env: Env to evaluate in, another one than the model's.
        config: The options.
        on_row: Called with each row of the curve.

    Returns:
        One row per evaluation, the first before the learning: `iteration`, `timesteps` (steps of
        all envs together), `mean_return`, `seconds` (including the evaluations).

    Raises:
        ValueError: The model has no iterations, or the two envs are one.
    """
    if not isinstance(model, OnPolicyAlgorithm):
        raise ValueError(f"policy optimization needs TRPO, PPO or A2C, not {type(model).__name__}")
    steps = _rollout_steps(model)
    curve = _LearningCurve(
        evaluation_env,
        config.evaluation_episodes,
        config.evaluation_interval * steps,
        config.deterministic,
        config.keep_best,
        on_row,
    )
    model.set_random_seed(config.seed)
    curve.learn(model, config.iterations * steps)
    return [{"iteration": row["timesteps"] // steps, **row} for row in curve.rows]


class _LearningCurve(Periodic):
    """Evaluates a model before it learns, every `every` steps of all its envs, and at the end."""

    def __init__(
        self,
        env: VecEnv,
        episodes: int,
        every: int,
        deterministic: bool = True,
        keep_best: bool = True,
        on_row: OnRow | None = None,
    ) -> None:
        super().__init__(every)
        self.rows: list[Row] = []
        self._env = env
        self._episodes = episodes
        self._deterministic = deterministic
        self._keep_best = keep_best
        self._on_row = on_row
        self._best: dict[str, Any] = {}
        self._target = float("inf")
        self._begin = 0.0

    def learn(self, model: BaseAlgorithm, timesteps: int, target: float | None = None) -> None:
        """Train a model for so many steps of all its envs, or until it reaches a mean return."""
        if model.get_env() is self._env:
            raise ValueError("the model must be evaluated in another env than it learns in")
        self._target = float("inf") if target is None else target
        self._begin = time.perf_counter()
        model.learn(timesteps, callback=self)
        if self._keep_best:
            model.policy.load_state_dict(self._best)

    def act(self) -> None:
        """Evaluate the model."""
        returns = roll_out(
            self.model, self._env, self._episodes, EVALUATION_SEED, self._deterministic
        ).returns
        row = {
            "timesteps": self.model.num_timesteps,
            "mean_return": float(returns.mean()),
            "seconds": time.perf_counter() - self._begin,
        }
        if all(row["mean_return"] > earlier["mean_return"] for earlier in self.rows):
            self._best = deepcopy(self.model.policy.state_dict())
        self.rows.append(row)
        if self._on_row is not None:
            self._on_row(row)

    def _reached(self) -> bool:
        return bool(self.rows) and self.rows[-1]["mean_return"] >= self._target

    def _on_step(self) -> bool:
        return not self._reached()

    def _on_training_end(self) -> None:
        if not self._reached():
            super()._on_training_end()


def _rollout_steps(model: Any) -> int:
    """Steps of all envs together between two updates."""
    is_on_policy = isinstance(model, OnPolicyAlgorithm)
    return model.n_envs * (model.n_steps if is_on_policy else model.train_freq.frequency)
