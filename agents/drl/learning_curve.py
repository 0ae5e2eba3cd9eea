"""The learning curve of a training, as data and as a plot."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import EngFormatter
from numpy.typing import NDArray

from agents.drl.callbacks import EVALUATIONS_FILE, PROGRESS_FILE, STEP_COLUMN
from agents.drl.settings import TrainConfig
from programmatic.runs import RunError, replacing

TRAINING, EVALUATION = "#8fb4d9", "#1f5a92"
ELAPSED_COLUMN = "time/time_elapsed"


def learning_curve(run: Path) -> pd.DataFrame:
    """The evaluations of a training; a `RunError` if its logs are missing or damaged.

    Returns:
        A row per evaluation: `frames`, `seconds` (wall time; NaN if not logged), mean `return`.
    """
    evaluations = _read(run / EVALUATIONS_FILE, "timesteps").dropna(subset=["mean_return"])
    frames, seconds = evaluations["timesteps"].to_numpy(float), np.full(len(evaluations), np.nan)
    if (run / PROGRESS_FILE).exists():
        progress = _read(run / PROGRESS_FILE, STEP_COLUMN).dropna(subset=[ELAPSED_COLUMN])
        if len(progress):
            at = progress[STEP_COLUMN].to_numpy(float)
            seconds = np.interp(frames, [0, *at], [0, *elapsed_seconds(progress)])
    returns = evaluations["mean_return"].to_numpy(float)
    return pd.DataFrame({"frames": frames, "seconds": seconds, "return": returns})


def elapsed_seconds(progress: pd.DataFrame) -> NDArray[np.float64]:
    """Wall time at each row of a progress.csv, including the time before a resumption.

    Example:
        >>> elapsed_seconds(pd.DataFrame({ELAPSED_COLUMN: [1, 3, 5, 2, 4]})).tolist()
        [1.0, 3.0, 5.0, 7.0, 9.0]
    """
    elapsed = progress[ELAPSED_COLUMN].to_numpy(float)
    begins_anew = elapsed[1:] < elapsed[:-1]
    return elapsed + np.concatenate([[0.0], np.cumsum(elapsed[:-1] * begins_anew)])


def plot_learning_curve(run_dir: str | os.PathLike[str], path: str | os.PathLike[str]) -> None:
    """Plot the returns of the training's episodes and of its evaluations over steps.

    Args:
        run_dir: The run folder of a training.
        path: The file: .png, .svg or .pdf.

    Raises:
        RunError: The folder holds no training, or its logs are missing or damaged.
    """
    run, path = Path(run_dir), Path(path)
    config = TrainConfig.read(run)
    progress = _read(run / PROGRESS_FILE, STEP_COLUMN)
    evaluations = _read(run / EVALUATIONS_FILE, "timesteps")
    figure = Figure(figsize=(7, 4), layout="constrained")
    axes = figure.add_subplot()
    if "rollout/ep_rew_mean" in progress:
        # Before every env can have met its horizon, only episodes that ended early are counted.
        fair = progress[
            progress[STEP_COLUMN] > (config.num_envs or 1) * (config.train_max_steps or 1)
        ]
        axes.plot(
            fair[STEP_COLUMN],
            fair["rollout/ep_rew_mean"],
            color=TRAINING,
            label="training, mean of the last 100 episodes",
        )
    error = 1.96 * evaluations["std_return"] / evaluations["episodes"] ** 0.5
    axes.fill_between(
        evaluations["timesteps"],
        evaluations["mean_return"] - error,
        evaluations["mean_return"] + error,
        color=EVALUATION,
        alpha=0.15,
        linewidth=0,
    )
    axes.plot(
        evaluations["timesteps"],
        evaluations["mean_return"],
        "o-",
        color=EVALUATION,
        markersize=4,
        label=f"evaluation in {config.eval_episodes} fixed worlds, with 95 % interval",
    )
    axes.set(
        title=f"{config.algo.upper()} on {config.env_id}, {config.obs}, seed {config.seed}",
        xlabel="frames (steps of all envs together)",
        ylabel="return of an episode",
    )
    axes.xaxis.set_major_formatter(EngFormatter(sep=""))
    axes.set_xlim(left=0)
    axes.set_ylim(bottom=min(0.0, axes.get_ylim()[0]))
    axes.grid(alpha=0.3)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False, loc="lower right")
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path) as temporary:
        figure.savefig(temporary, dpi=150)


def _read(file: Path, step_column: str) -> pd.DataFrame:
    try:
        rows = pd.read_csv(file, on_bad_lines="skip")
        return rows.sort_values(step_column).drop_duplicates(step_column, keep="last")
    except FileNotFoundError:
        raise RunError(f"there is no {file}: the run has logged nothing yet") from None
    except (KeyError, ValueError) as error:
        raise RunError(f"{file} is damaged: {error}") from None
