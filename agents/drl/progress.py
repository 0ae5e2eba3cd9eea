"""Progress of a training on the terminal: a bar, lines, or SB3's tables."""

from __future__ import annotations

import sys
from typing import Any

from rich.progress import BarColumn, TimeRemainingColumn
from stable_baselines3.common.callbacks import ProgressBarCallback
from stable_baselines3.common.logger import HumanOutputFormat, KVWriter
from tqdm import tqdm
from tqdm.rich import RateColumn, tqdm_rich

LINES = 20  # per training
FIGURES = (
    ("return", "rollout/ep_rew_mean", ".2f"),
    ("length", "rollout/ep_len_mean", ".0f"),
    ("evaluation", "eval/mean_return", ".2f"),
)
"""Names of the figures that are shown, their keys in SB3's log, and formats."""


def progress(verbose: int, total: int) -> list[KVWriter]:
    """The writers that show a training of `total` steps; see `TrainConfig.verbose`."""
    if verbose == 1:
        return [ProgressBar(total) if sys.stdout.isatty() else ProgressLines(total)]
    return [HumanOutputFormat(sys.stdout)] if verbose else []


class ProgressLines(KVWriter):
    """Prints the latest figures in about 20 lines per training."""

    def __init__(self, total: int) -> None:
        super().__init__()
        self.total = total
        self.part = -1
        self.latest: dict[str, Any] = {}

    def write(self, key_values: dict[str, Any], key_excluded: object, step: int = 0) -> None:
        """Show the figures in a row of SB3's log, and those that only earlier rows have."""
        self.latest |= key_values
        found = [
            (name, self.latest[key], form) for name, key, form in FIGURES if key in self.latest
        ]
        self.show(", ".join(f"{name} {value:{form}}" for name, value, form in found), step)

    def show(self, text: str, step: int) -> None:
        """Print a line if the next twentieth of the training has begun."""
        part, rate = step * LINES // self.total, self.latest["time/fps"]
        if part != self.part:
            left = tqdm.format_interval(max(self.total - step, 0) / max(rate, 1))
            share, width = min(step / self.total, 1), len(f"{self.total:,}")
            start = f"{share:4.0%} {step:>{width},} steps: {text}"
            print(f"{start}; {rate:,} steps/s, {left} left", flush=True)
        self.part = part

    def close(self) -> None:
        """Nothing is open."""


class ProgressBar(ProgressLines, ProgressBarCallback):
    """SB3's progress bar behind the figures, in at most 80 columns."""

    def _on_training_start(self) -> None:
        columns = (
            "{task.description} {task.percentage:>3.0f}%",
            *(BarColumn(bar_width=10), TimeRemainingColumn(), RateColumn(unit="steps")),
        )
        self.pbar = tqdm_rich(total=self.total - self.num_timesteps, progress=columns)

    def show(self, text: str, step: int) -> None:
        """Write the figures in front of the bar."""
        self.pbar.set_description_str(text, refresh=False)

    def close(self) -> None:
        """Close the bar: an interrupted training leaves it open, and the cursor hidden."""
        if hasattr(self, "pbar"):
            self.pbar.close()
