"""Runs recorded from the original systems, done again by the machine."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from karel_gym import World
from karel_gym.registration import TASKS
from programmatic import Program, execute, trace

DATA = Path(__file__).parents[1] / "data"
LINES = {"v0": 435, "v1": 1289}


def runs_of(definition: str) -> dict[str, list[dict[str, Any]]]:
    """The recorded runs by id; the newer definition of a newer task has the id -v0."""
    runs: dict[str, list[dict[str, Any]]] = {}
    with gzip.open(DATA / f"karel_{definition}.jsonl.gz", "rt") as lines:
        for line in lines:
            run = json.loads(line)
            named = f"Karel-{run['task']}-{run['definition']}"
            runs.setdefault(named if named in TASKS else named[:-1] + "0", []).append(run)
    return runs


RUNS = {definition: runs_of(definition) for definition in LINES}
CASES = [(env_id, definition) for definition in LINES for env_id in RUNS[definition]]


@pytest.mark.parametrize("definition", LINES)
def test_no_recorded_run_is_left_out(definition: str) -> None:
    assert sum(map(len, RUNS[definition].values())) == LINES[definition]
    assert set(RUNS[definition]) <= set(TASKS)


def test_every_task_has_recorded_runs() -> None:
    assert {env_id for env_id, _ in CASES} == set(TASKS)


@pytest.mark.parametrize(("env_id", "definition"), CASES)
def test_recorded_runs_are_reproduced(env_id: str, definition: str) -> None:
    for run in RUNS[definition][env_id]:
        program, world = Program.parse(run["program"]), World.from_json(run["world"])
        limit = run.get("action_limit")
        result = execute([program], [world], env_id, max_actions=limit)
        assert result.returns.item() == pytest.approx(run["return"], abs=1e-5)
        assert result.actions.item() == run["actions"]
        assert result.terminated.item() == run["terminated"]
        if "calls" in run:
            assert result.calls.item() == run["calls"]
        assert result.final_world(0, 0).to_json() == run["final"]

        steps = trace(program, world, env_id, max_actions=limit)
        rewards = np.array([step.reward for step in steps])
        assert len(steps) == run["actions"]
        if "scores" in run:
            np.testing.assert_allclose(np.cumsum(rewards), run["scores"], atol=1e-5)
        if "rewards" in run:
            paid = np.flatnonzero(rewards)
            assert (paid + 1).tolist() == [number for number, _ in run["rewards"]]
            gains = [gain for _, gain in run["rewards"]]
            np.testing.assert_allclose(rewards[paid], gains, atol=1e-5)
        if steps:
            assert steps[-1].world.to_json() == run["final"]


@pytest.mark.parametrize("env_id", sorted({env_id for env_id, _ in CASES}))
def test_recorded_runs_together_are_the_same(env_id: str) -> None:
    """Every program in every world; each run is found on the diagonal."""
    runs = [run for definition in LINES for run in RUNS[definition].get(env_id, ())]
    runs = [run for run in runs if "action_limit" not in run]
    programs = [Program.parse(run["program"]) for run in runs]
    worlds = [World.from_json(run["world"]) for run in runs]
    if runs:
        result = execute(programs, worlds, env_id)
        returns = [run["return"] for run in runs]
        np.testing.assert_allclose(np.diagonal(result.returns), returns, atol=1e-5)
        assert np.diagonal(result.actions).tolist() == [run["actions"] for run in runs]
