from __future__ import annotations

from typing import Any

import gymnasium
import pytest

from karel_gym import sample_worlds
from karel_gym.registration import TASKS
from programmatic import Program, execute, trace
from programmatic.dsl import ACTIONS
from tests.programmatic.sample_programs import ROOM, SKILLED, random_programs


@pytest.mark.parametrize("env_id", TASKS)
def test_traces_are_the_steps_of_an_env(env_id: str) -> None:
    world = sample_worlds(env_id, 1, 6)[0]
    several = [*random_programs(25, 7), *SKILLED]
    result = execute(several, [world], env_id, max_calls=150)
    env: Any = gymnasium.make(env_id, obs="percepts", max_steps=1000).unwrapped
    for i, program in enumerate(several):
        env.reset(options={"world": world})
        steps = trace(program, world, env_id, max_calls=150)
        assert len(steps) == result.actions[i, 0]
        for step in steps:
            _, reward, terminated, *_ = env.step(step.action)
            assert step.reward == reward
            assert step.world == env.world
            (token,) = program.tokens[slice(*step.span)]
            assert token == Program.parse(f"DEF run m( {ACTIONS[step.action]} m)").tokens[3]
        if steps:
            assert terminated == result.terminated[i, 0]
            assert sum(step.reward for step in steps) == pytest.approx(result.returns[i, 0])
            assert steps[-1].world == result.final_world(i, 0)


@pytest.mark.parametrize(
    ("body", "positions"),
    [
        ("move turnLeft turnLeft", [3, 4, 5]),
        ("REPEAT R=2 r( turnLeft move r) move", [6, 7, 6, 7, 9]),
        ("IFELSE c( frontIsClear c) i( move i) ELSE e( turnLeft e) turnRight", [8, 14]),
        ("IFELSE c( markersPresent c) i( move i) ELSE e( turnLeft e) turnRight", [12, 14]),
        ("WHILE c( not c( rightIsClear c) c) w( turnLeft turnLeft w) turnLeft", [11, 12, 14]),
        ("REPEAT R=2 r( REPEAT R=2 r( turnLeft r) move r)", [9, 9, 11, 9, 9, 11]),
    ],
)
def test_a_trace_points_at_the_tokens_that_act(body: str, positions: list[int]) -> None:
    program = Program.parse(f"DEF run m( {body} m)")
    steps = trace(program, ROOM, "Karel-Harvester-v0", max_actions=10)
    assert [step.span for step in steps] == [(at, at + 1) for at in positions]


def test_a_trace_stops_at_the_limits() -> None:
    spin = Program.parse("DEF run m( WHILE c( noMarkersPresent c) w( putMarker pickMarker w) m)")
    assert len(trace(spin, ROOM, "Karel-Maze-v0", max_actions=7)) == 7
    assert len(trace(spin, ROOM, "Karel-Maze-v0", max_calls=7)) == 4
    assert len(trace(spin, ROOM, "Karel-Maze-v0", max_calls=None, max_actions=5)) == 5
    assert trace(spin, ROOM, "Karel-Maze-v0", max_calls=0) == []
    with pytest.raises(ValueError, match="a trace needs a limit"):
        trace(spin, ROOM, "Karel-Maze-v0", max_calls=None)
