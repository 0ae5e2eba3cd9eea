"""Experiment trackers: what is passed on to them, and that a resumed training goes on with them."""

from __future__ import annotations

import importlib
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from agents.drl.training import resume, train
from karel_gym.cli import main
from programmatic.runs import RunError

WANDB = """\
calls = []
class Run:
    id = "run-1"
    def log(self, metrics, step):
        calls.append(("log", metrics, step))
    def finish(self, status):
        calls.append(("finish", status))
def init(**settings):
    calls.append(("init", settings))
    return Run()
"""
WANDB_CALLBACK = """\
from stable_baselines3.common.callbacks import BaseCallback
class WandbCallback(BaseCallback):
    def _on_training_start(self):
        import wandb
        wandb.calls.append(("callback", self.num_timesteps))
    def _on_step(self):
        return True
"""
MLFLOW = """\
from types import SimpleNamespace
calls = []
def set_experiment(name):
    calls.append(("experiment", name))
def start_run(run_id, run_name, nested):
    calls.append(("init", {"id": run_id, "name": run_name}))
    return SimpleNamespace(info=SimpleNamespace(run_id="run-1"))
def end_run(status):
    calls.append(("finish", {"FINISHED": 0, "FAILED": 1}[status]))
def log_params(params):
    calls.append(("params", params))
def log_metrics(metrics, step):
    calls.append(("log", metrics, step))
"""
FILES = {
    "wandb": {"wandb/__init__.py": WANDB, "wandb/integration/sb3.py": WANDB_CALLBACK},
    "mlflow": {"mlflow.py": MLFLOW},
}
SMALL: dict[str, Any] = {"n_steps": 16, "batch_size": 32, "n_epochs": 1, "gamma": 0.5}
SHORT = SMALL | {"num_envs": 4, "eval_every": 64, "eval_episodes": 3, "max_steps": 8}


def short(run: Path, track: str, **settings: Any) -> Any:
    settings = SHORT | {"total_timesteps": 192} | settings
    return train("ppo", "Karel-Maze-v0", run_dir=run, track=track, **settings)


def forget(name: str) -> None:
    for module in [m for m in sys.modules if m == name or m.startswith(f"{name}.")]:
        del sys.modules[module]


@pytest.fixture(params=FILES)
def stub(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[str]:
    """A tracker's name; a module in its place notes the calls."""
    folder = tmp_path / "modules"
    for name, text in FILES[request.param].items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    monkeypatch.syspath_prepend(folder)
    for variable in ("WANDB_PROJECT", "MLFLOW_EXPERIMENT_NAME"):
        monkeypatch.delenv(variable, raising=False)
    forget(request.param)
    yield request.param
    forget(request.param)


def test_figures_and_settings_are_passed_on(stub: str, tmp_path: Path) -> None:
    run = tmp_path / "run"
    short(run, stub)
    calls = importlib.import_module(stub).calls
    (init,) = [call[1] for call in calls if call[0] == "init"]
    assert (init["name"], init["id"]) == ("run", None)
    assert calls[-1] == ("finish", 0)
    if stub == "wandb":
        assert (init["project"], init["dir"]) == ("karel-gym", run)
        assert init["config"]["hyperparameters"]["gamma"] == 0.5
        assert ("callback", 0) in calls
    else:
        (params,) = [call[1] for call in calls if call[0] == "params"]
        assert (params["gamma"], params["env_id"]) == (0.5, "Karel-Maze-v0")
        assert ("experiment", "karel-gym") in calls
    logged = {call[2]: call[1] for call in calls if call[0] == "log"}
    assert list(logged) == [64, 128, 192]
    assert {"rollout/ep_rew_mean", "eval/mean_return", "train/loss"} <= logged[192].keys()
    assert all(isinstance(value, float) for value in logged[192].values())
    assert json.loads((run / "tracking.json").read_text()) == {stub: "run-1"}

    calls.clear()
    resume(run, 256)
    (init,) = [call[1] for call in calls if call[0] == "init"]
    assert init["id"] == "run-1"
    assert [call[2] for call in calls if call[0] == "log"] == [256]
    assert "params" not in [call[0] for call in calls]
    short(run, "tensorboard", overwrite=True)
    assert not (run / "tracking.json").exists()


def test_an_interrupted_training_is_no_success(stub: str, tmp_path: Path) -> None:
    def interrupt(*_: Any) -> bool:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        short(tmp_path / "run", stub, callback=interrupt)
    assert importlib.import_module(stub).calls[-1] == ("finish", 1)


def test_a_tracker_that_fails_is_one_line(
    stub: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise Exception("nobody is logged in\nand more")

    module = importlib.import_module(stub)
    monkeypatch.setattr(module, "init" if stub == "wandb" else "set_experiment", fail)
    with pytest.raises(RunError, match=f"^{stub} does not track .*run: nobody is logged in$"):
        short(tmp_path / "run", stub)
    assert resume(tmp_path / "run").num_timesteps == 192


@pytest.mark.parametrize("name", FILES)
def test_a_missing_tracker_is_one_line_and_leaves_nothing(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("agents.drl.tracking.find_spec", lambda _: None)
    with pytest.raises(ModuleNotFoundError, match=rf"pip install 'karel-gym\[{name}\]'"):
        short(tmp_path / "run", name)
    command = ["train", "--env", "Karel-Maze-v0", "--run", str(tmp_path / "run"), "--track", name]
    assert main(command) == 2
    assert capsys.readouterr().err == (
        f"karel-gym: this needs {name}: pip install 'karel-gym[{name}]'\n"
    )
    assert not (tmp_path / "run").exists()
    with pytest.raises(
        ValueError, match="track must be one of tensorboard, wandb, mlflow, got 'x'"
    ):
        short(tmp_path / "run", "x")


def test_tensorboard_says_how_to_look(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    short(tmp_path, "tensorboard")
    assert capsys.readouterr().out.startswith(f"TensorBoard: tensorboard --logdir {tmp_path}\n")
    assert list(tmp_path.glob("events.out.tfevents*"))


def test_wandb_itself_goes_on_offline(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("wandb")
    monkeypatch.setenv("WANDB_MODE", "offline")
    monkeypatch.setenv("WANDB_SILENT", "true")
    short(tmp_path, "wandb")
    resume(tmp_path, 256)
    run_id = json.loads((tmp_path / "tracking.json").read_text())["wandb"]
    assert len(list(tmp_path.glob(f"wandb/offline-run-*-{run_id}/run-{run_id}.wandb"))) == 2


def test_mlflow_itself_goes_on_in_a_local_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mlflow = pytest.importorskip("mlflow")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path / 'mlflow.db'}")
    short(tmp_path / "run", "mlflow")
    resume(tmp_path / "run", 256)
    run_id = json.loads((tmp_path / "run" / "tracking.json").read_text())["mlflow"]
    client = mlflow.MlflowClient()
    history = client.get_metric_history(run_id, "rollout/ep_rew_mean")
    assert [metric.step for metric in history] == [64, 128, 192, 256]
    assert client.get_run(run_id).info.status == "FINISHED"
    assert client.get_run(run_id).data.params["gamma"] == "0.5"
