"""`GridCnn`: the features of grids of one size."""

from __future__ import annotations

from typing import Any

import gymnasium
import torch
from stable_baselines3.common.torch_layers import BaseFeaturesExtractor
from torch import nn

from agents.drl.fcn import surroundings
from karel_gym.envs.observations import WALL_PLANE

LARGEST_MAP = 8  # cells a side of the feature maps that are flattened


class GridCnn(BaseFeaturesExtractor):
    """A small convolutional network for grid observations of any one size.

    3x3 convolutions halve the world until no side is longer than 8 cells; another one keeps the
    size. A linear layer computes the features from their maps and from the view: the walls and
    markers around the robot, turned so that it looks up, so that all headings share what is
    learned. The channels come last, which is faster on a CPU.

    Args:
        observation_space: Box of shape (16, H, W).
        features_dim: Number of features.
        channels: Channels of each convolution.
        radius: Cells that the view reaches in each direction, from 0 up.

    Raises:
        ValueError: The observations are not planes, or the radius is negative.
    """

    def __init__(
        self,
        observation_space: gymnasium.Space[Any],
        features_dim: int = 64,
        channels: int = 16,
        radius: int = 2,
    ) -> None:
        super().__init__(observation_space, features_dim)
        shape = observation_space.shape
        if shape is None or len(shape) != 3:
            raise ValueError(f"GridCnn needs observations of shape (planes, H, W), got {shape}")
        if radius < 0:
            raise ValueError(f"the radius of a GridCnn must be at least 0, got {radius}")
        self.radius = radius
        planes, height, width = shape
        view = (planes - WALL_PLANE) * (2 * radius + 1) ** 2
        layers: list[nn.Module] = []
        while not layers or max(height, width) > LARGEST_MAP:
            layers += [nn.Conv2d(planes, channels, 3, stride=2, padding=1), nn.ReLU()]
            planes, height, width = channels, (height + 1) // 2, (width + 1) // 2
        layers += [nn.Conv2d(planes, channels, 3, padding=1), nn.ReLU(), nn.Flatten()]
        self.maps = nn.Sequential(*layers)
        flat = channels * height * width
        self.features = nn.Sequential(nn.Linear(flat + view, features_dim), nn.ReLU())

    def forward(self, observations: torch.Tensor) -> torch.Tensor:
        """Features, (B, features_dim), of grids, float32 (B, 16, H, W)."""
        maps = self.maps(observations.contiguous(memory_format=torch.channels_last))
        view = surroundings(observations, self.radius, turned=True)[:, WALL_PLANE:]
        return self.features(torch.cat([maps, view.flatten(1)], dim=1))
