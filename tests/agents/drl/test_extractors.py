"""The convolutional network: features of the maps of a grid, and of what the robot sees."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from gymnasium.spaces import MultiBinary
from numpy.typing import NDArray

from agents.drl.extractors import LARGEST_MAP, GridCnn
from agents.drl.fcn import surroundings
from karel_gym import KarelVectorEnv
from karel_gym.envs.observations import WALL_PLANE, observation_space
from karel_gym.registration import task_of

SIZES = [(8, 8), (12, 12), (14, 22), (5, 40)]


def grids(height: int, width: int, n: int = 8) -> NDArray[np.uint8]:
    """Grids of Harvester after random actions, (n, 16, H, W), robots with all headings."""
    envs = KarelVectorEnv(task_of("Karel-Harvester-v0"), n, "grid", height, width)
    envs.reset(seed=0)
    rng = np.random.default_rng(0)
    for _ in range(30):
        observations, *_ = envs.step(rng.integers(5, size=n))
    assert (observations[:, :WALL_PLANE].sum(axis=(0, 2, 3)) > 0).sum() > 1
    return observations


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("radius", [1, 2])
def test_a_turned_square_has_the_robots_heading_up(size: tuple[int, int], radius: int) -> None:
    observations = torch.as_tensor(grids(*size))
    squares = surroundings(observations, radius).numpy()
    turned = surroundings(observations, radius, turned=True).numpy()
    for grid, square, view in zip(observations.numpy(), squares, turned, strict=True):
        ((heading, _, _),) = np.argwhere(grid[:WALL_PLANE])  # N, E, S, W
        np.testing.assert_array_equal(view, np.rot90(square, heading, axes=(1, 2)))


@pytest.mark.parametrize("size", SIZES)
def test_features_of_any_size(size: tuple[int, int]) -> None:
    torch.manual_seed(0)
    network = GridCnn(observation_space("grid", *size), features_dim=7, channels=5, radius=1)
    observations = torch.as_tensor(grids(*size)).float()
    maps = network.maps[:-1](observations)  # without flattening
    assert max(maps.shape[2:]) <= LARGEST_MAP
    features = network(observations)
    assert features.shape == (8, 7)
    assert features.detach().numpy().std(axis=0).max() > 0


def test_what_is_learned_of_a_view_holds_in_all_places_and_headings() -> None:
    torch.manual_seed(0)
    network = GridCnn(observation_space("grid", 9, 9), radius=1)
    linear = network.features[0]
    is_view = torch.arange(linear.in_features) >= linear.in_features - 12 * 9
    with torch.no_grad():
        linear.weight.mul_(is_view)  # of the view alone
    grid = np.zeros((4, 16, 9, 9), dtype=np.float32)
    grid[:, 5] = 1
    for k, (row, column, (down, right)) in enumerate(
        [(4, 4, (-1, 0)), (2, 6, (0, 1)), (5, 3, (1, 0)), (6, 6, (0, -1))]
    ):
        grid[k, k, row, column] = 1  # N, E, S, W
        grid[k, WALL_PLANE, row + down, column + right] = 1  # a wall ahead
        grid[k, 5, row + down, column + right] = 0
    features = network(torch.as_tensor(grid))
    torch.testing.assert_close(features, features[:1].expand(4, -1))
    grid[0, WALL_PLANE] = 0
    assert not torch.equal(network(torch.as_tensor(grid[:1])), features[:1])


def test_errors() -> None:
    with pytest.raises(ValueError, match=r"shape \(planes, H, W\), got \(5,\)"):
        GridCnn(MultiBinary(5))
    with pytest.raises(ValueError, match="at least 0, got -1"):
        GridCnn(observation_space("grid", 8, 8), radius=-1)
