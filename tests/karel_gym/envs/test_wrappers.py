"""The wrapper: names, constraints, states and look-ahead, alike for every discrete-action env."""

from __future__ import annotations

from typing import Any

import gymnasium
import numpy as np
import pytest
from gymnasium.error import ResetNeeded
from gymnasium.spaces import Box, Dict, Discrete, MultiDiscrete
from gymnasium.utils.env_checker import check_env
from gymnasium.wrappers import (
    FlattenObservation,
    RescaleObservation,
    TimeLimit,
    TransformObservation,
)

from karel_gym.envs.safety import Bound
from karel_gym.envs.signature import Feature, Signature, signature_of
from karel_gym.envs.wrappers import MORLWrapper
from karel_gym.registration import TASKS
from karel_gym.robot import ACTIONS, PERCEPTS

ENVS: dict[str, dict[str, Any]] = {
    "CartPole-v1": {},
    "CartPole-MORL-v0": {},
    "MountainCar-v0": {},
    "Acrobot-v1": {},
    "Karel-Harvester-v0": {"obs": "percepts"},
    "Karel-Snake-v0": {"obs": "percepts"},
}


class Drunkard(gymnasium.Env[Any, Any]):
    """A random walk on a line; the action says how far a step may go."""

    def __init__(self, observation_space: Any = None, action_space: Any = None) -> None:
        self.observation_space = observation_space or Box(-np.inf, np.inf, (2,), np.float64)
        self.action_space = action_space or Discrete(3)
        self.place = np.zeros(2)

    def reset(self, *, seed: Any = None, options: Any = None) -> Any:
        super().reset(seed=seed)
        self.place = self.np_random.normal(size=2)
        return self.place, {}

    def step(self, action: Any) -> Any:
        self.place += self.np_random.normal(size=2) * (1 + action)  # in place, as some envs do
        return self.place, float(self.place.sum()), bool(self.place[0] > 9), False, {}


class Windowed(Drunkard):
    """An env that holds what cannot be copied."""

    def __init__(self) -> None:
        super().__init__()
        self.frames = (frame for frame in range(3))


def make(env_id: str, **kwargs: Any) -> MORLWrapper:
    return MORLWrapper(gymnasium.make(env_id, **ENVS[env_id]), **kwargs)


def result(step: Any) -> Any:
    """A step's result in a form that == compares."""
    observation, *rest, info = step
    return [np.asarray(observation).tolist(), *rest, info]


def random_actions(env: MORLWrapper, n: int) -> list[int]:
    return np.random.default_rng(3).integers(env.action_space.n, size=n).tolist()


@pytest.mark.parametrize("env_id", ENVS)
def test_a_step_from_a_state_gives_the_same_result_again(env_id: str) -> None:
    env = make(env_id)
    env.reset(seed=0)
    actions = random_actions(env, 60)
    n_checked = 0
    for start in range(0, 40, 8):
        observation, _ = env.reset()
        for action in actions[:start]:
            observation, _, terminated, truncated, _ = env.step(action)
            if terminated or truncated:
                observation, _ = env.reset()
        state = env.get_state()
        results = []
        for _ in range(2):
            assert np.array_equal(env.set_state(state), observation)
            seen = []
            for action in actions[start:]:
                seen.append(result(env.step(action)))
                if seen[-1][2] or seen[-1][3]:
                    seen.append(env.reset()[0].tolist())  # random numbers go on alike
                    break
            results.append(seen)
        assert results[0] == results[1]
        n_checked += len(results[0])
    assert n_checked > 50


@pytest.mark.parametrize("env_id", ENVS)
def test_look_ahead_tells_what_each_action_does_and_changes_nothing(env_id: str) -> None:
    env, untouched = make(env_id), make(env_id)
    env.reset(seed=1)
    untouched.reset(seed=1)
    n_actions, n_features = env.action_space.n, env.observation_space.shape[0]
    for action in random_actions(env, 30):
        outcomes = env.look_ahead()
        assert outcomes.observations.shape == (n_actions, n_features)
        assert outcomes.observations.dtype == env.observation_space.dtype
        assert outcomes.rewards.shape == outcomes.terminated.shape == (n_actions,)
        state = env.get_state()
        for other in range(n_actions):
            observation, reward, terminated, _, _ = env.step(other)
            assert np.array_equal(outcomes.observations[other], observation)
            assert (outcomes.rewards[other], outcomes.terminated[other]) == (reward, terminated)
            env.set_state(state)
        mine = result(env.step(action))
        assert mine == result(untouched.step(action))
        if mine[2] or mine[3]:
            with pytest.raises(ResetNeeded):
                env.look_ahead()
            env.reset()
            untouched.reset()


def test_random_numbers_are_part_of_the_state() -> None:
    env, other = MORLWrapper(Drunkard()), MORLWrapper(Drunkard())
    env.reset(seed=0)
    other.reset(seed=5)
    env.step(1)
    state = env.get_state()
    outcomes = env.look_ahead()
    results = [result(env.step(2)) for _ in range(3)]
    assert outcomes.observations[2].tolist() == results[0][0]
    assert len({tuple(r[0]) for r in results}) == 3
    for each in (env, other):
        each.set_state(state)
        assert [result(each.step(2)) for _ in range(3)] == results


def test_the_time_limit_is_part_of_the_state() -> None:
    env = MORLWrapper(TimeLimit(Drunkard(), 4))
    env.reset(seed=0)
    env.step(0)
    state = env.get_state()
    for _ in range(2):
        env.set_state(state)
        env.look_ahead()
        assert [env.step(0)[3] for _ in range(3)] == [False, False, True]


def test_a_state_needs_an_episode() -> None:
    env = make("MountainCar-v0")
    for ask in (env.get_state, env.look_ahead):
        with pytest.raises(ResetNeeded):
            ask()


def test_what_cannot_be_copied_is_named() -> None:
    env = MORLWrapper(Windowed())
    env.reset(seed=0)
    with pytest.raises(ValueError, match="state of Windowed cannot be copied: its attribute 'fram"):
        env.get_state()


@pytest.mark.parametrize("env_id", ["MountainCar-v0", "CartPole-MORL-v0", "Karel-Maze-v0"])
def test_looking_ahead_draws_nothing(env_id: str, monkeypatch: pytest.MonkeyPatch) -> None:
    kwargs = {"obs": "percepts"} if "Karel" in env_id else {}
    env = MORLWrapper(gymnasium.make(env_id, render_mode="human", **kwargs))
    drawn: list[int] = []
    monkeypatch.setattr(env.unwrapped, "render", lambda: drawn.append(1))
    env.reset(seed=0)
    env.step(0)
    before = len(drawn)
    assert before == 2
    env.look_ahead()
    assert len(drawn) == before
    env.step(0)
    assert len(drawn) == before + 1


def test_constraints_are_reported_at_every_step() -> None:
    env = make("MountainCar-v0", constraints=[Bound("slow", 1, -0.001, 0.001)])
    _, info = env.reset(seed=0)
    assert info["constraints"] == {"slow": {"margin": np.inf, "violated": False}}
    violated = []
    for _ in range(20):
        observation, *_, info = env.step(2)
        verdict = info["constraints"]["slow"]
        assert verdict["margin"] == pytest.approx(0.001 - abs(observation[1]), abs=1e-8)
        violated.append(verdict["violated"])
    assert set(violated) == {False, True}


def test_an_env_keeps_its_own_constraints() -> None:
    env = make("CartPole-MORL-v0", constraints=[Bound("slow", 1, -1, 1)])
    env.reset(seed=0)
    assert list(env.step(0)[4]["constraints"]) == ["pole_upright", "cart_on_track", "slow"]
    assert "constraints" not in make("CartPole-v1").reset()[1]


@pytest.mark.parametrize("env_id", ["MountainCar-v0", "Karel-Harvester-v0"])
@pytest.mark.filterwarnings("ignore:.*is different from the unwrapped version")
def test_a_wrapped_env_follows_gymnasiums_interface(env_id: str) -> None:
    check_env(make(env_id), skip_render_check=True)


@pytest.mark.parametrize(
    ("env_id", "features", "actions"),
    [
        (
            "CartPole-v1",
            ("cart_position", "cart_velocity", "pole_angle", "pole_angular_velocity"),
            ("left", "right"),
        ),
        ("MountainCar-v0", ("car_position", "car_velocity"), ("left", "coast", "right")),
        (
            "Acrobot-v1",
            (
                *("cos_joint_1", "sin_joint_1", "cos_joint_2", "sin_joint_2"),
                *("joint_1_angular_velocity", "joint_2_angular_velocity"),
            ),
            ("negative_torque", "no_torque", "positive_torque"),
        ),
        ("Karel-Snake-v0", PERCEPTS, ACTIONS),
    ],
)
def test_known_envs_have_names(
    env_id: str, features: tuple[str, ...], actions: tuple[str, ...]
) -> None:
    signature = signature_of(env_id)
    assert (signature.feature_names, signature.actions) == (features, actions)
    assert make(env_id).signature == signature
    space = gymnasium.make(env_id, **ENVS[env_id]).observation_space
    if isinstance(space, Box):
        assert [f.low for f in signature.features] == space.low.tolist()
        assert [f.high for f in signature.features] == space.high.tolist()
    assert all(f.boolean == ("Karel" in env_id) for f in signature.features)


@pytest.mark.parametrize("env_id", [*TASKS, "CartPole-MORL-v0"])
def test_our_own_ids_have_signatures(env_id: str) -> None:
    assert len(signature_of(env_id).actions) == (2 if "CartPole" in env_id else 5)


def test_other_envs_are_numbered_or_named_by_the_user() -> None:
    signature = signature_of(Drunkard())
    assert signature.feature_names == ("x0", "x1")
    assert signature.actions == ("action0", "action1", "action2")
    counts = signature_of(Drunkard(MultiDiscrete([3, 5], start=[0, 1])))
    assert [(f.low, f.high) for f in counts.features] == [(0, 2), (1, 5)]
    own = Signature((Feature("east", "m"), Feature("north", "m")), ("near", "far", "farther"))
    assert MORLWrapper(Drunkard(), signature=own).signature == own
    with pytest.raises(ValueError, match="1 features and 3 actions, the env 2 and 3"):
        MORLWrapper(Drunkard(), signature=Signature((Feature("east"),), own.actions))


def test_a_wrapper_that_changes_what_is_observed_takes_the_names_away() -> None:
    env = gymnasium.make("MountainCar-v0")
    assert signature_of(FlattenObservation(env)) == signature_of(env)
    for changed in (
        RescaleObservation(env, np.float32(0), np.float32(1)),
        RescaleObservation(MORLWrapper(env), np.float32(0), np.float32(1)),
        TransformObservation(env, lambda o: o[:1], Box(-2, 2, (1,))),
    ):
        assert signature_of(changed).feature_names[0] == "x0"
    assert signature_of(TimeLimit(MORLWrapper(env), 3)) == signature_of(env)


@pytest.mark.parametrize(
    ("env", "message"),
    [
        (lambda: Drunkard(action_space=Box(0, 1, (1,))), "actions must be Discrete"),
        (lambda: Drunkard(action_space=Discrete(2, start=1)), "numbered from 0"),
        (lambda: Drunkard(Discrete(5)), "observation must be flat"),
        (lambda: Drunkard(Dict(a=Box(0, 1, (2,)))), "FlattenObservation"),
        (lambda: gymnasium.make("Karel-Maze-v0"), 'obs="percepts"'),
        (lambda: gymnasium.make("Pendulum-v1"), "actions must be Discrete"),
    ],
)
def test_other_spaces_are_refused(env: Any, message: str) -> None:
    for ask in (MORLWrapper, signature_of):
        with pytest.raises(ValueError, match=message):
            ask(env())


@pytest.mark.parametrize("env_id", ["Chess-v0", "CartPole-v99", "no_module:CartPole-v1", "a b"])
def test_unknown_ids_are_refused(env_id: str) -> None:
    with pytest.raises(ValueError, match=r"there is no env|cannot be imported"):
        signature_of(env_id)
