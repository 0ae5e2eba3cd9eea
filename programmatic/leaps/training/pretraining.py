"""Stage 1 of LEAPS: training of the program embedding, in a run that can be resumed."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from torch.utils.tensorboard import SummaryWriter
from tqdm import tqdm

from programmatic.dsl.sampling import sample_tokens
from programmatic.dsl.tokens import PAD
from programmatic.leaps.data.dataset import ProgramDataset
from programmatic.leaps.model.batches import Programs
from programmatic.leaps.model.checkpoints import (
    BEST_FILE,
    TrainingState,
    read_training_state,
    write_state_dict,
    write_training_state,
)
from programmatic.leaps.model.layouts import Layout
from programmatic.leaps.model.vae import ProgramVAE, torch_device
from programmatic.leaps.settings import PretrainConfig
from programmatic.leaps.training.losses import (
    behaviour_loss,
    kl_divergence,
    latent_behaviour_loss,
    program_loss,
    unique_rows,
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
LIMITS = ("max_tokens", "sequences", "min_times", "max_times")
"""Settings of a data set that its fresh programs follow, too."""
KEPT_CHECKPOINTS = 2
CHECKPOINT_SECONDS = 60.0


def pretrain(
    config: PretrainConfig, run: Path, overwrite: bool = False, progress: bool | None = None
) -> ProgramVAE:
    """Train a program embedding and write a run folder.

    The folder has config.json, progress.csv (a row per epoch), TensorBoard events, checkpoints
    (every minute and epoch), best.safetensors (the weights of the best epoch on the validation
    programs) and best.json with its settings and measures on the test programs.

    Args:
        config: The settings.
        run: The folder; an earlier run there is removed only with `overwrite`.
        progress: Whether to show a progress bar; None: on a terminal.

    Raises:
        RunError: The data set cannot be read, or a run is in the folder already.
        ValueError: A setting is invalid.
    """
    config.check()
    training = Pretraining(config, run, ProgramDataset.load(config.data))
    with occupying(run):
        begin_run(run, config.config_json(), overwrite)  # last, as it clears the run
        return training.train(progress)


def resume(run: Path, epochs: int | None = None, progress: bool | None = None) -> ProgramVAE:
    """Resume a pretraining from its last checkpoint.

    On a CPU the result is that of an uninterrupted run: exactly with `threads=1`, else nearly.

    Args:
        epochs: The new number of epochs; None: unchanged.
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
    """A pretraining in progress."""

    def __init__(self, config: PretrainConfig, run: Path, dataset: ProgramDataset) -> None:
        self.config, self.run = config, run
        self.device = torch_device(config.device)
        self.parts = {name: dataset.part(name) for name in ("train", "valid", "test")}
        for name, part in self.parts.items():
            if not len(part):
                raise RunError(f"{config.data} has no programs to {name}: it is too small")
        self.valid = self.parts["valid"].subset(slice(config.valid_programs))
        held_out = [row for name in ("valid", "test") for row in self.parts[name].tokens]
        self.held_out = {row.tobytes() for row in held_out}
        self.limits = {name: dataset.config[name] for name in LIMITS if name in dataset.config}
        torch.manual_seed(config.seed)
        if config.start is None:
            layout = Layout(units=config.units, tanh=config.tanh, noise=config.latent_noise)
            self.model = ProgramVAE(config.latent_dim, layout).to(self.device)
        else:
            self.model = ProgramVAE.load(config.start, self.device)
        networks = self.model.vae, self.model.condition_policy
        self.trained = torch.nn.ModuleList(networks[: 1 + config.uses_latent_behaviour])
        groups = [{"params": list(network.parameters())} for network in self.trained]
        self.optimizer = torch.optim.Adam(groups, config.learning_rate)
        self.state = TrainingState()
        self._draw_programs(torch.Generator().manual_seed(config.seed))
        self.model.layout.check_words(torch.from_numpy(self.parts["train"].tokens))

    def restore(self, checkpoint: Path) -> None:
        """Load a checkpoint."""
        self.state = read_training_state(checkpoint, self.model, self.optimizer)

    def train(self, progress: bool | None) -> ProgramVAE:
        """Train up to the configured epoch."""
        shown = sys.stderr.isatty() if progress is None else progress
        with (
            SummaryWriter(str(self.run), purge_step=self.state.epoch + 1) as board,
            torch_threads(self.config.threads),
            fast_arithmetic(self.device),
        ):
            while self.state.epoch < self.config.epochs:
                row = self._train_epoch(shown)
                began = time.perf_counter()
                executes = self.config.trains_executor(self.state.epoch - 1)
                measures = measure(self.model, self.valid, executes)
                self.state.seconds += time.perf_counter() - began
                row |= {"seconds": self.state.seconds, **measures.to_json()}
                self._keep(row, measures, board)
        best = ProgramVAE.load(self.run / BEST_FILE, self.device)
        with torch_threads(self.config.threads):
            executes = self.config.trains_executor(self.state.epoch - 1)
            tested = measure(best, self.parts["test"], executes, closed_loop=executes)
        self._write_best(best, tested)
        return best

    def _train_epoch(self, shown: bool) -> dict[str, float]:
        """Finish a pass over the programs of an epoch; return the means of its steps' results."""
        config, state = self.config, self.state
        rates = config.learning_rates(state.epoch)
        for group, rate in zip(self.optimizer.param_groups, rates, strict=False):
            group["lr"] = rate
        # Seeded by the epoch, so that a resumed training draws the same numbers.
        generator = torch.Generator().manual_seed(config.seed * 1_000_003 + state.epoch)
        torch.manual_seed(config.seed * 1_000_003 + state.epoch)
        self._draw_programs(generator)
        batches = list(self.programs.batches(config.batch_size, generator))
        if state.random:
            _set_random_states(generator, state.random)
        self.model.train()
        bar = tqdm(
            batches[state.steps :],
            f"epoch {state.epoch + 1} of {config.epochs}",
            initial=state.steps,
            total=len(batches),
            disable=not shown,
            leave=False,
        )
        began = time.perf_counter()
        for which in bar:
            for name, value in self.step(which, generator).items():
                state.sums[name] = state.sums.get(name, 0.0) + value
            state.steps += 1
            bar.set_postfix_str(f"loss {state.sums['loss'] / state.steps:.3f}", refresh=False)
            now = time.perf_counter()
            if now - began >= CHECKPOINT_SECONDS:
                state.seconds, began = state.seconds + now - began, now
                state.random = _random_states(generator)
                self._write_checkpoint()
        state.seconds += time.perf_counter() - began
        means = {name: total / state.steps for name, total in state.sums.items()}
        state.epoch += 1
        state.steps, state.sums, state.random = 0, {}, ()
        return {"epoch": state.epoch, "learning_rate": rates[0], **means}

    def _draw_programs(self, generator: torch.Generator) -> None:
        """Draw the programs of an epoch: `rows` of the training programs, then fresh ones."""
        config, tokens = self.config, self.parts["train"].tokens
        n, rests = len(tokens), config.rests_vae(self.state.epoch)
        self.rows = torch.randperm(n, generator=generator)[: config.epoch_programs]
        drawn = [tokens[self.rows.numpy()]]
        if config.fresh_programs and not rests:
            seed = int(torch.randint(2**62, (), generator=generator))
            fresh, _ = unique_rows(sample_tokens(config.fresh_programs, seed, **self.limits))
            fresh = np.pad(
                fresh, ((0, 0), (0, tokens.shape[1] - fresh.shape[1])), constant_values=PAD
            )
            drawn.append(fresh[[row.tobytes() not in self.held_out for row in fresh]])
        self.programs = Programs(np.concatenate(drawn), self.device)

    def step(self, which: torch.Tensor, generator: torch.Generator) -> dict[str, float]:
        """Do one step on the programs `which` of the epoch; return its losses."""
        config, model, data = self.config, self.model, self.parts["train"]
        batch = self.programs.batch(which)
        rests = config.rests_vae(self.state.epoch)
        with torch.set_grad_enabled(not rests):
            mean, log_sigma = model.vae.distribution(batch.programs)
            latents = model.vae.draw(mean, log_sigma)
        losses: list[torch.Tensor] = []
        step: dict[str, float] = {}
        if not rests:
            reconstruction = program_loss(model.vae, latents, batch)
            kl = kl_divergence(mean, log_sigma)
            losses += [reconstruction, config.kl_weight * kl]
            step |= {"program_loss": reconstruction.item(), "kl": kl.item()}
        demonstrated = which < len(self.rows)
        latents, rows = latents[demonstrated.to(self.device)], self.rows[which[demonstrated]]
        if config.uses_behaviour and self.state.reinforces and len(rows) and not rests:
            behaviour, reward = behaviour_loss(model.vae, latents, data, rows)
            losses.append(config.behaviour_weight * behaviour)
            step |= {"behaviour_loss": behaviour.item(), "behaviour_reward": reward}
        if config.trains_executor(self.state.epoch) and len(rows):
            drawn = torch.randperm(data.actions.shape[1], generator=generator)
            latent, accuracy = latent_behaviour_loss(
                model.condition_policy,
                latents,
                data,
                rows,
                drawn[: config.demonstrations],
                config.percept_weight,
            )
            losses.append(config.latent_behaviour_weight * latent)
            step |= {"latent_behaviour_loss": latent.item(), "train_action_accuracy": accuracy}
        self.optimizer.zero_grad(set_to_none=True)
        loss = torch.stack(losses).sum()
        torch.autograd.backward(loss)
        if config.max_gradient_norm is not None:
            torch.nn.utils.clip_grad_norm_(self.trained.parameters(), config.max_gradient_norm)
        self.optimizer.step()
        return {"loss": loss.item(), **step}

    def _keep(self, row: dict[str, float], measures: Measures, board: SummaryWriter) -> None:
        """Write an epoch's logs, the checkpoint, and the weights if they are the best."""
        for name, value in row.items():
            board.add_scalar(f"pretrain/{name}", value, self.state.epoch)
        self.state.rows.append(row)
        self.state.reinforces |= measures.program_accuracy >= self.config.behaviour_from
        if max(self.state.rows, key=_quality) is row:
            self._write_best(self.model, None)
        write_text(self.run / PROGRESS_FILE, pd.DataFrame(self.state.rows).to_csv(index=False))
        self._write_checkpoint()
        for old in checkpoints(self.run)[:-KEPT_CHECKPOINTS]:
            old.unlink()

    def _write_checkpoint(self) -> None:
        """Write the checkpoint of this epoch; it replaces earlier ones of the same epoch."""
        file = checkpoint_path(self.run, self.state.epoch, ".safetensors")
        write_training_state(file, self.model, self.optimizer, self.state)

    def _write_best(self, model: ProgramVAE, tested: Measures | None) -> None:
        """Write weights and the information about them."""
        row = max(self.state.rows, key=_quality)
        about = {
            **self.config.config_json(),
            "versions": versions(),
            "epoch": int(row["epoch"]),
            "training_seconds": row["seconds"],
            "valid": row,
            "test": None if tested is None else tested.to_json(),
        }
        write_state_dict(self.run / BEST_FILE, model.state_dict(), about, layout=model.layout)


def _quality(row: dict[str, float]) -> tuple[float, float]:
    """The quality of an epoch's weights; of equal ones, the later are better."""
    return row["program_accuracy"] + row.get("action_accuracy", 0.0), row["epoch"]


def _random_states(generator: torch.Generator) -> tuple[str, ...]:
    """The states of a generator and of torch's global one."""
    states = generator.get_state(), torch.get_rng_state()
    return tuple(state.numpy().tobytes().hex() for state in states)


def _set_random_states(generator: torch.Generator, states: Sequence[str]) -> None:
    """Restore the states that `_random_states` returned."""
    of_generator, of_torch = (
        torch.tensor(list(bytes.fromhex(state)), dtype=torch.uint8) for state in states
    )
    generator.set_state(of_generator)
    torch.set_rng_state(of_torch)


@contextmanager
def fast_arithmetic(device: torch.device) -> Iterator[None]:
    """Round denormal numbers to 0, and choose a faster library or type for matrix products.

    Closed gates give many denormals, and a CPU is slow with them. "high" is TF32 on a GPU. "medium"
    is oneDNN on a CPU: on AMD twice as fast as MKL, and as precise.
    """
    precision = torch.get_float32_matmul_precision()
    torch.set_flush_denormal(True)
    torch.set_float32_matmul_precision("high" if device.type == "cuda" else "medium")
    try:
        yield
    finally:
        torch.set_flush_denormal(False)
        torch.set_float32_matmul_precision(precision)
