"""Imitation: a policy network learns to act as a program does."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from gymnasium.spaces import Box, Discrete, Space
from numpy.typing import NDArray
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.on_policy_algorithm import OnPolicyAlgorithm
from stable_baselines3.common.policies import ActorCriticPolicy
from stable_baselines3.common.vec_env import VecEnv
from torch import nn
from torch.nn.functional import nll_loss

from agents.morl.settings import CloningConfig
from programmatic.machine.policy import Policy
from programmatic.synthesis.episodes import Rollouts, discounted_returns, joined, roll_out
from programmatic.threads import torch_threads
from programmatic.trees.policy import TreePolicy
from programmatic.trees.program import TreeProgram

Row = dict[str, Any]
Data = tuple[torch.Tensor, ...]
"""Of B states: observations (B, ...), actions int64 (B,), standardised values float32 (B,), and
float32 (B,) whether the value is known, 1 or 0."""


@dataclass(frozen=True)
class CloningResult:
    """A clone, and how it came to be."""

    model: OnPolicyAlgorithm
    """The model that was given, with the weights of its best validation in the last round."""
    history: list[Row]
    """A row a validation: `round`, `epoch` (over all rounds), `train_loss` and `validation_loss`
    (mean cross entropy, nats), `validation_accuracy`, `seconds`."""
    samples: int
    """States in the data set, those for validation included."""
    epochs_per_second: float
    """Of training and validation, without the collecting of states."""


@torch_threads(1)
def clone(
    program: TreeProgram | Policy,
    model: BaseAlgorithm,
    env: VecEnv,
    config: CloningConfig = CloningConfig(),
    on_row: Callable[[Row], None] | None = None,
) -> CloningResult:
    """Let a model's network act as a program does, by behavioural cloning or DAgger.

    The states are those that the program visits and, so that the clone comes back when it strays,
    states beside them; with DAgger also those that the clone visits. Equal weights, options and
    envs give equal clones on one machine.

    Source: Bhupatiraju et al., NAMPI 2018, section 3; Ross et al., AISTATS 2011, for DAgger.

    Args:
        program: A tree program, or any policy.
        model: TRPO, PPO or A2C with discrete actions; its policy is changed.
        env: Where the program acts; it is left in the midst of episodes.
        config: The options.
        on_row: Called with each row of the history; the model has the present weights then.

    Raises:
        ValueError: The model is of another kind.
    """
    if not isinstance(model, OnPolicyAlgorithm):
        raise ValueError(f"{type(model).__name__} cannot be cloned into, but TRPO, PPO and A2C can")
    begin = time.perf_counter()
    teacher = TreePolicy(program) if isinstance(program, TreeProgram) else program
    student = _Student(model, config)
    rng = np.random.default_rng(config.seed)
    history: list[Row] = []
    training_seconds = 0.0
    for number in range(config.dagger_iterations + 1):
        actor = teacher if number == 0 else model
        seen = _visits(actor, env, config.samples, rng)
        noisy = _beside(seen.observations, env.observation_space, config, rng)
        visited = seen.observations[: config.samples - len(noisy)]
        observations = np.concatenate([visited, noisy])
        values = np.full(len(observations), np.nan)
        if number == 0:
            values[: len(visited)] = discounted_returns(seen, model.gamma)[: len(visited)]
        actions, _ = teacher.predict(observations, deterministic=True)
        student.add(observations, np.asarray(actions), values, rng)
        start = time.perf_counter()
        for row in student.learn():
            history.append({"round": number, **row, "seconds": time.perf_counter() - begin})
            if on_row is not None:
                on_row(history[-1])
        training_seconds += time.perf_counter() - start
    student.finish()
    return CloningResult(model, history, student.samples, history[-1]["epoch"] / training_seconds)


class _Student:
    """The network of a model, and the states that it learns from.

    The critic learns standardised values, anew from their mean; at the end its last layer is scaled
    to the values themselves.
    """

    def __init__(self, model: OnPolicyAlgorithm, config: CloningConfig) -> None:
        policy = model.policy
        if not isinstance(policy, ActorCriticPolicy) or not isinstance(
            model.action_space, Discrete
        ):
            raise ValueError(
                f"only a model with actor, critic and discrete actions, such as TRPO's, can be "
                f"cloned into; {type(model).__name__} with {model.action_space} has not these"
            )
        self._policy = policy
        self._config = config
        self._optimizer = torch.optim.Adam(policy.parameters(), config.learning_rate, fused=True)
        self._order = torch.Generator().manual_seed(config.seed)
        self._train: list[Data] = []
        self._validation: list[Data] = []
        self._mean, self._scale = 0.0, 1.0
        self._epoch = 0
        self._best: dict[str, Any] = {}

    @property
    def samples(self) -> int:
        """How many states there are, those for validation included."""
        return sum(len(actions) for _, actions, *_ in self._train + self._validation)

    def add(
        self,
        observations: NDArray[Any],
        actions: NDArray[np.integer[Any]],
        values: NDArray[np.float64],
        rng: np.random.Generator,
    ) -> None:
        """Add states, the actions to take there, and their values, NaN where they are unknown."""
        if not self._train and self._config.scale_inputs:
            self._scale_inputs(observations)
        if not self._train and self._config.fit_value:
            self._standardise(values[np.isfinite(values)])
        is_known = np.isfinite(values)
        scaled = np.where(is_known, (values - self._mean) / self._scale, 0.0)
        order = rng.permutation(len(actions))
        data = (
            torch.from_numpy(observations[order]),
            torch.from_numpy(actions[order].astype(np.int64)),
            torch.from_numpy(scaled[order].astype(np.float32)),
            torch.from_numpy(is_known[order].astype(np.float32)),
        )
        n_validation = max(1, round(self._config.validation_share * len(actions)))
        self._validation.append(tuple(column[:n_validation] for column in data))
        self._train.append(tuple(column[n_validation:] for column in data))

    def learn(self) -> Iterator[Row]:
        """Learn for a round's epochs; ends with the weights of the round's best validation."""
        config, policy = self._config, self._policy
        train, validation = _joined(self._train), _joined(self._validation)
        n = len(train[1])
        best = float("inf")
        policy.set_training_mode(True)
        for epoch in range(1, config.epochs + 1):
            order = torch.randperm(n, generator=self._order)
            shuffled = [column[order] for column in train]
            total = 0.0
            for first in range(0, n, config.batch_size):
                total += self._step([c[first : first + config.batch_size] for c in shuffled])
            self._epoch += 1
            if epoch % config.validation_interval and epoch < config.epochs:
                continue
            loss, accuracy = self._validate(validation)
            if loss < best:
                best, self._best = loss, deepcopy(policy.state_dict())
            yield {
                "epoch": self._epoch,
                "train_loss": total / n,
                "validation_loss": loss,
                "validation_accuracy": accuracy,
            }
        policy.load_state_dict(self._best)
        policy.set_training_mode(False)

    @torch.no_grad()
    def finish(self) -> None:
        """Scale the critic to the values themselves."""
        if self._config.fit_value:
            layer = self._policy.value_net
            layer.weight.mul_(self._scale)
            layer.bias.mul_(self._scale).add_(self._mean)

    def _step(self, batch: Sequence[torch.Tensor]) -> float:
        """A step of Adam; the sum of the cross entropies."""
        observations, actions, values, is_known = batch
        loss = nll_loss(self._log_probs(observations), actions)
        summed = loss.item() * len(actions)
        if self._config.fit_value:
            errors = (self._policy.predict_values(observations)[:, 0] - values) ** 2 * is_known
            loss = loss + errors.sum() / is_known.sum().clamp(min=1)
        self._optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        self._optimizer.step()
        return summed

    @torch.no_grad()
    def _validate(self, data: Data) -> tuple[float, float]:
        """Mean cross entropy, and the share of states in which the clone does the right thing."""
        observations, actions, *_ = data
        log_probs = self._log_probs(observations)
        accuracy = (log_probs.argmax(dim=1) == actions).float().mean()
        return nll_loss(log_probs, actions).item(), accuracy.item()

    def _log_probs(self, observations: torch.Tensor) -> torch.Tensor:
        distribution: Any = self._policy.get_distribution(observations).distribution
        return distribution.logits

    @torch.no_grad()
    def _scale_inputs(self, observations: NDArray[Any]) -> None:
        """Let the first layers begin as they are, but for standardised features."""
        policy = self._policy
        features: Any = policy.extract_features(
            policy.obs_to_tensor(observations)[0], policy.pi_features_extractor
        )
        mean, deviation = features.mean(dim=0), features.std(dim=0)
        deviation[deviation == 0] = 1.0
        for layers in (
            (*policy.mlp_extractor.policy_net, policy.action_net),
            (*policy.mlp_extractor.value_net, policy.value_net),
        ):
            first = next(layer for layer in layers if isinstance(layer, nn.Linear))
            first.weight.div_(deviation)
            first.bias.sub_(first.weight @ mean)

    @torch.no_grad()
    def _standardise(self, values: NDArray[np.float64]) -> None:
        """Let the critic begin at the mean of these values."""
        self._mean, deviation = float(values.mean()), float(values.std())
        # Values that differ by rounding alone have nothing to learn.
        self._scale = deviation if deviation > 1e-6 * abs(self._mean) else 1.0
        self._policy.value_net.weight.zero_()
        self._policy.value_net.bias.zero_()


def _joined(parts: Sequence[Data]) -> Data:
    return tuple(map(torch.cat, zip(*parts, strict=True)))


def _visits(policy: Policy, env: VecEnv, samples: int, rng: np.random.Generator) -> Rollouts:
    """Whole episodes of a policy with at least so many steps in all."""
    parts: list[Rollouts] = []
    while sum(len(part.actions) for part in parts) < samples:
        parts.append(roll_out(policy, env, env.num_envs, int(rng.integers(2**31))))
    return joined(parts)


def _beside(
    observations: NDArray[Any], space: Space[Any], config: CloningConfig, rng: np.random.Generator
) -> NDArray[Any]:
    """States beside some of these; none where observations are not continuous."""
    if not isinstance(space, Box) or not np.issubdtype(space.dtype, np.floating):
        return observations[:0]
    n = round(config.noise_share * config.samples)
    drawn = observations[rng.integers(len(observations), size=n)]
    noise = rng.uniform(-config.noise, config.noise, drawn.shape) * observations.std(axis=0)
    return np.clip(drawn + noise, space.low, space.high).astype(observations.dtype)
