from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from agents.morl.iteration_folder import (
    CLONED,
    OPTIMISED,
    ORACLE,
    REPAIRED,
    SYNTHESISED,
    IterationFolder,
)
from agents.morl.loop import morl
from agents.morl.models import load_policy
from agents.morl.run_folder import load_program
from agents.morl.settings import CloningConfig, MORLConfig, OptimisationConfig, OracleConfig
from karel_gym.envs.signature import signature_of
from programmatic.examples import CARTPOLE_CONSTRAINTS, program_file
from programmatic.runs import RunError
from programmatic.source_errors import SourceError
from programmatic.synthesis.settings import PIRLConfig, ViperConfig
from programmatic.trees.program import TreeProgram

ENV_IDS = ("CartPole-MORL-v0", "Karel-Harvester-v0", "MountainCar-v0")
NEVER = {
    "CartPole-MORL-v0": "always pole_angular_velocity >= 0.5 implies action == right",
    "Karel-Harvester-v0": "never putMarker",
    "MountainCar-v0": "never coast",
}


def tiny(env_id: str = ENV_IDS[0], **options: Any) -> MORLConfig:
    """A loop of seconds."""
    config = MORLConfig(
        env_id,
        NEVER[env_id],
        iterations=1,
        episodes=4,
        num_envs=4,
        oracle=OracleConfig(max_timesteps=512, evaluation_interval=512, evaluation_episodes=4),
        viper=ViperConfig(iterations=2, rollouts=2, max_depth=2, evaluation_episodes=2),
        cloning=CloningConfig(epochs=3, samples=200),
        optimisation=OptimisationConfig(iterations=1, evaluation_episodes=4),
    )
    return replace(config, **options)


def quiet(line: str) -> None:
    """A report that nobody reads."""


def contents(run: Path) -> dict[str, str]:
    """The files of a run that say what was found, without times."""
    found = {}
    for file in sorted(run.rglob("*.json")):
        values = json.loads(file.read_text())
        if isinstance(values, dict):
            found[str(file.relative_to(run))] = json.dumps(_without_seconds(values))
    return found | {str(f.relative_to(run)): f.read_text() for f in sorted(run.rglob("*.tree"))}


def _without_seconds(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _without_seconds(v) for name, v in value.items() if name != "seconds"}
    return [_without_seconds(v) for v in value] if isinstance(value, list) else value


@pytest.mark.parametrize("env_id", ENV_IDS)
def test_a_policy_becomes_a_proven_program_becomes_a_policy(env_id: str, tmp_path: Path) -> None:
    result = morl(tiny(env_id), run_dir=tmp_path / "run", report=quiet)
    assert result.proven
    folder = tmp_path / "run" / "iteration-01"
    for step in (ORACLE, SYNTHESISED, REPAIRED, CLONED, OPTIMISED):
        assert "mean_return" in json.loads((folder / f"{step}.json").read_text())
    assert (folder / f"{REPAIRED}.png").stat().st_size > 1000
    signature = signature_of(env_id)
    assert TreeProgram.load(folder / f"{REPAIRED}.tree", signature) == result.program
    assert load_program(tmp_path / "run") == result.program
    assert load_policy(folder / OPTIMISED).action_space.n == len(signature.actions)
    assert list(pd.read_csv(tmp_path / "run" / "iterations.csv").iteration) == [1]


def test_a_program_can_take_the_place_of_the_first_policy(tmp_path: Path) -> None:
    worst = program_file("worst").read_text()
    config = tiny(constraints=CARTPOLE_CONSTRAINTS.read_text(), program=worst, iterations=2)
    result = morl(replace(config, target_return=500.0), run_dir=tmp_path, report=quiet)
    rows = result.iterations
    assert [row["oracle_return"] is None for row in rows] == [True, False]
    assert rows[0]["synthesised_return"] < 12 < 190 < rows[0]["repaired_return"]
    assert not result.reached


def test_the_loop_ends_when_the_target_is_reached(tmp_path: Path) -> None:
    result = morl(tiny(iterations=3, target_return=1.0), run_dir=tmp_path, report=quiet)
    assert len(result.iterations) == 1
    assert result.reached


def test_pirl_can_synthesise(tmp_path: Path) -> None:
    search = PIRLConfig(iterations=1, rollouts=2, trials=2, pool_size=1, refinements=2)
    config = tiny(synthesis="pirl", pirl=search)
    assert morl(config, run_dir=tmp_path, report=quiet).proven


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run."""
    run = tmp_path_factory.mktemp("whole")
    morl(tiny(), run_dir=run, report=quiet)
    return run


@pytest.mark.parametrize("step", [SYNTHESISED, REPAIRED, CLONED, OPTIMISED])
def test_an_interrupted_run_ends_as_it_would_have(
    step: str, whole: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cut = tmp_path / "cut"
    original = IterationFolder.step

    def interrupted(self: IterationFolder, name: str, do: Any) -> None:
        if name == step:
            raise KeyboardInterrupt
        original(self, name, do)

    monkeypatch.setattr(IterationFolder, "step", interrupted)
    with pytest.raises(KeyboardInterrupt):
        morl(tiny(), run_dir=cut, report=quiet)
    monkeypatch.undo()
    steps: list[str] = []
    morl(tiny(), run_dir=cut, resume=True, report=steps.append)
    assert f", {step}:" in steps[0]  # what was done before is not done again
    assert contents(cut) == contents(whole)


def test_a_finished_run_can_go_on_to_more_iterations(whole: Path, tmp_path: Path) -> None:
    run = shutil.copytree(whole, tmp_path / "run")
    more = tiny(iterations=2, target_return=500.0)
    assert len(morl(more, run_dir=run, resume=True, report=quiet).iterations) == 2


def test_an_earlier_run_is_overwritten_when_that_is_asked(whole: Path, tmp_path: Path) -> None:
    run = shutil.copytree(whole, tmp_path / "run")
    steps: list[str] = []
    morl(tiny(seed=1), run_dir=run, overwrite=True, report=steps.append)
    assert f", {ORACLE}:" in steps[0]
    assert contents(run) != contents(whole)


def test_a_given_oracle_must_be_given_again(whole: Path, tmp_path: Path) -> None:
    run = shutil.copytree(whole, tmp_path / "run")
    shutil.rmtree(run / "iteration-01" / ORACLE)
    assert morl(tiny(), run_dir=run, resume=True, report=quiet).proven  # nothing is left to do
    (run / "iteration-01" / f"{SYNTHESISED}.json").unlink()
    with pytest.raises(RunError, match="give it again"):
        morl(tiny(), run_dir=run, resume=True, report=quiet)


def test_a_user_may_edit_the_first_program(tmp_path: Path) -> None:
    text = "if pole_angular_velocity <= 0.1: left\nelse: right"

    def edit(program: TreeProgram) -> TreeProgram:
        return program.parse(text, program.signature)

    result = morl(tiny(), edit=edit, run_dir=tmp_path, report=quiet)
    assert str(result.program) == text  # it is proven as it is
    assert json.loads((tmp_path / "iteration-01" / "edited.json").read_text())["edits"]


def test_the_configuration_survives_its_file(tmp_path: Path) -> None:
    config = tiny("Karel-Harvester-v0", env_options={"height": 6, "width": 6})
    morl(config, run_dir=tmp_path, report=quiet)
    stored = MORLConfig.read(tmp_path)
    assert stored.to_json() == json.loads(json.dumps(config.to_json()))


def test_what_cannot_be_is_told(whole: Path, tmp_path: Path) -> None:
    with pytest.raises(RunError, match="holds a run already"):
        morl(tiny(), run_dir=whole, report=quiet)
    with pytest.raises(RunError, match="seed"):
        morl(tiny(seed=1), run_dir=whole, resume=True, report=quiet)
    with pytest.raises(SourceError, match="line 1, column 8"):
        morl(tiny(constraints="always pole_angel <= 1"), run_dir=tmp_path / "a", report=quiet)
    with pytest.raises(SourceError, match="line 1"):
        morl(tiny(program="if x"), run_dir=tmp_path / "b", report=quiet)
    assert not (tmp_path / "a").exists()
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(RunError, match="not a run of karel-gym morl"):
        MORLConfig.read(tmp_path)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"iterations": 0}, "iterations must be a whole number from 1 up"),
        ({"synthesis": "vipr"}, "synthesis must be one of viper, pirl"),
        ({"timeout": 0.0}, "timeout must be a number above 0"),
        ({"algo": "dqn"}, "algo must be one of trpo, ppo, a2c"),
    ],
)
def test_options_are_checked(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        MORLConfig("CartPole-MORL-v0", **options)


def test_what_the_oracle_does_is_kept(whole: Path) -> None:
    states = pd.read_csv(whole / "iteration-01" / "oracle_states.csv")
    assert list(states.columns) == [*signature_of(ENV_IDS[0]).feature_names, "action"]
    assert np.isin(states.action, (0, 1)).all()
