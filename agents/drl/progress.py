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
FIGURES = {
    "return": ("rollout/ep_rew_mean", ".2f"),
    "length": ("rollout/ep_len_mean", ".0f"),
    "evaluation": ("eval/mean_return", ".2f"),
}
"""The figures that are shown: their names in SB3's log, and formats."""


def progress(verbose: int, total: int) -> list[KVWriter]:
    """The writers that show a training of `total` steps; see `TrainConfig.verbose`."""
    if verbose == 0:
        return []
    if verbose == 2:
        return [HumanOutputFormat(sys.stdout)]
    return [ProgressBar() if sys.stdout.isatty() else ProgressLines(total)]


class Progress(KVWriter):
    """The latest figures of a training as text."""

    def __init__(self) -> None:
        super().__init__()
        self.latest: dict[str, float] = {}

    def text(self, key_values: dict[str, Any]) -> str:
        """Take the figures in a row of SB3's log, and return the latest ones."""
        self.latest |= {
            name: key_values[key] for name, (key, _) in FIGURES.items() if key in key_values
        }
        shown = [(name, form) for name, (_, form) in FIGURES.items() if name in self.latest]
        return ", ".join(f"{name} {self.latest[name]:{form}}" for name, form in shown)

    def close(self) -> None:
        """Nothing is open."""


class ProgressLines(Progress):
    """Prints about 20 lines per training."""

    def __init__(self, total: int) -> None:
        super().__init__()
        self.total = total
        self.part = -1

    def write(
        self, key_values: dict[str, Any], key_excluded: dict[str, Any], step: int = 0
    ) -> None:
        """Print a line if the next part of the training has begun."""
        text = self.text(key_values)
        part = step * LINES // self.total
        if part == self.part:
            return
        self.part = part
        rate = key_values["time/fps"]
        left = max(self.total - step, 0) / max(rate, 1)
        print(
            f"{min(step / self.total, 1):4.0%} {step:>{len(f'{self.total:,}')},} steps: {text}; "
            f"{rate:,} steps/s, {tqdm.format_interval(left)} left",
            flush=True,
        )


class ProgressBar(Progress, ProgressBarCallback):
    """SB3's progress bar with figures in front of it, which fits into 80 columns."""

    def _on_training_start(self) -> None:
        columns = (
            "{task.description} {task.percentage:>3.0f}%",
            *(BarColumn(bar_width=10), TimeRemainingColumn(), RateColumn(unit="steps")),
        )
        total = self.locals["total_timesteps"] - self.model.num_timesteps
        self.pbar = tqdm_rich(total=total, progress=columns)

    def write(
        self, key_values: dict[str, Any], key_excluded: dict[str, Any], step: int = 0
    ) -> None:
        """Take the figures of a row."""
        self.pbar.set_description_str(self.text(key_values), refresh=False)

    def close(self) -> None:
        """Close the bar: an interrupted training leaves it open, and the cursor hidden."""
        if hasattr(self, "pbar"):
            self.pbar.close()
