"""Losses of the pretraining of LEAPS (Trivedi et al., NeurIPS 2021, section 4.2)."""

from __future__ import annotations

import numpy as np
import torch
from torch.nn.functional import binary_cross_entropy_with_logits, cross_entropy
from torch.nn.utils.rnn import pack_padded_sequence

from karel_gym.envs.observations import N_PERCEPTS, percepts_of_grids
from programmatic.leaps.data.dataset import ProgramDataset
from programmatic.leaps.data.demonstrations import STOP, grids_of, replay
from programmatic.leaps.model.batches import ProgramBatch, Programs, moved
from programmatic.leaps.model.decoding import decode, with_def
from programmatic.leaps.model.networks import VAE, Decoder, NeuralExecutor


def kl_divergence(mean: torch.Tensor, log_sigma: torch.Tensor) -> torch.Tensor:
    """KL divergence from N(0, 1), averaged over batch and, as the authors do, dimensions."""
    return 0.5 * (mean.square() + (2 * log_sigma).exp() - 2 * log_sigma - 1).mean()


def program_log_probs(decoder: Decoder, latents: torch.Tensor, batch: ProgramBatch) -> torch.Tensor:
    """Log-probabilities of the tokens where the grammar allows several: float32, (F,)."""
    states = decoder(latents, batch.inputs)
    at = batch.open
    logits = decoder.logits(states[at], batch.inputs.data[at], latents, batch.rows[at])
    logits = logits.masked_fill(batch.forbidden, -torch.inf)
    return -cross_entropy(logits, batch.targets[at], reduction="none")


def program_loss(vae: VAE, latents: torch.Tensor, batch: ProgramBatch) -> torch.Tensor:
    """L_P (equation 1): cross-entropy (teacher forcing), averaged over all tokens."""
    return -program_log_probs(vae.decoder, latents, batch).sum() / len(batch.rows)


def behaviour_loss(
    vae: VAE, latents: torch.Tensor, dataset: ProgramDataset, which: torch.Tensor
) -> tuple[torch.Tensor, float]:
    """L_R (equations 2 and 3), REINFORCE on programs drawn from the decoder, and the mean reward.

    The reward is a drawn program's mean match with the demonstrations of program `which`, int64,
    (B,), and 0 if it is cut off or has an empty block; the baseline is the batch's mean.
    Log-probabilities are divided by the number of tokens.
    """
    decoded = decode(vae.decoder, latents.detach(), complete=False, sample=True)
    tokens = with_def(decoded).cpu()  # (B, 46)
    matches = dataset.behaviour_match(tokens.numpy(), which.numpy())  # (B, D)
    rewards = torch.from_numpy(matches.mean(axis=1))
    programs = Programs(tokens, latents.device)
    order = programs.by_length(torch.arange(len(tokens)))
    batch = programs.batch(order)
    log_probs = program_log_probs(vae.decoder, latents[order.to(latents.device)], batch)
    advantages = (rewards - rewards.mean())[order].to(log_probs)
    loss = -(advantages[batch.rows[batch.open]] * log_probs).sum() / len(batch.rows)
    return loss, float(rewards.mean())


def latent_behaviour_loss(
    executor: NeuralExecutor,
    latents: torch.Tensor,
    dataset: ProgramDataset,
    which: torch.Tensor,
    columns: torch.Tensor,
    percept_weight: float = 0.0,
) -> tuple[torch.Tensor, float]:
    """L_L (equation 4), cross-entropy of actions and stops (teacher forcing), and the accuracy.

    The demonstrations are `columns`, int64, (K,), of the programs `which`, int64, (B,). With a
    `percept_weight`, the loss includes the cross-entropy of the percepts of all states, whose
    logits are the first five units of the executor's views.
    """
    device = latents.device
    picked = np.ix_(which.numpy(), columns.numpy())
    actions = dataset.actions[picked].reshape(-1, dataset.actions.shape[2])  # (B*K, T)
    n_actions = torch.from_numpy(dataset.lengths[picked].reshape(-1).astype(np.int64))
    order = n_actions.argsort(descending=True, stable=True)
    steps = n_actions[order] + 1  # the stop is one more
    by_length, longest = order.numpy(), int(steps[0])

    def packed(values: np.ndarray) -> torch.Tensor:
        return pack_padded_sequence(torch.from_numpy(values), steps, batch_first=True).data

    cells, robots = replay(
        dataset.cells[picked].reshape(len(actions), -1)[by_length],
        dataset.width,
        dataset.robots[picked].reshape(-1, 2)[by_length],
        actions[by_length, : longest - 1],
        n_actions[order].numpy(),
    )  # (B*K, longest, H*W), (B*K, longest, 2)
    states = np.concatenate([cells, robots.astype(np.uint8)], axis=2)  # (B*K, longest, H*W + 2)
    different, at = unique_rows(packed(states).numpy())
    grids = grids_of(different[:, :-2].copy(), dataset.width, different[:, -2:].astype(np.int64))
    done = actions[by_length].astype(np.int64)
    stops = np.full((len(done), 1), STOP)
    before = pack_padded_sequence(
        torch.from_numpy(np.concatenate([stops, done], axis=1)[:, :longest]),
        steps,
        batch_first=True,
    )
    targets = packed(np.concatenate([done, stops], axis=1)[:, :longest]).to(device)
    views = executor.views(torch.from_numpy(grids).to(device).float())
    logits = executor(
        latents.repeat_interleave(len(columns), dim=0)[order.to(device)],
        views,
        torch.from_numpy(at).to(device),
        moved(before, device),
    )
    accuracy = (logits.argmax(dim=1) == targets).float().mean()
    loss = cross_entropy(logits, targets)
    if percept_weight:
        percepts = torch.from_numpy(percepts_of_grids(grids)).to(device)
        of_percepts = binary_cross_entropy_with_logits(views[:, :N_PERCEPTS], percepts)
        loss = loss + percept_weight * of_percepts
    return loss, float(accuracy)


def unique_rows(rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The distinct rows, (U, C), and each row's index in them, (S,); faster than np.unique."""
    whole = np.ascontiguousarray(rows).view(np.dtype((np.void, rows.shape[1])))[:, 0]
    _, first, at = np.unique(whole, return_index=True, return_inverse=True)
    return rows[first], at
