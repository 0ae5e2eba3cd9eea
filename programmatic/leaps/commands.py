"""The commands `karel-gym dataset` and `karel-gym pretrain`."""

from __future__ import annotations

import time
from pathlib import Path

from programmatic.flags import Again, Flags
from programmatic.leaps.settings import DatasetConfig, PretrainConfig
from programmatic.runs import check_file, usual_folder


def dataset(config: Flags[DatasetConfig], out: Path, overwrite: bool = False) -> None:
    """Make a data set of random programs and their demonstrations, to train an embedding on.

    Args:
        config: The settings.
        out: HDF5 file to write.
        overwrite: Replace the file if it exists.
    """
    from programmatic.leaps.data.generation import generate

    check_file(out, overwrite)
    out.parent.mkdir(parents=True, exist_ok=True)
    started = time.perf_counter()
    made = generate(config)
    made.save(out)
    seconds = time.perf_counter() - started
    drawn, dropped = made.config["drawn"], made.config["dropped"]
    n_tried = len(made) + dropped
    print(
        f"{len(made):,} programs with {config.demonstrations} demonstrations each, "
        f"seed {config.seed}:\n"
        f"  tokens       {made.n_tokens.mean():.1f} per program, DEF to m)\n"
        f"  states       {made.lengths.mean() + 1:.1f} per demonstration, start included\n"
        f"  dropped      {dropped / n_tried:.0%} of the {n_tried:,} different programs among "
        f"{drawn:,} drawn\n"
        f"  seconds      {seconds:.1f}\n"
        f"  file         {out}, {out.stat().st_size / 1e6:.1f} MB"
    )


def pretrain(config: Flags[PretrainConfig], again: Flags[Again], run: Path | None = None) -> None:
    """Train a program embedding on a data set, or resume an interrupted run.

    With --resume only --epochs may be given.

    Args:
        config: The settings.
        again: What to do with a run in the run folder.
        run: Run folder; by default runs/pretrain-VARIANT-SEED.
    """
    from programmatic.leaps.model.checkpoints import BEST_FILE, read_about
    from programmatic.leaps.training.pretraining import pretrain as begin
    from programmatic.leaps.training.pretraining import resume as go_on

    if again.resume is not None:
        epochs = config.resumed(again.resume, run=run, overwrite=again.overwrite).epochs
        run = again.resume
        go_on(run, epochs)
    else:
        run = run or usual_folder("pretrain", config.variant, config.seed)
        begin(config, run, again.overwrite)
    best = run / BEST_FILE
    about = read_about(best)
    print(f"{best}: the weights of epoch {about['epoch']}; on the test programs:")
    for name, value in about["test"].items():
        print(f"  {name.replace('_', ' '):<17} {value if name == 'programs' else f'{value:.3f}'}")
