"""What the arguments of a report may be, and what is read from them."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pandas as pd
import pytest

from agents import export
from benchmarks.report.contents import contestant_of
from benchmarks.report.reading import read_all
from benchmarks.report.run_folders import read_run
from benchmarks.report.table import kinds_of_worlds
from karel_gym.registration import task_of
from programmatic import Program
from programmatic.provenance import PROVENANCE
from programmatic.runs import RunError
from tests.benchmarks.report.conftest import MAZE, write_results

MOVE = "DEF run m( move m)"


def test_a_training_has_a_name_a_seed_and_a_curve(training: Path) -> None:
    (run,) = read_all([str(training)]).runs
    assert (run.method, run.env_id, run.seed, run.policy) == ("DRL-action", MAZE, 3, training)
    evaluations = pd.read_csv(training / "evaluations.csv")
    assert run.learning is not None
    assert run.learning["frames"].tolist() == evaluations["timesteps"].tolist()
    assert run.learning["return"].tolist() == evaluations["mean_return"].tolist()
    assert run.learning["seconds"].is_monotonic_increasing
    assert "karel-gym train ppo --env Karel-Maze-v0 --obs percepts+action --seed 3" in (
        run.origin.command
    )
    assert "torch" in run.origin.versions


def test_a_run_tells_its_code_its_machine_and_its_command(training: Path, tmp_path: Path) -> None:
    (run,) = read_all([str(training)]).runs
    known = json.loads((training / "config.json").read_text())
    assert (run.origin.commit, run.origin.machine) == (known["commit"], known["machine"])
    copy = shutil.copytree(training, tmp_path / "copy")
    line = "karel-gym train ppo --env Karel-Maze-v0 --run 'my run'"
    (copy / "config.json").write_text(json.dumps(known | {"seed": 4, "command_line": line}))
    older = shutil.copytree(training, tmp_path / "older")
    config = {name: value for name, value in known.items() if name not in PROVENANCE}
    (older / "config.json").write_text(json.dumps(config | {"seed": 5}))
    three = read_all([str(training), str(copy), str(older)]).runs
    assert [run.method for run in three] == ["DRL-action"] * 3  # these are no settings
    assert three[1].origin.command == line
    assert (three[2].origin.commit, three[2].origin.machine) == ("", "")
    assert three[2].origin.command.startswith("karel-gym train ppo --env Karel-Maze-v0 --obs")


def test_searches_in_a_folder_are_seeds_of_one_method(searches: Path) -> None:
    found = read_all([str(searches)])
    assert [(run.method, run.seed) for run in found.runs] == [("random", 0), ("random", 1)]
    for run, score in zip(found.runs, found.scores, strict=True):
        result = json.loads((Path(run.origin.where) / "result.json").read_text())
        assert str(run.policy) == result["program"]
        assert (score.worlds, score.value) == ("search", result["mean_return"])
        assert run.searching is not None
        assert run.searching["evaluations"].iloc[-1] == result["evaluations"] == 60
        assert run.searching["return"].iloc[-1] == result["mean_return"]


def test_a_search_that_goes_on_has_its_curve_so_far(searches: Path, tmp_path: Path) -> None:
    run = shutil.copytree(searches / "random-0", tmp_path / "run")
    (run / "result.json").unlink()
    found = read_run(run)
    assert found.runs[0].policy is None
    assert found.runs[0].searching is not None
    assert found.scores == []


def test_what_is_in_two_sources_is_taken_once(searches: Path) -> None:
    one = str(searches / "random-0")
    assert len(read_all([one, str(searches), one]).runs) == 2


def test_two_runs_of_one_seed_are_refused(searches: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(searches / "random-0", tmp_path / "copy")
    with pytest.raises(ValueError, match=r"random-0 and .*copy are runs of one seed"):
        read_all([str(searches), str(copy)])


def test_other_settings_make_another_method(searches: Path, tmp_path: Path) -> None:
    run = shutil.copytree(searches / "random-0", tmp_path / "other")
    config = json.loads((run / "config.json").read_text())
    config["config"]["n_worlds"] = 8
    (run / "config.json").write_text(json.dumps(config))
    found = read_all([str(searches), str(run)])
    assert [run.method for run in found.runs] == ["random", "random", "random #2"]
    assert [score.method for score in found.scores] == ["random", "random", "random #2"]


def test_programs_need_a_task_and_may_have_a_name(tmp_path: Path) -> None:
    file = tmp_path / "walk.karel"
    file.write_text(f"# a walk\n{MOVE}\n")
    found = read_all([str(file), f"step={MOVE}", MOVE, "random"], MAZE)
    assert [run.method for run in found.runs] == ["walk", "step", "program", "random"]
    assert found.runs[0].policy == found.runs[1].policy == Program.parse(MOVE)
    assert {run.env_id for run in found.runs} == {MAZE}
    with pytest.raises(ValueError, match="name the task of walk with --env"):
        read_all([str(file)])


def test_trained_and_exported_policies_need_a_task(training: Path, tmp_path: Path) -> None:
    file = tmp_path / "shared.safetensors"
    export(training, file, episodes=2)
    found = read_all(["pretrained:ppo", f"mine={file}"], MAZE)
    assert [run.method for run in found.runs] == ["pretrained:ppo", "mine"]
    for run in found.runs:
        assert contestant_of(run, seed=0).obs == "percepts+action"
    with pytest.raises(ValueError, match="name the task of pretrained:ppo with --env"):
        read_all(["pretrained:ppo"])


def test_results_and_their_runs(searches: Path, tmp_path: Path) -> None:
    shutil.copytree(searches / "random-0", tmp_path / "searches" / "a")
    rows = [
        {"algo": "rs", "run": "searches/a", "worlds": "search", "return": 0.25},
        {"algo": "rs", "run": "searches/a"},
        {"algo": "rs", "seed": 1, "return": 0.75},
    ]
    write_results(tmp_path, rows)
    found = read_all([str(tmp_path)])
    assert [(s.method, s.seed, s.worlds, s.value) for s in found.scores] == [
        ("rs", 0, "search", 0.25),
        ("rs", 0, "own", 0.5),
        ("rs", 1, "own", 0.75),
    ]
    assert [(run.method, run.seed) for run in found.runs] == [("rs", 0)]
    (origin,) = found.origins
    assert (origin.commit, origin.machine) == ("abc1234", "a processor, 2 cores")
    assert (origin.command, origin.seed) == ("karel-gym benchmark returns", "0, 1")


def test_runs_outside_of_a_benchmark_are_not_read(searches: Path, tmp_path: Path) -> None:
    folder = tmp_path / "results"
    (tmp_path / "results-2").mkdir()
    shutil.copytree(searches / "random-0", tmp_path / "results-2" / "a")
    (folder / "in").mkdir(parents=True)
    (folder / "in" / "link").symlink_to(searches / "random-0")
    outside = [str(searches / "random-0"), "../results-2/a", "in/link", "in/../../results-2/a"]
    write_results(folder, [{"run": place, "seed": i} for i, place in enumerate(outside)])
    found = read_all([str(folder)])
    assert len(found.scores) == 4
    assert found.runs == []


@pytest.mark.parametrize("place", ["searches/", ""])
def test_results_whose_runs_were_not_kept(place: str, tmp_path: Path) -> None:
    write_results(
        tmp_path,
        [
            {"run": f"{place}runs/a"},
            {"algo": "DRL", "run": "trainings/runs/b", "frames": 100},
        ],
    )
    (tmp_path / place).mkdir(exist_ok=True)
    (tmp_path / place / "runs.csv").write_text(f"id,run,program\n1,runs/a,{MOVE}\n")
    (tmp_path / "curves.csv").write_text(
        "algo,env_id,seed,unit,x,return\n"
        f"hc,{MAZE},0,evaluations,1,0.1\nhc,{MAZE},0,evaluations,10,0.5\n"
        f"hc,{MAZE},0,seconds,0.5,0.5\n"
        f"DRL,{MAZE},0,frames,0,0.0\nDRL,{MAZE},0,frames,100,0.4\nDRL,{MAZE},0,seconds,3,0.4\n"
    )
    hc, drl = read_all([str(tmp_path)]).runs
    assert (hc.policy, hc.learning) == (Program.parse(MOVE), None)
    assert hc.searching is not None
    assert hc.searching["evaluations"].dropna().tolist() == [1, 10]
    assert (drl.policy, drl.searching) == (None, None)
    assert drl.learning is not None
    assert drl.learning.dropna(subset="frames")["return"].tolist() == [0.0, 0.4]


def write_evaluation(folder: Path, policies: list[str], **config: object) -> None:
    folder.mkdir()
    values = {"command": "evaluate", "env_id": MAZE, "policies": policies, "seed": 5} | config
    (folder / "config.json").write_text(json.dumps(values))
    rows = [f"policy {i},percepts,10,0.{i},0.1,0.9,," for i, _ in enumerate(policies)]
    header = "policy,obs,episodes,mean_return,ci_low,ci_high,success_rate,note"
    (folder / "table.csv").write_text("\n".join([header, *rows]) + "\n")


def test_an_evaluation_and_its_programs(training: Path, tmp_path: Path) -> None:
    policies = [MOVE, "random", "pretrained:ppo", str(training)]
    write_evaluation(tmp_path / "own", policies, height=8, width=8)
    write_evaluation(tmp_path / "large", policies, height=16, width=12)
    found = read_all([str(tmp_path / "own")])
    assert [(s.worlds, s.value, s.low, s.high, s.episodes) for s in found.scores] == [
        ("own", i / 10, 0.1, 0.9, 10) for i in range(4)
    ]
    # The model is not loaded: only folders that the user names are.
    assert [run.policy for run in found.runs] == [Program.parse(MOVE), "random", "pretrained:ppo"]
    assert {s.worlds for s in read_all([str(tmp_path / "large")]).scores} == {"16x12"}
    both = read_all([str(tmp_path / "own"), "policy 2=pretrained:ppo"], MAZE).runs
    assert [run.method for run in both] == ["policy 0", "policy 1", "policy 2"]


def test_evaluations_within_other_horizons_are_other_columns(tmp_path: Path) -> None:
    size, horizon = {"height": 8, "width": 8}, task_of(MAZE).horizon(8, 8)
    for max_steps in (horizon, 50, 60):
        write_evaluation(tmp_path / f"{max_steps}", [MOVE], max_steps=max_steps, **size)
    write_evaluation(tmp_path / "large", [MOVE], height=16, width=16, max_steps=50)
    found = read_all([str(tmp_path)])
    kinds = ["own", "own within 50 steps", "own within 60 steps", "16x16 within 50 steps"]
    assert sorted(score.worlds for score in found.scores) == sorted(kinds)
    assert kinds_of_worlds(found.scores) == kinds


def test_evaluations_of_several_sizes(tmp_path: Path) -> None:
    policies = [MOVE, "random"]
    for side in (8, 16):
        write_evaluation(tmp_path / f"{side}", policies, height=side, width=side)
    shutil.copytree(tmp_path / "8", tmp_path / "8-2")
    found = read_all([str(tmp_path / name) for name in ("8", "16", "8-2")])
    assert [(s.method, s.worlds) for s in found.scores] == [
        (f"policy {i}", worlds) for worlds in ("own", "16x16") for i in range(2)
    ]
    assert [run.policy for run in found.runs] == [Program.parse(MOVE), "random"]
    write_evaluation(tmp_path / "other", ["DEF run m( turnLeft m)", "random"])
    with pytest.raises(ValueError, match=r"8 and .*other are runs of one seed"):
        read_all([str(tmp_path / "8"), str(tmp_path / "other")])


def test_rates(tmp_path: Path) -> None:
    (tmp_path / "rates.csv").write_text(
        "what,unit,per_second,slowest,fastest\nexecute,calls,1200.5,1000,1300\n"
    )
    (rates,) = read_all([str(tmp_path)]).rates
    assert rates.table.to_dict("records") == [
        {"what": "execute", "unit": "calls", "per_second": 1200.5, "slowest": 1000, "fastest": 1300}
    ]
    assert rates.origin.command == ""  # unknown, not guessed
    (tmp_path / "config.json").write_text('{"command": "benchmark throughput"}')
    (rates,) = read_all([str(tmp_path)]).rates
    assert rates.origin.command == "karel-gym benchmark throughput"


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("nowhere", "'nowhere' is neither an existing folder"),
        ("DEF run m( mvoe m)", "expected a statement"),
        (".", r"holds nothing to report: no run of a training or a search \(config.json\)"),
    ],
)
def test_what_cannot_be_is_said(
    source: str, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises((ValueError, RunError), match=message):
        read_all([source], MAZE)


def test_damaged_tables_are_named(tmp_path: Path) -> None:
    write_results(tmp_path, [{"return": "much"}])
    with pytest.raises(RunError, match=r"results\.csv is damaged"):
        read_all([str(tmp_path)])
    (tmp_path / "results.csv").write_text("algo,seed\nhc,0\n")
    with pytest.raises(RunError, match=r"results\.csv is damaged: it has no column 'env_id'"):
        read_all([str(tmp_path)])


def test_a_model_that_would_be_unpickled_is_not_loaded(training: Path, tmp_path: Path) -> None:
    from stable_baselines3 import PPO

    from karel_gym.envs.sb3 import KarelSB3VecEnv

    run = shutil.copytree(training, tmp_path / "run")
    PPO("MlpPolicy", KarelSB3VecEnv(MAZE, 1, obs="percepts")).save(run / "best.zip")
    (found,) = read_all([str(run)]).runs
    with pytest.raises(RunError, match=r"best\.zip was not written by karel-gym.*loads no such"):
        contestant_of(found, 0)
