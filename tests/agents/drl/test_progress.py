"""The output of a training, and callbacks that end it."""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from stable_baselines3.common.callbacks import BaseCallback

from agents.drl.progress import LINES
from agents.drl.training import resume, train
from programmatic.runs import read_config

LINE = re.compile(
    r" *\d+% +[\d,]+ steps: return -?\d\.\d\d, length \d+, evaluation -?\d\.\d\d; "
    r"[\d,]+ steps/s, \d\d:\d\d left"
)
SMALL: dict[str, dict[str, Any]] = {
    "ppo": {"n_steps": 16, "batch_size": 32, "n_epochs": 1},
    "dqn": {"learning_starts": 8, "batch_size": 8, "buffer_size": 200, "train_freq": 16},
}
SHORT = {"num_envs": 4, "eval_every": 64, "eval_episodes": 3, "max_steps": 8, "device": "cpu"}


def short(run: Path, algo: str = "ppo", steps: int = 320, **settings: Any) -> Any:
    """A short training; an update comes after 64 steps."""
    settings = SHORT | SMALL[algo] | settings
    return train(algo, "Karel-Maze-v0", run_dir=run, total_timesteps=steps, **settings)


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize("algo", SMALL)
def test_lines_show_how_a_training_goes(
    algo: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    short(tmp_path, algo, steps=64 * 25)
    lines = capsys.readouterr().out.splitlines()
    assert LINES <= len(lines) <= LINES + 1
    assert all(LINE.fullmatch(line) for line in lines)
    assert lines[0].startswith("  4%    64 steps")
    assert lines[-1].startswith("100% 1,600 steps")
    assert lines[-1].endswith("00:00 left")
    expected = pd.read_csv(tmp_path / "evaluations.csv")["mean_return"].iloc[-1]
    assert f"evaluation {expected:.2f}" in lines[-1]
    resume(tmp_path, 64 * 30)
    assert capsys.readouterr().out.splitlines()[0].startswith(" 87% 1,664 steps")


def test_a_bar_shows_it_on_a_terminal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal()
    monkeypatch.setattr("sys.stdout", terminal)
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("TERM", "xterm")
    short(tmp_path)
    shown = re.sub(r"\x1b\[[\d;?]*[a-zA-Z]", "", terminal.getvalue()).splitlines()[-1]
    assert re.match(r"return -?\d\.\d\d, length \d+, evaluation -?\d\.\d\d 100% ━", shown)
    assert shown.rstrip().endswith("steps/s"), "it is wider than 80 columns"


def test_verbose_chooses_silence_or_tables(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    short(tmp_path, verbose=0)
    assert capsys.readouterr().out == ""
    short(tmp_path, verbose=2, overwrite=True)
    out = capsys.readouterr().out
    assert "|    ep_rew_mean" in out
    assert "steps/s" not in out
    with pytest.raises(ValueError, match="verbose must be a whole number from 0 to 2, got 3"):
        short(tmp_path, verbose=3, overwrite=True)
    with pytest.raises(ValueError, match="verbose must be a whole number from 0 to 2, got 3"):
        resume(tmp_path, 640, verbose=3)


class Stop(BaseCallback):
    def _on_step(self) -> bool:
        return self.num_timesteps < 100


@pytest.mark.parametrize("algo", SMALL)
@pytest.mark.parametrize(
    "callback",
    [
        Stop,
        lambda: [Stop(), Stop()],
        lambda: lambda variables, _: variables["self"].num_timesteps < 100,
    ],
    ids=["callback", "list", "function"],
)
def test_a_callback_ends_a_training_that_can_go_on(
    callback: Callable[[], Any], algo: str, tmp_path: Path
) -> None:
    model = short(tmp_path, algo, callback=callback())
    assert 100 <= model.num_timesteps <= 128
    assert (tmp_path / "final.zip").exists()
    assert pd.read_csv(tmp_path / "evaluations.csv")["timesteps"].max() == model.num_timesteps
    assert read_config(tmp_path)["total_timesteps"] == 320
    again = resume(tmp_path, callback=callback())  # it stops after its first step
    assert again.num_timesteps == model.num_timesteps + 4
    assert short(tmp_path, algo, resume=True).num_timesteps >= 320
