"""The command `karel-gym search`, and the pictures of searches."""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest
from rich.console import Console

from karel_gym.cli import main
from programmatic import Program
from programmatic.runs import RunError
from programmatic.search import SearchResult, plot_search, resume, search
from programmatic.search.live import LiveView, SearchStatus
from programmatic.search.objective import Tally
from tests.programmatic.search.latent_spaces import ActionSequences

ENV = ["--env", "Karel-Harvester-v0"]


def test_search_prints_the_program_and_what_it_is_worth(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["search", "random", *ENV, "--seed", "3", "--run", str(tmp_path / "run")]
    arguments += ["--budget", "200", "--worlds", "5", "--options", "batch_size=50"]
    arguments += ["--horizon", "33"]
    assert main(arguments) == 0
    captured = capsys.readouterr()
    result = SearchResult.load(tmp_path / "run" / "result.json")
    assert captured.out.startswith(result.program.pretty())
    assert f"{result.mean_return:.3f} in the 5 worlds of the search (seed 3)" in captured.out
    assert re.search(r"-?\d\.\d{3} in 1,000 fresh worlds \(seed \d+\)", captured.out)
    assert "200 programs" in captured.out
    assert "at most 33 actions" in captured.out
    assert str(tmp_path / "run") in captured.out
    assert captured.err == ""  # no progress bar in a pipe
    assert (result.config["batch_size"], result.config["horizon"]) == (50, 33)


def test_the_help_leads_from_a_chat_to_a_solved_task(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        main(["search", "--help"])
    text = " ".join(capsys.readouterr().out.split())
    steps = re.findall(r"[145]\. karel-gym (.*?) (?:prints a|searches from|runs the)", text)
    monkeypatch.chdir(tmp_path)
    Path("answers.md").write_text(
        "```python\ndef run():\n    while frontIsClear():\n        move()\n    putMarker()\n```\n"
    )
    for step in steps:
        assert main(step.replace("TASK", "Karel-FourCorners-v0").split()) == 0
    assert [step.split()[0] for step in steps] == ["propose", "search", "run"]
    assert "mean return  1.000" in capsys.readouterr().out


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


def test_several_seeds_are_searched_and_the_best_is_shown(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = tmp_path / "runs"
    arguments = ["search", "hc", "--env", "Karel-Harvester-v1", "--seeds", "3", "--seed", "5"]
    arguments += ["--budget", "300", "--worlds", "4", "--run", str(run)]
    assert main(arguments) == 0
    captured = capsys.readouterr()
    assert captured.err == ""
    folders = [run / f"search-hc-Karel-Harvester-v1-{seed}" for seed in (5, 6, 7)]
    results = [SearchResult.load(folder / "result.json") for folder in folders]
    assert [result.seed for result in results] == [5, 6, 7]
    best = max(results, key=lambda result: result.mean_return)
    assert best.program.pretty() in captured.out
    for result, folder in zip(results, folders, strict=True):
        row = next(line for line in captured.out.splitlines() if line.endswith(str(folder)))
        assert row.split()[:2] == [str(result.seed), f"{result.mean_return:.3f}"]
        alone = search("hc", "Karel-Harvester-v1", seed=result.seed, budget=300, n_worlds=4)
        assert (alone.program, alone.mean_return) == (result.program, result.mean_return)
    assert main(["search", "--resume", *map(str, folders), "--budget", "400"]) == 0
    assert {SearchResult.load(folder / "result.json").evaluations for folder in folders} == {400}


def test_an_interrupted_search_shows_the_best_so_far_and_goes_on(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def press(view: LiveView, statuses: Sequence[SearchStatus]) -> None:
        if statuses[-1].tally is not None:
            raise KeyboardInterrupt

    monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
    monkeypatch.setattr(LiveView, "show", press)
    run = tmp_path / "runs"
    arguments = ["search", "hc", "--env", "Karel-DoorKey-v0", "--seeds", "2", "--budget", "900"]
    arguments += ["--options", "batch_size=200", "--run", str(run)]
    assert main(arguments) == 130
    captured = capsys.readouterr()
    assert re.search(r"the best so far: mean return -?\d\.\d{3}", captured.out)
    whole, part = sorted(run.iterdir())
    assert SearchResult.load(whole / "result.json").evaluations == 900
    shown = captured.out.replace("\n", "")  # a terminal breaks the line
    assert f"to go on: karel-gym search --resume {part}" in shown
    assert resume(part).evaluations == 900


def test_the_live_view_shows_rates_and_the_best_program() -> None:
    view = LiveView("hc on a task", Console(width=90))
    program = Program.parse("DEF run m( WHILE c( frontIsClear c) w( move w) m)")
    entry = {"evaluations": 1_234, "seconds": 1.0, "return": 0.5, "program": str(program)}
    worse = Tally(9_000, Program.parse("DEF run m( move m)"), 0.25, ())
    statuses = [SearchStatus("3", worse, 2.0), SearchStatus("4"), SearchStatus("5", worse, 2.0)]
    with view.console.capture():
        view.render(statuses)
    statuses[2] = SearchStatus("5", Tally(100_000, program, 0.5, (entry,)), 4.0)
    with view.console.capture() as capture:
        view.console.print(view.render(statuses))
    text = capture.get()
    assert re.search(r"5 .* 100,000 .* 45,500 .* 0\.500 .* 1,234", text)
    assert re.search(r"4 .* waiting", text)
    assert "WHILE c( frontIsClear c) w(" in text


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["cem"], "name the task with --env"),
        (["anneal", *ENV], "no search method 'anneal'; known are cem"),
        (["cem", "--env", "Karel-Mze-v0"], "'Karel-Mze-v0' is no Karel task"),
        (["cem", *ENV, "--options", "sigma"], "of the form NAME=VALUE, got 'sigma'"),
        (["cem", *ENV, "--options", "sigma=[1"], "'sigma=.1' is not valid YAML"),
        (["cem", *ENV, "--options", "sgma=1"], "did you mean sigma"),
        (["cem", *ENV, "--worlds", "0"], "n_worlds must be a whole number from 1 up"),
        (["hc", *ENV, "--seeds", "0"], "--seeds must be at least 1, got 0"),
        (["hc", "--env", "Karel-Mze-v0"], "'Karel-Mze-v0' is no Karel task"),
        (["hc", *ENV, "--options", "sideway=1"], "did you mean sideways"),
        (["shc", *ENV, "--options", "programs=nowhere.txt"], "nowhere.txt cannot be read"),
        (
            ["hc", *ENV, "--options", "dictionary=0.8"],
            "dictionary has the pieces of given programs",
        ),
        (["--resume", "nowhere"], "no run folder nowhere"),
        (["--resume", "nowhere", "--worlds", "3"], "only --budget and --device may be given"),
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
