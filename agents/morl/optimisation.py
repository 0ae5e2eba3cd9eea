"""Policy optimisation: a model learns on from the weights it has, and its returns are a curve."""

from __future__ import annotations

import time
from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.on_policy_algorithm import OnPolicyAlgorithm
from stable_baselines3.common.vec_env import VecEnv

from programmatic.options import check_whole
from programmatic.synthesis.episodes import roll_out
from programmatic.threads import torch_threads

Row = dict[str, Any]
EVALUATION_SEED = 2**30
"""Of the episodes of all evaluations: far from the seeds that learning has."""


@dataclass(frozen=True)
class OptimisationConfig:
    """The options of policy optimisation; the defaults are those of MORL (Bhupatiraju et al.)."""

    iterations: int = 25
    """Updates of the policy."""
    evaluation_interval: int = 1
    """Iterations between two evaluations."""
    evaluation_episodes: int = 25
    """Episodes of an evaluation, the same in all."""
    deterministic: bool = True
    """Whether the policy is evaluated by its most probable actions."""
    keep_best: bool = False
    """Whether the model ends with the weights of its best evaluation, the first one included."""
    seed: int = 0
    """Of the learning; the evaluations' episodes are other ones."""

    def __post_init__(self) -> None:
        check_whole(self, "iterations", "evaluation_interval", "evaluation_episodes")
        check_whole(self, "seed", least=0)


@torch_threads(1)
def optimise(
    model: BaseAlgorithm,
    evaluation_env: VecEnv,
    config: OptimisationConfig = OptimisationConfig(),
    on_row: Callable[[Row], None] | None = None,
) -> list[Row]:
    """Let a model of TRPO, PPO or A2C learn on in its own env.

    Equal weights, options and envs give equal curves on one machine.

    Args:
        model: It is changed.
        evaluation_env: Where it is evaluated: another env than the model's own.
        config: The options.
        on_row: Called with each row of the curve.

    Returns:
        A row an evaluation, the first before the learning: `iteration`, `timesteps` (steps of all
        envs), `mean_return` of the policy, `seconds`, the evaluations' included.

    Raises:
        ValueError: The model learns by no iterations, or in the env it would be evaluated in.
    """
    if not isinstance(model, OnPolicyAlgorithm):
        raise ValueError(f"policy optimisation is of TRPO, PPO or A2C, not {type(model).__name__}")
    steps = model.n_steps * model.n_envs
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


class LearningCurve(BaseCallback):
    """Evaluates a model before it learns, every so many steps, and at the end.

    Args:
        env: Where; another env than the model's own.
        episodes: How many, the same each time.
        interval: Steps of all of the model's envs from one evaluation to the next.
        deterministic: Whether the policy takes its most probable actions.
        target_return: A mean return at which the learning ends; None: none.
        keep_best: Whether the model ends with the weights of its best evaluation.
        on_row: Called with each row.
    """

    def __init__(
        self,
        env: VecEnv,
        episodes: int,
        interval: int,
        deterministic: bool = True,
        target_return: float | None = None,
        keep_best: bool = False,
        on_row: Callable[[Row], None] | None = None,
    ) -> None:
        super().__init__()
        self.rows: list[Row] = []
        self._env = env
        self._episodes = episodes
        self._interval = interval
        self._deterministic = deterministic
        self._target = float("inf") if target_return is None else target_return
        self._keep_best = keep_best
        self._on_row = on_row
        self._best: tuple[float, dict[str, Any]] | None = None
        self._begin = 0.0

    @property
    def reached(self) -> bool:
        """Whether the target has been reached."""
        return bool(self.rows) and self.rows[-1]["mean_return"] >= self._target

    def learn(self, model: BaseAlgorithm, timesteps: int) -> None:
        """Let a model learn for so many steps of all its envs, or until the target.

        Raises:
            ValueError: The model learns in the env that it would be evaluated in.
        """
        if model.get_env() is self._env:
            raise ValueError("the model must be evaluated in another env than it learns in")
        self._begin = time.perf_counter()
        model.learn(timesteps, callback=self)
        if not self.reached:
            self._evaluate()
        if self._keep_best and self._best is not None:
            model.policy.load_state_dict(self._best[1])

    def _on_rollout_start(self) -> None:
        if not self.rows or self.num_timesteps >= self.rows[-1]["timesteps"] + self._interval:
            self._evaluate()

    def _on_step(self) -> bool:
        return not self.reached

    def _evaluate(self) -> None:
        returns = roll_out(
            self.model, self._env, self._episodes, EVALUATION_SEED, self._deterministic
        ).returns
        row = {
            "timesteps": self.model.num_timesteps,
            "mean_return": float(returns.mean()),
            "seconds": time.perf_counter() - self._begin,
        }
        self.rows.append(row)
        if self._keep_best and (self._best is None or row["mean_return"] > self._best[0]):
            self._best = row["mean_return"], deepcopy(self.model.policy.state_dict())
        if self._on_row is not None:
            self._on_row(row)
