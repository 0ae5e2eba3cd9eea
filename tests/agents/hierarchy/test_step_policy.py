"""Programs that are chosen by the number of the step only, as HPRL's are."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from gymnasium.spaces import Box
from torch import nn

from agents import evaluate_episodes, load, train
from agents.drl.settings import TrainConfig, resolve
from agents.drl.training import resume
from agents.drl.training_envs import training_env
from agents.hierarchy.skill_env import SkillVecEnv
from agents.hierarchy.skills import OptionSkills, ProgramSkills
from agents.hierarchy.step_policy import StepFeatures, StepPolicy
from agents.policies import contestants
from programmatic.runs import checkpoint_path

EMBEDDING = Path(__file__).resolve().parents[2] / "data" / "embeddings" / "hprl_small.ptp"
MAZE = "Karel-Maze-v0"
SETTINGS: dict[str, Any] = {"obs": "step", "action": "program", "model": str(EMBEDDING)}
SMALL: dict[str, Any] = SETTINGS | {
    "total_timesteps": 80,
    "num_envs": 8,
    "batch_size": 20,
    "eval_episodes": 3,
    "device": "cpu",
    "verbose": 0,
}


def test_the_step_is_all_that_is_observed_and_the_last_one_terminates() -> None:
    envs = SkillVecEnv("Karel-Harvester-v0", 2, OptionSkills(), horizon=3, obs="step", seed=0)
    observations = [envs.reset()]
    for _ in range(4):
        step = envs.step(np.zeros((2, 8), np.float32))
        observations.append(step[0])
        if step[2].any():
            assert step[2].all()
            assert step[3][0]["terminal_observation"].tolist() == [0, 0, 0]
            assert not any(info["TimeLimit.truncated"] for info in step[3])
    expected = np.eye(3, dtype=np.float32)[[0, 1, 2, 0, 1]]
    np.testing.assert_array_equal(np.stack(observations)[:, 0], expected)
    np.testing.assert_array_equal(np.stack(observations)[:, 1], expected)
    with pytest.raises(ValueError, match="'step' needs a horizon in skills"):
        SkillVecEnv(MAZE, 2, OptionSkills(), obs="step")


def test_features_are_those_of_a_policy_that_remembers_the_steps() -> None:
    torch.manual_seed(0)
    features = StepFeatures(Box(0, 1, (5,), np.float32), 6, side=(8, 10))
    cell = nn.GRUCell(6, 6)
    cell.load_state_dict(
        {name.removesuffix("_l0"): value for name, value in features.gru.state_dict().items()}
    )
    state = torch.zeros(1, 6)
    for step, image in enumerate(features.images):
        assert image[1].sum() == image[6].sum() == step
        state = cell(features.maps(image[None]), state)
        torch.testing.assert_close(features(torch.eye(5)[[step]]), state)


def test_policies_are_trained_resumed_and_compared(tmp_path: Path) -> None:
    runs = [tmp_path / name for name in ("a", "b")]
    for run in runs:
        train("ppo", MAZE, run_dir=run, seed=3, **SMALL)
    models = [load(run) for run in runs]
    policy = models[0].policy
    assert isinstance(policy, StepPolicy)
    mean = policy.action_net.weight.detach()
    torch.testing.assert_close(mean @ mean.T, torch.eye(len(mean)), atol=0.01, rtol=0)
    states = [model.policy.state_dict() for model in models]
    assert all(torch.equal(states[0][name], states[1][name]) for name in states[0])
    assert pd.read_csv(runs[0] / "progress.csv")["rollout/ep_len_mean"].between(5, 360).all()
    checkpoint_path(runs[1], 80).unlink()
    assert resume(runs[1]).num_timesteps == 80
    (contestant,) = contestants(runs[0])
    assert (contestant.obs, contestant.shape) == ("percepts", None)
    tables = [evaluate_episodes(runs[0], MAZE, 4, 1, height=10, width=10) for _ in range(2)]
    assert (tables[0]["note"] == "").all()  # it acts in worlds of any size
    assert tables[0]["length"].tolist() == tables[1]["length"].tolist()


@pytest.mark.parametrize(
    ("task", "markers", "reward"), [("CleanHouse", 1, "default"), ("TopOff", 2, "sparse")]
)
def test_the_settings_are_the_published_ones(task: str, markers: int, reward: str) -> None:
    chosen: dict[str, Any] = {"action": "program", "conf_file": Path("hprl-published")}
    config = resolve(TrainConfig("ppo", f"Karel-{task}-v0", obs="step", **chosen))
    assert (config.model, config.total_timesteps) == ("pl64", 1e8)
    assert (config.option_calls, config.max_markers, config.reward) == (500, markers, reward)
    assert (config.horizon, config.train_max_steps) == (5, 2500)
    assert config.num_envs * config.hyperparameters["n_steps"] == 16 * 800
    side = (14, 22) if task == "CleanHouse" else (8, 8)
    assert (config.height, config.width) == side


def test_programs_and_cells_have_the_limits_of_the_settings(tmp_path: Path) -> None:
    limits = {"option_calls": 7, "max_markers": 9, "max_steps": 100}
    config = resolve(TrainConfig("ppo", MAZE, run_dir=tmp_path, **SETTINGS, **limits))
    envs = training_env(config.to_json(), 2, 100, "default")
    assert (envs.skills.max_calls, envs.envs.task.max_markers) == (7, 9)
    assert isinstance(envs.skills, ProgramSkills)
    assert config.max_steps == config.train_max_steps == 100


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"action": "primitive"}, "obs must be one of .* got 'step'"),
        ({"action": "option", "obs": "grid", "option_calls": 5}, "options are for the action"),
        ({"max_markers": 11}, "max_markers must be a whole number from 1 to 10"),
    ],
)
def test_what_cannot_be_is_said(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        resolve(TrainConfig("ppo", MAZE, **SETTINGS | settings))
