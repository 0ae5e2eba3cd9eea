"""The fully convolutional network: the same policy in worlds of any size."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from agents import evaluate, load, train
from agents.drl.fcn import AnySize, GridFcn, LocalVectorEnv, surroundings
from karel_gym import KarelVectorEnv
from karel_gym.envs.observations import observation_space
from karel_gym.registration import task_of

SIZES = ((12, 12), (9, 15), (40, 30))


def grids(height: int, width: int, n: int = 6) -> NDArray[Any]:
    """Grids of FourCorners after random actions, (n, 16, H, W)."""
    envs = KarelVectorEnv(task_of("Karel-FourCorners-v0"), n, "grid", height, width)
    envs.reset(seed=0)
    rng = np.random.default_rng(0)
    for _ in range(30):
        observations, *_ = envs.step(rng.integers(5, size=n))
    return observations


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("radius", [1, 3])
def test_surroundings_are_what_is_around_the_robot(size: tuple[int, int], radius: int) -> None:
    observations = grids(*size)
    squares = surroundings(torch.as_tensor(observations), radius).numpy()
    padded = np.pad(observations, [(0, 0), (0, 0), (radius,) * 2, (radius,) * 2])
    for grid, around, square in zip(observations, padded, squares, strict=True):
        ((_, row, column),) = np.argwhere(grid[:4])
        side = 2 * radius + 1
        expected = around[:, row : row + side, column : column + side]
        np.testing.assert_array_equal(square, expected)


@pytest.mark.parametrize("size", SIZES)
def test_features_are_those_of_the_whole_map_at_the_robot(size: tuple[int, int]) -> None:
    torch.manual_seed(0)
    network = GridFcn(observation_space("grid", 12, 12), features_dim=7, channels=5, radius=2)
    observations = torch.as_tensor(grids(*size)).float()
    for grid, features in zip(observations, network(observations), strict=True):
        heading = int(grid[:4].amax(dim=(1, 2)).argmax())  # N, E, S, W
        turned = torch.rot90(grid, heading, dims=(1, 2))  # the robot looks up
        padded = torch.nn.functional.pad(turned[4:], [network.radius] * 4)
        whole = network.layers[:-1](padded)  # (7, H, W)
        at_robot = whole[:, turned[:4].amax(dim=0).bool()]  # (7, 1)
        torch.testing.assert_close(features, at_robot[:, 0])


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs") / "fcn"
    settings: dict[str, Any] = {"n_steps": 16, "batch_size": 32, "policy": "FcnPolicy"}
    train(
        "ppo",
        "Karel-Maze-v0",
        obs="grid",
        total_timesteps=64,
        num_envs=4,
        eval_episodes=2,
        max_steps=20,
        run_dir=folder,
        device="cpu",
        **settings,
    )
    return folder


def test_a_model_acts_in_worlds_of_any_size_and_the_same_in_its_own(run: Path) -> None:
    model = load(run)
    policy = AnySize(model)
    for size in ((8, 8), (12, 12), (30, 20)):
        actions, _ = policy.predict(grids(*size))
        assert actions.shape == (6,)
        if size == (8, 8):
            expected, _ = model.predict(grids(*size), deterministic=True)
            np.testing.assert_array_equal(actions, expected)
    assert model.policy.observation_space == observation_space("grid", 8, 8)


@pytest.mark.parametrize("size", [*SIZES, (5, 6)])
def test_local_grids_are_the_surroundings(size: tuple[int, int]) -> None:
    task = task_of("Karel-FourCorners-v0")
    whole = KarelVectorEnv(task, 5, "grid", *size)
    local = LocalVectorEnv(3, task, 5, "grid", *size)
    observed = [envs.reset(seed=0)[0] for envs in (whole, local)]
    rng = np.random.default_rng(0)
    for _ in range(60):
        squares = surroundings(torch.as_tensor(observed[0]), 3).numpy()
        np.testing.assert_array_equal(observed[1], squares)
        actions = rng.integers(5, size=5)
        observed = [envs.step(actions)[0] for envs in (whole, local)]


def test_what_it_draws_has_the_models_probabilities(run: Path) -> None:
    model = load(run)
    grid = np.repeat(grids(12, 12, n=1), 4000, axis=0)
    policy = AnySize(model)
    policy.set_random_seed(1)
    actions, _ = policy.predict(grid, deterministic=False)
    square = surroundings(torch.as_tensor(grid[:1]), policy.radius)
    with torch.no_grad():
        expected = model.policy.get_distribution(square).distribution.probs[0].numpy()
    np.testing.assert_allclose(np.bincount(actions, minlength=5) / 4000, expected, atol=0.03)


def test_the_comparison_takes_it_to_larger_worlds(run: Path) -> None:
    table = evaluate({"FCN": run}, "Karel-Maze-v0", episodes=3, height=12, width=10)
    assert table["note"].tolist() == [""]
    assert table["episodes"].tolist() == [3]


def test_other_observations_and_networks_are_refused() -> None:
    with pytest.raises(ValueError, match="GridFcn needs observations of shape"):
        GridFcn(observation_space("percepts", 8, 8))
    with pytest.raises(ValueError, match="at least 1, got 0"):
        GridFcn(observation_space("grid", 8, 8), radius=0)
    with pytest.raises(ValueError, match="only a model with a GridFcn"):
        AnySize(object())
