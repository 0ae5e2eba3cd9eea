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
from programmatic import Program, TraceStep, execute, trace

DATA = Path(__file__).parents[2] / "data"
LINES = {"v0": 435, "v1": 1289, "long": 788}
COST = 0.0001  # of an action in Karel-Long


def runs_of(definition: str) -> dict[str, list[dict[str, Any]]]:
    """The recorded runs by id; newer tasks, whose definition is v1 or long, have ids in -v0."""
    runs: dict[str, list[dict[str, Any]]] = {}
    with gzip.open(DATA / f"karel_{definition}.jsonl.gz", "rt") as lines:
        for line in lines:
            run = json.loads(line)
            named = f"Karel-{run['task']}-{run['definition']}"
            named = named if named in TASKS else f"Karel-{run['task']}-v0"
            runs.setdefault(named, []).append(run)
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
    """The plain reference replays the runs with random draws."""
    runs = [run for run in RUNS[definition][env_id] if not run.get("spawns")]
    for limit in {run.get("action_limit") for run in runs}:
        group = [run for run in runs if run.get("action_limit") == limit]
        programs = [Program.parse(run["program"]) for run in group]
        worlds = [World.from_json(run["world"]) for run in group]
        # Every program runs in every world; the recorded runs are on the diagonal.
        result = execute(programs, worlds, env_id, max_actions=limit)
        for i, run in enumerate(group):
            assert result.returns[i, i] == pytest.approx(run["return"], abs=1e-5)
            assert result.actions[i, i] == run["actions"]
            assert result.terminated[i, i] == run["terminated"]
            assert "calls" not in run or result.calls[i, i] == run["calls"]
            assert result.final_world(i, i).to_json() == run["final"]
            assert_traced(run, trace(programs[i], worlds[i], env_id, max_actions=limit))


@pytest.mark.parametrize("env_id", [i for i in RUNS["long"] if "spawns" in RUNS["long"][i][0]])
def test_recorded_runs_are_reproduced_up_to_the_first_draw(env_id: str) -> None:
    runs = [run for run in RUNS["long"][env_id] if run["ended"] == "spawn"]
    assert runs
    for run in runs:
        limit = run["action_limit"]
        result = execute(
            Program.parse(run["program"]), World.from_json(run["world"]), env_id, max_actions=limit
        )
        assert result.returns.item() == pytest.approx(run["return"], abs=1e-9)
        assert result.actions.item() == run["actions"]
        final = result.final_world(0, 0).to_json()
        assert final["agent"] == run["final"]["agent"]
        (spawn,) = run["spawns"]
        theirs = [marker for marker in run["final"]["markers"] if marker[:2] != (spawn or [])[1:]]
        assert all(marker in final["markers"] for marker in theirs)
        appeared = [marker for marker in final["markers"] if marker not in run["final"]["markers"]]
        assert len(appeared) <= 1


def assert_traced(run: dict[str, Any], steps: list[TraceStep]) -> None:
    """Check every action's reward; the older definition records their sums so far."""
    assert len(steps) == run["actions"]
    if steps:
        assert steps[-1].world.to_json() == run["final"]
    rewards = np.array([step.reward for step in steps])
    if "scores" in run:
        np.testing.assert_allclose(np.cumsum(rewards), run["scores"], atol=1e-5)
    if "rewards" in run:
        usual = -COST if run["definition"] == "long" else 0
        paid = np.flatnonzero(abs(rewards - usual) > 1e-9)
        assert (paid + 1).tolist() == [number for number, _ in run["rewards"]]
        gains = [gain for _, gain in run["rewards"]]
        np.testing.assert_allclose(rewards[paid], gains, atol=1e-5)
