"""Stage 1 of LEAPS: learn the program embedding, in a run that can be interrupted and go on."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pandas as pd
import torch
from torch.optim.lr_scheduler import StepLR
from torch.utils.tensorboard import SummaryWriter
from tqdm import tqdm

from programmatic.leaps.data.dataset import ProgramDataset
from programmatic.leaps.model.batches import Programs
from programmatic.leaps.model.checkpoints import (
    BEST_FILE,
    TrainingState,
    read_training_state,
    write_state_dict,
    write_training_state,
)
from programmatic.leaps.model.vae import ProgramVAE, torch_device
from programmatic.leaps.settings import PretrainConfig
from programmatic.leaps.training.losses import (
    behaviour_loss,
    draw_latents,
    kl_divergence,
    latent_behaviour_loss,
    program_loss,
)
from programmatic.leaps.training.measures import Measures, measure
from programmatic.runs import (
    RunError,
    begin_run,
    checkpoint_path,
    checkpoints,
    latest_checkpoint,
    occupying,
    versions,
    write_text,
)
from programmatic.threads import torch_threads

PROGRESS_FILE = "progress.csv"
KEPT_CHECKPOINTS = 2
CHECKPOINT_SECONDS = 60.0


def pretrain(
    config: PretrainConfig, run: Path, overwrite: bool = False, progress: bool | None = None
) -> ProgramVAE:
    """Learn a program embedding and leave a run folder.

    The folder has config.json, progress.csv (a row an epoch), TensorBoard events, checkpoints (of
    every minute and of every epoch), best.safetensors (the best epoch's weights, by greedy
    reconstruction of whole validation programs) and best.json with its settings and what was
    measured on the test programs.

    Args:
        config: The settings.
        run: The folder.
        overwrite: Whether an earlier run there may be removed.
        progress: Whether to show a progress bar; None: on a terminal.

    Raises:
        RunError: The data set cannot be read, or a run is in the folder already.
        ValueError: A setting cannot be.
    """
    config.check()
    training = Pretraining(config, run, ProgramDataset.load(config.data))
    with occupying(run):
        begin_run(run, config.config_json(), overwrite)  # after what may fail: it clears the run
        return training.train(progress)


def resume(run: Path, epochs: int | None = None, progress: bool | None = None) -> ProgramVAE:
    """Go on with a pretraining from its last checkpoint.

    On a CPU it ends as if never interrupted: to the last bit with `threads=1`, else nearly.

    Args:
        run: The run folder.
        epochs: The new number of epochs; None: as it was.
        progress: Whether to show a progress bar; None: on a terminal.

    Raises:
        RunError: The folder is no pretraining's, or its files or data set are missing or damaged.
    """
    config = PretrainConfig.read(run)
    config = replace(config, epochs=epochs or config.epochs)
    training = Pretraining(config, run, ProgramDataset.load(config.data))
    with occupying(run):
        if checkpoints(run):
            training.restore(latest_checkpoint(run))
        return training.train(progress)


class Pretraining:
    """A pretraining under way."""

    def __init__(self, config: PretrainConfig, run: Path, dataset: ProgramDataset) -> None:
        self.config, self.run = config, run
        self.device = torch_device(config.device)
        if self.device.type == "cuda":
            torch.set_float32_matmul_precision("high")  # TF32
        self.parts = {name: dataset.part(name) for name in ("train", "valid", "test")}
        for name, part in self.parts.items():
            if not len(part):
                raise RunError(f"{config.data} has no programs to {name}: it is too small")
        self.valid = self.parts["valid"].subset(slice(config.valid_programs))
        self.programs = Programs(self.parts["train"].tokens, self.device)
        torch.manual_seed(config.seed)
        if config.start is None:
            self.model = ProgramVAE(config.latent_dim).to(self.device)
        else:
            self.model = ProgramVAE.load(config.start, self.device)
        self.trained = torch.nn.ModuleList([self.model.vae])
        if config.uses_latent_behaviour:
            self.trained.append(self.model.condition_policy)
        self.optimizer = torch.optim.Adam(self.trained.parameters(), config.learning_rate)
        self.schedule = StepLR(self.optimizer, config.decay_every, config.decay)
        self.epoch = 0
        self.seconds = 0.0
        self.reinforces = False  # whether L_R has begun
        self.rows: list[dict[str, float]] = []
        self.steps = 0  # of the epoch under way
        self.sums: dict[str, float] = {}
        self.random: Sequence[str] = ()  # the generators' states after these steps, where restored

    def restore(self, checkpoint: Path) -> None:
        """Go back to what a checkpoint holds."""
        state = read_training_state(checkpoint, self.model, self.optimizer)
        self.schedule.load_state_dict(state.schedule)
        self.epoch, self.seconds = state.epoch, state.seconds
        self.reinforces, self.rows = state.reinforces, state.rows
        self.steps, self.sums, self.random = state.steps, state.sums, state.random

    def train(self, progress: bool | None) -> ProgramVAE:
        """Train up to the configured epoch."""
        shown = sys.stderr.isatty() if progress is None else progress
        with (
            SummaryWriter(str(self.run), purge_step=self.epoch + 1) as board,
            torch_threads(self.config.threads),
            _no_denormals(),
        ):
            while self.epoch < self.config.epochs:
                row = self._train_epoch(shown)
                began = time.perf_counter()
                measures = measure(self.model, self.valid, self.config.uses_latent_behaviour)
                self.seconds += time.perf_counter() - began
                row |= {"seconds": self.seconds, **measures.to_json()}
                self._keep(row, measures, board)
        best = ProgramVAE.load(self.run / BEST_FILE, self.device)
        with torch_threads(self.config.threads):
            tested = measure(best, self.parts["test"], self.config.uses_latent_behaviour)
        self._write_best(best, tested)
        return best

    def _train_epoch(self, shown: bool) -> dict[str, float]:
        """One pass over the training programs, or what is left of it.

        Returns:
            The means of what its steps gave.
        """
        config = self.config
        # By the epoch, lest an interrupted training draw other numbers than one that was not.
        generator = torch.Generator().manual_seed(config.seed * 1_000_003 + self.epoch)
        torch.manual_seed(config.seed * 1_000_003 + self.epoch)
        n_programs = min(len(self.programs), config.epoch_programs or len(self.programs))
        batches = list(self.programs.batches(config.batch_size, generator, n_programs))
        if self.random:
            _set_random_states(generator, self.random)
        self.model.train()
        bar = tqdm(
            batches[self.steps :],
            f"epoch {self.epoch + 1} of {config.epochs}",
            initial=self.steps,
            total=len(batches),
            disable=not shown,
            leave=False,
        )
        began = time.perf_counter()
        for which in bar:
            for name, value in self.step(which, generator).items():
                self.sums[name] = self.sums.get(name, 0.0) + value
            self.steps += 1
            bar.set_postfix_str(f"loss {self.sums['loss'] / self.steps:.3f}", refresh=False)
            now = time.perf_counter()
            if now - began >= CHECKPOINT_SECONDS:
                self.seconds, began = self.seconds + now - began, now
                self.random = _random_states(generator)
                self._write_checkpoint()
        self.seconds += time.perf_counter() - began
        self.schedule.step()
        means = {name: total / self.steps for name, total in self.sums.items()}
        self.epoch, self.steps, self.sums, self.random = self.epoch + 1, 0, {}, ()
        rate = float(self.schedule.get_last_lr()[0])
        return {"epoch": self.epoch, "learning_rate": rate, **means}

    def step(self, which: torch.Tensor, generator: torch.Generator) -> dict[str, float]:
        """One step on the training programs `which`; returns its losses."""
        config, model, data = self.config, self.model, self.parts["train"]
        batch = self.programs.batch(which)
        mean, log_sigma = model.vae.distribution(batch.programs)
        latents = draw_latents(mean, log_sigma)
        reconstruction, kl = program_loss(model.vae, latents, batch), kl_divergence(mean, log_sigma)
        loss = reconstruction + config.kl_weight * kl
        step = {"program_loss": reconstruction.item(), "kl": kl.item()}
        if config.uses_behaviour and self.reinforces:
            behaviour = behaviour_loss(model.vae, latents, data, which)
            loss = loss + config.behaviour_weight * behaviour.loss
            step |= {"behaviour_loss": behaviour.loss.item(), "behaviour_reward": behaviour.reward}
        if config.uses_latent_behaviour:
            drawn = torch.randperm(data.actions.shape[1], generator=generator)
            latent = latent_behaviour_loss(
                model.condition_policy, latents, data, which, drawn[: config.demonstrations]
            )
            loss = loss + config.latent_behaviour_weight * latent.loss
            step |= {
                "latent_behaviour_loss": latent.loss.item(),
                "train_action_accuracy": latent.accuracy,
            }
        self.optimizer.zero_grad(set_to_none=True)
        torch.autograd.backward(loss)
        if config.max_gradient_norm is not None:
            torch.nn.utils.clip_grad_norm_(self.trained.parameters(), config.max_gradient_norm)
        self.optimizer.step()
        return {"loss": loss.item(), **step}

    def _keep(self, row: dict[str, float], measures: Measures, board: SummaryWriter) -> None:
        """Write what an epoch gave: logs, the checkpoint, and the weights if they are the best."""
        for name, value in row.items():
            board.add_scalar(f"pretrain/{name}", value, self.epoch)
        best = max((other["program_accuracy"] for other in self.rows), default=-1.0)
        self.rows.append(row)
        self.reinforces |= measures.program_accuracy >= self.config.behaviour_from
        if measures.program_accuracy >= best:
            self._write_best(self.model, None)
        write_text(self.run / PROGRESS_FILE, pd.DataFrame(self.rows).to_csv(index=False))
        self._write_checkpoint()
        for old in checkpoints(self.run)[:-KEPT_CHECKPOINTS]:
            old.unlink()

    def _write_checkpoint(self) -> None:
        """Write the checkpoint of this epoch, which takes the place of earlier ones in it."""
        state = TrainingState(
            self.epoch,
            self.seconds,
            self.reinforces,
            self.schedule.state_dict(),
            self.rows,
            self.steps,
            self.sums,
            self.random,
        )
        file = checkpoint_path(self.run, self.epoch, ".safetensors")
        write_training_state(file, self.model, self.optimizer, state)

    def _write_best(self, model: ProgramVAE, tested: Measures | None) -> None:
        """Write weights and what is known about them."""
        row = max(self.rows, key=lambda row: (row["program_accuracy"], row["epoch"]))
        about = {
            **self.config.config_json(),
            "versions": versions(),
            "epoch": int(row["epoch"]),
            "training_seconds": row["seconds"],
            "valid": row,
            "test": None if tested is None else tested.to_json(),
        }
        write_state_dict(self.run / BEST_FILE, model.state_dict(), about)


def _random_states(generator: torch.Generator) -> tuple[str, ...]:
    """The states of a generator and of torch's own."""
    states = generator.get_state(), torch.get_rng_state()
    return tuple(state.numpy().tobytes().hex() for state in states)


def _set_random_states(generator: torch.Generator, states: Sequence[str]) -> None:
    """Go back to the states that `_random_states` gave."""
    own, of_torch = (
        torch.tensor(list(bytes.fromhex(state)), dtype=torch.uint8) for state in states
    )
    generator.set_state(own)
    torch.set_rng_state(of_torch)


@contextmanager
def _no_denormals() -> Iterator[None]:
    """Let a CPU take the tiniest numbers for 0: closed gates give many, and they are slow."""
    torch.set_flush_denormal(True)
    try:
        yield
    finally:
        torch.set_flush_denormal(False)
