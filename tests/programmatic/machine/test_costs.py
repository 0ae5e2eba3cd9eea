"""Tasks in which every action costs: runs that halt, that do nothing, and that loop forever."""

from __future__ import annotations

import numpy as np
import pytest

from karel_gym import KarelVectorEnv, sample_worlds
from karel_gym.registration import TASKS, task_of
from programmatic import Program, ProgramPolicy, execute
from programmatic.references import reference_program

LONG = [env_id for env_id in TASKS if not task_of(env_id).counts_idle_runs]
COST = 0.0001


def program(body: str) -> Program:
    return Program.parse(f"DEF run m( {body} m)")


@pytest.mark.parametrize("env_id", LONG)
def test_a_run_without_actions_returns_nothing(env_id: str) -> None:
    idle = [program("IF c( not c( frontIsClear c) c) i( IF c( frontIsClear c) i( move i) i)")]
    idle.append(
        program("WHILE c( frontIsClear c) w( IF c( not c( frontIsClear c) c) i( move i) w)")
    )
    result = execute(idle, sample_worlds(env_id, 20), env_id)
    assert not result.returns.any()
    assert not result.actions.any()
    assert not result.terminated.any()


@pytest.mark.parametrize("env_id", LONG)
def test_endless_loops_cost_what_the_horizon_allows(env_id: str) -> None:
    loops = [program("turnLeft REPEAT R=3 r( WHILE c( noMarkersPresent c) w( turnRight w) r)")]
    loops.append(program("WHILE c( noMarkersPresent c) w( turnLeft turnRight turnRight w)"))
    worlds = [w for w in sample_worlds(env_id, 20) if not w.markers[w.row, w.col]]
    if not worlds:
        pytest.skip("the robot always starts on a marker")
    for limit in (1, 2, 7, 9_999, 10_000):
        result = execute(loops, worlds, env_id, max_calls=10**6, max_actions=limit)
        np.testing.assert_allclose(result.returns, -COST * limit, rtol=0, atol=1e-9)
        assert (result.actions == limit).all()


@pytest.mark.parametrize("env_id", LONG)
def test_a_halted_program_pays_for_its_turns_in_an_env_only(env_id: str) -> None:
    one, n = program("turnLeft turnRight"), 50
    worlds = sample_worlds(env_id, 3)
    assert execute(one, worlds, env_id).returns == pytest.approx(-2 * COST)
    envs = KarelVectorEnv(task_of(env_id), 3, "percepts", max_steps=n)
    observations, info = envs.reset(options={"worlds": list(worlds)})
    policy, state = ProgramPolicy(one), None
    for _ in range(n):
        actions, state = policy.predict(observations, state)
        observations, *_, info = envs.step(actions)
    assert info["return"] == pytest.approx(-n * COST)


@pytest.mark.parametrize("env_id", LONG)
def test_an_episode_is_solved_when_the_task_ends_it(env_id: str) -> None:
    n = 5
    envs = KarelVectorEnv(task_of(env_id), n, "percepts")
    worlds = sample_worlds(env_id, n, 3)
    result = execute(reference_program(env_id), worlds, env_id, max_calls=None, max_actions=10_000)
    (ended,), (lengths,) = result.terminated, result.actions
    assert ended.any()
    observations, _ = envs.reset(options={"worlds": list(worlds)})
    policy, state = ProgramPolicy(reference_program(env_id)), None
    for step in range(1, lengths[ended].max() + 1):
        actions, state = policy.predict(observations, state)
        observations, _, terminated, _, info = envs.step(actions)
        assert (info["is_success"] == terminated).all()
        assert (terminated & ended == (lengths == step) & ended).all()
