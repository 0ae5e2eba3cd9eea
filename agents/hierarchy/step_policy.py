"""`StepPolicy`: HPRL's network for the observation "step"."""

from __future__ import annotations

from typing import Any

import gymnasium
import torch
from stable_baselines3.common.policies import ActorCriticPolicy
from stable_baselines3.common.torch_layers import BaseFeaturesExtractor
from torch import nn

PLANES, EAST, WALL, ONE_MARKER = 8, 1, 4, 6


class StepFeatures(BaseFeaturesExtractor):
    """States of a GRU that sees an image of the number of the step, at each step of an episode.

    The image is an empty world with a robot and a marker in as many cells as there were steps. As
    nothing else is observed, a batch has no more different states than an episode has steps.

    Args:
        observation_space: Box of shape (horizon,).
        features_dim: Units of the GRU.
        side: Height and width of the images.

    Source: Liu et al., ICML 2023; layers and initial weights are those of their code.
    """

    images: torch.Tensor

    def __init__(
        self,
        observation_space: gymnasium.Space[Any],
        features_dim: int = 64,
        side: tuple[int, int] = (8, 8),
    ) -> None:
        super().__init__(observation_space, features_dim)
        (horizon,), (height, width) = observation_space.shape or (), side
        images = torch.zeros(horizon, PLANES, height, width)
        images[:, WALL] = 1
        images[:, WALL, 1:-1, 1:-1] = 0
        for step in range(horizon - 1):
            column, row = divmod(step, height - 2)
            images[step + 1 :, [EAST, ONE_MARKER], 1 + row, 1 + column] = 1
        self.register_buffer("images", images, persistent=False)
        self.maps = nn.Sequential(
            *(nn.Conv2d(PLANES, 32, 4), nn.ReLU(), nn.Conv2d(32, 32, 2), nn.ReLU(), nn.Flatten()),
            *(nn.Linear(32 * (height - 4) * (width - 4), features_dim), nn.ReLU()),
        )
        self.gru = nn.GRU(features_dim, features_dim)
        for name, parameter in self.gru.named_parameters():
            (nn.init.zeros_ if "bias" in name else nn.init.orthogonal_)(parameter)

    def forward(self, observations: torch.Tensor) -> torch.Tensor:
        """Features, (B, features_dim), of one-hot steps, float32, (B, horizon)."""
        states, _ = self.gru(self.maps(self.images))
        features: torch.Tensor = observations @ states
        return features


class StepPolicy(ActorCriticPolicy):
    """Actor and critic, each a linear layer of `StepFeatures`; the actor's is orthogonal."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        usual: dict[str, Any] = {"features_extractor_class": StepFeatures, "net_arch": []}
        super().__init__(*args, **usual | kwargs)

    def _build(self, lr_schedule: Any) -> None:
        super()._build(lr_schedule)
        assert isinstance(self.action_net, nn.Linear)
        nn.init.orthogonal_(self.action_net.weight)  # SB3's is a hundredth of it
