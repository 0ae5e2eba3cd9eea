"""Options: a latent space of short action sequences, learned from demonstrations.

The lower level of LEAPS's baselines HRL and HRL-abs: a variational autoencoder of the actions in
the demonstrations of random programs (Trivedi et al., NeurIPS 2021, section 5.1). The length of the
sequences and the sizes of the networks are ours; the paper gives none.
"""

from __future__ import annotations

import os
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch.nn.functional import cross_entropy, one_hot

from karel_gym.robot import ACTIONS
from programmatic.leaps import DatasetConfig, ProgramDataset, generate
from programmatic.leaps.model.checkpoints import write_state_dict
from programmatic.options import check_whole
from programmatic.runs import RunError, read_settings_file
from programmatic.threads import torch_threads

WEIGHTS = Path(__file__).parent / "weights" / "options.safetensors"
N_ACTIONS = len(ACTIONS)


@dataclass(frozen=True)
class OptionConfig:
    """Settings of the options of this package."""

    length: int = 5
    """Actions per option."""
    latent_dim: int = 8
    """Size of the latents."""
    hidden: int = 128
    """Width of the hidden layers."""
    programs: int = 10_000
    """Random programs; the other settings of the data set are LEAPS's."""
    epochs: int = 300
    """Passes over as many sequences as are distinct; frequent ones are drawn more often."""
    batch_size: int = 512
    """Sequences per step."""
    learning_rate: float = 2e-3
    """Learning rate of Adam."""
    kl_weight: float = 0.1
    """Weight of the KL divergence, which is summed over the latent's dimensions."""
    seed: int = 0
    """Seed of programs, weights, batches and noise."""

    def __post_init__(self) -> None:
        check_whole(self, "length", "latent_dim", "hidden", "programs", "epochs", "batch_size")


class OptionVAE(nn.Module):
    """A VAE of `length` (L) actions to `latent_dim` (Z) numbers; `hidden` is its width."""

    def __init__(self, length: int, latent_dim: int, hidden: int) -> None:
        super().__init__()
        self.length = length
        self.latent_dim = latent_dim
        self.encoder = nn.Sequential(
            nn.Linear(length * N_ACTIONS, hidden), nn.ReLU(), nn.Linear(hidden, 2 * latent_dim)
        )
        self.decoder = nn.Sequential(
            nn.Linear(latent_dim, hidden), nn.ReLU(), nn.Linear(hidden, length * N_ACTIONS)
        )

    @classmethod
    def load(cls, path: str | os.PathLike[str] = WEIGHTS) -> OptionVAE:
        """Read weights, by default this package's; a `RunError` if they are missing or damaged."""
        from safetensors.torch import load_file

        path = Path(path)
        about = read_settings_file(path.with_suffix(".json"))
        try:
            vae = cls(about["length"], about["latent_dim"], about["hidden"])
            vae.load_state_dict(load_file(path))
        except Exception as error:  # safetensors and torch raise many kinds
            reason = str(error).strip().partition("\n")[0]
            raise RunError(f"{path} or the JSON beside it is damaged: {reason}") from None
        return vae.eval()

    def encode(self, actions: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Mean and log-sigma, each (N, Z), of sequences, int64, (N, L)."""
        planes = one_hot(actions, N_ACTIONS).flatten(1).float()  # (N, L * 5)
        mean, log_sigma = self.encoder(planes).chunk(2, dim=1)
        return mean, log_sigma

    def logits(self, latents: torch.Tensor) -> torch.Tensor:
        """The logits of the actions of options, (N, L, 5), of latents (N, Z)."""
        return self.decoder(latents).unflatten(1, (self.length, N_ACTIONS))

    @torch.no_grad()
    def decode(self, latents: torch.Tensor) -> torch.Tensor:
        """The most probable actions of options, int64, (N, L), of latents (N, Z)."""
        return self.logits(latents).argmax(dim=2)


@torch_threads(1)
def learn_options(config: OptionConfig = OptionConfig()) -> OptionVAE:
    """Learn options from the demonstrations of random programs.

    Example:
        >>> vae = learn_options(OptionConfig(programs=50, epochs=1))
        >>> vae.decode(torch.zeros(3, 8)).shape
        torch.Size([3, 5])
    """
    dataset = generate(DatasetConfig(programs=config.programs, seed=config.seed))
    sequences, counts = np.unique(windows(dataset, config.length), axis=0, return_counts=True)
    rng = np.random.default_rng(config.seed)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(config.seed)
        vae = OptionVAE(config.length, config.latent_dim, config.hidden)
        optimizer = torch.optim.Adam(vae.parameters(), config.learning_rate)
        all_actions = torch.from_numpy(sequences)
        steps = -(-len(sequences) // config.batch_size) * config.epochs
        for _ in range(steps):
            drawn = rng.choice(len(counts), config.batch_size, p=counts / counts.sum())
            loss = vae_loss(vae, all_actions[drawn], config.kl_weight)
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
    return vae.eval()


def vae_loss(vae: OptionVAE, actions: torch.Tensor, kl_weight: float) -> torch.Tensor:
    """Mean cross-entropy of sequences, int64, (N, L), and the weighted mean KL divergence."""
    mean, log_sigma = vae.encode(actions)
    latents = mean + log_sigma.exp() * torch.randn_like(mean)
    wrong = cross_entropy(vae.logits(latents).transpose(1, 2), actions, reduction="none").sum(1)
    divergence = 0.5 * (mean**2 + (2 * log_sigma).exp() - 1 - 2 * log_sigma).sum(1)
    return (wrong + kl_weight * divergence).mean()


def windows(dataset: ProgramDataset, length: int) -> NDArray[np.int64]:
    """All sequences of `length` actions, int64, (N, length); a `ValueError` if there is none."""
    actions = dataset.actions.reshape(-1, dataset.actions.shape[2])  # (demonstrations, T)
    lengths = dataset.lengths.ravel()
    if length > actions.shape[1] or (lengths < length).all():
        raise ValueError(f"no demonstration has {length} actions")
    views = np.lib.stride_tricks.sliding_window_view(actions, length, axis=1)
    starts = np.arange(views.shape[1]) + length <= lengths[:, None]
    return views[starts].astype(np.int64)


def save_options(vae: OptionVAE, config: OptionConfig, path: str | os.PathLike[str]) -> None:
    """Write the weights, and the settings as JSON beside them."""
    write_state_dict(path, vae.state_dict(), asdict(config))


if __name__ == "__main__":
    save_options(learn_options(), OptionConfig(), WEIGHTS)
