"""Latent spaces without a network, for tests of searches."""

from __future__ import annotations

import torch
from torch import Tensor

from programmatic.dsl.tokens import ACTION_TOKENS, M_CLOSE, M_OPEN, PAD, RUN

N_ACTIONS = 40


class ActionSequences:
    """Every five numbers of a latent choose an action: the one whose number is the largest.

    Latents that are near make programs that are alike, as a trained model's do.
    """

    latent_dim = 5 * N_ACTIONS
    device = torch.device("cpu")

    def decode_tokens(self, latents: Tensor, complete: bool = True) -> Tensor:
        """The tokens after DEF, int64, (N, 45)."""
        n = len(latents)
        tokens = torch.full((n, 45), PAD)
        actions = latents.reshape(n, N_ACTIONS, 5).argmax(2)
        tokens[:, 0], tokens[:, 1] = RUN, M_OPEN
        tokens[:, 2 : 2 + N_ACTIONS] = torch.tensor(ACTION_TOKENS)[actions]
        tokens[:, 2 + N_ACTIONS] = M_CLOSE
        return tokens
