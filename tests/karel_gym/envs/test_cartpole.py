"""CartPole-MORL: Gymnasium's dynamics; its own horizon, infos and vector form."""

from __future__ import annotations

from typing import Any

import gymnasium
import numpy as np
import pytest
from gymnasium.envs.classic_control import CartPoleEnv
from gymnasium.error import ResetNeeded
from gymnasium.utils.env_checker import check_env
from gymnasium.vector import AutoresetMode
from gymnasium.wrappers.vector import RecordEpisodeStatistics

from karel_gym.cli.commands import tasks
from karel_gym.envs.cartpole import CartPoleMORLEnv, CartPoleVectorEnv
from karel_gym.registration import sample_worlds, task_of
from karel_gym.simulation.cartpole import TILT, TRACK, CartPoleEpisodes, sample_states

ENV_ID = "CartPole-MORL-v0"
N, STEPS, HORIZON = 5, 120, 30
INFO = ("return", "length", "is_success")


def balance(state: Any) -> int:
    """An action that keeps the pole upright and the cart on the track."""
    x, v, angle, spin = state
    return int(angle + 0.3 * spin + 0.05 * x + 0.1 * v > 0)


def actions_of(n: int = N) -> Any:
    """Random actions, (STEPS, n)."""
    return np.random.default_rng(7).integers(2, size=(STEPS, n))


def balancing_actions(observations: Any, noise: Any) -> Any:
    """Actions of which some are random, so that episodes end at the horizon and before."""
    chosen = np.array([balance(observation) for observation in observations])
    return np.where(np.arange(len(chosen)) % 2 == 0, chosen, noise)


def flat(info: dict[str, Any], i: int) -> dict[str, Any]:
    """What a vector env's info says of env i."""
    verdicts = info["constraints"]
    return {key: info[key][i] for key in INFO} | {
        "constraints": {
            name: {key: verdict[key][i] for key in ("margin", "violated")}
            for name, verdict in verdicts.items()
            if not name.startswith("_")
        }
    }


def test_trajectories_are_those_of_gymnasiums_cartpole() -> None:
    ours, theirs = CartPoleMORLEnv(), CartPoleEnv()
    rng = np.random.default_rng(0)
    steps = 0
    for seed in range(100):
        theirs.reset(seed=seed)
        ours.reset(options={"state": theirs.state})
        terminated = False
        while not terminated:
            action = int(rng.integers(2))
            observation, reward, terminated, _, _ = theirs.step(action)
            own, own_reward, own_terminated, truncated, _ = ours.step(action)
            np.testing.assert_allclose(ours.state, theirs.state, rtol=1e-12)
            np.testing.assert_allclose(own, observation, rtol=1e-6)
            assert own.dtype == observation.dtype == np.float32
            assert (own_reward, own_terminated, truncated) == (reward, terminated, False)
            steps += 1
    assert steps > 1500


def test_long_trajectories_agree_step_by_step() -> None:
    env = CartPoleEnv()
    rng = np.random.default_rng(1)
    before, actions, after, ends = [], [], [], []
    for seed in range(20):
        env.reset(seed=seed)
        for _ in range(500):
            before.append(env.state)
            action = (
                balance(env.state) if rng.random() < (0.9, 0.3)[seed % 2] else int(rng.integers(2))
            )
            actions.append(action)
            ends.append(env.step(action)[2])
            after.append(env.state)
            if ends[-1]:
                break
    episodes = CartPoleEpisodes(len(before))
    for i, state in enumerate(before):
        episodes.load(i, state)
    _, terminated, _ = episodes.step(np.array(actions))
    np.testing.assert_allclose(episodes.states.T, after, rtol=1e-12)
    assert terminated.tolist() == ends
    assert len(before) > 5000
    assert sum(ends) > 5


@pytest.mark.parametrize("render_mode", [None, "rgb_array"])
@pytest.mark.filterwarnings("ignore:.*A Box observation space m.*imum value is")
def test_it_follows_gymnasiums_interface(render_mode: str | None) -> None:
    env = gymnasium.make(ENV_ID, render_mode=render_mode)
    assert env.spec is not None
    assert env.spec.reward_threshold == 195.0
    check_env(env.unwrapped)


def test_it_says_what_a_policy_maps() -> None:
    signature = CartPoleMORLEnv().signature
    assert [(f.name, f.unit, f.high) for f in signature.features] == [
        ("cart_position", "m", 4.8),
        ("cart_velocity", "m/s", np.inf),
        ("pole_angle", "rad", pytest.approx(2 * np.deg2rad(12))),
        ("pole_angular_velocity", "rad/s", np.inf),
    ]
    assert signature.actions == ("left", "right")


def test_surviving_the_horizon_is_a_success() -> None:
    env = gymnasium.make(ENV_ID)
    observation, info = env.reset(seed=0)
    for _ in range(200):
        assert not info["is_success"]
        observation, reward, terminated, truncated, info = env.step(balance(observation))
        assert reward == 1.0
    assert (terminated, truncated, info["is_success"]) == (False, True, True)
    assert (info["return"], info["length"]) == (200.0, 200)
    with pytest.raises(ResetNeeded):
        env.step(0)


def test_falling_at_the_horizon_is_no_success() -> None:
    env = CartPoleMORLEnv(max_steps=1)
    env.reset(options={"state": (0, 0, TILT, 1)})
    _, _, terminated, truncated, info = env.step(1)
    assert (terminated, truncated, info["is_success"]) == (True, False, False)


@pytest.mark.parametrize(
    ("state", "terminated", "violated"),
    [
        ((0, 0, 0, 0), False, []),
        ((0, 0, TILT - 0.001, 1), True, ["pole_upright"]),
        ((0, 0, -TILT + 0.001, -1), True, ["pole_upright"]),
        ((TRACK - 0.001, 1, 0, 0), True, ["cart_on_track"]),
        ((-TRACK + 0.001, -1, TILT - 0.001, 1), True, ["pole_upright", "cart_on_track"]),
    ],
)
def test_the_constraints_tell_what_ended_the_episode(
    state: Any, terminated: bool, violated: list[str]
) -> None:
    env = CartPoleMORLEnv()
    _, info = env.reset(options={"state": state})
    assert all(v == {"margin": np.inf, "violated": False} for v in info["constraints"].values())
    observation, _, ended, _, info = env.step(0)
    assert ended == terminated
    verdicts = info["constraints"]
    assert [name for name, verdict in verdicts.items() if verdict["violated"]] == violated
    assert verdicts["pole_upright"]["margin"] == pytest.approx(TILT - abs(observation[2]), abs=1e-6)
    assert verdicts["cart_on_track"]["margin"] == pytest.approx(
        TRACK - abs(observation[0]), abs=1e-6
    )


def test_without_constraints_nothing_is_reported() -> None:
    env = CartPoleMORLEnv(constraints=[])
    assert list(env.reset(seed=0)[1]) == list(env.step(0)[4]) == list(INFO)
    envs = CartPoleVectorEnv(2, constraints=[])
    for info in (envs.reset(seed=0)[1], envs.step(np.zeros(2, int))[4]):
        assert set(info) == {*INFO, *(f"_{key}" for key in INFO)}


def test_seeds_give_the_sampled_states() -> None:
    states = sample_states(4, seed=9)
    assert np.abs(states).max() <= 0.05
    assert np.array_equal(sample_states(2, seed=9), states[:2])
    env = CartPoleMORLEnv()
    env.reset(seed=9)
    for state in states:
        assert np.array_equal(env.state, state)
        env.reset()
    env.reset(seed=10)
    assert not np.array_equal(env.state, states[0])


def test_start_states_are_uniform() -> None:
    states = sample_states(200_000)
    quantiles = np.linspace(-0.05, 0.05, len(states))[:, None]
    distance = np.abs(np.sort(states, axis=0) - quantiles).max() / 0.1
    assert distance * np.sqrt(len(states)) < 1.95  # Kolmogorov's distribution, p = 0.001
    assert np.abs(np.corrcoef(states.T) - np.eye(4)).max() < 0.01


@pytest.mark.parametrize("mode", ["NextStep", "SameStep", "Disabled"])
def test_the_vector_env_is_like_single_envs(mode: str) -> None:
    envs = gymnasium.make_vec(ENV_ID, N, max_steps=HORIZON, autoreset_mode=mode)
    assert isinstance(envs.unwrapped, CartPoleVectorEnv)
    assert envs.metadata["autoreset_mode"] is AutoresetMode(mode)
    singles = [CartPoleMORLEnv(max_steps=HORIZON) for _ in range(N)]
    observations, info = envs.reset(seed=40)
    for i, env in enumerate(singles):
        own_observation, own = env.reset(seed=40 + i)
        assert np.array_equal(observations[i], own_observation)
        assert flat(info, i) == own
    ended, successes = np.zeros(N, bool), 0
    for noise in actions_of():
        actions = balancing_actions(observations, noise)
        if mode == "Disabled" and ended.any():
            with pytest.raises(ResetNeeded):
                envs.step(actions)
            observations, info = envs.reset(options={"reset_mask": ended})
            for i in np.flatnonzero(ended):
                own_observation, own = singles[i].reset()
                assert np.array_equal(observations[i], own_observation)
            ended[:] = False
        before, (observations, rewards, terminated, truncated, info) = ended, envs.step(actions)
        for i, env in enumerate(singles):
            if mode == "NextStep" and before[i]:
                (own_observation, own), reward, ends = env.reset(), 0.0, [False, False]
            else:
                own_observation, reward, *ends, own = env.step(int(actions[i]))
            assert (rewards[i], [terminated[i], truncated[i]]) == (reward, ends)
            successes += own["is_success"]
            if mode == "SameStep" and any(ends):
                assert np.array_equal(info["final_obs"][i], own_observation)
                assert flat(info["final_info"], i) == own
                own_observation, own = env.reset()
            assert np.array_equal(observations[i], own_observation)
            assert flat(info, i) == own
        ended = terminated | truncated
    assert successes >= N


def test_gymnasiums_own_vector_env_agrees() -> None:
    native = gymnasium.make_vec(ENV_ID, N)
    sync = gymnasium.make_vec(ENV_ID, N, vectorization_mode="sync")
    assert native.observation_space == sync.observation_space
    assert native.action_space == sync.action_space
    assert np.array_equal(native.reset(seed=1)[0], sync.reset(seed=1)[0])
    for actions in actions_of():
        for one, other in zip(native.step(actions)[:4], sync.step(actions)[:4], strict=True):
            assert np.array_equal(one, other)


def test_recorded_statistics_agree_with_the_info() -> None:
    envs = RecordEpisodeStatistics(CartPoleVectorEnv(N, HORIZON))
    envs.reset(seed=0)
    n_ended = 0
    for actions in actions_of():
        _, _, terminated, truncated, info = envs.step(actions)
        for i in np.flatnonzero(terminated | truncated):
            assert info["episode"]["r"][i] == info["return"][i]
            assert info["episode"]["l"][i] == info["length"][i]
            n_ended += 1
    assert n_ended >= N


def test_look_ahead_tells_what_each_action_does() -> None:
    envs = CartPoleVectorEnv(N)
    envs.reset(seed=0, options={"states": np.linspace(-0.2, 0.2, 4 * N).reshape(N, 4)})
    for actions in actions_of()[:20]:
        states = envs.get_states()
        outcomes = envs.look_ahead()
        assert outcomes.observations.shape == (N, 2, 4)
        for action in (0, 1):
            observations, rewards, terminated, _, _ = envs.step(np.full(N, action))
            assert np.array_equal(outcomes.observations[:, action], observations)
            assert np.array_equal(outcomes.rewards[:, action], rewards)
            assert np.array_equal(outcomes.terminated[:, action], terminated)
            envs.set_states(states)
        _, _, terminated, truncated, _ = envs.step(actions)
        if (terminated | truncated).any():
            with pytest.raises(ResetNeeded):
                envs.look_ahead()
            return
    pytest.fail("no episode ended")


def test_states_go_from_a_vector_env_to_a_single_one() -> None:
    envs, env = CartPoleVectorEnv(N), CartPoleMORLEnv()
    envs.reset(seed=0)
    envs.step(np.ones(N, int))
    env.set_state(envs.get_states()[2])
    observations, *_, info = envs.step(np.ones(N, int))
    own_observation, *_, own = env.step(1)
    assert np.array_equal(observations[2], own_observation)
    assert flat(info, 2) == own
    with pytest.raises(ValueError, match="states must have one entry per env: 5, got 1"):
        envs.set_states(envs.get_states()[:1])


def test_it_is_drawn() -> None:
    env = gymnasium.make(ENV_ID, render_mode="rgb_array")
    env.reset(options={"state": (1, 0, 0.1, 0)})
    image = env.render()
    envs = gymnasium.make_vec(ENV_ID, 2, render_mode="rgb_array")
    envs.reset(seed=0, options={"states": [(1, 0, 0.1, 0), (0, 0, 0, 0)]})
    images = envs.render()
    assert image.shape == (400, 600, 3)
    assert np.array_equal(images[0], image)
    assert not np.array_equal(images[1], image)
    env.close()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"low": -1}, "only option of reset is 'state', got .'low'"),
        ({"state": (0, 0, 0)}, "a state is finite cart_position, cart_velocity"),
        ({"state": (0, 0, np.nan, 0)}, "a state is finite"),
        ({"state": (0, 0, 10**400, 0)}, "a state is finite"),
    ],
)
def test_bad_options_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        CartPoleMORLEnv().reset(options=options)


@pytest.mark.parametrize("action", [2, -1, 0.5, "left"])
def test_bad_actions_are_refused(action: Any) -> None:
    env, envs = CartPoleMORLEnv(), CartPoleVectorEnv(1)
    env.reset(seed=0)
    envs.reset(seed=0)
    with pytest.raises(ValueError, match="0 left, 1 right; got"):
        env.step(action)
    with pytest.raises(ValueError, match=r"0 left, 1 right; got|must be integers"):
        envs.step(np.array([action]))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"num_envs": 0}, "num_envs must be at least 1"),
        ({"max_steps": 0}, "from 1 up"),
        ({"render_mode": "human"}, "None, 'rgb_array' or 'rgb_array_list'"),
        ({"constraints": [CartPoleMORLEnv().constraints[0]] * 2}, "two constraints are named"),
    ],
)
def test_bad_arguments_are_refused(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        CartPoleVectorEnv(**arguments)


def test_it_is_no_karel_task() -> None:
    for ask in (task_of, lambda env_id: sample_worlds(env_id, 1)):
        with pytest.raises(ValueError, match="'CartPole-MORL-v0' is no Karel task"):
            ask(ENV_ID)


def test_a_state_is_set_by_a_reset_only() -> None:
    env = CartPoleMORLEnv()
    assert env.state is None
    with pytest.raises(AttributeError, match="options"):
        env.state = np.zeros(4)


def test_the_command_lists_and_describes_it(capsys: pytest.CaptureFixture[str]) -> None:
    tasks()
    assert (
        "CartPole-MORL-v0       -          200  keep a pole upright on a cart."
        in capsys.readouterr().out
    )
    tasks("cartpole-morl")
    page = capsys.readouterr().out
    assert page.startswith("CartPole-MORL-v0\n\nCartPole-MORL: keep a pole upright on a cart.\n")
    headings = [line for line in page.splitlines()[3:] if line and not line.startswith(" ")]
    assert headings == [
        *("What the cart must do", "Start states", "Observation", "Actions"),
        *("Reward", "Termination", "Constraints", "Definition"),
    ]
