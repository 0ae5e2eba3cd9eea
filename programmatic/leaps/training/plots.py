"""Plot of pretrainings: losses and accuracies over epochs.

python -m programmatic.leaps.training.plots runs/pretrain-leaps-0 --out pretraining.png
"""

from __future__ import annotations

import os
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import pandas as pd
import tyro
from matplotlib.figure import Figure

from programmatic.leaps.settings import PretrainConfig
from programmatic.leaps.training.pretraining import PROGRESS_FILE
from programmatic.runs import RunError, replacing

NAMES = {"leaps": "LEAPS", "p": "LEAPS-P", "pr": "LEAPS-P+R", "pl": "LEAPS-P+L"}
LOSSES = {
    "program_loss": "L_P, programs",
    "kl": "KL divergence, mean over dimensions",
    "latent_behaviour_loss": "L_L, actions of the neural executor",
}
SHARES = {
    "program_accuracy": "programs reconstructed whole",
    "behaviour_match": "match of behaviour",
    "action_accuracy": "actions of the neural executor",
}


def plot_pretraining(
    run_dirs: Sequence[str | os.PathLike[str]], path: str | os.PathLike[str]
) -> None:
    """Draw the progress of pretrainings, as .png, .svg or .pdf.

    The upper panels have the losses L_P, KL (without its weight) and L_L, the lower ones the
    measures on validation programs.

    Raises:
        ValueError: There is no run folder.
        RunError: A folder is no pretraining's, or its log is missing or damaged.
    """
    if not run_dirs:
        raise ValueError("name at least one run folder")
    runs, path = [Path(run) for run in run_dirs], Path(path)
    labels, logs = _labels(runs), [_read(run / PROGRESS_FILE) for run in runs]
    figure = Figure(figsize=(12, 6.2), layout="constrained")
    panels = figure.subplots(2, 3).flat
    for axes, (column, title) in zip(panels, (LOSSES | SHARES).items(), strict=True):
        for number, (label, log) in enumerate(zip(labels, logs, strict=True)):
            if column in log:
                axes.plot("epoch", column, ".-", data=log, color=f"C{number}", label=label)
        if not axes.lines:
            axes.text(0.5, 0.5, "not trained on", ha="center", transform=axes.transAxes)
            axes.set(xticks=[], yticks=[])
        axes.set(title=title, xlabel="epoch")
        if column in SHARES:
            axes.set_ylim(0, 1.03)
        elif axes.lines:
            axes.set_yscale("log")
        axes.grid(alpha=0.3)
        axes.spines[["top", "right"]].set_visible(False)
    lines = {line.get_label(): line for axes in figure.axes for line in axes.lines}
    shown = {str(label): lines[label] for label in labels if label in lines}
    figure.legend(shown.values(), shown, loc="outside upper center", ncols=5, frameon=False)
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path) as temporary:
        figure.savefig(temporary, dpi=150)


def _labels(runs: Sequence[Path]) -> list[str]:
    """The variants' names, with the folders' names if a variant occurs twice."""
    names = [NAMES[PretrainConfig.read(run).variant] for run in runs]
    times = Counter(names)
    return [
        f"{name} ({run.name})" if times[name] > 1 else name
        for name, run in zip(names, runs, strict=True)
    ]


def _read(file: Path) -> pd.DataFrame:
    try:
        rows = pd.read_csv(file)
    except FileNotFoundError:
        raise RunError(f"there is no {file}: the run has logged nothing yet") from None
    except (OSError, ValueError) as error:
        raise RunError(f"{file} is damaged: {error}") from None
    if missing := [name for name in ("epoch", "program_accuracy") if name not in rows]:
        raise RunError(f"{file} is damaged: it lacks {', '.join(missing)}")
    return rows


def main(runs: Annotated[tuple[Path, ...], tyro.conf.Positional], out: Path) -> None:
    """Draw the losses and accuracies of pretrainings over epochs.

    Args:
        runs: Run folders of pretrainings.
        out: The picture's file: .png, .svg or .pdf.
    """
    try:
        plot_pretraining(runs, out)
    except (RunError, ValueError, OSError) as error:
        sys.exit(f"programmatic.leaps.training.plots: {error}")
    print(f"picture: {out}")


if __name__ == "__main__":
    tyro.cli(main)
