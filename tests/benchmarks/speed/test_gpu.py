"""`karel-gym benchmark gpu`: parts that fail leave the others; rates are written for each part."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
import torch

from benchmarks.settings import GenerationSettings, GPUSettings, PretrainingSettings
from benchmarks.speed import gpu, throughput
from karel_gym.cli import main
from tests.benchmarks.small_model import small_model

WORKS, FAILS, HANGS = (
    [sys.executable, "-c", f"print('began', flush=True); {code}"]
    for code in ("pass", "raise SystemExit('broken')", "import time; time.sleep(60)")
)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_without_a_gpu_it_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["benchmark", "gpu", "--run", str(tmp_path / "out")]) == 2
    told = capsys.readouterr().err
    assert told == "karel-gym: device 'cuda' was asked for, but torch finds no GPU\n"
    assert not (tmp_path / "out").exists()


def test_a_part_that_fails_leaves_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    commands = {"execute": FAILS, "generation": HANGS, "pytest": WORKS}
    monkeypatch.setattr(gpu, "command_of", lambda part, settings: commands[part])
    given = ["--parts", *commands, "--device", "cpu", "--minutes", "0.1", "--run", str(tmp_path)]
    assert main(["benchmark", "gpu", *given]) == 2
    told = capsys.readouterr()
    assert "on cpu failed execute: broken (exit status 1); generation: stopped after" in told.err
    assert "pytest" not in told.err
    assert told.out.count("began") == 3
    config = json.loads((tmp_path / "config.json").read_text())
    assert config["device_name"] == "cpu"
    assert list(config["failed"]) == ["execute", "generation"]
    assert main(["benchmark", "gpu", *given[:1], "pytest", *given[4:]]) == 0
    assert json.loads((tmp_path / "config.json").read_text())["failed"] == {}


def test_each_part_is_a_command(tmp_path: Path) -> None:
    settings = GPUSettings(device="cpu", run=tmp_path)
    assert set(settings.parts) == {*gpu.RATES, gpu.TESTS}
    for part in settings.parts:
        command = gpu.command_of(part, settings)
        assert command[0] == sys.executable
        assert part in command
    assert "gpu" in gpu.command_of(gpu.TESTS, settings)


def test_rates_are_written_for_each_part(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = small_model(tmp_path)
    monkeypatch.setattr(
        gpu, "GENERATION", GenerationSettings(populations=(4,), repeats=1, model=model)
    )
    monkeypatch.setattr(
        gpu,
        "PRETRAINING",
        PretrainingSettings(
            programs=60, batch_size=16, demonstrations=2, latent_dim=8, repeats=1, threads=1
        ),
    )
    monkeypatch.setattr(gpu, "NUM_ENVS", (3,))
    monkeypatch.setattr(throughput, "STEPS", 2)
    monkeypatch.setattr(gpu, "token_rates", lambda device: throughput.token_rates(device, 4, 3))
    settings = GPUSettings(device="cpu", run=tmp_path)
    for part in gpu.RATES:
        gpu.measure_gpu(replace(settings, parts=(part,)))
    rates = pd.read_csv(tmp_path / "rates.csv")["what"]
    for start, count in (("execute, ", 2), ("vector env, ", 2), ("pretraining steps, variant ", 4)):
        assert rates.str.startswith(start).sum() == count
    assert set(pd.read_csv(tmp_path / "generation.csv")["device"]) == {"cpu"}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--minutes", "0"], "minutes must be greater than 0, got 0.0"),
        (["--parts", "dance"], "dance"),
    ],
)
def test_errors(arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["benchmark", "gpu", "--device", "cpu", *arguments]) == 2
    assert message in capsys.readouterr().err
