"""The time of one generation of the cross-entropy method: decoding latents, running programs."""

from __future__ import annotations

import time
from collections.abc import Iterator
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch

from benchmarks.runs.ledger import records
from benchmarks.runs.results import number_text, print_texts, save_tables
from benchmarks.settings import GenerationSettings
from benchmarks.statistics.panels import COLORS, draw_band, panels, save_figure
from karel_gym.simulation.devices import device_named
from programmatic.leaps import ProgramVAE
from programmatic.search import CEMConfig
from programmatic.search.latent.space import LatentSpace
from programmatic.search.objective import Objective
from programmatic.threads import torch_threads

ORIGINAL_POPULATION = 32
ORIGINAL_DECODE_MS, ORIGINAL_EXECUTE_MS = 58.0, 1600.0
"""Times of a generation of 32 with the implementation of LEAPS's authors."""
KINDS = ("normal", "cem")
CEM_SIGMA = 0.1  # the last standard deviation of LEAPS's populations


def measure_generation(settings: GenerationSettings) -> None:
    """Measure on the CPU and on the GPU that torch finds; write and print the table."""
    devices = ["cpu", "cuda"] if torch.cuda.is_available() else ["cpu"]
    with torch_threads(settings.threads):
        table = pd.DataFrame(
            row
            for device in devices
            for row in generation_times(ProgramVAE.load(settings.model, device), settings)
        )
    gpu = torch.cuda.get_device_name() if torch.cuda.is_available() else None
    save_tables(settings, {"generation": table}, gpu=gpu)
    plot_times(table, settings.folder / "generation.png")
    show(table, settings)
    print(f"table and picture: {settings.folder}")


def generation_times(model: ProgramVAE, settings: GenerationSettings) -> Iterator[dict[str, Any]]:
    """Measure the times of generations of a model, on its device.

    Yields:
        Rows: `device` of decoding; `programs_on`, the device of programs; `latents`, normal for
        N(0, 1) or cem for N(mean, 0.1) around one mean from N(0, 1); `population`; in milliseconds
        the medians `decode_ms`, `execute_ms` and `total_ms`, each with `_fastest` and `_slowest`;
        and the median `programs_per_second`.
    """
    space = LatentSpace(model)
    objective = Objective(settings.task, CEMConfig(n_worlds=settings.worlds), seed=0)
    objective.device = programs_device(model.device)
    for kind in KINDS:
        for population in settings.populations:
            times = []
            for repeat in range(settings.repeats + 1):
                latents = draw_latents(space, kind, population, seed=repeat)
                times.append(_times(space, objective, latents))
            measured = np.array(times[1:])  # (repeats, 2); the first compiles and fills caches
            row: dict[str, Any] = {
                "device": model.device.type,
                "programs_on": objective.device,
                "latents": kind,
                "population": population,
            }
            parts = (*measured.T, measured.sum(axis=1))
            for name, part in zip(("decode", "execute", "total"), parts, strict=True):
                row[f"{name}_ms"] = 1000 * float(np.median(part))
                row[f"{name}_ms_fastest"] = 1000 * float(part.min())
                row[f"{name}_ms_slowest"] = 1000 * float(part.max())
            row["programs_per_second"] = 1000 * population / row["total_ms"]
            yield row


def draw_latents(space: LatentSpace, kind: str, n: int, seed: int) -> torch.Tensor:
    """Latents, (n, D): see `generation_times`."""
    if kind == "normal":
        return space.random(n, seed)
    return space.around(space.random(1, seed)[0], n, CEM_SIGMA, seed + 1)


def programs_device(decoder: torch.device) -> str:
    """The device of programs that are decoded on this device."""
    try:
        device_named(decoder.type)
    except RuntimeError:
        return "cpu"
    return decoder.type


def _times(space: LatentSpace, objective: Objective, latents: torch.Tensor) -> tuple[float, float]:
    """Seconds of decoding and of running."""
    _finish(latents.device)
    start = time.perf_counter()
    tokens = space.programs(latents)
    _finish(latents.device)
    decoded = time.perf_counter()
    on_gpu = objective.device == "cuda"
    objective.mean_returns(tokens if on_gpu else tokens.cpu().numpy())
    return decoded - start, time.perf_counter() - decoded


def _finish(device: torch.device) -> None:
    """Wait for the work of a GPU."""
    if device.type == "cuda":
        torch.cuda.synchronize()


def show(table: pd.DataFrame, settings: GenerationSettings) -> None:
    """Print the table."""
    rows = []
    for row in records(table):
        texts = {name: row[name] for name in ("latents", "device")}
        texts["programs"] = f"{row['population']:,}"
        for name in ("decode", "execute", "total"):
            middle, fastest, slowest = (
                milliseconds(row[f"{name}_ms{end}"]) for end in ("", "_fastest", "_slowest")
            )
            texts[f"{name} ms"] = f"{middle} [{fastest}, {slowest}]"
        texts["programs/s"] = number_text(row["programs_per_second"], 0)
        rows.append(texts)
    total = ORIGINAL_DECODE_MS + ORIGINAL_EXECUTE_MS
    rows.append(
        {
            "latents": "the original's",
            "device": "",
            "programs": f"{ORIGINAL_POPULATION}",
            "decode ms": f"{ORIGINAL_DECODE_MS:.0f}",
            "execute ms": f"about {ORIGINAL_EXECUTE_MS:,.0f}",
            "total ms": f"about {total:,.0f}",
            "programs/s": number_text(1000 * ORIGINAL_POPULATION / total, 0),
        }
    )
    print_texts(
        rows,
        f"A generation on {settings.task}, {settings.worlds} worlds",
        f"Medians of {settings.repeats} generations [fastest, slowest]. Latents: normal, N(0, 1); "
        f"cem, N(mean, {CEM_SIGMA}) around one mean from N(0, 1).",
    )


def milliseconds(value: float) -> str:
    """A time as text, below 100 ms to a tenth.

    Example:
        >>> milliseconds(1.26), milliseconds(3674.3)
        ('1.3', '3,674')
    """
    return number_text(value, 1 if value < 100 else 0)


def plot_times(table: pd.DataFrame, path: Path) -> None:
    """Draw the times over the population, a panel per kind of latents."""
    figure, axes = panels(len(KINDS))
    for axis, kind in zip(axes, KINDS, strict=True):
        lines = product(table[table["latents"] == kind].groupby("device"), ("decode", "execute"))
        for number, ((device, group), name) in enumerate(lines):
            band = [group[f"{name}_ms{end}"] for end in ("", "_fastest", "_slowest")]
            draw_band(axis, group["population"], band, f"{name}, {device}", number)
        original: dict[str, Any] = {"linestyle": "", "color": COLORS[-1], "fillstyle": "none"}
        for name, value, marker in (
            ("decode", ORIGINAL_DECODE_MS, "o"),
            ("execute", ORIGINAL_EXECUTE_MS, "s"),
        ):
            label = f"{name}, the original"
            axis.plot([ORIGINAL_POPULATION], [value], marker=marker, label=label, **original)
        axis.set_xscale("log", base=2)
        around = f"N(mean, {CEM_SIGMA}), as in CEM"
        latents = "N(0, 1)" if kind == "normal" else around
        axis.set(yscale="log", title=f"latents from {latents}")
    axes[0].legend(frameon=False, fontsize=8)
    figure.supxlabel("programs of a generation")
    figure.supylabel("milliseconds")
    save_figure(figure, path)
