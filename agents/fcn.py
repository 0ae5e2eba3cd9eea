"""A fully convolutional network, whose policy acts in worlds of any size."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import gymnasium
import torch
from numpy.typing import NDArray
from stable_baselines3.common.torch_layers import BaseFeaturesExtractor
from torch import nn

from karel_gym.observations import WALL_PLANE, observation_space


class GridFcn(BaseFeaturesExtractor):
    """Convolutions without padding, read where the robot is: grids of any size give features.

    A feature map of a fully convolutional network has an entry a cell. The policy needs the one of
    the robot's cell, which depends on the square around it, of `2 * radius + 1` cells a side: that
    is all that is cut out and computed, so that the size of the world costs nothing. What lies
    beyond the world's border is 0 in all planes.

    Args:
        observation_space: Box of shape (16, H, W).
        features_dim: Number of features.
        channels: Channels of each convolution.
        radius: How many cells it sees in each direction; the number of 3x3 convolutions.

    Raises:
        ValueError: The observations are no planes, or the radius is below 1.
    """

    def __init__(
        self,
        observation_space: gymnasium.Space[Any],
        features_dim: int = 64,
        channels: int = 16,
        radius: int = 3,
    ) -> None:
        super().__init__(observation_space, features_dim)
        shape = observation_space.shape
        if shape is None or len(shape) != 3:
            raise ValueError(f"GridFcn needs observations of shape (planes, H, W), got {shape}")
        if radius < 1:
            raise ValueError(f"the radius of a GridFcn must be at least 1, got {radius}")
        self.radius = radius
        widths = [shape[0], *[channels] * (radius - 1), features_dim]
        layers: list[nn.Module] = []
        for before, after in pairwise(widths):
            layers += [nn.Conv2d(before, after, 3), nn.ReLU()]
        self.layers = nn.Sequential(*layers, nn.Flatten())

    def forward(self, observations: torch.Tensor) -> torch.Tensor:
        """Features, (B, features_dim), of grids, float32 (B, 16, H, W), of one size."""
        return self.layers(surroundings(observations, self.radius))


def surroundings(grids: torch.Tensor, radius: int) -> torch.Tensor:
    """The square around the robot, (B, 16, D, D) with D = 2 * radius + 1, of (B, 16, H, W)."""
    n, _, height, width = grids.shape
    robots = grids[:, :WALL_PLANE].amax(dim=1).flatten(1).argmax(dim=1)  # (B,)
    offsets = torch.arange(-radius, radius + 1, device=grids.device)
    rows = (robots // width)[:, None] + offsets  # (B, D)
    columns = (robots % width)[:, None] + offsets  # (B, D)
    batch = torch.arange(n, device=grids.device)[:, None, None]
    # Indices on both sides of a slice: the planes come last.
    squares = grids[batch, :, _inside(rows, height)[:, :, None], _inside(columns, width)[:, None]]
    is_there = _is_inside(rows, height)[:, :, None] & _is_inside(columns, width)[:, None]
    return (squares * is_there[..., None]).permute(0, 3, 1, 2)  # (B, D, D, 16) before


def _inside(numbers: torch.Tensor, n: int) -> torch.Tensor:
    return numbers.clamp(0, n - 1)


def _is_inside(numbers: torch.Tensor, n: int) -> torch.Tensor:
    return (numbers >= 0) & (numbers < n)


def takes_any_size(model: Any) -> bool:
    """Whether a policy is an SB3 model that takes grids of any size."""
    return bool(_radii(model))


def _radii(model: Any) -> list[int]:
    network = getattr(model, "policy", None)
    parts = network.modules() if isinstance(network, nn.Module) else ()
    return [part.radius for part in parts if isinstance(part, GridFcn)]


class AnySize:
    """An SB3 model with a `GridFcn` as a policy for worlds of any size.

    SB3 checks that observations have the size that a model was trained on, and turns them into
    floats as a whole; so the model is given what it sees, and only that.

    Args:
        model: The model.

    Raises:
        ValueError: Its network is another.
    """

    def __init__(self, model: Any) -> None:
        if not takes_any_size(model):
            raise ValueError("only a model with a GridFcn takes grids of any size")
        self.model = model
        self.radius = max(_radii(model))

    def predict(
        self,
        observation: NDArray[Any],
        state: Any = None,
        episode_start: Any = None,
        deterministic: bool = True,
        **masks: Any,
    ) -> tuple[Any, Any]:
        """Actions (N,) for grids (N, 16, H, W); see SB3's `predict`."""
        seen = surroundings(torch.as_tensor(observation), self.radius).numpy()
        policy = self.model.policy
        trained_on = policy.observation_space
        policy.observation_space = observation_space("grid", *seen.shape[-2:])
        try:
            actions, state = self.model.predict(seen, state, episode_start, deterministic, **masks)
        finally:
            policy.observation_space = trained_on
        return actions, state

    def set_random_seed(self, seed: int | None) -> None:
        """Seed what the model draws."""
        self.model.set_random_seed(seed)
