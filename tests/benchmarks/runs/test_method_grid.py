"""The grid is methods x tasks x seeds, whatever kind the methods are of."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks.runs.method_grid import GridRuns, do_grid, planned, search_options
from benchmarks.runs.methods import BASELINES, LITERATURE, OTHER_ALGORITHMS
from benchmarks.settings import TASK_NAMES, ReturnsSettings
from programmatic.algorithms import ALGORITHMS
from programmatic.search.configs import METHODS
from tests.benchmarks.conftest import SETTINGS


def test_every_method_runs_on_every_task_with_every_seed() -> None:
    settings = ReturnsSettings(
        methods=("hc", "LEAPS", "DRL"),
        tasks=("Maze", "DoorKey"),
        env_version="v1",
        seeds=3,
        steps=100_000,
    )
    searches, trainings = planned(settings)
    tasks = {"Karel-Maze-v1", "Karel-DoorKey-v0"}
    assert {(s.method, s.env_id, s.seed) for s in searches} == {
        (method, task, seed) for method in ("hc", "cem") for task in tasks for seed in range(3)
    }
    assert {(t.baseline, t.env_id, t.seed, t.steps) for t in trainings} == {
        ("DRL", task, seed, 100_000) for task in tasks for seed in range(3)
    }
    assert {search.budget for search in searches} == {1_000_000}


def test_the_default_grid_can_be_planned() -> None:
    searches, trainings = planned(ReturnsSettings(tasks=("Maze",), seeds=1))
    assert {training.baseline for training in trainings} == set(LITERATURE)
    assert {"cem", "cebs", "hc", "shc", "cghc", "random"} <= {search.method for search in searches}
    assert len({run.id for run in [*searches, *trainings]}) == len(searches) + len(trainings)


def test_every_algorithm_is_in_the_grid() -> None:
    assert {baseline.algo for baseline in BASELINES.values()} == set(ALGORITHMS)
    _, trainings = planned(ReturnsSettings(methods=tuple(OTHER_ALGORITHMS), seeds=1))
    assert len({training.id for training in trainings}) == len(OTHER_ALGORITHMS) * len(TASK_NAMES)


def test_quick_is_less_of_everything() -> None:
    settings = ReturnsSettings(seeds=5, quick=True)
    searches, trainings = planned(settings.quickened())
    assert {run.seed for run in [*searches, *trainings]} == {0, 1}
    assert {search.budget for search in searches} == {10_000}
    assert {(training.steps, training.quick) for training in trainings} == {(10_000, True)}
    assert {run.env_id for run in [*searches, *trainings]} == {
        "Karel-Maze-v0",
        "Karel-Harvester-v0",
    }
    assert replace(settings, tasks=("TopOff",)).quickened().tasks == ("TopOff",)
    assert replace(settings, quick=False).quickened() == replace(settings, quick=False)


def test_random_search_spends_the_budget() -> None:
    ((search,), _) = planned(
        ReturnsSettings(methods=("random",), tasks=("Maze",), seeds=1, budget=700)
    )
    assert search.options == {"n_programs": 700, "horizon": "task"}


def test_options_are_of_all_searches_that_have_them_or_of_one() -> None:
    searches, _ = planned(
        ReturnsSettings(
            methods=("hc", "cebs", "DRL"),
            tasks=("Maze",),
            seeds=1,
            options={"n_worlds": 8, "hc.neighbours": 9},
            horizon="published",
        )
    )
    options = {search.method: dict(search.options) for search in searches}
    common = {"n_worlds": 8, "horizon": "published"}
    assert options == {"hc": {**common, "neighbours": 9}, "cebs": common}
    assert search_options(["LEAPS"], {"LEAPS.sigma": 0.1}) == {"LEAPS": {"sigma": 0.1}}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"methods": ("hcc",)}, r"no method 'hcc'; did you mean hc\? Known are DRL, .*LEAPS, cebs"),
        ({"options": {"sideway": 1}}, "no.* option 'sideway'; did you mean sideways"),
        ({"options": {"cebs.n_worlds": 1}}, "none of the searches has the option 'cebs"),
        ({"tasks": ("Labyrinth",)}, "'Karel-Labyrinth-v0' is no Karel task"),
        ({"seeds": 0}, "seeds must be a whole number from 1 up, got 0"),
        ({"jobs": 0}, "jobs must be a whole number from 1 up, got 0"),
        ({"tasks": ()}, "name at least one task"),
        ({"methods": ()}, "name at least one method"),
    ],
)
def test_what_cannot_be_is_said_before_any_work(change: dict, said: str, tmp_path: Path) -> None:
    settings = ReturnsSettings(methods=("hc",), tasks=("Maze",), run=tmp_path / "out")
    with pytest.raises(ValueError, match=said):
        do_grid(replace(settings, **change))
    assert not (tmp_path / "out").exists()


def test_every_search_method_has_a_row() -> None:
    names = ["LEAPS" if method == "cem" else method for method in METHODS]
    searches, _ = planned(ReturnsSettings(methods=tuple(names), tasks=("Maze",), seeds=1))
    assert [search.method for search in searches] == list(METHODS)


def test_a_grid_is_done_once(grid: GridRuns, capsys: pytest.CaptureFixture[str]) -> None:
    again = do_grid(replace(SETTINGS, run=grid.folder))
    assert capsys.readouterr().out == ""
    assert again.searches.equals(grid.searches)
    assert again.trainings.equals(grid.trainings)
