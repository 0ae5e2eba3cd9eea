"""A fully convolutional network for worlds of any size."""

from __future__ import annotations

from functools import cache
from itertools import pairwise
from typing import Any

import gymnasium
import numpy as np
import torch
from numpy.typing import NDArray
from stable_baselines3.common.torch_layers import BaseFeaturesExtractor
from torch import nn

from agents.kernels.percept_tables import is_actor_without_memory
from karel_gym.envs.karel_vector import KarelVectorEnv
from karel_gym.envs.observations import MARKER_PLANE, N_PLANES, WALL_PLANE, observation_space
from karel_gym.world import MARKERS, WALL

MOST_REMEMBERED = 100_000
"""Squares; each has 784 bytes with a radius of 3."""


class GridFcn(BaseFeaturesExtractor):
    """Convolutions without padding over the square around the robot, in grids of any size.

    Of the feature maps of a fully convolutional network, only the entry of the robot's cell is
    computed, so that the size of the world costs nothing. The square is turned so that the robot
    looks up: all headings share what is learned. Cells beyond the border are 0 in all planes.

    Args:
        observation_space: Box of shape (16, H, W).
        features_dim: Number of features.
        channels: Channels of each convolution.
        radius: Cells that it sees in each direction, from 1 up; the number of 3x3 convolutions.
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
        widths = [shape[0] - WALL_PLANE, *[channels] * (radius - 1), features_dim]
        layers: list[nn.Module] = []
        for before, after in pairwise(widths):
            layers += [nn.Conv2d(before, after, 3), nn.ReLU()]
        self.layers = nn.Sequential(*layers, nn.Flatten())

    def forward(self, observations: torch.Tensor) -> torch.Tensor:
        """Features, (B, features_dim), of grids, float32 (B, 16, H, W), of one size."""
        square = surroundings(observations, self.radius, turned=True)
        return self.layers(square[:, WALL_PLANE:])


def surroundings(grids: torch.Tensor, radius: int, turned: bool = False) -> torch.Tensor:
    """The square around the robot, (B, 16, D, D) with D = 2 * radius + 1, of (B, 16, H, W).

    If `turned`, each square is turned so that the robot looks up.
    """
    n, _, height, width = grids.shape
    poses = grids[:, :WALL_PLANE].flatten(1).argmax(dim=1)  # (B,)
    robots, headings = poses % (height * width), poses // (height * width)
    if not turned:
        headings = torch.zeros_like(headings)  # up
    down, right = turned_offsets(radius).to(grids.device)[:, headings]
    rows = (robots // width)[:, None, None] + down  # (B, D, D)
    columns = (robots % width)[:, None, None] + right  # (B, D, D)
    batch = torch.arange(n, device=grids.device)[:, None, None]
    # Indices on both sides of a slice: the planes come last.
    squares = grids[batch, :, rows.clamp(0, height - 1), columns.clamp(0, width - 1)]
    is_there = (rows >= 0) & (rows < height) & (columns >= 0) & (columns < width)
    return (squares * is_there[..., None]).permute(0, 3, 1, 2)  # (B, D, D, 16) before


@cache
def turned_offsets(radius: int) -> torch.Tensor:
    """Offsets (down, right) of a square's cells for N, E, S, W: int64, (2, 4, D, D), D = 2r + 1."""
    square = torch.arange(-radius, radius + 1)
    down, right = torch.meshgrid(square, square, indexing="ij")
    turns = [(down, right), (right, -down), (-down, -right), (-right, down)]
    return torch.stack([torch.stack(turn) for turn in turns], dim=1)


def fcn_radius(model: Any) -> int | None:
    """The radius of an SB3 model's `GridFcn`, in cells; None: it has none."""
    network = getattr(model, "policy", None)
    parts = network.modules() if isinstance(network, nn.Module) else ()
    return max((part.radius for part in parts if isinstance(part, GridFcn)), default=None)


class LocalVectorEnv(KarelVectorEnv):
    """`KarelVectorEnv` that observes squares of `radius` cells in each direction of the robots."""

    def __init__(self, radius: int, *args: Any, **kwargs: Any) -> None:
        self._offsets = np.arange(-radius, radius + 1)
        super().__init__(*args, **kwargs)

    def _observe(self) -> NDArray[Any]:
        """Squares, uint8, (N, 16, D, D) with D = 2 * radius + 1; 0 beyond the world's border."""
        episodes, (height, width) = self.episodes, self.shape
        n, side = self.num_envs, len(self._offsets)
        rows, columns = np.divmod(episodes.robots[:, :1], width)
        rows, columns = rows + self._offsets, columns + self._offsets  # (N, D)
        is_row, is_column = (rows >= 0) & (rows < height), (columns >= 0) & (columns < width)
        places = rows.clip(0, height - 1)[:, :, None] * width + columns.clip(0, width - 1)[:, None]
        cells = np.take_along_axis(episodes.cells, places.reshape(n, -1), axis=1)  # (N, D * D)
        squares = np.zeros((n, N_PLANES, side * side), dtype=np.uint8)
        squares[:, WALL_PLANE] = (cells & WALL) != 0
        planes = MARKER_PLANE + (cells & MARKERS)
        np.put_along_axis(squares, planes[:, None].astype(np.int64), 1, axis=1)
        squares *= (is_row[:, :, None] & is_column[:, None]).reshape(n, 1, -1)
        squares[np.arange(n), episodes.robots[:, 1], side * side // 2] = 1
        return squares.reshape(n, N_PLANES, side, side)


class AnySize:
    """An SB3 model with a `GridFcn` as a policy for worlds of any size; else a `ValueError`.

    SB3 checks that observations have the size of the training, so the model gets only the squares
    that it sees. The probabilities of a model without memory are cached: it must not learn.
    """

    def __init__(self, model: Any) -> None:
        radius = fcn_radius(model)
        if radius is None:
            raise ValueError("only a model with a GridFcn takes grids of any size")
        self.model = model
        self.radius = radius
        self._remembered: dict[bytes, NDArray[np.float64]] = {}
        self._rng = np.random.default_rng(0)

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
        if is_actor_without_memory(self.model):
            bounds = self._bounds(seen)  # (N, 5)
            if deterministic:
                return np.diff(bounds, axis=1, prepend=0).argmax(axis=1), state
            return (self._rng.random((len(seen), 1)) >= bounds[:, :-1]).sum(axis=1), state
        policy = self.model.policy
        trained_on = policy.observation_space
        policy.observation_space = observation_space("grid", *seen.shape[-2:])
        try:
            actions, state = self.model.predict(seen, state, episode_start, deterministic, **masks)
        finally:
            policy.observation_space = trained_on
        return actions, state

    def set_random_seed(self, seed: int | None) -> None:
        """Seed the draws."""
        self._rng = np.random.default_rng(seed)
        self.model.set_random_seed(seed)

    @torch.no_grad()
    def _bounds(self, squares: NDArray[Any]) -> NDArray[np.float64]:
        """The cumulative probabilities of the actions, (N, 5), in squares, (N, 16, D, D)."""
        keys = [square.tobytes() for square in squares]
        if len(self._remembered) > MOST_REMEMBERED:
            self._remembered.clear()
        new = {key: i for i, key in enumerate(keys) if key not in self._remembered}
        if new:
            policy = self.model.policy
            seen = torch.as_tensor(squares[list(new.values())], device=policy.device)
            probs = policy.get_distribution(seen).distribution.probs.double().cpu().numpy()
            self._remembered.update(zip(new, probs.cumsum(axis=1), strict=True))
        return np.stack([self._remembered[key] for key in keys])
