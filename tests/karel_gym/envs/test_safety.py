"""Safety constraints: margins, names, and what infos report of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import gymnasium
import numpy as np
import pytest
from numpy.typing import NDArray

from karel_gym.envs.karel_vector import KarelVectorEnv
from karel_gym.envs.safety import Bound, at_reset, check_constraints, cleared, verdicts_on
from karel_gym.registration import task_of

OBSERVATIONS = np.array([[0.0, 5.0], [1.0, 6.0], [2.0, 7.0]], dtype=np.float32)
NEXT = np.array([[0.5, 0.0], [1.25, 0.0], [-3.0, 0.0]], dtype=np.float32)
ACTIONS = np.array([0, 1, 1])


@dataclass(frozen=True)
class Never:
    """An action that must not be taken while a feature is at most 0."""

    name: str
    action: int
    feature: int

    def margin(
        self, observations: NDArray[Any], actions: NDArray[Any], next_observations: NDArray[Any]
    ) -> NDArray[np.float64]:
        allowed = (actions != self.action) | (observations[:, self.feature] > 0)
        return np.where(allowed, 1.0, -1.0)


@pytest.mark.parametrize(
    ("low", "high", "margins"),
    [
        (0.0, 1.0, [0.5, -0.25, -3.0]),
        (0.0, np.inf, [0.5, 1.25, -3.0]),
        (-np.inf, 1.25, [0.75, 0.0, 4.25]),
    ],
)
def test_a_bounds_margin_is_the_distance_to_the_nearer_one(
    low: float, high: float, margins: list[float]
) -> None:
    margin = Bound("b", 0, low, high).margin(OBSERVATIONS, ACTIONS, NEXT)
    assert margin.dtype == np.float64
    assert margin.tolist() == margins
    verdict = verdicts_on([Bound("b", 0, low, high)], OBSERVATIONS, ACTIONS, NEXT)["b"]
    assert verdict["violated"].tolist() == [value < 0 for value in margins]


def test_the_margin_of_bits_is_a_number() -> None:
    percepts = np.array([[0, 1]], dtype=np.int8)
    assert Bound("b", 1, 0, 0).margin(percepts, np.array([0]), percepts).tolist() == [-1.0]


def test_what_began_is_cleared() -> None:
    constraints = [Bound("b", 0, 0, 1), Bound("c", 1, 1)]
    verdicts = verdicts_on(constraints, OBSERVATIONS, ACTIONS, NEXT)
    begun = np.array([False, True, False])
    result = cleared(verdicts, begun)
    assert result["b"]["margin"].tolist() == [0.5, np.inf, -3.0]
    assert result["c"]["violated"].tolist() == [True, False, True]
    everywhere = cleared(verdicts, np.ones(3, dtype=bool))
    for name, verdict in at_reset(constraints, 3).items():
        for key, values in verdict.items():
            assert np.array_equal(everywhere[name][key], values)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("b", 0, 2.0, 1.0), "b is bounded by 2.0 and 1.0: low > high"),
        (("b", 0, float("nan"), 1.0), "low > high"),
        (("b", -1), "0 or more, got -1"),
    ],
)
def test_bad_bounds_are_refused(arguments: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Bound(*arguments)


def test_what_cannot_be_judged_is_refused() -> None:
    with pytest.raises(ValueError, match=r"b bounds feature 2, .* in 0\.\.1"):
        verdicts_on([Bound("b", 2)], OBSERVATIONS, ACTIONS, NEXT)

    class Scalar:
        name = "scalar"

        def margin(self, *_: Any) -> Any:
            return 1.0

    with pytest.raises(
        ValueError, match=r"'scalar' must return one margin per step, \(3,\), got \(\)"
    ):
        verdicts_on([Scalar()], OBSERVATIONS, ACTIONS, NEXT)
    with pytest.raises(ValueError, match="two constraints are named 'b'"):
        check_constraints([Bound("b", 0), Never("c", 0, 0), Bound("b", 1)])


def test_users_constraints_take_the_place_of_cartpoles() -> None:
    right_of_middle = Never("no_left_on_the_left", 0, 0)
    env = gymnasium.make("CartPole-MORL-v0", constraints=[right_of_middle])
    env.reset(options={"state": (-0.1, 0, 0, 0)})
    for action, violated in ((1, False), (0, True)):
        info = env.step(action)[4]
        assert list(info["constraints"]) == ["no_left_on_the_left"]
        assert info["constraints"]["no_left_on_the_left"] == {
            "margin": -1.0 if violated else 1.0,
            "violated": violated,
        }


@pytest.mark.parametrize("mode", ["NextStep", "SameStep"])
def test_karel_reports_on_the_observation_before_the_action(mode: str) -> None:
    never_put = Never("no_marker_on_an_empty_cell", 4, 3)
    envs = KarelVectorEnv(
        task_of("Karel-Harvester-v0"),
        3,
        "percepts",
        max_steps=4,
        autoreset_mode=mode,
        constraints=[never_put],
    )
    observations, info = envs.reset(seed=0)
    assert not info["constraints"][never_put.name]["violated"].any()
    violations, ended = 0, np.zeros(3, dtype=bool)
    for actions in np.random.default_rng(0).integers(3, 5, size=(40, 3)):
        expected = never_put.margin(observations, actions, observations) < 0
        if mode == "NextStep":
            expected &= ~ended
        observations, _, terminated, truncated, info = envs.step(actions)
        ended = terminated | truncated
        found = info.get("final_info", info)["constraints"][never_put.name]["violated"]
        assert found.tolist() == expected.tolist()
        if mode == "SameStep":
            now = info["constraints"][never_put.name]
            assert not now["violated"][ended].any()
            assert np.isinf(now["margin"][ended]).all()
        violations += expected.sum()
    assert violations > 10


def test_changing_the_given_observations_changes_no_verdict() -> None:
    constraint = Never("no_left_on_the_left", 0, 0)
    envs = gymnasium.make_vec("CartPole-MORL-v0", 2, constraints=[constraint])
    observations, _ = envs.reset(options={"states": [(-0.1, 0, 0, 0), (0.1, 0, 0, 0)]})
    observations[:] = 1.0
    *_, info = envs.step(np.zeros(2, dtype=int))
    assert info["constraints"][constraint.name]["violated"].tolist() == [True, False]


def test_grids_have_no_constraints() -> None:
    with pytest.raises(ValueError, match="flat observations"):
        KarelVectorEnv(task_of("Karel-Maze-v0"), 2, constraints=[Bound("b", 0)])
