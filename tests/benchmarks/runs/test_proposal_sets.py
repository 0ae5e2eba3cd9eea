"""Sets of proposed programs, and searches that start from them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from benchmarks.runs.method_grid import env_ids, planned, task_word
from benchmarks.runs.methods import PROPOSAL_FOLDER, PROPOSALS, QUALITIES
from benchmarks.settings import PROPOSAL_TASKS, ProposalSettings, ReturnsSettings
from karel_gym.cli import main
from programmatic.references import reference_program
from tests.benchmarks.runs.draw_proposals import DRAWN, SPACE, solves

TASKS = env_ids(PROPOSAL_TASKS, "v1")


@pytest.mark.parametrize("env_id", TASKS)
def test_each_set_has_ten_programs_that_do_not_solve_the_task(env_id: str) -> None:
    for quality, name in QUALITIES.items():
        file = PROPOSAL_FOLDER / quality / name.format(task=task_word(env_id))
        programs = SPACE.read_programs(file).programs
        assert len(programs) >= 10
        assert not any(solves(program, env_id) for program in programs)
    if not env_id.startswith("Karel-OneStroke"):
        assert solves(reference_program(env_id), env_id)


@pytest.mark.parametrize("quality", DRAWN)
def test_drawn_sets_are_reproducible(quality: str) -> None:
    for env_id in ("Karel-DoorKey-v0", "Karel-OneStroke-v0"):
        programs = DRAWN[quality](env_id)
        assert len(set(programs)) >= 10
        assert not any(solves(program, env_id) for program in programs)
        assert DRAWN[quality](env_id) == programs


def test_every_search_is_another_one() -> None:
    searches, _ = planned(ProposalSettings(seeds=1))
    assert len(searches) == len(TASKS) * (2 + len(PROPOSALS))
    assert len({search.id for search in searches}) == len(searches)


def test_the_programs_of_a_file_count_and_not_its_place(tmp_path: Path) -> None:
    def ids(folder: Path) -> list[str]:
        options = {"programs": str(folder / "{task}.karel")}
        searches, _ = planned(replace(settings, options=options))
        return [search.id for search in searches]

    settings = ReturnsSettings(methods=("shc",), tasks=("Maze", "TopOff"), seeds=1)
    texts = {"Maze": "DEF run m( move m)", "TopOff": "DEF run m( putMarker m)"}
    for folder in (tmp_path, tmp_path / "copy", tmp_path / "other"):
        folder.mkdir(exist_ok=True)
        for task, text in texts.items():
            (folder / f"{task}.karel").write_text(text)
    (tmp_path / "other" / "Maze.karel").write_text("DEF run m( turnLeft m)")
    first, copy, other = (ids(tmp_path / name) for name in ("", "copy", "other"))
    assert first == copy
    assert [mine == theirs for mine, theirs in zip(first, other, strict=True)] == [False, True]
    with pytest.raises(ValueError, match=r"Maze\.karel cannot be read"):
        ids(tmp_path / "nowhere")


def test_the_command_compares_searches_with_proposals(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    methods = ["cghc", "cghc from plausible", "shc from mutated, dictionary"]
    arguments = ["benchmark", "proposals", "--tasks", "Harvester", "--seeds", "1"]
    arguments += ["--budget", "300", "--run", str(tmp_path), "--methods", *methods]
    assert main(arguments) == 0
    assert "from plausible" in capsys.readouterr().out
    assert pd.read_csv(tmp_path / "summary.csv")["variant"].tolist() == methods
    runs = (tmp_path / "runs.csv").read_text()
    assert str(PROPOSAL_FOLDER) not in runs
