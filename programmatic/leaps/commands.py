"""The commands `karel-gym dataset` and `karel-gym pretrain`."""

from __future__ import annotations

import time
from pathlib import Path

import tyro

from programmatic.leaps.data.dataset import DatasetConfig
from programmatic.leaps.settings import PretrainConfig
from programmatic.runs import check_file, usual_folder


def dataset(
    config: tyro.conf.OmitArgPrefixes[DatasetConfig],
    out: Path,
    overwrite: bool = False,
) -> None:
    """Make a data set of random programs and their demonstrations, to train an embedding on.

    Args:
        config: What the data set is made of.
        out: The HDF5 file to write.
        overwrite: Replace the file if there is one.
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
        f"  tokens       {made.n_tokens.mean():.1f} a program, DEF to m)\n"
        f"  states       {made.lengths.mean() + 1:.1f} a demonstration, its start included\n"
        f"  dropped      {dropped / n_tried:.0%} of the {n_tried:,} different programs among "
        f"{drawn:,} drawn\n"
        f"  seconds      {seconds:.1f}\n"
        f"  file         {out}, {out.stat().st_size / 1e6:.1f} MB"
    )


def pretrain(
    config: tyro.conf.OmitArgPrefixes[PretrainConfig],
    run: Path | None = None,
    resume: Path | None = None,
    overwrite: bool = False,
) -> None:
    """Learn a program embedding from a data set, or go on with an interrupted run.

    Args:
        config: How to learn.
        run: The run folder; by default runs/pretrain-VARIANT-SEED.
        resume: A run folder whose pretraining goes on, with its own settings; of those above only
            epochs, the new end, may be given.
        overwrite: Remove what is in the run folder.
    """
    from programmatic.leaps.model.checkpoints import BEST_FILE, read_about
    from programmatic.leaps.training.pretraining import pretrain as begin
    from programmatic.leaps.training.pretraining import resume as go_on

    if resume is not None:
        if run is not None or overwrite:
            raise ValueError("--resume names the run folder; leave out --run and --overwrite")
        run = resume
        go_on(run, config.resumed(run).epochs)
    else:
        run = run or usual_folder("pretrain", config.variant, config.seed)
        begin(config, run, overwrite)
    about = read_about(run / BEST_FILE)
    print(f"{run / BEST_FILE}: the weights of epoch {about['epoch']}; on the test programs:")
    for name, value in about["test"].items():
        print(f"  {name.replace('_', ' '):<17} {value if name == 'programs' else f'{value:.3f}'}")
