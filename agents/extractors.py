"""Networks that turn observations into features for a policy."""

from __future__ import annotations

from typing import Any

import gymnasium
import torch
from stable_baselines3.common.torch_layers import BaseFeaturesExtractor
from torch import nn

LARGEST_MAP = 8  # cells a side of the feature maps that are flattened


class GridCnn(BaseFeaturesExtractor):
    """A small convolutional network for grid observations of any one size.

    A 3x3 convolution keeps the size of the world; further ones halve it until no side is longer
    than 8 cells; a linear layer makes the features. The planes are 0 or 1 already, so nothing
    divides them by 255.

    Args:
        observation_space: Box of shape (16, H, W).
        features_dim: Number of features.
        channels: Channels of each convolution.

    Raises:
        ValueError: The observations are no planes.
    """

    def __init__(
        self, observation_space: gymnasium.Space[Any], features_dim: int = 64, channels: int = 16
    ) -> None:
        super().__init__(observation_space, features_dim)
        shape = observation_space.shape
        if shape is None or len(shape) != 3:
            raise ValueError(f"GridCnn needs observations of shape (planes, H, W), got {shape}")
        planes, height, width = shape
        layers: list[nn.Module] = [nn.Conv2d(planes, channels, 3, padding=1), nn.ReLU()]
        while max(height, width) > LARGEST_MAP:
            layers += [nn.Conv2d(channels, channels, 3, stride=2, padding=1), nn.ReLU()]
            height, width = (height + 1) // 2, (width + 1) // 2
        flat = channels * height * width
        self.layers = nn.Sequential(*layers, nn.Flatten(), nn.Linear(flat, features_dim), nn.ReLU())

    def forward(self, observations: torch.Tensor) -> torch.Tensor:
        """Features, (B, features_dim), of grids, float32 (B, 16, H, W)."""
        return self.layers(observations)
