"""Portfolios: the members are plain searches, and neither threads nor time change the result."""

from __future__ import annotations

import json
from copy import copy
from pathlib import Path
from typing import Any

import pytest
from safetensors import safe_open
from safetensors.torch import save_file

from programmatic.search import SearchResult, resume, search
from programmatic.search.configs import METHODS
from programmatic.search.methods import method_for, seed_of
from programmatic.search.objective import SOLVED, Objective
from programmatic.search.programs.portfolio import Portfolio

DOORKEY = "Karel-DoorKey-v0"
SMALL: dict[str, dict[str, Any]] = {
    "hc": {"neighbours": 60},
    "shc": {"schedule": 1000},
    "cghc": {"neighbours": 60, "n_worlds": 40, "climb_worlds": 3},
}


def found(result: SearchResult) -> list[Any]:
    history = [(entry["evaluations"], entry["program"]) for entry in result.history]
    return [result.program, result.mean_return, result.evaluations, history]


def test_climbing_methods_have_members() -> None:
    assert set(SMALL) == {name for name, config in METHODS.items() if hasattr(config, "members")}


@pytest.mark.parametrize("method", SMALL)
def test_members_are_plain_searches_and_their_best_is_the_result(method: str) -> None:
    options = SMALL[method] | {"n_worlds": 20}
    config: Any = METHODS[method](**options, members=1, batch_size=500)
    worlds = Objective(DOORKEY, config, seed=3, budget=10**9)
    returns, evaluations = [], 0
    for seed in (3, seed_of(3, 4, 1), seed_of(3, 4, 2)):
        alone = method_for(config, copy(worlds), seed, None)
        state = alone.start()
        for _ in range(2):
            state, _ = alone.step(state)
        returns.append(alone.objective.tally.best_return)
        evaluations += alone.objective.tally.evaluations
    config = METHODS[method](**options, members=3, batch_size=1500)
    portfolio = method_for(config, worlds, 3, None)
    assert isinstance(portfolio, Portfolio)
    state = portfolio.start()
    for _ in range(2):
        state, _ = portfolio.step(state)
    assert worlds.tally.best_return == max(returns)
    assert worlds.tally.evaluations == evaluations


@pytest.mark.parametrize("method", SMALL)
def test_the_number_of_threads_changes_nothing(
    method: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    results = []
    for threads in (1, 5):
        monkeypatch.setattr(
            "programmatic.search.programs.portfolio.most_threads", lambda n=threads: n
        )
        options = {"budget": 4000, "batch_size": 400, "members": 5, "progress": False}
        results.append(found(search(method, DOORKEY, **options, **SMALL[method])))
    assert results[0] == results[1]


@pytest.mark.parametrize("members", [1, 2, 7])
@pytest.mark.parametrize("budget", [1, 99, 1000])
def test_the_budget_is_that_of_all_members(members: int, budget: int) -> None:
    options = {"batch_size": 50, "members": members, "progress": False}
    assert search("hc", DOORKEY, budget=budget, **options).evaluations == budget


def test_the_first_member_that_solves_the_task_has_found_the_result() -> None:
    alone, together = (search("hc", "Karel-Maze-v1", members=n, progress=False) for n in (1, 4))
    assert alone.mean_return >= SOLVED
    assert (alone.program, alone.mean_return) == (together.program, together.mean_return)
    assert together.evaluations > alone.evaluations


def test_given_programs_are_evaluated_once(tmp_path: Path) -> None:
    file = tmp_path / "programs.txt"
    file.write_text("DEF run m( move m)\nDEF run m( turnLeft m)\n")
    options = {"programs": str(file), "batch_size": 40, "progress": False, "members": 4}
    rows = search("hc", DOORKEY, budget=2 + 40, **options).iterations
    assert [row["evaluations"] for row in rows] == [2, 42]
    assert rows[1]["climbs"] >= 4


def test_a_run_of_an_earlier_version_has_one_member_and_no_elites(tmp_path: Path) -> None:
    options = {"batch_size": 100, "members": 1, "progress": False}
    search("hc", DOORKEY, budget=200, run_dir=tmp_path, **options)
    for path in (tmp_path / "checkpoints").iterdir():
        with safe_open(path, "pt") as file:
            names = [name for name in file.keys() if "elite" not in name]  # noqa: SIM118
            kept, metadata = {name: file.get_tensor(name) for name in names}, file.metadata()
        save_file(kept, path, metadata)
    config = json.loads((tmp_path / "config.json").read_text())
    del config["config"]["members"]
    (tmp_path / "config.json").write_text(json.dumps(config))
    whole = search("hc", DOORKEY, budget=700, **options)
    assert found(resume(tmp_path, budget=700)) == found(whole)
