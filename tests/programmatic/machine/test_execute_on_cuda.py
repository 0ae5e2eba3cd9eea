"""`execute` on a GPU; where there is none, on the GPU that numba simulates."""

from __future__ import annotations

import pytest

from karel_gym import sample_worlds
from karel_gym.registration import TASKS
from programmatic import Program, ProgramSyntaxError, execute
from programmatic.machine.bytecode import tokens_of
from tests.cuda_agreement import assert_execution_agrees, simulate
from tests.programmatic.sample_programs import SKILLED, random_programs

LOOP = Program.parse("DEF run m( WHILE c( frontIsClear c) w( putMarker turnLeft w) m)")


def check_tasks() -> None:
    several = random_programs(14, 1) + SKILLED
    for env_id in TASKS:
        worlds = sample_worlds(env_id, 2, 3)
        assert_execution_agrees(env_id, several, worlds, max_calls=60)
        assert_execution_agrees(env_id, several[:5], worlds, max_calls=None, max_actions=20)


def check_loops_and_sizes() -> None:
    mixed = [sample_worlds("Karel-Harvester-v0", 1, seed, 8, 6 + seed % 2)[0] for seed in range(3)]
    assert_execution_agrees("Karel-Harvester-v0", [LOOP, *SKILLED[:2]], mixed)


def check_bad_tokens() -> None:
    tokens = tokens_of(SKILLED).copy()
    tokens[2, 3] = 0
    with pytest.raises(ProgramSyntaxError, match=r"in programs\[2\] at token 3: .* got 'DEF'"):
        execute(tokens, sample_worlds("Karel-Maze-v0", 1), "Karel-Maze-v0", device="cuda")


@pytest.mark.parametrize("check", ["check_tasks", "check_loops_and_sizes", "check_bad_tokens"])
def test_the_simulated_gpu_agrees_with_the_processor(check: str) -> None:
    simulate(f"from tests.programmatic.machine.test_execute_on_cuda import {check}; {check}()")


@pytest.mark.gpu
@pytest.mark.parametrize("env_id", TASKS)
def test_the_gpu_agrees_with_the_processor(env_id: str) -> None:
    several, worlds = random_programs(2_000, 1) + SKILLED, sample_worlds(env_id, 100, 3)
    assert_execution_agrees(env_id, several, worlds)
    assert_execution_agrees(env_id, several, worlds, max_calls=1_237, max_actions=611)


@pytest.mark.gpu
@pytest.mark.parametrize("env_id", ["Karel-Maze-v0", "Karel-Harvester-v0", "Karel-StairClimber-v0"])
def test_the_gpu_agrees_in_large_worlds(env_id: str) -> None:
    assert_execution_agrees(env_id, SKILLED, sample_worlds(env_id, 500, 1, 100, 100))


@pytest.mark.gpu
def test_the_gpu_takes_what_the_simulated_one_takes() -> None:
    check_loops_and_sizes()
    check_bad_tokens()
