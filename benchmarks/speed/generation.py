"""The time of one generation of the cross-entropy method: decoding latents, running programs.

The limit of decoding, its bare products of matrices, is measured in the same run.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch

from benchmarks.runs.ledger import records
from benchmarks.runs.results import number_text, print_texts, save_tables
from benchmarks.settings import GenerationSettings
from benchmarks.speed.devices import device_name, finish
from benchmarks.statistics.panels import COLORS, draw_band, panels, save_figure
from karel_gym.simulation.devices import device_named
from programmatic.dsl.tokens import PAD
from programmatic.leaps import ProgramVAE
from programmatic.leaps.model.decoding import in_batches
from programmatic.leaps.model.networks import Decoder
from programmatic.leaps.model.recurrence import parameters_of
from programmatic.search import CEMConfig
from programmatic.search.latent.space import LatentSpace
from programmatic.search.objective import Objective

ORIGINAL_POPULATION = 32
ORIGINAL_DECODE_MS, ORIGINAL_EXECUTE_MS = 58.0, 1600.0
"""Times of a generation of 32 with the implementation of LEAPS's authors."""
KINDS = ("normal", "cem")
PARTS = ("products", "decode", "execute", "total")
RATES = {"programs": "total", "decoded": "decode", "limit": "products"}
SHOWN = ("decode", "execute", "total"), ("decoded", "limit")
CEM_SIGMA = 0.1  # the last standard deviation of LEAPS's populations


def measure_generation(settings: GenerationSettings) -> None:
    """Measure on the CPU and on the GPU that torch finds; write and print the table."""
    devices = ["cpu", "cuda"] if torch.cuda.is_available() else ["cpu"]
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
        Rows: `device` of decoding, cpu or the GPU's name; `programs_on`, the device of programs;
        `latents`, normal for N(0, 1) or cem for N(mean, 0.1) around one mean from N(0, 1);
        `population`; in milliseconds the medians `products_ms` (the bare products of decoding),
        `decode_ms`, `execute_ms` and `total_ms`, each with `_fastest` and `_slowest`; and the
        programs per second `limit_per_second` of the products, `decoded_per_second` and
        `programs_per_second`.
    """
    space = LatentSpace(model)
    objective = Objective(settings.task, CEMConfig(n_worlds=settings.worlds), seed=0)
    objective.device = programs_device(model.device)
    for kind in KINDS:
        for population in settings.populations:
            times = []
            for repeat in range(settings.repeats + 1):
                latents = draw_latents(space, kind, population, seed=repeat)
                times.append(_times(space, objective, latents, model.vae.decoder))
            measured = np.array(times[1:])  # (repeats, 3); the first compiles and fills caches
            row: dict[str, Any] = {
                "device": device_name(model.device),
                "programs_on": objective.device,
                "latents": kind,
                "population": population,
            }
            parts = (*measured.T, measured[:, 1:].sum(axis=1))
            for name, part in zip(PARTS, parts, strict=True):
                row[f"{name}_ms"] = 1000 * float(np.median(part))
                row[f"{name}_ms_fastest"] = 1000 * float(part.min())
                row[f"{name}_ms_slowest"] = 1000 * float(part.max())
            for name, part in RATES.items():
                row[f"{name}_per_second"] = 1000 * population / row[f"{part}_ms"]
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


def _times(
    space: LatentSpace, objective: Objective, latents: torch.Tensor, decoder: Decoder
) -> tuple[float, float, float]:
    """Seconds of the bare products of decoding, of decoding, and of running."""
    finish(latents.device)
    start = time.perf_counter()
    tokens = space.programs(latents)
    finish(latents.device)
    decoded = time.perf_counter()
    on_gpu = objective.device == "cuda"
    objective.mean_returns(tokens if on_gpu else tokens.cpu().numpy())
    ran = time.perf_counter()
    in_batches(partial(multiply, decoder), tokens)
    finish(latents.device)
    return time.perf_counter() - ran, decoded - start, ran - decoded


@torch.no_grad()
def multiply(decoder: Decoder, tokens: torch.Tensor) -> torch.Tensor:
    """Multiply matrices as decoding these programs does, int64, (N, L), DEF first; return them."""
    first, last = decoder.output_layers
    of_state = parameters_of(decoder.gru).of_state
    units = of_state.shape[1]
    factors = of_state.t(), first.weight[:, :units].t(), last.weight.t()
    states = torch.rand((len(tokens), units), device=tokens.device)
    for n in (tokens[:, 1:] != PAD).sum(dim=0).tolist():
        for factor in factors:
            torch.mm(states[:n], factor)
    return tokens


def show(table: pd.DataFrame, settings: GenerationSettings) -> None:
    """Print the table."""
    rows = []
    for row in records(table):
        texts = {name: row[name] for name in ("latents", "device")}
        texts["programs"] = f"{row['population']:,}"
        for name in SHOWN[0]:
            middle, fastest, slowest = (
                milliseconds(row[f"{name}_ms{end}"]) for end in ("", "_fastest", "_slowest")
            )
            texts[f"{name} ms"] = f"{middle} [{fastest}, {slowest}]"
        texts |= {f"{name}/s": number_text(row[f"{name}_per_second"], 0) for name in SHOWN[1]}
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
            "decoded/s": number_text(1000 * ORIGINAL_POPULATION / ORIGINAL_DECODE_MS, 0),
            "limit/s": "",
        }
    )
    print_texts(
        rows,
        f"A generation on {settings.task}, {settings.worlds} worlds",
        f"Medians of {settings.repeats} generations [fastest, slowest]. Latents: normal, N(0, 1); "
        f"cem, N(mean, {CEM_SIGMA}) around one mean from N(0, 1). The limit is the rate at which "
        "the machine does the bare products of matrices that decoding takes.",
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
