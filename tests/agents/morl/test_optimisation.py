"""Policy optimisation, its curve, and the training of oracles."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from stable_baselines3.common.utils import LinearSchedule

from agents.morl.models import new_model
from agents.morl.optimisation import EVALUATION_SEED, optimise, train_oracle
from agents.morl.settings import OptimisationConfig, OracleConfig
from programmatic.synthesis.episodes import episode_returns
from tests.programmatic.trees.linear_oracles import CARTPOLE, balancer, cartpole

SMALL: dict[str, Any] = {
    "trpo": {"n_steps": 50, "batch_size": 100},
    "ppo": {"n_steps": 50, "batch_size": 100, "n_epochs": 2},
    "a2c": {"n_steps": 50},
}


def optimised(algo: str, seed: int = 0, **options: Any) -> tuple[Any, list[dict[str, Any]]]:
    model = new_model(algo, cartpole(4), seed=1, **SMALL[algo])
    config = OptimisationConfig(**{"iterations": 2, "evaluation_episodes": 5, **options}, seed=seed)
    return model, optimise(model, cartpole(5), config)


def same(a: Any, b: Any) -> bool:
    pairs = zip(a.policy.parameters(), b.policy.parameters(), strict=True)
    return all(torch.equal(x, y) for x, y in pairs)


@pytest.mark.parametrize("algo", SMALL)
def test_equal_seeds_give_equal_curves(algo: str) -> None:
    (first, curve), (again, same_curve), (other, _) = (optimised(algo, seed) for seed in (3, 3, 4))
    assert same(first, again)
    assert not same(first, other)
    for row in (*curve, *same_curve):
        assert row.pop("seconds") > 0
    assert curve == same_curve
    assert [row["iteration"] for row in curve] == [0, 1, 2]
    assert [row["timesteps"] for row in curve] == [0, 200, 400]


def test_the_curve_is_of_the_policies_returns() -> None:
    model = balancer("trpo", cartpole(10))
    curve = optimise(model, cartpole(5), OptimisationConfig(iterations=1, evaluation_episodes=5))
    assert curve[0]["mean_return"] == 200
    assert curve[1]["timesteps"] == 2000, "10 episodes of 200 steps"


@pytest.mark.parametrize("deterministic", [True, False])
def test_evaluations_do_not_disturb_the_learning(deterministic: bool) -> None:
    often, curve = optimised("ppo", iterations=4, deterministic=deterministic)
    seldom, ends = optimised("ppo", iterations=4, evaluation_interval=3, evaluation_episodes=2)
    assert same(often, seldom)
    assert [row["iteration"] for row in curve] == [0, 1, 2, 3, 4]
    assert [row["iteration"] for row in ends] == [0, 3, 4]


def test_learning_goes_on_from_the_present_weights() -> None:
    model, _ = optimised("trpo")
    before = [parameter.clone() for parameter in model.policy.parameters()]
    rows: list[dict[str, Any]] = []
    config = OptimisationConfig(iterations=1, evaluation_episodes=5)
    curve = optimise(model, cartpole(5), config, rows.append)
    assert [row["timesteps"] for row in rows] == [row["timesteps"] for row in curve] == [0, 200]
    after = list(model.policy.parameters())
    assert any(not torch.equal(a, b) for a, b in zip(before, after, strict=True))


def test_the_best_weights_are_kept_on_demand() -> None:
    model = new_model("ppo", cartpole(4), seed=0, learning_rate=0.1, **SMALL["ppo"])
    curve = optimise(
        model,
        cartpole(5),
        OptimisationConfig(iterations=2, evaluation_episodes=5, keep_best=True),
    )
    best = max(row["mean_return"] for row in curve)
    assert best > curve[-1]["mean_return"], "with such steps the last weights are not the best"
    assert episode_returns(model, cartpole(5), 5, EVALUATION_SEED).mean() == best


def test_says_what_it_cannot_optimise() -> None:
    env = cartpole(4)
    with pytest.raises(ValueError, match="needs TRPO, PPO or A2C, not DQN"):
        optimise(new_model("dqn", env), cartpole(2))
    with pytest.raises(ValueError, match="in another env than it learns in"):
        optimise(new_model("a2c", env), env)
    with pytest.raises(ValueError, match="iterations must be a whole number from 1 up"):
        OptimisationConfig(iterations=0)


def test_an_oracle_is_trained_until_it_reaches_its_target() -> None:
    config = OracleConfig(
        target_return=120, evaluation_interval=1024, evaluation_episodes=30, seed=1
    )
    oracle, rows = train_oracle(cartpole(16), cartpole(30), config)
    assert rows[-1]["mean_return"] >= 120
    assert all(row["mean_return"] < 120 for row in rows[:-1])
    assert 0 < rows[-1]["timesteps"] < 20_000
    assert episode_returns(oracle, CARTPOLE, 50, seed=5).mean() > 90


@pytest.mark.parametrize("algo", ["trpo", "dqn", "qrdqn"])
def test_an_oracle_keeps_the_weights_of_its_best_evaluation(algo: str) -> None:
    quick = {"learning_starts": 64, "gradient_steps": 1, "train_freq": 16} if "dqn" in algo else {}
    config = OracleConfig(
        algo,
        max_timesteps=4000,
        evaluation_interval=1000,
        evaluation_episodes=20,
        hyperparameters=quick,
    )
    evaluation_env = cartpole(20)
    oracle, curve = train_oracle(cartpole(4), evaluation_env, config)
    assert len(curve) >= 3
    # The evaluations' own episodes, once more.
    returns = episode_returns(oracle, evaluation_env, 20, seed=EVALUATION_SEED)
    assert returns.mean() == max(row["mean_return"] for row in curve)


def test_says_which_oracles_cannot_be_trained() -> None:
    with pytest.raises(ValueError, match="algo must be one of trpo, ppo, a2c, dqn, qrdqn"):
        OracleConfig("sac")
    config = OracleConfig(hyperparameters={"learning_speed": 1})
    with pytest.raises(ValueError, match="PPO has no hyperparameter 'learning_speed'"):
        train_oracle(cartpole(4), cartpole(4), config)
    with pytest.raises(ValueError, match=r"nn\.Sine is not one of"):
        new_model("ppo", cartpole(2), policy_kwargs="dict(activation_fn=nn.Sine)")
    with pytest.raises(ValueError, match="write others as text"):
        new_model("ppo", cartpole(2), learning_rate=LinearSchedule(1e-3, 0, 1))
