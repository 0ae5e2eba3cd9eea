"""Searches in the latent space that the package ships."""

from __future__ import annotations

import pytest

from programmatic.leaps import DatasetConfig, ProgramVAE, generate
from programmatic.leaps.model.checkpoints import read_about
from programmatic.leaps.settings import SHIPPED
from programmatic.leaps.training.measures import measure
from programmatic.search import search

# The better of LEAPS's published return and that of its re-run by HPRL.
PUBLISHED = {
    "StairClimber": 1.0,
    "FourCorners": 0.5,
    "TopOff": 0.82,
    "Maze": 1.0,
    "CleanHouse": 0.28,
    "Harvester": 0.82,
}
LONG = pytest.mark.long


@pytest.mark.parametrize(
    "task", [pytest.param(t, marks=() if t == "Maze" else LONG) for t in PUBLISHED]
)
def test_cem_reaches_what_was_published(task: str) -> None:
    result = search("cem", f"Karel-{task}-v0", seed=0, progress=False)
    assert result.mean_return >= PUBLISHED[task] - 1e-9


def test_cem_finds_the_same_again() -> None:
    first, second = (
        search("cem", "Karel-StairClimber-v0", seed=3, budget=330, progress=False) for _ in range(2)
    )
    assert first.program == second.program
    assert first.evaluations == second.evaluations


@pytest.mark.long
@pytest.mark.parametrize("name", SHIPPED)
def test_shipped_weights_reconstruct_what_they_say(name: str) -> None:
    test_programs = generate(DatasetConfig()).part("test")
    found = measure(ProgramVAE.load(name, device="cpu"), test_programs, with_executor=False)
    told = read_about(name)["test"]
    assert found.program_accuracy >= 0.8
    assert found.program_accuracy == pytest.approx(told["program_accuracy"], abs=0.005)
    assert found.behaviour_match == pytest.approx(told["behaviour_match"], abs=0.005)
