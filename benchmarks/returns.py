"""What the deep RL baselines reach on the tasks, and in larger worlds, beside what was published.

`karel-gym benchmark returns` trains all of them; `--baselines DRL-action --tasks Maze --seeds 1`
some.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd

from agents.callbacks import EVALUATIONS_FILE
from benchmarks.intervals import MeanInterval, mean_interval
from benchmarks.panels import COLORS, LOWEST_SHOWN, draw_band, panels, save_figure
from benchmarks.planned_runs import RUNS_FILE, Row, records
from benchmarks.published import LARGE, OWN_SIZE, published_return
from benchmarks.results import number_text, print_texts, save_tables
from benchmarks.search_runs import LARGE_WORLDS, TASK_NAMES, env_ids, seed_range
from benchmarks.trainings import (
    BASELINES,
    FRESH_EPISODES,
    FRESH_SEED,
    NUMBERS,
    PlannedTraining,
    run_trainings,
)

CURVE_POINTS = 200


@dataclass(frozen=True)
class ReturnsSettings:
    """Measure what the deep RL baselines reach, beside the published returns."""

    baselines: tuple[str, ...] = tuple(BASELINES)
    """Which: DRL (grid, CNN), DRL-abs (percepts), DRL-abs-t (percepts, LSTM), DRL-FCN (grid, fully
    convolutional), DRL-action (percepts and the previous action)."""
    tasks: tuple[str, ...] = TASK_NAMES
    """Tasks, by name or id."""
    env_version: Literal["v0", "v1"] = "v0"
    """Which definition of tasks that are given by name: v0 is LEAPS's."""
    seeds: int = 5
    """Trainings a baseline and task: those of the seeds from 0 up."""
    steps: float | None = None
    """Frames of a training; by default what hyperparams/ALGO.yml says."""
    out: Path = Path("results/returns")
    """Folder for config.json, runs.csv, runs, summary.csv, summary.json, curves.csv and curves.png;
    trainings that are in it are not done again."""


def measure_returns(settings: ReturnsSettings) -> None:
    """Do the trainings that are still to be done, and leave and print the tables."""
    tasks, seeds = env_ids(settings.tasks, settings.env_version), seed_range(settings.seeds)
    steps = None if settings.steps is None else int(settings.steps)
    plans = [
        PlannedTraining(baseline, task, seed, steps)
        for task in tasks
        for baseline in settings.baselines
        for seed in seeds
    ]
    runs = run_trainings(plans, settings.out)
    summary, curves = summarise(runs), learning_curves(runs, settings.out)
    save_tables(
        settings.out,
        "returns",
        settings,
        {"summary": summary, "curves": curves},
        fresh_worlds=FRESH_EPISODES,
        fresh_seed=FRESH_SEED,
        large_worlds=LARGE_WORLDS,
    )
    plot_curves(curves, settings.out / "curves.png")
    show(summary, settings.seeds)
    print(f"tables and picture: {settings.out} (a row a training: {RUNS_FILE})")


def summarise(runs: pd.DataFrame) -> pd.DataFrame:
    """A row a baseline and task.

    Args:
        runs: The rows of trainings, as `run_trainings` returns them.

    Returns:
        `env_id`; `baseline`; `seeds`; the means over seeds of the numbers of
        `benchmarks.trainings.COLUMNS`, each with its interval, `_low` and `_high`; `steps`; the
        mean `seconds` of a training; and what was `published` of the baseline, in worlds of the
        task's own size and in `published_large` ones.
    """
    rows = []
    for (env_id, baseline), group in runs.groupby(["env_id", "baseline"], sort=False):
        row: Row = {"env_id": env_id, "baseline": baseline, "seeds": len(group)}
        for name in NUMBERS:
            row |= mean_interval(group[name]).columns(name)
        row |= {
            "steps": int(group["steps"].iloc[0]),
            "seconds": group["seconds"].mean(),
            "published": published_return(str(baseline), str(env_id), OWN_SIZE),
            "published_large": published_return(str(baseline), str(env_id), LARGE),
        }
        rows.append(row)
    return pd.DataFrame(rows)


def learning_curves(runs: pd.DataFrame, folder: Path) -> pd.DataFrame:
    """The evaluations of the trainings: `env_id`, `baseline`, `seed`, `timesteps`, `seconds`,
    `mean_return`, `success_rate`; seconds are those that so many frames take in that training.

    Args:
        runs: The rows of trainings.
        folder: The folder of trainings.
    """
    parts = []
    for row in records(runs):
        curve = pd.read_csv(folder / row["run"] / EVALUATIONS_FILE)
        seconds = curve["timesteps"] * row["seconds"] / row["steps"]
        curve = curve[["timesteps", "mean_return", "success_rate"]].assign(seconds=seconds)
        parts.append(curve.assign(**{name: row[name] for name in ("env_id", "baseline", "seed")}))
    columns = ["env_id", "baseline", "seed", "timesteps", "seconds", "mean_return", "success_rate"]
    return pd.concat(parts, ignore_index=True)[columns]


def plot_curves(curves: pd.DataFrame, path: Path) -> None:
    """Draw return over frames, a panel a task, a line a baseline with its band over seeds.

    Args:
        curves: As `learning_curves` returns them.
        path: The picture's file.
    """
    figure, axes = panels(curves["env_id"].nunique())
    colors = dict(zip(curves["baseline"].unique(), COLORS, strict=False))
    for axis, (env_id, group) in zip(axes, curves.groupby("env_id", sort=False), strict=True):
        lowest = 0.0
        for baseline, own in group.groupby("baseline", sort=False):
            x = np.linspace(0, own["timesteps"].max(), CURVE_POINTS)
            drawn = np.array(
                [
                    np.interp(x, seed["timesteps"], seed["mean_return"])
                    for _, seed in own.groupby("seed")
                ]
            )
            draw_band(axis, x, drawn, colors[baseline], str(baseline))
            lowest = min(lowest, float(drawn.min()))
        axis.set(title=str(env_id), ylim=(max(LOWEST_SHOWN, lowest) - 0.03, 1.03))
        axis.set_xlim(left=0)
    axes[0].legend(frameon=False, fontsize=8)
    figure.suptitle("returns in 100 worlds, mean over seeds with 95 % interval")
    figure.supxlabel("frames")
    figure.supylabel("return")
    save_figure(figure, path)


def show(summary: pd.DataFrame, seeds: int) -> None:
    """Print the summary: what is reached in worlds of the task's own size, and in larger ones."""
    own, large = [], []
    for row in records(summary):
        task = {"task": row["env_id"].removeprefix("Karel-"), "baseline": row["baseline"]}
        own.append(
            {
                **task,
                "drawn": str(MeanInterval.of_columns(row, "drawn")),
                "greedy": str(MeanInterval.of_columns(row, "greedy")),
                "published": number_text(row["published"]),
                "frames": f"{row['steps']:,}",
                "s": number_text(row["seconds"], 0),
            }
        )
        if not np.isnan(row["large_drawn"]):
            large.append(
                {
                    **task,
                    "drawn": str(MeanInterval.of_columns(row, "large_drawn")),
                    "greedy": str(MeanInterval.of_columns(row, "large_greedy")),
                    "published": number_text(row["published_large"]),
                }
            )
    print_texts(
        own,
        f"Deep RL baselines in worlds of the task's own size, {seeds} seeds",
        f"Means over seeds, with 95 % bootstrap intervals, in {FRESH_EPISODES} fresh worlds, of "
        "policies that draw their actions or take the most probable one. Published: DRL rows by "
        "Trivedi et al. 2021, DRL-action by Rajabpour et al. 2025.",
    )
    if large:
        print_texts(large, f"The same policies in {LARGE_WORLDS} fresh worlds of 100x100")
