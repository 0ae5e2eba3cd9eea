"""LEAPS and its variants, trained with some of its losses only, beside each other.

Of each: what its weights' file tells of the reconstruction of test programs; how smooth behaviour
is in its latent space; and what the cross-entropy method reaches with it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd
import torch

from agents.intervals import MeanInterval, mean_interval
from benchmarks.runs.planned_runs import RUNS_FILE, records
from benchmarks.runs.results import number_text, print_texts, save_tables
from benchmarks.runs.search_runs import (
    TASK_NAMES,
    PlannedSearch,
    env_ids,
    file_digest,
    run_searches,
    seed_range,
)
from benchmarks.statistics.panels import COLORS, panels, save_figure
from programmatic.dsl import Program
from programmatic.dsl.tokens import PAD
from programmatic.horizon import TASK, horizon_text
from programmatic.leaps import DatasetConfig, ProgramDataset, ProgramVAE, generate
from programmatic.leaps.model.checkpoints import read_about, weights_path
from programmatic.leaps.model.decoding import with_def
from programmatic.leaps.settings import VARIANTS
from programmatic.options import parse_options
from programmatic.threads import torch_threads

SIGMAS = (0.0, 0.1, 0.25, 0.5, 1.0)
SHOWN_SIGMA = 0.25
ANOTHER = "another program"  # what an unrelated program's behaviour matches
RECONSTRUCTION = (
    "program_accuracy",
    "token_accuracy",
    "validity",
    "behaviour_match",
    "action_accuracy",
)


@dataclass(frozen=True)
class VariantSettings:
    """Compare the variants of LEAPS: reconstruction, smoothness of behaviour, and search."""

    models: tuple[str, ...] = VARIANTS
    """Variants' names, or files of weights."""
    tasks: tuple[str, ...] = TASK_NAMES
    """Tasks, by name or id."""
    seeds: int = 5
    """Searches a variant and task: those of the seeds from 0 up."""
    budget: float | None = None
    """Most programs of a search; by default until the method ends."""
    horizon: str = TASK
    """The limit of a program's run: task, the task's own horizon; published,
    the 10,000 calls (actions and percepts) of the literature; or a number of actions."""
    options: tuple[str, ...] = ()
    """Other options of the cross-entropy method, such as iterations=100."""
    programs: int = 2000
    """Programs whose neighbourhood is measured."""
    data_seed: int = 1
    """Of those programs and their demonstrations: another than the training's data set had. About a
    sixth of 2,000, most of them short, are also among 50,000 programs of another seed."""
    device: Literal["auto", "cpu", "cuda"] = "auto"
    """Where latents, decoding and, with numba-cuda, programs are."""
    out: Path = Path("results/variants")
    """Folder for config.json, summary, smoothness and runs as CSV, runs, and smoothness.png;
    searches that are in it are not done again."""


def measure_variants(settings: VariantSettings) -> None:
    """Measure all variants, and leave and print the tables."""
    tasks, seeds = env_ids(settings.tasks), seed_range(settings.seeds)
    options = {"horizon": settings.horizon} | parse_options(settings.options)
    if not settings.models:
        raise ValueError("name at least one variant or file of weights")
    budget = None if settings.budget is None else int(settings.budget)
    plans = [
        PlannedSearch("cem", task, seed, model, budget, settings.device, options)
        for model in settings.models
        for task in tasks
        for seed in seeds
    ]
    data = DatasetConfig(programs=settings.programs, seed=settings.data_seed)
    data.check()
    runs = run_searches(plans, settings.out)
    smooth = smoothness(settings.models, generate(data), settings.device)
    summary = summarise(settings.models, smooth, runs)
    save_tables(settings.out, "variants", settings, {"summary": summary, "smoothness": smooth})
    plot_smoothness(smooth, settings.out / "smoothness.png")
    show(summary, smooth, settings)
    print(f"tables and picture: {settings.out} (a row a search: {RUNS_FILE})")


@torch.no_grad()
def smoothness(
    models: tuple[str, ...], dataset: ProgramDataset, device: str = "auto", seed: int = 0
) -> pd.DataFrame:
    """How far programs near to a program in the latent space behave as it does.

    Each program is encoded to the mean of its latent, moved by sigma * N(0, 1), and decoded.

    Args:
        models: Variants' names, or files of weights.
        dataset: The programs, and their demonstrations.
        device: Where the models run.
        seed: Of the noise, which is the same for all models of one width.

    Returns:
        A row a model and sigma: `model`; `sigma`; `behaviour_match` with the program's own
        demonstrations, 1 for the same behaviour, mean over programs with its interval; and
        `distinct`, the share of decoded programs that differ from all before. And a row for the
        match of another program of the data set, the least that a latent space can be worth.
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
    """A row a model.

    Returns:
        `model`; `test_programs` and, measured on them after training, the five of
        `RECONSTRUCTION`, NaN where the weights' JSON file has none; `match_0.25`, the behaviour
        match at that sigma; and `search_return` and `fresh_return`: a seed's value is its mean over
        the tasks, and these are means over seeds with their intervals.
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
    """What the JSON file beside weights tells of test programs; nothing if it does not."""
    if not weights_path(model).with_suffix(".json").exists():
        return {}
    return read_about(model).get("test") or {}


def show(summary: pd.DataFrame, smooth: pd.DataFrame, settings: VariantSettings) -> None:
    """Print the two tables."""
    labels = short_names(settings.models)
    titles = ("programs", "tokens", "valid", "behaviour", "actions")
    rows: list[dict[str, str]] = []
    for row in records(summary):
        texts = {"model": labels[row["model"]]}
        texts |= {
            title: number_text(row[name])
            for name, title in zip(RECONSTRUCTION, titles, strict=True)
        }
        for name, title in (("search_return", "search worlds"), ("fresh_return", "fresh worlds")):
            interval = MeanInterval(row[name], row[f"{name}_low"], row[f"{name}_high"])
            texts[title] = str(interval)
        rows.append(texts)
    print_texts(
        rows,
        f"Variants: test programs, and returns of cem over {settings.seeds} seeds",
        "Test programs, from the weights' JSON files: shares of programs and of tokens that are "
        "reconstructed and of reconstructions that are valid, match of behaviour, and share of "
        "actions that the neural executor has right. Returns of each search's best program, means "
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
        f"Behaviour near {settings.programs:,} programs in the latent space",
        "Match with the program's own demonstrations when its latent is moved by sigma * N(0, 1): "
        "1 is the same behaviour. In brackets: how many of the decoded programs are distinct. "
        f"{ANOTHER.capitalize()}: the match of a program with the demonstrations of another one.",
    )


def short_names(models: Sequence[str]) -> dict[str, str]:
    """What tells files of weights apart: the ends of their paths; variants' names as they are.

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
    """Draw behaviour match over sigma, a line a variant."""
    figure, (axes,) = panels(1)
    figure.set_size_inches(6, 4)
    lines = smooth[smooth["model"] != ANOTHER].groupby("model", sort=False)
    labels = short_names([str(model) for model, _ in lines])
    for (model, group), color in zip(lines, COLORS, strict=False):
        middle = group["behaviour_match"]
        errors = [middle - group["behaviour_match_low"], group["behaviour_match_high"] - middle]
        axes.errorbar(
            group["sigma"],
            middle,
            errors,
            fmt="o-",
            color=color,
            markersize=4,
            label=labels[str(model)],
        )
    floor = smooth[smooth["model"] == ANOTHER]["behaviour_match"].iloc[0]
    axes.axhline(floor, color="#777777", linestyle=":", label=ANOTHER)
    axes.set(
        title="Behaviour of programs near a program in the latent space",
        xlabel="sigma of the noise added to a program's latent",
        ylabel="match with the program's behaviour",
    )
    axes.set_xlim(left=0)
    axes.set_ylim(0, 1.03)
    axes.legend(frameon=False)
    save_figure(figure, path)
