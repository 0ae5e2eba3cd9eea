"""The command `karel-gym search`, and the pictures of searches."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from karel_gym.cli import main
from programmatic.runs import RunError
from programmatic.search import SearchResult, plot_search, search
from tests.programmatic.search.latent_spaces import ActionSequences

ENV = ["--env", "Karel-Harvester-v0"]


def test_search_prints_the_program_and_what_it_is_worth(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["search", "random", *ENV, "--seed", "3", "--run", str(tmp_path / "run")]
    arguments += ["--budget", "200", "--worlds", "5", "--options", "batch_size=50", "max_calls=99"]
    assert main(arguments) == 0
    captured = capsys.readouterr()
    result = SearchResult.load(tmp_path / "run" / "result.json")
    assert captured.out.startswith(result.program.pretty())
    assert f"{result.mean_return:.3f} in the 5 worlds of the search (seed 3)" in captured.out
    assert re.search(r"-?\d\.\d{3} in 1,000 fresh worlds \(seed \d+\)", captured.out)
    assert "200 programs" in captured.out
    assert str(tmp_path / "run") in captured.out
    assert captured.err == ""  # no progress bar in a pipe
    assert (result.config["batch_size"], result.config["max_calls"]) == (50, 99)


def test_search_goes_on(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = str(tmp_path / "run")
    assert main(["search", "random", *ENV, "--budget", "100", "--run", run]) == 0
    assert main(["search", "--resume", run, "--budget", "2e2"]) == 0
    assert "200 programs" in capsys.readouterr().out
    assert main(["search", "random", *ENV, "--budget", "10", "--run", run]) == 2
    assert "holds a run already" in capsys.readouterr().err
    assert main(["search", "random", *ENV, "--budget", "9", "--run", run, "--overwrite"]) == 0
    assert "9 programs" in capsys.readouterr().out


def test_the_run_folder_has_a_name_by_default(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["search", "random", *ENV, "--budget", "10", "--seed", "2"]) == 0
    assert (tmp_path / "runs" / "search-random-Karel-Harvester-v0-2").is_dir()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["cem"], "name the task with --env"),
        (["anneal", *ENV], "no search method 'anneal'; known are cem"),
        (["cem", "--env", "Karel-Mze-v0"], "'Karel-Mze-v0' is no Karel task"),
        (["cem", *ENV, "--options", "sigma"], "of the form name=value, got 'sigma'"),
        (["cem", *ENV, "--options", "sgma=1"], "did you mean sigma"),
        (["cem", *ENV, "--options", "sigma=[1"], "'sigma=.1' cannot be read"),
        (["cem", *ENV, "--worlds", "0"], "n_worlds must be a whole number from 1 up"),
        (["--resume", "nowhere"], "no run folder nowhere"),
    ],
)
def test_errors_are_one_line(
    arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["search", *arguments]) == 2
    error = capsys.readouterr().err.strip()
    assert "\n" not in error
    assert re.search(message, error)


def test_a_plot_shows_several_seeds(tmp_path: Path) -> None:
    runs = [tmp_path / str(seed) for seed in range(2)]
    for seed, run in enumerate(runs):
        search(
            "cem",
            "Karel-Harvester-v0",
            model=ActionSequences(),
            seed=seed,
            iterations=5 + seed,
            run_dir=run,
        )
    plot_search(runs, tmp_path / "out" / "both.png")
    assert (tmp_path / "out" / "both.png").read_bytes().startswith(b"\x89PNG")
    plot_search(runs[:1], tmp_path / "one.svg", column="mean_program_return")
    with pytest.raises(ValueError, match="column must be one of best_return"):
        plot_search(runs, tmp_path / "a.png", column="loss")
    with pytest.raises(ValueError, match="at least one"):
        plot_search([], tmp_path / "a.png")
    with pytest.raises(RunError, match="no run folder"):
        plot_search([tmp_path / "nowhere"], tmp_path / "a.png")
