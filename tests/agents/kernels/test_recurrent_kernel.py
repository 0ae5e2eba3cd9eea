"""Recurrent policies in kernels: they do what the policies do, in worlds of any size."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from agents import evaluate_episodes, load, train
from agents.kernels.recurrent_kernel import is_lstm, run_recurrent
from karel_gym import sample_worlds
from karel_gym.envs.observations import SIGNATURES
from karel_gym.registration import task_of

MAZE = "Karel-Maze-v0"
NETWORKS = {
    "one layer": "dict(net_arch=[16], lstm_hidden_size=8)",
    "two layers": "dict(net_arch=[16, 12], lstm_hidden_size=24, enable_critic_lstm=False)",
    "none": "dict(net_arch=[], lstm_hidden_size=16)",
}


def trained(folder: Path, obs: str = "percepts", **settings: Any) -> Any:
    return train(
        "ppo_lstm",
        MAZE,
        obs=obs,
        total_timesteps=2048,
        num_envs=16,
        max_steps=40,
        eval_episodes=2,
        run_dir=folder,
        device="cpu",
        learning_rate=0.02,  # so that what it does depends on what it has seen
        n_steps=32,
        batch_size=128,
        **settings,
    )


@pytest.mark.parametrize("network", NETWORKS)
@pytest.mark.parametrize("obs", SIGNATURES)
def test_the_most_probable_actions_lead_to_the_same_episodes(
    obs: str, network: str, tmp_path: Path
) -> None:
    trained(tmp_path, obs, policy_kwargs=NETWORKS[network])
    for size in (None, 14):
        plain, compiled = (
            evaluate_episodes(
                tmp_path, MAZE, 30, 5, size, size, deterministic=True, compiled=compiled
            )
            for compiled in (False, True)
        )
        for column in ("return", "length", "solved", "episode", "obs", "policy"):
            assert plain[column].tolist() == compiled[column].tolist()


def test_drawn_actions_have_the_policys_distribution(tmp_path: Path) -> None:
    trained(tmp_path)
    plain, compiled = (
        evaluate_episodes(tmp_path, MAZE, 1000, 1, deterministic=False, compiled=compiled)
        for compiled in (False, True)
    )
    spread = np.hypot(plain["length"].std(), compiled["length"].std()) / 1000**0.5
    assert plain["length"].std() > 5
    assert abs(plain["length"].mean() - compiled["length"].mean()) < 4 * spread


def test_an_episode_is_the_same_however_many_there_are(tmp_path: Path) -> None:
    model, task = trained(tmp_path), task_of(MAZE)
    few, many = (
        run_recurrent(model, False, task, sample_worlds(MAZE, n, seed=2), 3, 50) for n in (3, 300)
    )
    other = run_recurrent(model, False, task, sample_worlds(MAZE, 300, seed=2), 4, 50)
    for a, b in zip(few, many, strict=True):
        assert a.tolist() == b[:3].tolist()
    assert many[1].tolist() != other[1].tolist()


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({}, True),
        ({"policy_kwargs": "dict(net_arch=[8], lstm_hidden_size=8, n_lstm_layers=2)"}, False),
        (
            {"policy_kwargs": "dict(net_arch=[8], lstm_hidden_size=8, activation_fn=nn.ReLU)"},
            False,
        ),
    ],
)
def test_only_one_lstm_layer_and_tanh_have_a_kernel(
    settings: dict[str, str], expected: bool, tmp_path: Path
) -> None:
    trained(tmp_path, **settings)
    assert is_lstm(load(tmp_path)) == expected
