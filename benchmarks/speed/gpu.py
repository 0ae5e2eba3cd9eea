"""All rates of a GPU, and the tests that need one.

Each part runs in a process of its own: one that fails, or that breaks the state of the GPU, leaves
the others as they are.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import pandas as pd

from benchmarks.runs.results import save_config, save_tables
from benchmarks.settings import GenerationSettings, GPUSettings, PretrainingSettings
from benchmarks.speed.devices import device_name
from benchmarks.speed.generation import generation_times, show
from benchmarks.speed.pretraining import pretraining_rates
from benchmarks.speed.rates import measure_rates
from benchmarks.speed.throughput import token_rates, vector_env_rates
from programmatic.leaps import ProgramVAE
from programmatic.leaps.model.vae import torch_device

TESTS = "pytest"
CLONE = Path(__file__).resolve().parents[2]
NUM_ENVS = (1_024, 65_536)
GENERATION, PRETRAINING = GenerationSettings(), PretrainingSettings()
MOST_WORKERS = 8  # processes of tests, each with its own state on the GPU


def measure_gpu(settings: GPUSettings) -> None:
    """Measure rates on a device and run the tests marked `gpu`, each part in a process.

    A single part other than the tests is measured in this process.

    Raises:
        RuntimeError: The device does not exist, or parts failed.
    """
    name = device_name(torch_device(settings.device))
    if len(settings.parts) == 1 and settings.parts[0] in RATES:
        RATES[settings.parts[0]](settings)
        return
    settings.folder.mkdir(parents=True, exist_ok=True)
    end = time.monotonic() + 60 * settings.minutes
    outcomes = {}
    for number, part in enumerate(settings.parts, 1):
        print(f"[{number} of {len(settings.parts)}] {part} on {name}", flush=True)
        left = end - time.monotonic()
        share = left if number == len(settings.parts) else left / 2
        log = settings.folder / f"{part}.txt"
        outcomes[part] = outcome(command_of(part, settings), log, share)
        print(log.read_text(encoding="utf-8"), flush=True)
    failed = {part: text for part, text in outcomes.items() if text}
    save_config(settings, settings.folder, device_name=name, failed=failed)
    if failed:
        texts = [f"{part}: {text}" for part, text in failed.items()]
        raise RuntimeError(f"on {name} failed {'; '.join(texts)}")
    print(f"all parts succeeded on {name}; rates and outputs: {settings.folder}")


def command_of(part: str, settings: GPUSettings) -> list[str]:
    """The command that does a part."""
    if part == TESTS:
        workers = min(MOST_WORKERS, os.cpu_count() or 1)
        return [sys.executable, "-m", TESTS, "-m", "gpu", "-n", str(workers)]
    own = ("--parts", part, "--device", settings.device, "--run", str(settings.folder.resolve()))
    return [sys.executable, "-m", "karel_gym.cli", "benchmark", "gpu", *own]


def outcome(command: Sequence[str], log: Path, seconds: float) -> str:
    """Run a command with its output in a file; returns why it failed, or "" if it did not."""
    with log.open("w", encoding="utf-8") as output:
        try:
            done = subprocess.run(
                command, cwd=CLONE, stdout=output, stderr=subprocess.STDOUT, timeout=seconds
            )
        except subprocess.TimeoutExpired:
            return f"stopped after {max(seconds, 0):.0f} s"
    if not done.returncode:
        return ""
    lines = log.read_text(encoding="utf-8").split("\n")
    said = next((line.strip("= ") for line in reversed(lines) if line.strip("= ")), "no output")
    return f"{said} (exit status {done.returncode})"


def measure_generations(settings: GPUSettings) -> None:
    """Times of decoding and of whole generations of the cross-entropy method."""
    model = ProgramVAE.load(GENERATION.model, settings.device)
    table = pd.DataFrame(generation_times(model, GENERATION))
    save_tables(settings, {"generation": table})
    show(table, GENERATION)


def measure_pretraining(settings: GPUSettings) -> None:
    """Rates of pretraining, a step of each variant."""
    own = replace(PRETRAINING, run=settings.folder, device=settings.device)
    measure_rates(pretraining_rates(own), settings)


RATES: dict[str, Callable[[GPUSettings], None]] = {
    "execute": lambda of: measure_rates(token_rates(of.device), of),
    "envs": lambda of: measure_rates(vector_env_rates(of.device, NUM_ENVS), of),
    "generation": measure_generations,
    "pretraining": measure_pretraining,
}
"""The function of each part but the tests."""
