"""Programs as agents, saved and loaded; policies named by strings."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from agents import ProgramAgent, RunError, load
from agents.policies import contestants
from programmatic import Program, ProgramSyntaxError

TEXT = "DEF run m( REPEAT R=3 r( move turnRight r) m)"
PERCEPTS = np.array([[1, 0, 0, 0, 1], [1, 1, 1, 1, 0]], dtype=np.int8)


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
