"""The commands of MORL, as a user types them."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from agents import evaluate
from karel_gym.cli import main
from karel_gym.envs.signature import signature_of
from programmatic.examples import CARTPOLE_CONSTRAINTS, HARVESTER_CONSTRAINTS, program_file
from programmatic.trees.program import TreeProgram

ENV_ID = "CartPole-MORL-v0"
WORST, GOOD = str(program_file("worst")), str(program_file("near_optimal"))
RULES = str(CARTPOLE_CONSTRAINTS)
KEEPS_THE_RULES = """\
if pole_angular_velocity <= -0.48: left
elif pole_angular_velocity > 0.48: right
elif pole_angle <= 0: left
else: right
"""
TINY = "options num_envs=4 oracle.max_timesteps=512 viper.iterations=2 viper.rollouts=2 \
cloning.epochs=3 cloning.samples=200 optimisation.iterations=1 optimisation.evaluation_episodes=4"


@pytest.fixture(autouse=True)
def _in_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_verify_tells_what_is_proven_and_what_not(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["verify", WORST, "--constraints", RULES])
    assert ended.value.code == 1
    told = capsys.readouterr().out
    assert "falls_right: violated (z3) at cart_position" in told
    Path("good.tree").write_text(KEEPS_THE_RULES)
    assert main(["verify", "good.tree", "--constraints", RULES]) == 0
    assert "falls_right: proven (z3)" in capsys.readouterr().out


def test_repair_writes_a_proven_program(capsys: pytest.CaptureFixture[str]) -> None:
    command = ["repair", WORST, "--constraints", RULES, "--out", "r.tree", "--picture", "r.svg"]
    assert main(command) == 0
    told = capsys.readouterr().out
    assert "leans_left: proven (z3)" in told
    assert "+if " in told
    assert "<svg" in Path("r.svg").read_text()
    table = evaluate([WORST, "r.tree", "random"], ENV_ID, episodes=20)
    worst, repaired, random = table.mean_return
    assert worst < 12 < random < 60 < 190 < repaired
    assert table.success_rate.tolist() == [0.0, 1.0, 0.0]


def test_repair_tells_which_constraints_contradict_each_other(
    capsys: pytest.CaptureFixture[str],
) -> None:
    Path("both.constraints").write_text(
        "one: always pole_angle >= 0.05 implies right\nother: always pole_angle >= 0 implies left\n"
    )
    with pytest.raises(SystemExit):
        main(["repair", WORST, "--constraints", "both.constraints"])
    assert "conflict of one and other: every action breaks one at" in capsys.readouterr().out


def test_a_program_may_be_repaired_by_hand(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("good.tree").write_text(KEEPS_THE_RULES)
    by_hand = ["repair", WORST, "--constraints", RULES]
    assert main([*by_hand, "--patch", "good.tree"]) == 0
    signature = signature_of(ENV_ID)
    good = TreeProgram.load("good.tree", signature)
    assert TreeProgram.load("repaired.tree", signature) == good
    # An editor that first writes what is no program and then, when it is told so, a good one.
    editor = tmp_path / "editor"
    editor.write_text(
        '#!/bin/sh\nif grep -q "line 1" "$1"; then cat good.tree >"$1"\n'
        'else echo "if pole: left" >"$1"; fi\n'
    )
    editor.chmod(editor.stat().st_mode | stat.S_IXUSR)
    monkeypatch.delenv("VISUAL", raising=False)
    monkeypatch.setenv("EDITOR", str(editor))
    assert main([*by_hand, "--edit", "--out", "e.tree"]) == 0
    assert TreeProgram.load("e.tree", signature) == good
    monkeypatch.setenv("EDITOR", "there-is-no-such-editor")
    assert main([*by_hand, "--edit", "--out", "f.tree"]) == 2
    assert "there-is-no-such-editor" in capsys.readouterr().err


def test_the_steps_follow_each_other(capsys: pytest.CaptureFixture[str]) -> None:
    few = ["--num-envs", "4", "--epochs", "100", "--samples", "2000"]
    assert main(["imitate", GOOD, "ppo", "--run", "cloned", *few]) == 0
    assert main(["optimise", "cloned", "--iterations", "1", "--num-envs", "4"]) == 0
    options = ["--options", "iterations=2", "rollouts=4", "max_depth=3"]
    assert main(["synthesise", "optimised", *options]) == 0
    assert main(["evaluate", "cloned", "optimised", "synthesised.tree", "--env", ENV_ID]) == 0
    told = capsys.readouterr().out
    assert "validation accuracy" in told
    assert "synthesised.tree" in told


def test_the_loop_runs_and_goes_on(capsys: pytest.CaptureFixture[str]) -> None:
    begin = ["morl", "--constraints", RULES, "--program", WORST, "--episodes", "4"]
    size = ["--target", "500", "--run", "run", f"--{TINY}"]
    assert main([*begin, *" ".join(size).split(), "--iterations", "1"]) == 0
    assert "constraints  proven" in capsys.readouterr().out
    assert main(["morl", "--resume", "run", "--iterations", "1"]) == 0
    table = evaluate("run", ENV_ID, episodes=10)
    assert table.mean_return[0] > 190


def test_a_tree_acts_in_karel_worlds() -> None:
    Path("pick.tree").write_text("if markersPresent: pickMarker\nelse: move")
    table = evaluate("pick.tree", "Karel-Harvester-v0", episodes=5)
    assert 0 < table.mean_return[0] < 1
    harvester = ["--env", "Karel-Harvester-v0", "--constraints", str(HARVESTER_CONSTRAINTS)]
    with pytest.raises(SystemExit):  # it walks into walls
        main(["verify", "pick.tree", *harvester])
    assert main(["repair", "pick.tree", *harvester]) == 0


@pytest.mark.parametrize(
    ("command", "message"),
    [
        (["verify", "none.tree", "--constraints", RULES], "none.tree"),
        (["verify", RULES, "--constraints", RULES], "line"),
        (["repair", WORST, "--constraints", WORST], "line"),
        (["repair", WORST, "--constraints", RULES, "--edit", "--patch", GOOD], "not both"),
        (["morl", "--program", GOOD, "--oracle", "x"], "--oracle or --program, not both"),
        (["morl", "--resume", "nowhere", "--seed", "1", "--height", "8"], "out --seed, --height"),
        (["morl", "--constraints", "nowhere"], "no file or folder nowhere"),
        (["morl", "--options", "viper.depth=3"], "'viper.depth'; did you mean viper.max_depth?"),
        (["morl", "--options", "depth=3"], "there is no option 'depth'; known are"),
        (["morl", "--env", "Pendulum-v1"], "Discrete"),
        (["morl", "--env", "CartPole-MRL-v0"], "CartPole-MRL"),
        (["morl", "--oracle", "nowhere"], "nowhere"),
        (["optimise", "nowhere"], "nowhere"),
        (["evaluate", GOOD, "--env", "Karel-Maze-v0"], "pole_angle"),
        (["evaluate", "random", "--env", ENV_ID, "--height", "8"], "no worlds"),
        (["evaluate", "random", "--env", ENV_ID, "--render", "a.gif"], "only Karel tasks"),
    ],
)
def test_what_cannot_be_is_told(
    command: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(command) == 2
    assert message in capsys.readouterr().err
