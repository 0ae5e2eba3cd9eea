"""`ProgramVAE`: LEAPS's learned program embedding."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch.nn.utils.rnn import PackedSequence, pack_padded_sequence

from karel_gym.envs.observations import N_PLANES
from karel_gym.world import MAX_MARKERS
from programmatic.dsl import Program
from programmatic.dsl.tokens import DEF
from programmatic.leaps.data.demonstrations import STOP, grids_of, replay, worlds_of
from programmatic.leaps.model.batches import moved
from programmatic.leaps.model.checkpoints import DEFAULT, read_state_dict
from programmatic.leaps.model.decoding import decode
from programmatic.leaps.model.layouts import LATENT_HEAD, LEAPS, Layout
from programmatic.leaps.model.networks import N_ACTIONS, SIDE, VAE, NeuralExecutor
from programmatic.leaps.settings import LATENT_DIM
from programmatic.machine.bytecode import tokens_of


class ProgramVAE(nn.Module):
    """A space of latent vectors that represent programs and their behavior.

    The encoder maps a program to a distribution over latents, the decoder a latent to a program,
    and the neural executor acts as the program of a latent would. In layouts with a tanh, decoder
    and executor take the tanh of latents; all methods take and return latents before it.

    Args:
        latent_dim: Z, the size of the latents.
        layout: The facts in which published embeddings differ; by default those of LEAPS.

    Source: Trivedi et al., NeurIPS 2021; parameters have the authors' names and shapes.

    Example:
        >>> vae = ProgramVAE.load("default")
        >>> walk = Program.parse("DEF run m( WHILE c( frontIsClear c) w( move w) m)")
        >>> mean, log_sigma = vae.encode([walk])
        >>> vae.decode(mean) == [walk]
        True
    """

    def __init__(self, latent_dim: int = LATENT_DIM, layout: Layout = LEAPS) -> None:
        super().__init__()
        self.layout = layout
        self.vae = VAE(latent_dim, layout)
        self.condition_policy = NeuralExecutor(latent_dim, layout)

    @classmethod
    def load(
        cls, path: str | os.PathLike[str] = DEFAULT, device: str | torch.device = "auto"
    ) -> ProgramVAE:
        """Load a trained model.

        Args:
            path: A file of weights, `.safetensors`, or `.ptp` with the layout of clvrai/leaps,
                lelis-research/prog_policies or NTURobotLearningLab/HPRL; the run folder of a
                pretraining; the name of weights in this package, "leaps", "p", "pr", "pl" or
                "pl64"; or "default", which is "leaps".
            device: "auto", "cpu" or "cuda".

        Raises:
            RunError: There is no such file, or it does not hold such weights.
        """
        weights, layout = read_state_dict(path)
        model = cls(weights[LATENT_HEAD].shape[0], layout)
        model.load_state_dict(weights)
        return model.to(torch_device(device)).eval()

    @property
    def latent_dim(self) -> int:
        """Size of the latents."""
        return self.vae._enc_mu.out_features

    @property
    def device(self) -> torch.device:
        """The device of the parameters."""
        return self.vae._enc_mu.weight.device

    @torch.no_grad()
    def encode(self, programs: Sequence[Program]) -> tuple[torch.Tensor, torch.Tensor]:
        """Mean and log-sigma of the programs' latents, each float32, (N, latent_dim).

        Raises:
            ValueError: There is no program, or one has a count that the layout lacks.
        """
        if not programs:
            raise ValueError("there is no program to encode")
        tokens = torch.from_numpy(tokens_of(programs).astype(np.int64))
        self.layout.check_words(tokens)
        lengths = torch.tensor([len(program.tokens) for program in programs])
        packed = pack_padded_sequence(tokens, lengths, batch_first=True, enforce_sorted=False)
        mean, log_sigma = self.vae.distribution(moved(packed, self.device))
        order = packed.unsorted_indices
        return mean[order], log_sigma[order]

    def decode(self, latents: torch.Tensor) -> list[Program]:
        """The programs of latents, float32, (N, latent_dim), at most 46 tokens long."""
        tokens = self.decode_tokens(latents).cpu().tolist()
        return [Program.from_tokens([DEF, *row]) for row in tokens]

    def decode_tokens(
        self, latents: torch.Tensor, complete: bool = True, tanh: bool | None = None
    ) -> torch.Tensor:
        """Decode greedily to tokens, int64, (N, L): those behind DEF, padded with 50.

        L is the layout's `max_tokens`: 45 in LEAPS, 44 in prog_policies, 40 in HPRL.

        Args:
            latents: float32, (N, latent_dim).
            complete: Close all blocks in time, so that each row is a program. False: as the
                original, which cuts off after L tokens and, in LEAPS and HPRL, allows empty blocks.
            tanh: Whether the decoder takes the tanh of the latents; by default as the layout does.

        Raises:
            ValueError: The latents have another shape.
        """
        latents = torch.as_tensor(latents, dtype=torch.float32, device=self.device)
        if latents.ndim != 2 or latents.shape[1] != self.latent_dim:
            raise ValueError(
                f"latents must have shape (N, {self.latent_dim}), got {tuple(latents.shape)}"
            )
        return decode(self.vae.decoder, self.vae.bounded(latents, tanh), complete)

    @torch.no_grad()
    def action_logits(
        self, latents: Any, states: Any, actions: Any, tanh: bool | None = None
    ) -> torch.Tensor:
        """The neural executor's logits along demonstrations: float32, (B, D, T, 6), stop last.

        Those of action t are given the t actions before it.

        Args:
            latents: float32, (B, latent_dim); one per program.
            states: (B, D, 1, 16, 8, 8); the start states of D demonstrations per program, as grid
                observations; or all states, (B, D, T', 16, 8, 8) with T' >= T. Grids may also have
                the layout's number of planes.
            actions: integers, (B, D, T); the actions, 0 to 4, and 5 for stop.
            tanh: Whether the executor takes the tanh of the latents; by default as the layout does.

        Raises:
            ValueError: The shapes do not fit.
        """
        latents = torch.as_tensor(latents, dtype=torch.float32, device=self.device)
        done = np.asarray(torch.as_tensor(actions).cpu(), dtype=np.int64)
        grids = np.asarray(torch.as_tensor(states).cpu(), dtype=np.uint8)
        if (
            latents.ndim != 2
            or done.ndim != 3
            or grids.ndim != 6
            or not len(latents) == len(done) == len(grids)
            or done.shape[1] != grids.shape[1]
            or grids.shape[3:] not in {(n, SIDE, SIDE) for n in (N_PLANES, self.layout.planes)}
            or not (grids.shape[2] == 1 or grids.shape[2] >= done.shape[2])
        ):
            raise ValueError(
                "expected latents (B, Z), states (B, D, 1 or T, 16, 8, 8) and actions (B, D, T), "
                f"got {tuple(latents.shape)}, {grids.shape} and {done.shape}"
            )
        programs, demonstrations, steps = done.shape
        n = programs * demonstrations
        done = done.reshape(n, steps)
        grids = whole_grids(grids.reshape(n, *grids.shape[2:]))
        if grids.shape[1] == 1:
            grids = replayed(grids[:, 0], done[:, :-1], self.layout.max_markers)
        grids = grids[:, :steps]
        before = np.concatenate([np.full((n, 1), STOP), done[:, :-1]], axis=1)
        states = torch.from_numpy(grids.swapaxes(0, 1).reshape(steps * n, *grids.shape[2:]))
        logits = self.condition_policy(
            self.vae.bounded(latents, tanh).repeat_interleave(demonstrations, dim=0),
            self.condition_policy.views(states.to(self.device).float()),
            torch.arange(steps * n, device=self.device),
            PackedSequence(
                torch.from_numpy(before.T.reshape(-1)).to(self.device), torch.full((steps,), n)
            ),
        )
        shape = steps, programs, demonstrations, N_ACTIONS
        return logits.reshape(shape).permute(1, 2, 0, 3)


def whole_grids(grids: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Grids, (N, T, C, H, W), with all 16 planes: those of more markers are added, empty."""
    missing = N_PLANES - grids.shape[2]
    return np.pad(grids, ((0, 0), (0, 0), (0, missing), (0, 0), (0, 0)))


def replayed(
    grids: NDArray[np.uint8], actions: NDArray[np.int64], max_markers: int = MAX_MARKERS
) -> NDArray[np.uint8]:
    """All states of demonstrations, uint8, (N, T+1, 16, H, W); the first STOP ends each.

    `max_markers` markers fill a cell.
    """
    cells, robots = worlds_of(grids)
    lengths = (actions != STOP).cumprod(axis=1).sum(axis=1)
    width = grids.shape[-1]
    states = replay(cells, width, robots, actions, lengths, max_markers)
    return grids_of(states[0], width, states[1])


def torch_device(name: str | torch.device) -> torch.device:
    """The device of a name, "auto" for the GPU if any; RuntimeError if it does not exist."""
    if isinstance(name, torch.device):
        return name
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    if name == "cuda" and not torch.cuda.is_available():
        raise RuntimeError("device 'cuda' was asked for, but torch finds no GPU")
    return torch.device(name)
