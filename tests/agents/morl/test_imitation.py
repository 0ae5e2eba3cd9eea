"""Cloning a program into a network."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from agents.morl.imitation import clone
from agents.morl.models import new_model
from agents.morl.settings import CloningConfig
from karel_gym.envs.sb3 import make_sb3_vec_env
from programmatic.synthesis.episodes import discounted_returns, episode_returns, roll_out
from programmatic.trees.policy import TreePolicy
from programmatic.trees.program import TreeProgram
from tests.programmatic.trees.linear_oracles import CARTPOLE, cartpole
from tests.programmatic.trees.trees import CARTPOLE as SIGNATURE

BALANCE = TreeProgram.parse(
    """
if pole_angle <= 0:
    if pole_angular_velocity <= 0.15: left
    else: right
else:
    if pole_angular_velocity <= -0.15: left
    else: right
""",
    SIGNATURE,
)
FALL = TreeProgram.parse("if cart_position <= 0: right\nelse: left", SIGNATURE)
SHORT: dict[str, Any] = {"epochs": 25, "samples": 2000, "learning_rate": 3e-3}


@pytest.mark.parametrize("algo", ["trpo", "ppo", "a2c"])
def test_a_clone_balances_as_the_program_does(algo: str) -> None:
    assert episode_returns(TreePolicy(BALANCE), CARTPOLE, 30, seed=99).mean() == 200
    env = cartpole()
    result = clone(BALANCE, new_model(algo, env), env, CloningConfig(**SHORT))
    assert result.samples == 2000
    assert [row["epoch"] for row in result.history] == list(range(1, 26))
    assert result.history[-1]["validation_accuracy"] > 0.9
    for deterministic in (True, False):
        returns = episode_returns(result.model, CARTPOLE, 30, 99, deterministic)
        assert returns.mean() >= 195


def test_equal_seeds_give_equal_clones() -> None:
    def weights(seed: int) -> list[torch.Tensor]:
        env = cartpole()
        config = CloningConfig(**SHORT | {"epochs": 3}, seed=seed)
        return list(clone(BALANCE, new_model("trpo", env), env, config).model.policy.parameters())

    assert all(torch.equal(a, b) for a, b in zip(weights(1), weights(1), strict=True))
    assert not all(torch.equal(a, b) for a, b in zip(weights(1), weights(2), strict=True))


def test_the_weights_of_the_best_validation_are_kept() -> None:
    env = cartpole()
    model = new_model("trpo", env)
    losses: list[float] = []
    outputs: list[Any] = []
    states = roll_out(TreePolicy(BALANCE), env, 2, seed=5).observations

    def log_probs() -> Any:
        distribution: Any = model.policy.get_distribution(torch.from_numpy(states)).distribution
        return distribution.logits.detach().numpy()

    def look(row: dict[str, Any]) -> None:
        losses.append(row["validation_loss"])
        outputs.append(log_probs())
        if row["epoch"] > 9:  # from here on the weights are spoiled
            with torch.no_grad():
                model.policy.action_net.weight.mul_(-30)

    config = CloningConfig(epochs=20, samples=500, batch_size=50, validation_interval=3)
    history = clone(BALANCE, model, env, config, look).history
    assert [row["epoch"] for row in history] == [3, 6, 9, 12, 15, 18, 20]
    best = int(np.argmin(losses))
    assert best < len(losses) - 1
    np.testing.assert_array_equal(log_probs(), outputs[best])
    assert not np.array_equal(log_probs(), outputs[-1])


def test_the_critic_learns_the_programs_returns() -> None:
    env = cartpole()
    model = new_model("trpo", env)
    clone(FALL, model, env, CloningConfig(**SHORT | {"epochs": 60}))
    seen = roll_out(TreePolicy(FALL), env, 100, seed=77)
    expected = discounted_returns(seen, model.gamma)
    values = model.policy.predict_values(torch.from_numpy(seen.observations))[:, 0]
    errors = values.detach().numpy() - expected
    assert expected.std() > 2
    assert np.sqrt((errors**2).mean()) < 0.6 * expected.std()


def test_the_critic_is_left_alone_on_demand() -> None:
    env = cartpole()
    model = new_model("trpo", env)
    before = [parameter.clone() for parameter in model.policy.value_net.parameters()]
    clone(FALL, model, env, CloningConfig(**SHORT | {"epochs": 2}, fit_value=False))
    after = list(model.policy.value_net.parameters())
    assert all(torch.equal(a, b) for a, b in zip(before, after, strict=True))


def test_small_features_are_learned_soonest_with_scaled_inputs() -> None:
    env = cartpole()
    config = CloningConfig(epochs=10, samples=2000)
    scaled = clone(BALANCE, new_model("trpo", env), env, config).history[-1]
    plain = clone(BALANCE, new_model("trpo", env), env, replace(config, scale_inputs=False))
    assert scaled["validation_loss"] < 0.8 * plain.history[-1]["validation_loss"]


def test_dagger_adds_states_that_the_clone_visits() -> None:
    env = cartpole()
    config = CloningConfig(epochs=4, samples=300, dagger_iterations=2)
    result = clone(BALANCE, new_model("trpo", env), env, config)
    assert result.samples == 900
    assert [row["round"] for row in result.history] == [0] * 4 + [1] * 4 + [2] * 4
    assert [row["epoch"] for row in result.history] == list(range(1, 13))


def test_a_program_of_percepts_is_cloned_to_the_last_action() -> None:
    env = make_sb3_vec_env("Karel-Harvester-v0", 4, seed=0)
    program = TreeProgram.parse(
        "if markersPresent <= 0.5:\n"
        "    if frontIsClear <= 0.5: turnLeft\n"
        "    else: move\n"
        "else: pickMarker",
        env.signature,
    )
    config = CloningConfig(epochs=60, samples=600, batch_size=64, learning_rate=1e-2)
    result = clone(program, new_model("trpo", env), env, config)
    assert result.history[-1]["validation_accuracy"] == 1
    expected = roll_out(TreePolicy(program), env, 5, seed=8)
    np.testing.assert_array_equal(roll_out(result.model, env, 5, seed=8).actions, expected.actions)


def test_only_actors_with_critics_are_cloned_into() -> None:
    env = cartpole(2)
    model: Any = new_model("dqn", env)
    with pytest.raises(ValueError, match="DQN"):
        clone(BALANCE, model, env, CloningConfig(**SHORT))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"epochs": 0}, "epochs must be a whole number from 1 up, got 0"),
        ({"samples": 1}, "samples must be a whole number from 2 up, got 1"),
        ({"noise_share": 1.0}, "noise_share must be a number from 0 to below 1, got 1.0"),
        ({"validation_share": 0.0}, "validation_share must be above 0"),
        ({"learning_rate": 0}, "learning_rate must be a number above 0, got 0"),
    ],
)
def test_options_that_cannot_be(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        CloningConfig(**options)
