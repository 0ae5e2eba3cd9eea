"""Imitation: a policy network learns to act as a program does."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from gymnasium.spaces import Box, Discrete, Space
from numpy.typing import NDArray
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.on_policy_algorithm import OnPolicyAlgorithm
from stable_baselines3.common.vec_env import VecEnv

from agents.morl.settings import CloningConfig
from agents.morl.student import Row, Student
from programmatic.machine.policy import Policy
from programmatic.synthesis.episodes import Rollouts, discounted_returns, joined, roll_out
from programmatic.threads import torch_threads
from programmatic.trees.policy import TreePolicy
from programmatic.trees.program import TreeProgram


@dataclass(frozen=True)
class CloningResult:
    """A clone and its learning curve."""

    model: OnPolicyAlgorithm
    """The given model, with the weights of its best validation in the last round."""
    history: list[Row]
    """One row per validation: `round`, `epoch` (over all rounds), `train_loss` and
    `validation_loss` (mean cross entropy, nats), `validation_accuracy`, `seconds`."""
    samples: int
    """States in the data set, those for validation included."""

    @property
    def validation_accuracy(self) -> float:
        """The highest validation accuracy."""
        return max(row["validation_accuracy"] for row in self.history)


@torch_threads(1)
def clone(
    program: TreeProgram | Policy,
    model: BaseAlgorithm,
    env: VecEnv,
    config: CloningConfig = CloningConfig(),
    on_row: Callable[[Row], None] | None = None,
) -> CloningResult:
    """Train a model to act as a program does, by behavioral cloning or DAgger.

    The model learns from the states that the program visits, and from these states with noise, so
    that the clone recovers when it strays; with DAgger also from the states that the clone visits.
    Equal weights, options and envs give equal clones on one machine.

    Source: Bhupatiraju et al., NAMPI 2018, section 3; Ross et al., AISTATS 2011, for DAgger.

    Args:
        program: A tree program, or any policy.
        model: Model of TRPO, PPO or A2C with discrete actions, else a `ValueError`; it is changed.
        env: Env to act in; its episodes are not played to their end.
        config: The options.
        on_row: Called with each row of the history, while the model has the weights of that time.
    """
    if not isinstance(model, OnPolicyAlgorithm) or not isinstance(model.action_space, Discrete):
        raise ValueError(
            "only a model of TRPO, PPO or A2C with discrete actions can be a clone, got "
            f"{type(model).__name__} with {model.action_space}"
        )
    begin = time.perf_counter()
    teacher = TreePolicy(program) if isinstance(program, TreeProgram) else program
    student = Student(model.policy, config)
    rng = np.random.default_rng(config.seed)
    history: list[Row] = []
    for number in range(config.dagger_iterations + 1):
        actor = teacher if number == 0 else model
        seen = _visits(actor, env, config.samples, rng)
        noisy = _with_noise(seen.observations, env.observation_space, config, rng)
        visited = seen.observations[: config.samples - len(noisy)]
        observations = np.concatenate([visited, noisy])
        values = np.full(len(observations), np.nan)
        if number == 0:
            values[: len(visited)] = discounted_returns(seen, model.gamma)[: len(visited)]
        actions, _ = teacher.predict(observations, deterministic=True)
        student.add(observations, np.asarray(actions), values, rng)
        for row in student.learn():
            history.append({"round": number, **row, "seconds": time.perf_counter() - begin})
            if on_row is not None:
                on_row(history[-1])
    student.finish()
    return CloningResult(model, history, student.samples)


def _visits(policy: Policy, env: VecEnv, samples: int, rng: np.random.Generator) -> Rollouts:
    """Whole episodes of a policy with at least so many steps in all."""
    parts: list[Rollouts] = []
    while sum(len(part.actions) for part in parts) < samples:
        parts.append(roll_out(policy, env, env.num_envs, int(rng.integers(2**31))))
    return joined(parts)


def _with_noise(
    observations: NDArray[Any], space: Space[Any], config: CloningConfig, rng: np.random.Generator
) -> NDArray[Any]:
    """Random ones of these observations with noise; none if they are not continuous."""
    if not isinstance(space, Box) or not np.issubdtype(space.dtype, np.floating):
        return observations[:0]
    n = round(config.noise_share * config.samples)
    drawn = observations[rng.integers(len(observations), size=n)]
    noise = rng.uniform(-config.noise, config.noise, drawn.shape) * observations.std(axis=0)
    return np.clip(drawn + noise, space.low, space.high).astype(observations.dtype)
