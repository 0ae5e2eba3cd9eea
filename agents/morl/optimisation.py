"""Learning with a curve of returns: oracles from scratch, and clones by policy optimization."""

from __future__ import annotations

import time
from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass
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


@dataclass(frozen=True)
class Oracle:
    """A trained oracle."""

    model: BaseAlgorithm
    """The model, with the weights of its best evaluation."""
    mean_return: float
    """Mean return of that evaluation."""
    curve: list[Row]
    """One row per evaluation: `timesteps`, `mean_return`, `seconds`."""


@torch_threads(1)
def train_oracle(
    env: VecEnv,
    evaluation_env: VecEnv,
    config: OracleConfig = OracleConfig(),
    on_row: OnRow | None = None,
) -> Oracle:
    """Train a policy from scratch until its deterministic actions reach a mean return.

    Equal options and envs give equal weights on one machine.

    Args:
        env: Env to learn in.
        evaluation_env: Env to evaluate in, another one.
        config: The options.
        on_row: Called with each row of the curve.

    Raises:
        ValueError: A hyperparameter is unknown or invalid, or the two envs are one.
    """
    model = new_model(config.algo, env, config.seed, config.net_arch, **config.hyperparameters)
    rollout = _rollout_steps(model)
    curve = LearningCurve(
        evaluation_env,
        config.evaluation_episodes,
        -(-config.evaluation_interval // rollout) * rollout,  # rounded up to whole rollouts
        target_return=config.target_return,
        keep_best=True,
        on_row=on_row,
    )
    curve.learn(model, config.max_timesteps)
    return Oracle(model, max(row["mean_return"] for row in curve.rows), curve.rows)


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
    curve = LearningCurve(
        evaluation_env,
        config.evaluation_episodes,
        config.evaluation_interval * steps,
        config.deterministic,
        keep_best=config.keep_best,
        on_row=on_row,
    )
    model.set_random_seed(config.seed)
    curve.learn(model, config.iterations * steps)
    return [{"iteration": row["timesteps"] // steps, **row} for row in curve.rows]


class LearningCurve(Periodic):
    """Evaluates a model before it learns, every `every` steps, and at the end.

    Args:
        env: Env to evaluate in, another one than the model's.
        episodes: Episodes per evaluation, the same each time.
        every: Steps of all envs of the model together, a multiple of a rollout.
        deterministic: Whether the policy takes its most probable actions.
        target_return: Mean return at which the learning ends; None: no target.
        keep_best: Whether the model ends with the weights of its best evaluation.
        on_row: Called with each row.
    """

    def __init__(
        self,
        env: VecEnv,
        episodes: int,
        every: int,
        deterministic: bool = True,
        target_return: float | None = None,
        keep_best: bool = False,
        on_row: OnRow | None = None,
    ) -> None:
        super().__init__(every)
        self.rows: list[Row] = []
        self._env = env
        self._episodes = episodes
        self._deterministic = deterministic
        self._target = float("inf") if target_return is None else target_return
        self._keep_best = keep_best
        self._on_row = on_row
        self._best_return = float("-inf")
        self._best: dict[str, Any] = {}
        self._begin = 0.0

    def learn(self, model: BaseAlgorithm, timesteps: int) -> None:
        """Train a model for so many steps of all its envs together, or until the target.

        Raises:
            ValueError: The model learns in the env of the evaluations.
        """
        if model.get_env() is self._env:
            raise ValueError("the model must be evaluated in another env than it learns in")
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
        self.rows.append(row)
        if self._keep_best and row["mean_return"] > self._best_return:
            self._best_return = row["mean_return"]
            self._best = deepcopy(self.model.policy.state_dict())
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
