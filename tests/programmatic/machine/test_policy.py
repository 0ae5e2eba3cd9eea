from __future__ import annotations

from typing import Any

import gymnasium
import numpy as np
import pytest
from stable_baselines3.common.evaluation import evaluate_policy

from karel_gym import KarelSB3VecEnv, KarelVectorEnv, WorldBatch, sample_worlds
from karel_gym.registration import TASKS, task_of
from programmatic import Program, ProgramPolicy, execute
from programmatic.machine.policy import as_percepts
from tests.programmatic.sample_programs import SKILLED, random_programs

N, HORIZON = 12, 80
KINDS = ("percepts", "grid")
MOVE, TURN_LEFT, TURN_RIGHT, PICK, PUT = range(5)
CLEAR, BLOCKED = np.array([1, 1, 1, 0, 1], np.int8), np.array([0, 0, 0, 1, 0], np.int8)


def program(body: str) -> Program:
    return Program.parse(f"DEF run m( {body} m)")


# Programs that do nothing, or nothing more.
IDLE = [
    program("REPEAT R=0 r( move r)"),
    program("IF c( not c( not c( markersPresent c) c) c) i( move i)"),
    program("WHILE c( frontIsClear c) w( IF c( not c( frontIsClear c) c) i( move i) w)"),
    program("move move"),
    program("move turnLeft WHILE c( leftIsClear c) w( REPEAT R=0 r( move r) w) move putMarker"),
    program("REPEAT R=2 r( move WHILE c( leftIsClear c) w( REPEAT R=0 r( move r) w) r) putMarker"),
]


def returns_in_env(policy: ProgramPolicy, envs: KarelVectorEnv) -> Any:
    """The returns of the policy in the episodes that were just begun."""
    observations, state = envs._observe(), None
    returns, running = np.zeros(N), np.ones(N, bool)
    while running.any():
        actions, state = policy.predict(observations, state)
        observations, rewards, terminated, truncated, _ = envs.step(actions)
        returns += np.where(running, rewards, 0)
        running &= ~(terminated | truncated)
    return returns


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("env_id", TASKS)
def test_a_policys_return_is_that_of_the_program(env_id: str, kind: str) -> None:
    envs = KarelVectorEnv(task_of(env_id), N, kind, max_steps=HORIZON)
    several = [*SKILLED, *IDLE, *random_programs(30, 9)[: 20 if kind == "percepts" else 5]]
    envs.reset(seed=60)
    batch = WorldBatch.from_worlds(envs.worlds)
    result = execute(several, batch, env_id, max_calls=None, max_actions=HORIZON)
    for i, one in enumerate(several):
        envs.reset(options={"worlds": list(batch)})
        stepped, executed = returns_in_env(ProgramPolicy(one), envs), result.returns[i]
        if not task_of(env_id).counts_idle_runs:  # a halted program's turns cost in an env only
            halted = ~result.terminated[i] & (result.actions[i] < HORIZON)
            assert (stepped[halted] < executed[halted]).all()
            stepped = np.where(halted, executed, stepped)
        np.testing.assert_allclose(stepped, executed, atol=1e-9, err_msg=str(one))


@pytest.mark.parametrize("kind", KINDS)
def test_a_policy_is_evaluated_like_a_model(kind: str) -> None:
    sweep, env_id = SKILLED[4], "Karel-Harvester-v0"
    envs = KarelSB3VecEnv(env_id, 4, seed=0, obs=kind)
    mean, deviation = evaluate_policy(ProgramPolicy(sweep), envs, n_eval_episodes=8)
    expected = execute([sweep], sample_worlds(env_id, 1), env_id, max_actions=360)
    assert mean == pytest.approx(expected.returns.item(), abs=1e-5)
    assert deviation == pytest.approx(0, abs=1e-5)


def test_one_observation_gives_one_action() -> None:
    policy = ProgramPolicy(program("move turnRight"))
    action, state = policy.predict(CLEAR)
    assert action.shape == ()
    assert action == MOVE
    action, state = policy.predict(CLEAR, state, np.array([False]))
    assert action == TURN_RIGHT
    for _ in range(3):
        action, state = policy.predict(CLEAR, state, deterministic=False)
        assert action == TURN_LEFT


def test_a_batch_gives_a_batch() -> None:
    choice = "IFELSE c( frontIsClear c) i( move i) ELSE e( turnRight e)"
    policy = ProgramPolicy(program(f"{choice} putMarker"))
    actions, state = policy.predict(np.stack([CLEAR, BLOCKED, CLEAR]))
    assert actions.dtype == np.int64
    assert actions.tolist() == [MOVE, TURN_RIGHT, MOVE]
    assert state.pcs.shape == state.repeats.shape == state.executing.shape == (3,)
    assert state.executing.tolist() == [8, 12, 8]
    actions, state = policy.predict(np.stack([BLOCKED] * 3), state)
    assert actions.tolist() == [PUT] * 3
    actions, state = policy.predict(np.stack([BLOCKED] * 3), state)
    assert actions.tolist() == [TURN_LEFT] * 3
    assert state.executing.tolist() == [-1] * 3


def test_both_observations_give_the_same_actions() -> None:
    policy = ProgramPolicy(SKILLED[0])
    pair = [KarelVectorEnv(task_of("Karel-Maze-v0"), N, kind) for kind in KINDS]
    percepts, grids = (envs.reset(seed=0)[0] for envs in pair)
    states: list[Any] = [None, None]
    for _ in range(50):
        assert np.array_equal(as_percepts(grids)[0], percepts)
        assert as_percepts(grids[3])[1] is False
        actions, states[0] = policy.predict(percepts, states[0])
        same, states[1] = policy.predict(grids, states[1])
        assert np.array_equal(actions, same)
        single, _ = policy.predict(grids[3].astype(np.float32))
        assert single.shape == ()
        percepts, grids = (envs.step(actions)[0] for envs in pair)


def test_only_the_episodes_that_start_are_begun_anew() -> None:
    policy = ProgramPolicy(program("move turnRight REPEAT R=3 r( pickMarker r) putMarker"))
    observations, state = np.stack([CLEAR] * 3), None
    seen = []
    for step in range(8):
        start = np.array([step == 0, step in (0, 3), step == 6])
        actions, state = policy.predict(observations, state, start)
        seen.append(actions.tolist())
    script = [MOVE, TURN_RIGHT, PICK, PICK, PICK, PUT, TURN_LEFT, TURN_LEFT]
    assert [actions[0] for actions in seen] == script
    assert [actions[1] for actions in seen] == script[:3] + script[:5]
    assert [actions[2] for actions in seen] == script[:6] + script[:2]


def test_a_state_is_not_changed_by_the_next_step() -> None:
    policy = ProgramPolicy(program("REPEAT R=3 r( move turnRight r) putMarker"))
    states = [policy.predict(CLEAR)[1]]
    actions = []
    for _ in range(8):
        action, state = policy.predict(CLEAR, states[-1])
        actions.append(int(action))
        states.append(state)
    again = [int(policy.predict(CLEAR, state)[0]) for state in states[:-1]]
    assert actions == again


def test_what_perceived_for_ever_does_not_wake() -> None:
    perceive = "WHILE c( frontIsClear c) w( REPEAT R=0 r( move r) w)"
    policy = ProgramPolicy(program(f"{perceive} putMarker"))
    action, state = policy.predict(CLEAR)
    assert action == TURN_LEFT
    assert policy.predict(BLOCKED, state)[0] == TURN_LEFT
    assert policy.predict(BLOCKED)[0] == PUT


def test_a_policy_gives_up_after_its_calls() -> None:
    perceive = program("REPEAT R=10 r( IF c( markersPresent c) i( move i) r) putMarker")
    assert ProgramPolicy(perceive, max_calls=11).predict(CLEAR)[0] == PUT
    assert ProgramPolicy(perceive, max_calls=10).predict(CLEAR)[0] == TURN_LEFT


GRID = np.zeros((16, 5, 6), np.uint8)


def grid_with_robots(*cells: tuple[int, int]) -> Any:
    grid = GRID.copy()
    for row, col in cells:
        grid[1, row, col] = 1
    return grid


@pytest.mark.parametrize(
    "observation",
    [
        np.zeros(6),
        np.zeros((2, 4)),
        np.zeros((2, 2, 5)),
        np.zeros(()),
        np.zeros((15, 5, 6)),
        np.zeros((5, 6, 16)),
        np.zeros((2, 2, 16, 5, 6)),
        {"grid": GRID},
        None,
        grid_with_robots(),
        grid_with_robots((1, 1), (2, 2)),
        grid_with_robots((0, 1)),
        grid_with_robots((1, 5)),
    ],
)
def test_observations_of_other_shapes_are_refused(observation: Any) -> None:
    with pytest.raises(ValueError, match="observation"):
        ProgramPolicy(program("move")).predict(observation)


def test_states_of_other_batches_are_refused() -> None:
    policy = ProgramPolicy(program("move"))
    _, state = policy.predict(np.stack([CLEAR] * 3))
    with pytest.raises(ValueError, match="state is of 3 episodes, the observation of 2"):
        policy.predict(np.stack([CLEAR] * 2), state)
    with pytest.raises(ValueError, match=r"3|broadcast"):
        policy.predict(np.stack([CLEAR] * 3), state, np.array([True, False]))


def test_a_policy_needs_a_program() -> None:
    with pytest.raises(TypeError, match="Program, got str"):
        ProgramPolicy("DEF run m( move m)")  # type: ignore[arg-type]


def test_the_panel_shows_what_acted() -> None:
    policy = ProgramPolicy(program("REPEAT R=2 r( move r) turnRight"))
    state: Any = None
    shown = [[line.text for line in policy.panel(state) if line.highlighted]]
    for _ in range(4):
        _, state = policy.predict(np.stack([CLEAR, BLOCKED]), state)
        shown.append([line.text for line in policy.panel(state, 1) if line.highlighted])
    assert shown == [[], ["move"], ["move"], ["turnRight"], []]


def test_pictures_of_an_env_show_the_program_that_drives() -> None:
    policy = ProgramPolicy(Program.parse("DEF run m( turnLeft turnRight m)"))
    env = gymnasium.make("Karel-Maze-v0", obs="percepts", render_mode="rgb_array").unwrapped
    observation, _ = env.reset(seed=0)
    pictures, state = [env.render()], None
    for _ in range(2):
        action, state = policy.predict(observation, state)
        observation, *_ = env.step(int(action))
        env.panel = policy.panel(state)
        pictures.append(env.render())
    assert [line.text for line in env.panel if line.highlighted] == ["turnRight"]
    assert pictures[1].shape[1] > pictures[0].shape[1]
    assert not np.array_equal(pictures[1], pictures[2])
