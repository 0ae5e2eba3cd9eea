from __future__ import annotations

from typing import Any

import gymnasium
import numpy as np
import pytest
from gymnasium.error import ResetNeeded
from gymnasium.utils.env_checker import data_equivalence
from gymnasium.vector import AutoresetMode
from gymnasium.wrappers.vector import DictInfoToList, RecordEpisodeStatistics

from karel_gym import KarelVectorEnv, World, sample_worlds
from karel_gym.registration import CARTPOLE, TASKS, task_of

N, STEPS = 6, 150
INFO = ("return", "length", "is_success")


def make_vector(env_id: str, mode: str = "NextStep", n: int = N, **kwargs: Any) -> KarelVectorEnv:
    return KarelVectorEnv(task_of(env_id), n, autoreset_mode=mode, **kwargs)


def make_singles(env_id: str, n: int = N, **kwargs: Any) -> list[Any]:
    return [gymnasium.make(env_id, **kwargs).unwrapped for _ in range(n)]


def actions_of(env_id: str) -> Any:
    """Random actions, (STEPS, N)."""
    return np.random.default_rng(list(env_id.encode())).integers(5, size=(STEPS, N))


def assert_info(info: dict[str, Any], i: int, expected: dict[str, Any]) -> None:
    assert {key: info[key][i] for key in INFO} == expected


# Horizons short enough that every mode sees many episodes end, by their task and by the horizon.
HORIZON = 17


@pytest.mark.parametrize("env_id", TASKS)
def test_next_step_mode_agrees_with_single_envs(env_id: str) -> None:
    kind = "grid" if env_id.endswith("v1") else "percepts"
    envs = make_vector(env_id, obs=kind, max_steps=HORIZON)
    singles = make_singles(env_id, obs=kind, max_steps=HORIZON)
    observations, info = envs.reset(seed=50)
    for i, env in enumerate(singles):
        obs, own = env.reset(seed=50 + i)
        assert np.array_equal(observations[i], obs)
        assert_info(info, i, own)
    ended, n_ended = np.zeros(N, bool), 0
    for actions in actions_of(env_id):
        observations, rewards, terminated, truncated, info = envs.step(actions)
        for i, env in enumerate(singles):
            if ended[i]:
                (obs, own), reward, end = env.reset(), 0.0, [False, False]
            else:
                obs, reward, *end, own = env.step(int(actions[i]))
            assert np.array_equal(observations[i], obs)
            assert (rewards[i], [terminated[i], truncated[i]]) == (reward, end)
            assert_info(info, i, own)
        ended = terminated | truncated
        n_ended += ended.sum()
        assert envs.worlds == [env.world for env in singles]
    assert n_ended >= N * (STEPS // (HORIZON + 1))


@pytest.mark.parametrize("env_id", TASKS)
def test_same_step_mode_agrees_with_single_envs(env_id: str) -> None:
    kind = "percepts" if env_id.endswith("v1") else "grid"
    envs = make_vector(env_id, "SameStep", obs=kind, max_steps=HORIZON)
    singles = make_singles(env_id, obs=kind, max_steps=HORIZON)
    envs.reset(seed=[7 * i for i in range(N)])
    for i, env in enumerate(singles):
        env.reset(seed=7 * i)
    for actions in actions_of(env_id):
        observations, rewards, terminated, truncated, info = envs.step(actions)
        assert ("final_obs" in info) == (terminated | truncated).any()
        for i, env in enumerate(singles):
            obs, reward, *end, own = env.step(int(actions[i]))
            assert (rewards[i], [terminated[i], truncated[i]]) == (reward, end)
            if any(end):
                assert info["_final_obs"][i]
                assert info["_final_info"][i]
                assert np.array_equal(info["final_obs"][i], obs)
                assert_info(info["final_info"], i, own)
                assert all(info["final_info"][f"_{key}"][i] for key in INFO)
                obs, own = env.reset()
            elif "final_obs" in info:
                assert not info["_final_obs"][i]
                assert info["final_obs"][i] is None
            assert np.array_equal(observations[i], obs)
            assert_info(info, i, own)


@pytest.mark.parametrize("env_id", TASKS)
def test_disabled_mode_resets_what_the_mask_says(env_id: str) -> None:
    envs = make_vector(env_id, "Disabled", obs="percepts", max_steps=HORIZON)
    singles = make_singles(env_id, obs="percepts", max_steps=HORIZON)
    envs.reset(seed=3)
    for i, env in enumerate(singles):
        env.reset(seed=3 + i)
    for actions in actions_of(env_id):
        observations, _, terminated, truncated, _ = envs.step(actions)
        steps = [env.step(int(action)) for env, action in zip(singles, actions, strict=True)]
        assert np.array_equal(observations, [step[0] for step in steps])
        ended = terminated | truncated
        assert ended.tolist() == [step[2] or step[3] for step in steps]
        if ended.any():
            with pytest.raises(ResetNeeded, match=str(int(np.flatnonzero(ended)[0]))):
                envs.step(actions)
            observations, info = envs.reset(options={"reset_mask": ended})
            for i in np.flatnonzero(ended):
                obs, own = singles[i].reset()
                assert np.array_equal(observations[i], obs)
                assert_info(info, int(i), own)
        assert envs.worlds == [env.world for env in singles]


@pytest.mark.parametrize("mode", ["NextStep", "SameStep"])
@pytest.mark.parametrize("env_id", TASKS)
def test_recorded_statistics_agree_with_the_info(env_id: str, mode: str) -> None:
    envs = RecordEpisodeStatistics(make_vector(env_id, mode, obs="percepts", max_steps=HORIZON))
    envs.reset(seed=11)
    n_ended = 0
    for actions in actions_of(env_id):
        _, _, terminated, truncated, info = envs.step(actions)
        own = info.get("final_info", info)
        for i in np.flatnonzero(terminated | truncated):
            assert info["episode"]["r"][i] == pytest.approx(own["return"][i])
            assert info["episode"]["l"][i] == own["length"][i]
            n_ended += 1
    assert n_ended >= N


def test_make_vec_returns_the_native_env() -> None:
    for mode in (None, "vector_entry_point"):
        envs = gymnasium.make_vec("Karel-Maze-v0", num_envs=3, vectorization_mode=mode)
        assert isinstance(envs.unwrapped, KarelVectorEnv)
        assert envs.num_envs == 3
        assert envs.spec is not None
        assert envs.spec.id == "Karel-Maze-v0"
        assert envs.metadata["autoreset_mode"] is AutoresetMode.NEXT_STEP
    envs = gymnasium.make_vec(
        "Karel-Maze-v0", 2, autoreset_mode="SameStep", obs="percepts", height=9
    )
    assert envs.unwrapped.shape == (9, 8)
    assert envs.metadata["autoreset_mode"] is AutoresetMode.SAME_STEP
    assert envs.observation_space.shape == (2, 5)


def test_gymnasiums_own_vector_env_agrees() -> None:
    kwargs: dict[str, Any] = {"max_steps": HORIZON}
    native = gymnasium.make_vec("Karel-Harvester-v0", 3, **kwargs)
    sync = gymnasium.make_vec("Karel-Harvester-v0", 3, vectorization_mode="sync", **kwargs)
    assert native.observation_space == sync.observation_space
    assert native.action_space == sync.action_space
    assert np.array_equal(native.reset(seed=1)[0], sync.reset(seed=1)[0])
    for actions in actions_of("Karel-Harvester-v0")[:, :3]:
        for one, other in zip(native.step(actions)[:4], sync.step(actions)[:4], strict=True):
            assert np.array_equal(one, other)


@pytest.mark.parametrize("mode", ["NextStep", "SameStep", "Disabled"])
@pytest.mark.parametrize("env_id", [*TASKS, CARTPOLE])
def test_infos_are_those_of_gymnasiums_vector_env(env_id: str, mode: str) -> None:
    """With the masks `_key`, and in the envs that an entry is not of, zeros."""
    kwargs: dict[str, Any] = {"max_steps": HORIZON}
    native: Any = gymnasium.make_vec(env_id, N, autoreset_mode=mode, **kwargs)
    sync: Any = gymnasium.make_vec(
        env_id, N, vectorization_mode="sync", vector_kwargs={"autoreset_mode": mode}, **kwargs
    )
    assert data_equivalence(native.reset(seed=1), sync.reset(seed=1))
    native.action_space.seed(0)
    n_masked = 0
    for step in range(2 * HORIZON):
        actions = native.action_space.sample()
        (*results, info), (*same, sync_info) = native.step(actions), sync.step(actions)
        assert all(map(np.array_equal, results, same))
        assert data_equivalence(info, sync_info)
        mask = results[2] | results[3] if mode == "Disabled" else np.arange(N) % 3 == 0
        if mask.any() and (mode == "Disabled" or step == 3):
            n_masked += 1
            one, other = (e.reset(options={"reset_mask": mask}) for e in (native, sync))
            assert data_equivalence(one, other)
    assert n_masked


def test_gymnasiums_wrappers_split_infos() -> None:
    envs = DictInfoToList(gymnasium.make_vec(CARTPOLE, N))
    _, infos = envs.reset(seed=0)
    assert infos == [gymnasium.make(CARTPOLE).reset(seed=0)[1]] * N


def test_a_masked_reset_says_nothing_of_envs_that_run_on() -> None:
    envs = gymnasium.make_vec(CARTPOLE, 2)
    envs.reset(seed=0)
    envs.step(np.zeros(2, int))
    _, info = envs.reset(options={"reset_mask": np.array([True, False])})
    verdict = info["constraints"]["pole_upright"]
    assert verdict["margin"].tolist() == [np.inf, 0]
    assert verdict["_margin"].tolist() == info["_length"].tolist() == [True, False]


def test_results_of_a_step_are_not_overwritten_by_the_next() -> None:
    envs = make_vector("Karel-Harvester-v0", max_steps=5)
    first = [envs.reset(seed=0)]
    kept = [first[0][0].copy()]
    for _ in range(12):
        result = envs.step(np.full(N, 3))
        first.append(result)
        kept.append(result[0].copy())
    lengths = [result[-1]["length"][0] for result in first]
    assert lengths == [0, 1, 2, 3, 4, 5, 0, 1, 2, 3, 4, 5, 0]
    assert all(np.array_equal(r[0], k) for r, k in zip(first, kept, strict=True))


def test_envs_start_from_given_worlds() -> None:
    worlds = list(sample_worlds("Karel-Harvester-v0", N))
    envs = make_vector("Karel-Maze-v0")
    envs.reset(seed=0, options={"worlds": worlds})
    assert envs.worlds == worlds
    before = envs.worlds
    mask = np.arange(N) % 2 == 0
    envs.reset(options={"worlds": worlds[::-1], "reset_mask": mask})
    assert envs.worlds == [
        new if at else old for new, old, at in zip(worlds[::-1], before, mask, strict=True)
    ]


def test_the_following_worlds_come_from_the_seed() -> None:
    world = sample_worlds("Karel-Maze-v0", 1, 99)[0]
    envs = make_vector("Karel-Maze-v0")
    envs.reset(seed=0, options={"worlds": [World(world.cells, *world.robot)] * N})
    envs.reset()
    assert len(set(envs.worlds)) == N


def test_unseeded_envs_differ() -> None:
    envs, others = make_vector("Karel-Maze-v0"), make_vector("Karel-Maze-v0")
    envs.reset()
    others.reset()
    assert len({*envs.worlds, *others.worlds}) == 2 * N


def test_one_env_of_many_can_be_seeded() -> None:
    envs = make_vector("Karel-Maze-v0")
    envs.reset(seed=0)
    first = envs.worlds
    envs.reset(seed=[None] * 4 + [4, None])
    assert envs.worlds[4] == first[4]
    assert not any(one == other for one, other in zip(envs.worlds[:4], first[:4], strict=True))
    only_last = np.arange(N) == N - 1
    before = envs.worlds
    envs.reset(seed=0, options={"reset_mask": only_last})
    assert envs.worlds == [*before[:-1], first[-1]]


@pytest.mark.parametrize(
    ("actions", "message"),
    [
        ([0, 1, 2, 3, 4, 5], "0 move, 1 turnLeft.*got 5"),
        ([0, 1, 2, 3, 4, -1], "got -1"),
        ([0, 1, 2, 3, 4], "shape .6,."),
        (np.zeros((N, 1), int), "shape .6,."),
        (np.zeros(N), "integers"),
        (3, "shape .6,."),
    ],
)
def test_bad_actions_are_refused_and_do_nothing(actions: Any, message: str) -> None:
    envs = make_vector("Karel-Harvester-v0")
    envs.reset(seed=0)
    before = envs.worlds
    with pytest.raises(ValueError, match=message):
        envs.step(actions)
    assert envs.worlds == before
    assert envs.step(np.zeros(N, np.uint8))[4]["length"].tolist() == [1] * N


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"seed": [1, 2]}, "seed must have one entry per env: 6, got 2"),
        ({"seed": [-1] * N}, "seed"),
        ({"options": {"world": 1}}, "'worlds' and 'reset_mask', got .'world'"),
        ({"options": {"worlds": []}}, "worlds must have one entry per env: 6, got 0"),
        ({"options": {"worlds": sample_worlds("Karel-Maze-v0", N, 0, 9, 9)}}, "got one of 9x9"),
    ],
)
def test_bad_arguments_of_reset_are_refused(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make_vector("Karel-Maze-v0").reset(**arguments)


@pytest.mark.parametrize(
    ("mask", "message"),
    [
        ([True] * N, "reset_mask must be an array of bool, got a list"),
        ("all", "reset_mask must be an array of bool, got a str"),
        (np.ones(N), "reset_mask must be of bool, got float64"),
        (np.ones(N, int), "reset_mask must be of bool, got int64"),
        (np.ones(1, bool), "reset_mask must be of shape .6,., got the shape .1,."),
        (np.zeros(N, bool), "reset_mask must be true for at least one env"),
    ],
)
def test_bad_masks_are_refused_as_gymnasium_refuses_them(mask: Any, message: str) -> None:
    errors = []
    for vectorization in (None, "sync"):
        envs = gymnasium.make_vec("Karel-Maze-v0", N, vectorization_mode=vectorization)
        envs.reset(seed=0)
        with pytest.raises((TypeError, ValueError)) as error:
            envs.reset(options={"reset_mask": mask})
        errors.append(error)
    assert errors[0].type is errors[1].type
    assert errors[0].match(message)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"n": 0}, "num_envs must be at least 1"),
        ({"mode": "Sometimes"}, "Sometimes"),
        ({"render_mode": "human"}, "None, 'rgb_array' or 'rgb_array_list'"),
        ({"obs": "pixels"}, "'grid', 'percepts'"),
        ({"height": 3}, "4 to 1000 rows"),
        ({"max_steps": 0}, "1 up"),
    ],
)
def test_bad_arguments_are_refused(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make_vector("Karel-Maze-v0", **arguments)


@pytest.mark.parametrize("mode", ["NextStep", "SameStep", "Disabled"])
def test_a_step_needs_a_reset(mode: str) -> None:
    envs = make_vector("Karel-Maze-v0", mode)
    with pytest.raises(ResetNeeded):
        envs.step(np.zeros(N, int))


def test_render() -> None:
    envs = make_vector("Karel-Maze-v0", n=2, render_mode="rgb_array")
    envs.reset(seed=0)
    pictures = envs.render()
    assert pictures is not None
    assert len(pictures) == 2
    assert all(picture.dtype == np.uint8 and picture.shape[2] == 3 for picture in pictures)
    assert not np.array_equal(*pictures)
    assert make_vector("Karel-Maze-v0").render() is None


@pytest.mark.parametrize("mode", ["NextStep", "SameStep"])
@pytest.mark.parametrize("env_id", ["Karel-Maze-v0", CARTPOLE])
def test_lists_of_images_are_as_long_as_gymnasiums(env_id: str, mode: str) -> None:
    kwargs: dict[str, Any] = {"max_steps": 4, "render_mode": "rgb_array_list"}
    native: Any = gymnasium.make_vec(env_id, 2, autoreset_mode=mode, **kwargs)
    sync: Any = gymnasium.make_vec(
        env_id, 2, vectorization_mode="sync", vector_kwargs={"autoreset_mode": mode}, **kwargs
    )
    assert native.render_mode == sync.render_mode
    for envs in (native, sync):
        envs.reset(seed=0)
    for step in range(9):
        for envs in (native, sync):
            envs.step(np.ones(2, int))
        if step % 3 == 2:
            images, same = native.render(), sync.render()
            assert [len(frames) for frames in images] == [len(frames) for frames in same]
            assert native.render() == ([], [])
            sync.render()
