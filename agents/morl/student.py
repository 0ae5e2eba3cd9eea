"""The supervised learning of an actor-critic network: actions, and standardized values."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from copy import deepcopy
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from stable_baselines3.common.policies import ActorCriticPolicy
from torch import nn
from torch.nn.functional import nll_loss

from agents.morl.settings import CloningConfig

Row = dict[str, Any]
Data = tuple[torch.Tensor, ...]
"""B states: observations (B, ...), actions int64 (B,), standardized values float32 (B,), and
float32 (B,) whether the value is known, 1 or 0."""


class Student:
    """A network and the states that it learns from.

    The critic is reset and learns standardized values; `finish` scales it to the values themselves.
    """

    def __init__(self, policy: ActorCriticPolicy, config: CloningConfig) -> None:
        self._policy = policy
        self._config = config
        self._optimizer = torch.optim.Adam(policy.parameters(), config.learning_rate, fused=True)
        self._order = torch.Generator().manual_seed(config.seed)
        self._train: list[Data] = []
        self._validation: list[Data] = []
        self._mean, self._scale = 0.0, 1.0
        self._epoch = 0

    @property
    def samples(self) -> int:
        """Number of states, those for validation included."""
        return sum(len(actions) for _, actions, *_ in self._train + self._validation)

    def add(
        self,
        observations: NDArray[Any],
        actions: NDArray[np.integer[Any]],
        values: NDArray[np.float64],
        rng: np.random.Generator,
    ) -> None:
        """Add states, (B, ...), the actions to learn, (B,), and values, (B,), NaN if unknown."""
        is_known = np.isfinite(values)
        if not self._train and self._config.scale_inputs:
            self._scale_inputs(observations)
        if not self._train and self._config.fit_value:
            self._standardize(values[is_known])
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
        """Learn for a round of epochs, keep the best weights, and yield a row per validation."""
        config, policy = self._config, self._policy
        train, validation = _joined(self._train), _joined(self._validation)
        n = len(train[1])
        best_loss, best = float("inf"), policy.state_dict()
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
            if loss < best_loss:
                best_loss, best = loss, deepcopy(policy.state_dict())
            yield {
                "epoch": self._epoch,
                "train_loss": total / n,
                "validation_loss": loss,
                "validation_accuracy": accuracy,
            }
        policy.load_state_dict(best)
        policy.set_training_mode(False)

    @torch.no_grad()
    def finish(self) -> None:
        """Scale the critic to the values themselves."""
        if self._config.fit_value:
            layer = self._policy.value_net
            layer.weight.mul_(self._scale)
            layer.bias.mul_(self._scale).add_(self._mean)

    def _step(self, batch: Sequence[torch.Tensor]) -> float:
        """Take a step of Adam; returns the sum of the cross entropies."""
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
        """The mean cross entropy, and the share of states with the right action."""
        observations, actions, *_ = data
        log_probs = self._log_probs(observations)
        accuracy = (log_probs.argmax(dim=1) == actions).float().mean()
        return nll_loss(log_probs, actions).item(), accuracy.item()

    def _log_probs(self, observations: torch.Tensor) -> torch.Tensor:
        distribution: Any = self._policy.get_distribution(observations).distribution
        return distribution.logits

    @torch.no_grad()
    def _scale_inputs(self, observations: NDArray[Any]) -> None:
        """Scale the first layers as if they had been initialized for standardized features."""
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
    def _standardize(self, values: NDArray[np.float64]) -> None:
        """Reset the critic to the mean of the values."""
        self._mean, deviation = float(values.mean()), float(values.std())
        # Values that differ only by rounding have nothing to learn.
        self._scale = deviation if deviation > 1e-6 * abs(self._mean) else 1.0
        self._policy.value_net.weight.zero_()
        self._policy.value_net.bias.zero_()


def _joined(parts: Sequence[Data]) -> Data:
    return tuple(map(torch.cat, zip(*parts, strict=True)))
