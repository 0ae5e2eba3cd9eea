"""`karel-gym benchmark generation`: it measures what it says; how fast it is, is not tested."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest
import torch

from benchmarks.speed.generation import draw_latents
from karel_gym.cli import main
from programmatic.leaps import ProgramVAE
from programmatic.search.latent.space import LatentSpace
from tests.benchmarks.small_model import small_model


def test_the_command_leaves_a_table_and_a_picture(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    arguments = ["benchmark", "generation", "--populations", "4", "8", "--repeats", "2"]
    threads = torch.get_num_threads()
    assert main([*arguments, "--model", small_model(tmp_path), "--run", str(out)]) == 0
    assert torch.get_num_threads() == threads
    shown = capsys.readouterr().out
    assert "the original's" in shown
    assert "[fastest, slowest]" in shown
    assert (out / "generation.png").read_bytes().startswith(b"\x89PNG")
    assert json.loads((out / "config.json").read_text())["repeats"] == 2
    table = pd.read_csv(out / "generation.csv")
    on_cpu = table[table["device"] == "cpu"]
    assert on_cpu[["latents", "population"]].to_numpy().tolist() == [
        ["normal", 4],
        ["normal", 8],
        ["cem", 4],
        ["cem", 8],
    ]
    for name in ("products", "decode", "execute", "total"):
        assert (table[f"{name}_ms_fastest"] <= table[f"{name}_ms"]).all()
        assert (table[f"{name}_ms"] <= table[f"{name}_ms_slowest"]).all()


def test_latents_of_a_generation_are_near_to_one_mean() -> None:
    space = LatentSpace(ProgramVAE(32))
    latents = draw_latents(space, "cem", 1000, seed=3)
    assert latents.std(dim=0).mean().item() == pytest.approx(0.1, abs=0.01)
    assert latents.mean(dim=0).std().item() == pytest.approx(1.0, abs=0.3)
    assert draw_latents(space, "normal", 1000, seed=3).std().item() == pytest.approx(1.0, abs=0.05)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--populations", "0"], "populations must be numbers from 1 up"),
        (["--repeats", "0"], "repeats must be a whole number from 1 up, got 0"),
        (["--task", "Maze"], "'Maze' is no Karel task"),
    ],
)
def test_errors(
    arguments: list[str], message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    given = ["--model", small_model(tmp_path), "--run", str(tmp_path / "out")]
    assert main(["benchmark", "generation", *given, *arguments]) == 2
    assert message in capsys.readouterr().err
