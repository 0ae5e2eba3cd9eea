"""Programs as agents, saved and loaded; policies named by strings."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from agents import ProgramAgent, RunError, evaluate, load
from agents.policies import contestants
from programmatic import Program, ProgramSyntaxError
from programmatic.search import search
from tests.programmatic.search.latent_spaces import ActionSequences

TEXT = "DEF run m( REPEAT R=3 r( move turnRight r) m)"
PERCEPTS = np.array([[1, 0, 0, 0, 1], [1, 1, 1, 1, 0]], dtype=np.float32)


def actions(agent: ProgramAgent, n: int = 8) -> list[list[int]]:
    state, taken = None, []
    for _ in range(n):
        action, state = agent.predict(PERCEPTS, state)
        taken.append(action.tolist())
    return taken


def test_an_agent_acts_alike_after_save_and_load(tmp_path: Path) -> None:
    agent = ProgramAgent(TEXT)
    agent.save(tmp_path / "run")
    assert [file.name for file in (tmp_path / "run").iterdir()] == ["program.json"]
    for again in (ProgramAgent.load(tmp_path / "run"), load(tmp_path / "run")):
        assert again.program == agent.program
        assert actions(again) == actions(agent) == [[0, 0], [2, 2]] * 3 + [[1, 1]] * 2


@pytest.mark.parametrize("content", ["", "{}", "[1]", '{"program": 3}', '{"program": "DEF run"}'])
def test_a_damaged_file_is_told_in_one_line(tmp_path: Path, content: str) -> None:
    (tmp_path / "program.json").write_text(content)
    with pytest.raises(RunError, match=r"program\.json holds no program") as caught:
        load(tmp_path)
    assert "\n" not in str(caught.value)


def test_a_folder_without_an_agent_is_told(tmp_path: Path) -> None:
    with pytest.raises(RunError, match=str(tmp_path)):
        load(tmp_path)
    with pytest.raises(RunError, match="cannot be read"):
        ProgramAgent.load(tmp_path)


def test_a_text_that_is_no_program_is_refused() -> None:
    with pytest.raises(ProgramSyntaxError):
        ProgramAgent("DEF run m( m)")


def test_strings_name_policies(tmp_path: Path) -> None:
    ProgramAgent(TEXT).save(tmp_path / "run")
    Program.parse(TEXT).save(tmp_path / "walk.karel")
    names = [str(tmp_path / "run"), str(tmp_path / "walk.karel"), TEXT, TEXT, "random"]
    found = contestants(names)
    assert [c.name for c in found] == ["run", "walk.karel", "program #1", "program #2", "random"]
    assert [c.program for c in found] == [Program.parse(TEXT)] * 4 + [None]


def learner(**settings: Any) -> ProgramAgent:
    chosen: dict[str, Any] = {"method": "cem", "model": ActionSequences(), "population_size": 8}
    return ProgramAgent(env_id="Karel-Harvester-v0", **(chosen | settings))


def test_an_agent_learns_what_the_search_finds() -> None:
    agent = learner(seed=3)
    assert agent.learn(total_evaluations=100) is agent
    found = search(
        "cem", "Karel-Harvester-v0", model=ActionSequences(), seed=3, budget=100, population_size=8
    )
    assert agent.program == found.program
    assert agent.result is not None
    assert agent.result.mean_return == found.mean_return
    assert actions(agent) == actions(ProgramAgent(found.program))


def test_an_agent_that_learns_stands_beside_the_others() -> None:
    policies = [learner().learn(50), ProgramAgent(TEXT), "random"]
    table = evaluate(policies, "Karel-Harvester-v0", episodes=3)
    assert table["policy"].tolist() == ["program #1", "program #2", "random"]


def test_an_agent_that_has_not_learnt_says_so(tmp_path: Path) -> None:
    agent = learner()
    for use in (
        lambda: agent.predict(PERCEPTS),
        lambda: agent.program,
        lambda: agent.save(tmp_path),
        lambda: agent.panel(None),
    ):
        with pytest.raises(RuntimeError, match=r"no program yet: call learn\(\) first"):
            use()
    assert not list(tmp_path.iterdir())


def test_an_agent_that_has_learnt_is_saved_with_its_result(tmp_path: Path) -> None:
    agent = learner(seed=2).learn(60)
    agent.save(tmp_path / "agent")
    again = load(tmp_path / "agent")
    assert (again.program, again.result) == (agent.program, agent.result)
    assert (again.env_id, again.method, again.seed) == ("Karel-Harvester-v0", "cem", 2)
    assert again.options["population_size"] == 8
    again.model = ActionSequences()
    assert again.learn(60).program == agent.program


def test_what_a_search_left_is_an_agent(tmp_path: Path) -> None:
    run = tmp_path / "run"
    ProgramAgent(env_id="Karel-Harvester-v0", method="random").learn(30, run_dir=run)
    agent = ProgramAgent.load(run)
    assert agent.result is not None
    assert agent.result.evaluations == 30


def test_agents_refuse_what_cannot_be() -> None:
    with pytest.raises(ValueError, match="give a program, or env_id, the task"):
        ProgramAgent()
    with pytest.raises(ValueError, match="did you mean population_size"):
        learner(population=3)
    with pytest.raises(ValueError, match="no search method"):
        learner(method="anneal")
    with pytest.raises(RuntimeError, match="no task to learn: make it with env_id"):
        ProgramAgent(TEXT).learn()
