"""The comparison: same worlds for all, honest statistics, n/a with its reason."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import pytest
from stable_baselines3 import PPO

from agents import evaluate, evaluate_episodes, load, summarise
from agents.policies import Contestant, RandomPolicy
from karel_gym import sample_worlds
from karel_gym.envs.observations import observation_space
from karel_gym.registration import TASKS, task_of
from programmatic import Program, ProgramPolicy, execute
from programmatic.examples import program_file
from programmatic.machine.bytecode import tokens_of
from programmatic.references import reference_program
from programmatic.search import RandomConfig
from programmatic.search.objective import Objective

SPIN = Program.parse("DEF run m( WHILE c( frontIsClear c) w( move w) turnLeft m)")
BALANCE = str(program_file("near_optimal"))


class Stepped:
    """A program that the comparison does not know to be one: it is stepped like a model."""

    def __init__(self, program: Program) -> None:
        self._policy = ProgramPolicy(program)

    def predict(  # noqa: ANN201
        self, observation, state=None, episode_start=None, deterministic=True
    ):
        return self._policy.predict(observation, state, episode_start, deterministic)


@pytest.mark.parametrize("obs", ["percepts", "grid"])
@pytest.mark.parametrize("env_id", TASKS)
def test_stepping_a_program_gives_what_executing_it_gives(env_id: str, obs: str) -> None:
    for program in (reference_program(env_id), SPIN):
        policies = [Contestant("executed", ProgramPolicy(program))]
        policies.append(Contestant("stepped", Stepped(program), obs))
        episodes = evaluate_episodes(policies, env_id, episodes=10, seed=3)
        executed, stepped = (episodes[episodes["policy"] == p.name].reset_index() for p in policies)
        if not task_of(env_id).counts_idle_runs:  # turns of a halted program cost in an env
            same = executed["length"] == stepped["length"]
            assert (stepped["return"] < executed["return"])[~same].all()
            executed, stepped = executed[same], stepped[same]
        np.testing.assert_allclose(executed["return"], stepped["return"], atol=1e-9)
        assert executed["solved"].tolist() == stepped["solved"].tolist()


LATE = Program.parse(
    "DEF run m( WHILE c( not c( frontIsClear c) c) w( turnLeft w) REPEAT R=19 r( REPEAT R=19 r( "
    "turnLeft turnRight turnLeft turnRight r) r) IF c( markersPresent c) i( pickMarker i) "
    "WHILE c( frontIsClear c) w( move pickMarker w) m)"
)
"""Acts 1,444 times before it does anything of worth: behind every horizon but the longest."""


@pytest.mark.parametrize("horizon", [None, 40])
@pytest.mark.parametrize("env_id", TASKS)
def test_search_evaluation_and_envs_have_one_horizon(env_id: str, horizon: int | None) -> None:
    config = RandomConfig(n_worlds=6) if horizon is None else RandomConfig(6, horizon=horizon)
    objective = Objective(env_id, config, seed=3)
    for program in (reference_program(env_id), SPIN, LATE):
        searched = objective.returns(tokens_of([program]))[0]
        policies = [Contestant("executed", ProgramPolicy(program))]
        if task_of(env_id).counts_idle_runs:  # turns of a halted program cost in an env
            policies.append(Contestant("stepped", Stepped(program)))
        episodes = evaluate_episodes(policies, env_id, 6, seed=3, max_steps=horizon)
        for _, group in episodes.groupby("policy"):
            np.testing.assert_allclose(group["return"], searched, atol=1e-9)


@pytest.mark.parametrize("max_markers", [None, 1])
def test_search_evaluation_and_envs_fill_cells_alike(max_markers: int | None) -> None:
    env_id = "Karel-TopOff-v0"
    program = reference_program(env_id)  # puts a second marker on marked cells
    objective = Objective(env_id, RandomConfig(6, max_markers=max_markers), seed=3)
    searched = objective.returns(tokens_of([program]))[0]
    assert (searched.mean() < 0.5) == (max_markers == 1)
    policies = [Contestant("executed", ProgramPolicy(program))]
    policies.append(Contestant("stepped", Stepped(program)))
    episodes = evaluate_episodes(policies, env_id, 6, seed=3, max_markers=max_markers)
    for _, group in episodes.groupby("policy"):
        np.testing.assert_allclose(group["return"], searched, atol=1e-9)


def test_a_late_program_earns_only_in_a_longer_horizon() -> None:
    returns = [
        evaluate_episodes(LATE, "Karel-Harvester-v1", 4, max_steps=n)["return"].mean()
        for n in (None, 3000)
    ]
    assert returns[0] == 0 < returns[1]


@pytest.mark.parametrize(
    ("policy", "env_id", "max_steps", "solved"),
    [
        ("random", "MountainCar-v0", 60, False),  # -60 exceeds -110, the threshold of 200 actions
        ("random", "CartPole-v1", 20, False),
        (BALANCE, "CartPole-MORL-v0", None, True),  # truncated at the env's own horizon
        (BALANCE, "CartPole-MORL-v0", 250, True),
    ],
)
def test_truncation_by_a_shorter_horizon_solves_nothing(
    policy: Any, env_id: str, max_steps: int | None, solved: bool
) -> None:
    episodes = evaluate_episodes(policy, env_id, 2, max_steps=max_steps)
    assert episodes["solved"].tolist() == [solved, solved]


def test_max_steps_below_one_is_refused() -> None:
    with pytest.raises(ValueError, match="max_steps must be at least 1, got 0"):
        evaluate("random", "Karel-Maze-v0", max_steps=0)


def test_all_policies_start_in_the_worlds_of_the_seed() -> None:
    worlds = sample_worlds("Karel-Maze-v0", 20, 7, 10, 12)
    returns = execute(
        [SPIN], worlds, "Karel-Maze-v0", max_actions=task_of("Karel-Maze-v0").horizon(10, 12)
    ).returns
    episodes = evaluate_episodes(SPIN, "Karel-Maze-v0", 20, seed=7, height=10, width=12)
    assert episodes["return"].tolist() == returns[0].tolist()


def test_random_policies_are_reproducible_and_differ_by_seed() -> None:
    lengths = [
        evaluate_episodes("random", "Karel-Maze-v0", 20, seed=s)["length"].tolist()
        for s in (1, 1, 2)
    ]
    assert lengths[0] == lengths[1] != lengths[2]


def test_a_policy_that_cannot_take_the_size_is_reported_with_the_reason() -> None:
    policies = [Contestant("small", RandomPolicy(), "grid", shape=(8, 8)), SPIN]
    table = evaluate(policies, "Karel-Maze-v0", episodes=5, height=16, width=16)
    assert table["episodes"].tolist() == [0, 5]
    assert table["note"].tolist() == ["n/a: made for worlds of 8x8, these are 16x16", ""]
    assert np.isnan(table["mean_return"][0])


def test_the_table_sums_the_episodes_up() -> None:
    episodes = evaluate_episodes([SPIN, "random"], "Karel-Maze-v0", episodes=30)
    table = summarise(episodes)
    assert table["policy"].tolist() == ["program", "random"]
    for row in table.to_dict("records"):
        own = episodes[episodes["policy"] == row["policy"]]
        assert row["mean_return"] == pytest.approx(own["return"].mean())
        assert row["success_rate"] == pytest.approx(own["solved"].mean())
        assert row["mean_length"] == pytest.approx(own["length"].mean())
        assert row["ci_low"] <= row["mean_return"] <= row["ci_high"]


@pytest.mark.parametrize(
    ("policies", "message"),
    [
        ([], "no policy"),
        ("nothing/there", "neither a program .* nor a run folder"),
        ("DEF run m( mvoe m)", "did you mean 'move'"),
        ([3], "a policy is a program"),
    ],
)
def test_what_is_no_policy_is_refused(policies: object, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        evaluate(policies, "Karel-Maze-v0", episodes=2)


def test_bad_arguments_are_refused() -> None:
    with pytest.raises(ValueError, match="at least 1"):
        evaluate(SPIN, "Karel-Maze-v0", episodes=0)
    with pytest.raises(ValueError, match="there is no env 'Karel-Mase-v0'"):
        evaluate(SPIN, "Karel-Mase-v0", episodes=1)
    with pytest.raises(TypeError, match=r"got a OrderEnforcing, whose id is 'Karel-Maze-v0'"):
        evaluate(SPIN, gymnasium.make("Karel-Maze-v0"), episodes=1)  # type: ignore[arg-type]


def test_a_program_of_another_env_is_not_run() -> None:
    table = evaluate({"karel": SPIN, "random": "random"}, "CartPole-v1", episodes=3)
    assert table.note.tolist() == ["n/a: made for an env with the observation percepts", ""]
    assert table.mean_return[1] > 5


def test_models_are_told_from_their_observation_space() -> None:
    class Model:
        def __init__(self, kind: str) -> None:
            self.observation_space = observation_space(kind, 8, 9)

        predict = RandomPolicy(0).predict

    from agents.policies import contestants

    grid, percepts = contestants({"grid": Model("grid"), "percepts": Model("percepts")})
    assert (grid.obs, grid.shape) == ("grid", (8, 9))
    assert (percepts.obs, percepts.shape) == ("percepts", None)


def test_models_of_percepts_that_were_multi_binary_are_evaluated(tmp_path: Path) -> None:
    class Earlier(gymnasium.Env[Any, Any]):
        observation_space = gymnasium.spaces.MultiBinary(5)
        action_space = gymnasium.spaces.Discrete(5)

    PPO("MlpPolicy", Earlier(), n_steps=8, batch_size=8, device="cpu").save(tmp_path / "ppo.zip")
    with pytest.warns(UserWarning, match="was not written by karel-gym"):
        model = load(tmp_path / "ppo.zip")
    table = evaluate(model, "Karel-Maze-v0", episodes=2)
    assert (table.episodes[0], table.note[0]) == (2, "")


def test_a_policy_that_takes_masks_gets_them() -> None:
    given: list[np.ndarray] = []

    class Masked:
        observation_space = observation_space("percepts", 8, 8)

        def set_random_seed(self, seed: int) -> None:
            assert 0 <= seed < 2**32

        def predict(
            self,
            observation: np.ndarray,
            state: None = None,
            episode_start: np.ndarray | None = None,
            deterministic: bool = False,
            action_masks: np.ndarray | None = None,
        ) -> tuple[np.ndarray, None]:
            assert action_masks is not None
            given.append(action_masks)
            return action_masks.argmax(axis=1), None

    table = evaluate(Masked(), "Karel-Maze-v0", episodes=3, seed=2**40)
    assert table.episodes[0] == 3
    assert given[0].shape == (3, 5)
