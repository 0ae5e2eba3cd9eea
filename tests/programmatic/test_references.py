"""The reference programs have the returns that their files state."""

from __future__ import annotations

import pytest

from karel_gym import sample_worlds
from karel_gym.registration import TASKS, task_of
from programmatic import execute
from programmatic.horizon import limits_of
from programmatic.references import reference_program, reference_return


@pytest.mark.parametrize("env_id", TASKS)
def test_reference_program_has_the_return_that_is_stated(env_id: str) -> None:
    stated, n_worlds, seed = reference_return(env_id)
    worlds = sample_worlds(env_id, n_worlds, seed)
    limits = limits_of("task", task_of(env_id).horizon(*worlds.shape))
    result = execute([reference_program(env_id)], worlds, env_id, *limits)
    assert result.returns.mean() == pytest.approx(stated, abs=5e-4)
    assert f"{stated:.3f}" in task_of(env_id).doc


def test_unknown_tasks_have_no_reference_program() -> None:
    with pytest.raises(ValueError, match="no reference program of 'Karel-Fetch-v0'"):
        reference_program("Karel-Fetch-v0")


@pytest.mark.parametrize("env_id", [i for i in TASKS if "also at 100x100" in task_of(i).doc])
def test_programs_that_are_said_to_generalise_do(env_id: str) -> None:
    worlds = sample_worlds(env_id, 5, seed=1, height=100, width=100)
    limits = limits_of("task", task_of(env_id).horizon(*worlds.shape))
    result = execute([reference_program(env_id)], worlds, env_id, *limits)
    assert result.returns == pytest.approx(1.0)


@pytest.mark.parametrize("env_id", [i for i in TASKS if task_of(i).fixed_horizon is not None])
def test_programs_of_long_tasks_finish_in_larger_worlds(env_id: str) -> None:
    worlds = sample_worlds(env_id, 20, seed=1, height=20, width=20)
    result = execute([reference_program(env_id)], worlds, env_id, *limits_of(100_000, 100_000))
    if "InfHarvester" in env_id:  # chance decides whether enough markers grow
        assert result.returns.mean() > 0.8
    else:
        assert result.terminated.all()
