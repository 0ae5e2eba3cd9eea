"""The behaviour that all search methods share: seeds, budgets, errors, runs that go on."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from karel_gym import sample_worlds
from programmatic import Program, execute
from programmatic.runs import RunError, checkpoints
from programmatic.search import METHODS, SearchResult, resume, search
from programmatic.search.logs import read_history
from programmatic.search.objective import Objective
from tests.programmatic.search.latent_spaces import ActionSequences

ENV = "Karel-Harvester-v0"
SMALL: dict[str, dict[str, Any]] = {
    "cem": {"population_size": 8, "iterations": 12, "init_type": "zeros"},
    "cgcem": {"population_size": 8, "iterations": 12, "init_type": "zeros", "patience": 2},
    "cebs": {"population_size": 8, "elites": 3, "patience": 2},
    "latent_hc": {"neighbours": 12, "batch_size": 5},
    "latent_random": {"n_latents": 200, "batch_size": 8},
    "best_sampled": {"batch_size": 8},
    "random": {"batch_size": 10},
    "hc": {"batch_size": 10, "neighbours": 12},
    "shc": {"batch_size": 10, "first_neighbours": 4, "last_neighbours": 40, "schedule": 90},
    "cghc": {"batch_size": 10, "neighbours": 12},
    "hipo": {"population_size": 8, "iterations": 2, "searches": 2, "n_options": 3},
}
BUDGET = 90


def run(method: str, **settings: Any) -> SearchResult:
    chosen = {"budget": BUDGET, "save_interval": 3, "n_worlds": 4, "model": ActionSequences()}
    return search(method, ENV, **(chosen | SMALL[method] | settings))


def timeless(result: SearchResult) -> SearchResult:
    """A result without the wall times and the budget it was given."""

    def drop(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
        return [{name: value for name, value in row.items() if name != "seconds"} for row in rows]

    return replace(
        result,
        seconds=0.0,
        history=drop(result.history),
        iterations=drop(result.iterations),
        config={**result.config, "budget": None},
    )


class Interrupted(ActionSequences):
    """A space whose user presses Ctrl-C at a decoding."""

    def __init__(self, at: int) -> None:
        self.left = at

    def decode_tokens(self, latents: torch.Tensor, complete: bool = True) -> torch.Tensor:
        self.left -= 1
        if self.left < 0:
            raise KeyboardInterrupt
        return super().decode_tokens(latents, complete)


def test_all_methods_are_tested() -> None:
    assert set(SMALL) == set(METHODS)


@pytest.mark.parametrize("method", METHODS)
def test_the_seed_determines_the_result(method: str) -> None:
    threads = torch.get_num_threads()
    first = run(method, seed=3)
    torch.set_num_threads(threads + 1)
    try:
        assert timeless(run(method, seed=3)) == timeless(first)
        assert torch.get_num_threads() == threads + 1
    finally:
        torch.set_num_threads(threads)
    other = run(method, seed=4)
    assert [row["best_return"] for row in other.iterations] != [
        row["best_return"] for row in first.iterations
    ]


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("budget", [1, 30, BUDGET])
def test_the_budget_is_kept_to_the_last_program(method: str, budget: int) -> None:
    result = run(method, budget=budget)
    assert result.evaluations == budget
    assert all(row["evaluations"] <= budget for row in result.iterations)


@pytest.mark.parametrize("method", METHODS)
def test_the_program_has_the_return_that_the_result_says(method: str) -> None:
    result = run(method, seed=5)
    worlds = sample_worlds(ENV, 4, 5)
    again = execute([result.program], worlds, ENV, *result.limits).returns.mean()
    assert again == result.mean_return
    assert result.history[-1]["return"] == result.mean_return
    assert Program.parse(result.history[-1]["program"]) == result.program


@pytest.mark.parametrize("method", METHODS)
def test_the_history_only_rises(method: str) -> None:
    result = run(method)
    for rows, key in ((result.history, "return"), (result.iterations, "best_return")):
        assert np.all(np.diff([row[key] for row in rows]) >= 0)
        assert np.all(np.diff([row["evaluations"] for row in rows]) > 0)
        assert np.all(np.diff([row["seconds"] for row in rows]) >= 0)
    assert [row["iteration"] for row in result.iterations] == list(range(len(result.iterations)))


@pytest.mark.parametrize("method", METHODS)
def test_a_result_survives_its_file(method: str, tmp_path: Path) -> None:
    result = run(method)
    result.save(tmp_path / "result.json")
    assert SearchResult.load(tmp_path / "result.json") == result
    assert result.config.items() >= SMALL[method].items()


@pytest.mark.parametrize("content", ["", "{}", "[1]", '{"program": "DEF run m( m)"}'])
def test_a_damaged_result_is_told(tmp_path: Path, content: str) -> None:
    (tmp_path / "result.json").write_text(content)
    with pytest.raises(RunError, match=r"result\.json is not the result of a search"):
        SearchResult.load(tmp_path / "result.json")
    with pytest.raises(RunError, match="cannot be read"):
        SearchResult.load(tmp_path / "nowhere.json")


@pytest.mark.parametrize("method", METHODS)
def test_the_run_folder_is_complete(method: str, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    result = run(method, run_dir=folder)
    assert SearchResult.load(folder / "result.json") == result
    assert Program.load(folder / "program.karel") == result.program
    assert read_history(folder / "history.csv") == result.iterations
    config = json.loads((folder / "config.json").read_text())
    assert (config["command"], config["method"], config["env_id"]) == ("search", method, ENV)
    assert checkpoints(folder)
    assert list(folder.glob("events.out.tfevents.*"))


@pytest.mark.parametrize("method", METHODS)
def test_a_search_with_a_larger_budget_goes_on(method: str, tmp_path: Path) -> None:
    whole = run(method, run_dir=tmp_path / "whole")
    for budget in (1, 37, BUDGET):
        parts = run(method, run_dir=tmp_path / "parts", budget=budget, resume=True)
    assert timeless(parts) == timeless(whole)
    assert timeless(run(method, run_dir=tmp_path / "parts", resume=True)) == timeless(whole)


@pytest.mark.parametrize("method", [name for name, config in METHODS.items() if config.NEEDS_MODEL])
@pytest.mark.parametrize("at", [0, 1, 4])
def test_an_interrupted_search_goes_on(
    method: str, at: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "run"
    with pytest.raises(KeyboardInterrupt):
        run(method, run_dir=folder, model=Interrupted(at))
    assert f"--resume {folder}" in capsys.readouterr().err
    resumed = resume(folder, model=ActionSequences())
    assert timeless(resumed) == timeless(run(method))
    assert read_history(folder / "history.csv") == resumed.iterations


@pytest.mark.parametrize("method", METHODS)
def test_a_watch_sees_every_iteration_and_may_end_the_search(method: str, tmp_path: Path) -> None:
    seen = []

    def watch(objective: Objective) -> None:
        seen.append(objective.tally.evaluations)
        if len(seen) == 4:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(method, run_dir=tmp_path, watch=watch)
    resumed = resume(tmp_path, model=ActionSequences(), watch=lambda _: None)
    assert timeless(resumed) == timeless(run(method))
    assert seen == [row["evaluations"] for row in resumed.iterations[:4]]


@pytest.mark.parametrize("method", [name for name in METHODS if name not in ("cem", "hipo")])
def test_a_search_ends_with_its_target(method: str) -> None:
    whole = run(method)
    target = whole.history[0]["return"]
    result = run(method, target=target)
    first = next(row for row in whole.iterations if row["best_return"] >= target)
    assert result.evaluations == first["evaluations"]
    assert result.mean_return >= target


@pytest.mark.parametrize("method", METHODS)
def test_a_search_ends_with_its_time_and_goes_on(method: str, tmp_path: Path) -> None:
    part = run(method, seconds=1e-9, run_dir=tmp_path)
    assert len(part.iterations) == 1
    whole = run(method, run_dir=tmp_path, resume=True)
    again = timeless(run(method))
    assert replace(timeless(whole), config=again.config) == again


def test_a_search_that_was_stopped_before_its_first_checkpoint_begins_again(
    tmp_path: Path,
) -> None:
    whole = run("cem", run_dir=tmp_path)
    for path in [*checkpoints(tmp_path), tmp_path / "history.csv"]:
        path.unlink()
    assert timeless(run("cem", run_dir=tmp_path, resume=True)) == timeless(whole)


def test_a_history_that_was_cut_off_is_mended(tmp_path: Path) -> None:
    run("cem", run_dir=tmp_path, budget=40)
    with (tmp_path / "history.csv").open("a") as file:
        file.write("9,99")
    run("cem", run_dir=tmp_path, resume=True)
    assert (
        read_history(tmp_path / "history.csv")
        == run("cem", resume=True, run_dir=tmp_path).iterations
    )


def test_a_run_is_not_overwritten_unless_asked(tmp_path: Path) -> None:
    run("random", run_dir=tmp_path)
    with pytest.raises(RunError, match="holds a run already"):
        run("random", run_dir=tmp_path)
    second = run("random", run_dir=tmp_path, seed=1, overwrite=True)
    assert SearchResult.load(tmp_path / "result.json") == second


def test_a_run_goes_on_with_its_own_settings_only(tmp_path: Path) -> None:
    run("random", run_dir=tmp_path)
    with pytest.raises(RunError, match=r"seed was 0, not 1; config\.batch_size was 10, not 9"):
        run("random", run_dir=tmp_path, resume=True, seed=1, batch_size=9)


def test_a_budget_that_is_spent_already_changes_nothing(tmp_path: Path) -> None:
    whole = run("cebs", run_dir=tmp_path)
    again = run("cebs", run_dir=tmp_path, budget=5, resume=True)
    assert (again.program, again.mean_return) == (whole.program, whole.mean_return)
    assert again.evaluations <= whole.evaluations


def test_a_model_that_was_no_file_must_be_given_again(tmp_path: Path) -> None:
    run("cebs", run_dir=tmp_path)
    with pytest.raises(RunError, match="begun with a model that was no file: give it"):
        resume(tmp_path)


def test_damaged_runs_are_told(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="no run folder"):
        resume(tmp_path / "nowhere")
    run("cem", run_dir=tmp_path)
    last = checkpoints(tmp_path)[-1]
    last.write_bytes(last.read_bytes()[:100])
    with pytest.raises(RunError, match=f"{last.name} is not a checkpoint"):
        resume(tmp_path, model=ActionSequences())
    config = json.loads((tmp_path / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps({**config, "seed": "none"}))
    with pytest.raises(RunError, match="is damaged: seed must be"):
        resume(tmp_path)
    (tmp_path / "config.json").write_text(json.dumps({**config, "command": "train"}))
    with pytest.raises(RunError, match="is not a run of karel-gym search"):
        resume(tmp_path)


@pytest.mark.parametrize("method", METHODS)
def test_an_unknown_option_is_told_with_those_known(method: str) -> None:
    with pytest.raises(ValueError, match=r"no option 'n_world'; did you mean n_worlds\? Known are"):
        search(method, ENV, n_world=3)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: search("anneal", ENV), "no search method 'anneal'; known are cem, cebs"),
        (lambda: search("cem", "Karel-Mze-v0"), "'Karel-Mze-v0' is no Karel task"),
        (lambda: search("cem", ENV, seed=-1), "seed must be a whole number"),
        (lambda: search("cem", ENV, budget=0), "budget must be a whole number from 1 up"),
        (
            lambda: search("cem", ENV, device="tpu"),
            "device must be one of auto, cpu, cuda",
        ),
        (lambda: search("cem", ENV, resume=True), "resume needs the run folder"),
        (lambda: search("cem", ENV, population_size=0), "population_size must be a whole number"),
        (lambda: search("cem", ENV, sigma=0), "sigma must be a number above 0"),
        (lambda: search("cem", ENV, elitism_rate=1.5), "elitism_rate must be at most 1"),
        (lambda: search("cem", ENV, init_type="twos"), "init_type must be one of normal"),
        (lambda: search("cem", ENV, use_exp_sig_decay=1), "must be of the type bool"),
        (lambda: search("hc", ENV, neighbours=0), "neighbours must be a whole number from 1 up"),
        (lambda: search("hc", ENV, sideways=1), "sideways must be of the type bool"),
        (
            lambda: search("shc", ENV, space="all"),
            "space must be one of published, larger",
        ),
        (lambda: search("cghc", ENV, temperature=1), "temperature must be a number from 0 to"),
        (
            lambda: search("cghc", ENV, temperature=0.1, sideways=False),
            "annealing accepts equal returns: temperature needs sideways=True",
        ),
        (lambda: search("hc", ENV, device="cuda"), "hc runs on the processor only"),
        (lambda: search("cebs", ENV, elites=65), "elites must be at most population_size, 64"),
        (lambda: search("cem", "Karel-CleanHouse-v0", height=8, width=8), "worlds are 14x22 only"),
    ],
)
def test_what_cannot_be_is_told(call: Callable[[], Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call()


@pytest.mark.parametrize("method", METHODS)
def test_a_search_ends_with_a_solution(method: str) -> None:
    class Solution(ActionSequences):
        """A space that is full of one program, which solves StairClimber."""

        def decode_tokens(self, latents: torch.Tensor, complete: bool = True) -> torch.Tensor:
            climb = "DEF run m( WHILE c( noMarkersPresent c) w( turnLeft move turnRight move w) m)"
            tokens = list(Program.parse(climb).tokens[1:])
            return torch.tensor(tokens + [50] * (45 - len(tokens))).repeat(len(latents), 1)

    result = search(method, "Karel-StairClimber-v0", model=Solution(), budget=20_000)
    assert result.evaluations < 20_000
    assert result.mean_return == 1.0


def test_the_methods_are_known_without_torch() -> None:
    code = "import programmatic.search as s, sys; s.METHODS; print('torch' in sys.modules)"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "False"
