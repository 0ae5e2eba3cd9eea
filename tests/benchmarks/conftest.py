"""A small grid of searches and trainings that several tests look at."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest

import benchmarks.runs.searches
import benchmarks.runs.trainings
import programmatic.search.result
from benchmarks.runs.method_grid import GridRuns, do_grid
from benchmarks.settings import ReturnsSettings

STEPS, BUDGET = 8, 400
SETTINGS = ReturnsSettings(
    methods=("hc", "DRL-abs-MLP"),
    tasks=("Maze",),
    env_version="v1",
    seeds=2,
    steps=STEPS,
    budget=BUDGET,
    worlds=4,
)
SHORT = {"num_envs": 2, "max_steps": 10, "eval_episodes": 2}


@contextmanager
def shortened() -> Iterator[None]:
    """Trainings and judgements of seconds: few envs, short episodes, few and small worlds."""

    def resolve(config):  # noqa: ANN202
        small = {"n_steps": 2, "batch_size": 4} | dict(config.hyperparameters)
        return original(replace(config, **SHORT, hyperparameters=small))

    original = benchmarks.runs.trainings.resolve
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(benchmarks.runs.trainings, "resolve", resolve)
        patch.setattr(benchmarks.runs.trainings, "FRESH_EPISODES", 3)
        patch.setattr(programmatic.search.result, "FRESH_WORLDS", 20)
        for module in (benchmarks.runs.trainings, benchmarks.runs.searches):
            patch.setattr(module, "LARGE_WORLDS", 2)
            patch.setattr(module, "LARGE_SIDE", 7)
        yield


@pytest.fixture(scope="module")
def short_trainings() -> Iterator[None]:
    """All runs of a module are short."""
    with shortened():
        yield


@pytest.fixture(scope="session")
def done_grid(tmp_path_factory: pytest.TempPathFactory) -> GridRuns:
    with shortened():
        return do_grid(replace(SETTINGS, run=tmp_path_factory.mktemp("grid")))


@pytest.fixture
def grid(short_trainings: None, done_grid: GridRuns) -> GridRuns:
    """The runs of two seeds of a search and of a training on a task."""
    return done_grid
