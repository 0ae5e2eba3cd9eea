"""`karel-gym benchmark variants`."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from benchmarks.experiments.variants import ANOTHER, SIGMAS, smoothness
from karel_gym.cli import main
from programmatic.leaps import DatasetConfig, ProgramDataset, ProgramVAE, generate
from tests.benchmarks.small_model import small_model

TESTED = {"program_accuracy": 0.9, "token_accuracy": 0.98, "validity": 1.0, "programs": 7500}


@pytest.fixture(scope="module")
def dataset() -> ProgramDataset:
    return generate(DatasetConfig(programs=20, seed=5))


def test_the_command_compares_models(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    models, out = [small_model(tmp_path, 0, TESTED), small_model(tmp_path, 1)], tmp_path / "out"
    arguments = ["benchmark", "variants", "--models", *models, "--tasks", "Maze", "Harvester"]
    arguments += ["--seeds", "1", "--programs", "20", "--run", str(out)]
    arguments += ["--options", "iterations=2", "population_size=4", "n_worlds=2"]
    assert main(arguments) == 0
    shown = capsys.readouterr().out
    assert "small-0" in shown
    assert str(tmp_path) not in shown.replace(str(out), "")
    assert (out / "smoothness.png").read_bytes().startswith(b"\x89PNG")
    summary = pd.read_csv(out / "summary.csv")
    assert summary["model"].tolist() == models
    assert summary["program_accuracy"].tolist()[0] == 0.9
    assert summary["program_accuracy"].isna().tolist() == [False, True]
    runs = pd.read_csv(out / "runs.csv")
    for model, row in zip(models, summary.to_dict("records"), strict=True):
        own = runs[runs["model"] == model]
        assert len(own) == 2
        assert row["fresh_return"] == pytest.approx(own["fresh_return"].mean())
    assert len(pd.read_csv(out / "smoothness.csv")) == 2 * len(SIGMAS) + 1
    assert main(arguments) == 0
    assert "[1 of 4]" not in capsys.readouterr().out


def test_a_model_that_reconstructs_everything_matches_without_noise(
    dataset: ProgramDataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Perfect:
        """Its latent is the program's number; noise of more than a half leads to another one."""

        def encode(self, programs: list[object]) -> tuple[torch.Tensor, torch.Tensor]:
            mean = torch.arange(len(programs), dtype=torch.float32)[:, None]
            return mean, torch.zeros_like(mean)

        def decode_tokens(self, latents: torch.Tensor) -> torch.Tensor:
            which = latents[:, 0].round().long() % len(dataset)
            tokens = torch.from_numpy(dataset.tokens[:, 1:].astype(np.int64))[which]
            return torch.nn.functional.pad(tokens, (0, 1), value=50)

    monkeypatch.setattr(ProgramVAE, "load", lambda name, device: Perfect())
    table = smoothness(("perfect",), dataset)
    own = table[table["model"] == "perfect"].set_index("sigma")
    assert own.loc[0.0, "behaviour_match"] == own.loc[0.1, "behaviour_match"] == 1.0
    assert own.loc[0.0, "distinct"] == 1.0
    assert own.loc[1.0, "behaviour_match"] < 0.9
    assert own.loc[1.0, "distinct"] < 1.0
    another = table[table["model"] == ANOTHER]["behaviour_match"].item()
    assert another < own.loc[1.0, "behaviour_match"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--models"], "name at least one variant or file of weights"),
        (["--models", "nowhere.safetensors"], "nowhere.safetensors"),
        (["--programs", "0"], "programs must be in 1 to"),
        (["--options", "batch_size=3"], "none of the searches has the option 'batch_size'"),
    ],
)
def test_errors(
    arguments: list[str], message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    given = [] if "--models" in arguments else ["--models", small_model(tmp_path)]
    out = ["--run", str(tmp_path / "out")]
    assert main(["benchmark", "variants", *given, *out, *arguments]) == 2
    assert message in capsys.readouterr().err
