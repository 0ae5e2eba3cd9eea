"""Measures of how well a program embedding reconstructs programs and their behavior."""

from __future__ import annotations

from dataclasses import asdict, dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn.functional import pad

from programmatic.dsl.tokens import PAD
from programmatic.leaps.data.dataset import ProgramDataset
from programmatic.leaps.data.demonstrations import STOP, grids_of
from programmatic.leaps.model.batches import Programs
from programmatic.leaps.model.decoding import decode, with_def
from programmatic.leaps.model.vae import ProgramVAE
from programmatic.leaps.training.losses import latent_behaviour_loss
from programmatic.machine.bytecode import compile_rows

BATCH = 512


@dataclass(frozen=True)
class Measures:
    """Measures on N programs, encoded to their mean latents and decoded greedily; all in 0 .. 1."""

    program_accuracy: float
    """Share of programs reconstructed completely."""
    token_accuracy: float
    """Share of equal tokens in the longer of program and reconstruction, mean over programs."""
    original_accuracy: float
    """Share of programs reconstructed completely when decoded as in the original."""
    validity: float
    """Share of programs among reconstructions decoded as in the original (45 tokens, cut off)."""
    behaviour_match: float
    """Mean match of the reconstructions' behavior with the demonstrations."""
    action_accuracy: float
    """Share of demonstrated actions that the executor finds most probable; NaN if untrained."""
    closed_loop_accuracy: float
    """Share of equal actions in the longer of a program's first demonstration and the executor's
    own run from its start, mean over programs; NaN if not measured. The latents are drawn from
    their distributions, as the authors do."""
    programs: int
    """N."""

    def to_json(self) -> dict[str, float]:
        """The figures; NaN is left out."""
        return {name: value for name, value in asdict(self).items() if value == value}


@torch.no_grad()
def measure(
    model: ProgramVAE,
    dataset: ProgramDataset,
    with_executor: bool = True,
    closed_loop: bool = False,
) -> Measures:
    """Measure a model on the programs of a data set, with or without the neural executor."""
    noise = torch.Generator().manual_seed(0)
    training = model.training
    model.eval()
    programs = Programs(dataset.tokens, model.device)
    whole, equal, as_original, valid, matches, actions, acted = [], [], [], [], [], [], []
    for which in torch.split(programs.by_length(torch.arange(len(programs))), BATCH):
        batch = programs.batch(which)
        mean, log_sigma = model.vae.distribution(batch.programs)
        codes = model.vae.bounded(mean)
        decoded = with_def(decode(model.vae.decoder, codes)).cpu()
        cut = with_def(decode(model.vae.decoder, codes, complete=False)).cpu()
        longest = max(decoded.shape[1], programs.tokens.shape[1])
        decoded, cut, given = (
            pad(tokens, (0, longest - tokens.shape[1]), value=PAD)
            for tokens in (decoded, cut, programs.tokens[which])
        )
        same = decoded == given
        some = (decoded != PAD) | (given != PAD)
        whole.append(same.all(dim=1).float())
        equal.append((same & some).sum(dim=1) / some.sum(dim=1))
        as_original.append((cut == given).all(dim=1).float())
        valid.append(torch.from_numpy(compile_rows(cut.numpy())[1] > 0).float())
        rows = which.numpy()
        match = dataset.behaviour_match(decoded.numpy(), rows)
        matches.append(torch.from_numpy(match.mean(axis=1)))
        if with_executor:
            columns = torch.arange(dataset.actions.shape[1])
            executor = model.condition_policy
            _, accuracy = latent_behaviour_loss(executor, codes, dataset, which, columns)
            actions.append((accuracy, int(dataset.lengths[rows].sum()) + match.size))
        if closed_loop:
            drawn = model.layout.noise * torch.randn(mean.shape, generator=noise).to(mean)
            latents = mean + log_sigma.exp() * drawn
            acted.append(own_runs(model, latents, dataset.subset(rows)))
    model.train(training)
    weights = np.array([n for _, n in actions], dtype=float)
    return Measures(
        float(torch.cat(whole).mean()),
        float(torch.cat(equal).mean()),
        float(torch.cat(as_original).mean()),
        float(torch.cat(valid).mean()),
        float(torch.cat(matches).mean()),
        float(np.average([a for a, _ in actions], weights=weights)) if actions else float("nan"),
        float(np.concatenate(acted).mean()) if acted else float("nan"),
        len(programs),
    )


def own_runs(
    model: ProgramVAE, latents: torch.Tensor, dataset: ProgramDataset
) -> NDArray[np.float64]:
    """The closed-loop accuracy of each program: float64, (N,)."""
    starts = grids_of(dataset.cells[:, :1], dataset.width, dataset.robots[:, :1])[:, :, None]
    given = np.pad(dataset.actions[:, 0], ((0, 0), (0, 1)), constant_values=STOP)  # (N, T+1)
    done = np.full_like(given, STOP)
    runs = np.ones(len(given), dtype=bool)
    for step in range(given.shape[1]):
        logits = model.action_logits(latents, starts, done[:, None, : step + 1])
        done[runs, step] = logits[:, 0, -1].argmax(dim=1).cpu().numpy()[runs]
        runs &= done[:, step] != STOP
    lengths = np.maximum((given != STOP).sum(axis=1), (done != STOP).sum(axis=1))
    counted = np.arange(given.shape[1]) < np.maximum(lengths, 1)[:, None]
    return ((done == given) & counted).sum(axis=1) / counted.sum(axis=1)
