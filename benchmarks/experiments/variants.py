"""Comparison of the variants of LEAPS, trained with only some of its losses."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch

from agents.confidence import mean_interval
from benchmarks.runs.ledger import RUNS_FILE, records
from benchmarks.runs.method_grid import do_runs, planned_searches
from benchmarks.runs.results import (
    Cell,
    interval_cell,
    number_cell,
    number_text,
    print_table,
    print_texts,
    save_tables,
)
from benchmarks.runs.searches import SEARCH_COLUMNS, file_digest
from benchmarks.settings import VariantSettings
from benchmarks.statistics.panels import draw_band, panels, save_figure
from programmatic.dsl import Program
from programmatic.dsl.tokens import PAD
from programmatic.horizon import horizon_text
from programmatic.leaps import DatasetConfig, ProgramDataset, ProgramVAE, generate
from programmatic.leaps.model.checkpoints import read_about, weights_path
from programmatic.leaps.model.decoding import with_def
from programmatic.threads import torch_threads

SIGMAS = (0.0, 0.1, 0.25, 0.5, 1.0)
SHOWN_SIGMA = 0.25
ANOTHER = "another program"  # its behaviour matches by chance only
RECONSTRUCTION = (
    "program_accuracy",
    "token_accuracy",
    "validity",
    "behaviour_match",
    "action_accuracy",
)


def measure_variants(settings: VariantSettings) -> None:
    """Measure all variants; write and print the tables."""
    data = DatasetConfig(programs=settings.programs, seed=settings.data_seed)
    data.check()
    jobs = [
        job for model in settings.models for job in planned_searches(settings, ["LEAPS"], model)
    ]
    runs = do_runs(jobs, SEARCH_COLUMNS, settings)
    smooth = smoothness(settings.models, generate(data), settings.device)
    summary = summarise(settings.models, smooth, runs)
    save_tables(settings, {"summary": summary, "smoothness": smooth})
    plot_smoothness(smooth, settings.folder / "smoothness.png")
    show(summary, smooth, settings)
    print(f"tables and picture: {settings.folder} (a row per search: {RUNS_FILE})")


@torch.no_grad()
def smoothness(
    models: tuple[str, ...], dataset: ProgramDataset, device: str = "auto", seed: int = 0
) -> pd.DataFrame:
    """The match of behavior between programs and their neighbors in the latent space.

    Each program is encoded to the mean of its latent, moved by sigma * N(0, 1), and decoded. The
    noise is the same for all models of one width.

    Returns:
        A row per model and sigma: `behaviour_match` with the program's own demonstrations, 1 for
        the same behavior, mean over programs with its interval; `distinct`, the share of decoded
        programs that differ from all others. A last row has the match of another program of the
        data set, a lower bound for any latent space.
    """
    programs = [Program.from_tokens(row[row != PAD].tolist()) for row in dataset.tokens]
    rows = []
    for name in models:
        model = ProgramVAE.load(name, device)
        mean, _ = model.encode(programs)  # (N, D)
        for sigma in SIGMAS:
            generator = torch.Generator().manual_seed(seed)
            noise = torch.randn(mean.shape, generator=generator).to(mean.device)
            with torch_threads(1):
                tokens = with_def(model.decode_tokens(mean + sigma * noise)).cpu().numpy()
            rows.append({"model": name, "sigma": sigma, **_behaviour(tokens, dataset)})
    others = {"model": ANOTHER, "sigma": float("nan")}
    rows.append(others | _behaviour(np.roll(dataset.tokens, 1, axis=0), dataset))
    return pd.DataFrame(rows)


def _behaviour(tokens: Any, dataset: ProgramDataset) -> dict[str, float]:
    matches = dataset.behaviour_match(tokens)  # (N, demonstrations)
    interval = mean_interval(matches.mean(axis=1))
    distinct = len(np.unique(tokens, axis=0)) / len(tokens)
    return {**interval.columns("behaviour_match"), "distinct": distinct}


def summarise(models: tuple[str, ...], smooth: pd.DataFrame, runs: pd.DataFrame) -> pd.DataFrame:
    """A row per model.

    Returns:
        `test_programs` and the five of `RECONSTRUCTION` from the weights' JSON file, NaN without
        it; `match_0.25`, the behavior match at that sigma; and the means over seeds of
        `search_return` and `fresh_return`; a seed's value is its mean over the tasks.
    """
    rows = []
    for model in models:
        tested = _tested(model)
        near = smooth[(smooth["model"] == model) & (smooth["sigma"] == SHOWN_SIGMA)].iloc[0]
        by_seed = runs[runs["model_sha256"] == file_digest(model)].groupby("seed")
        rows.append(
            {
                "model": model,
                "test_programs": tested.get("programs", 0),
                **{name: tested.get(name, float("nan")) for name in RECONSTRUCTION},
                f"match_{SHOWN_SIGMA}": near["behaviour_match"],
                "distinct": near["distinct"],
                **mean_interval(by_seed["search_return"].mean()).columns("search_return"),
                **mean_interval(by_seed["fresh_return"].mean()).columns("fresh_return"),
            }
        )
    return pd.DataFrame(rows)


def _tested(model: str) -> dict[str, float]:
    """The results on test programs in the JSON file beside weights; empty if it has none."""
    if not weights_path(model).with_suffix(".json").exists():
        return {}
    return read_about(model).get("test") or {}


def show(summary: pd.DataFrame, smooth: pd.DataFrame, settings: VariantSettings) -> None:
    """Print the two tables."""
    labels = short_names(settings.models)
    cells: dict[str, Cell] = {"model": lambda row: labels[row["model"]]}
    titles = ("programs", "tokens", "valid", "behavior", "actions")
    cells |= {title: number_cell(name) for name, title in zip(RECONSTRUCTION, titles, strict=True)}
    cells |= {
        "search worlds": interval_cell("search_return"),
        "fresh worlds": interval_cell("fresh_return"),
    }
    print_table(
        summary,
        cells,
        f"Variants: test programs, and returns of cem over {settings.seeds} seeds",
        "Test programs, from the weights' JSON files: shares of programs and of tokens that are "
        "reconstructed and of reconstructions that are valid, match of behavior, and share of "
        "actions that the neural executor gets right. Returns of each search's best program, means "
        f"over {len(settings.tasks)} tasks and the seeds, {horizon_text(settings.horizon)}, "
        "with 95 % bootstrap intervals.",
    )
    rows = []
    for model, group in smooth.groupby("model", sort=False):
        texts = {"model": labels.get(str(model), ANOTHER)}
        if model == ANOTHER:
            texts |= dict.fromkeys((f"sigma {sigma:g}" for sigma in SIGMAS), "")
            texts[f"sigma {SIGMAS[-1]:g}"] = number_text(group["behaviour_match"].iloc[0])
        else:
            for row in records(group):
                match, distinct = row["behaviour_match"], row["distinct"]
                texts[f"sigma {row['sigma']:g}"] = f"{match:.2f} ({distinct:.0%})"
        rows.append(texts)
    print_texts(
        rows,
        f"Behavior near {settings.programs:,} programs in the latent space",
        "Match with the program's own demonstrations when its latent is moved by sigma * N(0, 1): "
        "1 is the same behavior. In brackets: the share of distinct decoded programs. "
        f"{ANOTHER.capitalize()}: the match of a program with the demonstrations of another one.",
    )


def short_names(models: Sequence[str]) -> dict[str, str]:
    """Short names of files of weights: the distinct ends of their paths; variants keep their names.

    Example:
        >>> names = short_names(["leaps", "runs/p/best.safetensors", "runs/pr/best.safetensors"])
        >>> list(names.values())
        ['leaps', 'p/best', 'pr/best']
    """
    paths = {model: Path(model).with_suffix("").parts for model in models}
    length = 1
    while True:
        names = {model: "/".join(parts[-length:]) for model, parts in paths.items()}
        if len(set(names.values())) == len(names) or length > max(map(len, paths.values())):
            return names
        length += 1


def plot_smoothness(smooth: pd.DataFrame, path: Path) -> None:
    """Draw behavior match over sigma, a line per variant."""
    figure, (axes,) = panels(1)
    figure.set_size_inches(6, 4)
    lines = smooth[smooth["model"] != ANOTHER].groupby("model", sort=False)
    labels = short_names([str(model) for model, _ in lines])
    for number, (model, group) in enumerate(lines):
        band = [group[f"behaviour_match{end}"] for end in ("", "_low", "_high")]
        draw_band(axes, group["sigma"], band, labels[str(model)], number)
    floor = smooth[smooth["model"] == ANOTHER]["behaviour_match"].iloc[0]
    axes.axhline(floor, color="#777777", linestyle=":", label=ANOTHER)
    axes.set(
        title="Behavior of programs near a program in the latent space",
        xlabel="sigma of the noise added to a program's latent",
        ylabel="match with the program's behavior",
    )
    axes.set_xlim(left=0)
    axes.set_ylim(0, 1.03)
    axes.legend(frameon=False)
    save_figure(figure, path)
