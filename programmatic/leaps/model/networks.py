"""The networks of LEAPS: program encoder, program decoder, and neural executor.

Source: Trivedi et al., NeurIPS 2021, section 4.1 and appendix. Modules and parameters have the
authors' names and shapes, so that their checkpoints load. `hidden` is the size of the latents.
"""

from __future__ import annotations

import math
from typing import TypeVar

import torch
from torch import nn
from torch.nn.functional import embedding, linear
from torch.nn.utils.rnn import PackedSequence

from karel_gym.envs.observations import N_PLANES
from programmatic.leaps.data.demonstrations import STOP
from programmatic.leaps.model.grammar import N_TOKENS
from programmatic.leaps.model.recurrence import last_steps, parameters_of, run_gru

N_ACTIONS = STOP + 1
"""The executor's actions: those of the robot, and STOP, which also precedes the first."""
CHANNELS = 32
SIDE = 8
"""Height and width of the worlds that the executor sees."""
MAP = (SIDE - 4) ** 2  # cells after two 3x3 convolutions without padding
Layer = TypeVar("Layer", nn.Linear, nn.Conv2d)


class Encoder(nn.Module):
    """The encoder of programs for the heads of the latent distribution."""

    def __init__(self, hidden: int) -> None:
        super().__init__()
        self.token_encoder = nn.Embedding(N_TOKENS, N_TOKENS)
        self.gru = _gru(N_TOKENS, hidden)

    def forward(self, tokens: PackedSequence) -> torch.Tensor:
        """The GRU's last states, (B, hidden), for the packed tokens of B programs."""
        parameters = parameters_of(self.gru)
        of_token = linear(self.token_encoder.weight, parameters.of_input, parameters.input_bias)
        start = of_token.new_zeros(int(tokens.batch_sizes[0]), self.gru.hidden_size)
        gates = embedding(tokens.data, of_token)
        return run_gru(self.gru, gates, tokens.batch_sizes, start)[last_steps(tokens.batch_sizes)]


class Decoder(nn.Module):
    """GRU from latents to programs; its state begins as the latent, which is also in its input."""

    def __init__(self, hidden: int) -> None:
        super().__init__()
        self.token_encoder = nn.Embedding(N_TOKENS, N_TOKENS)
        self.gru = _gru(N_TOKENS + hidden, hidden)
        self.token_output_layer = nn.Sequential(
            _initialized(nn.Linear(hidden + N_TOKENS + hidden, hidden), math.sqrt(2)),
            nn.Tanh(),
            _initialized(nn.Linear(hidden, N_TOKENS), math.sqrt(2)),
        )

    def forward(self, latents: torch.Tensor, tokens: PackedSequence) -> torch.Tensor:
        """The states, float32, (S, hidden), after each of S packed tokens (teacher forcing)."""
        by_token, by_latent = self.input_parts(latents)
        gates = embedding(tokens.data, by_token)
        return run_gru(self.gru, gates, tokens.batch_sizes, latents, by_latent)

    def logits(
        self, states: torch.Tensor, tokens: torch.Tensor, latents: torch.Tensor, rows: torch.Tensor
    ) -> torch.Tensor:
        """Logits of the next tokens, float32, (S, 51); `rows`, (S,), index the latents."""
        by_token, by_latent = self.output_parts(latents)
        first, last = self.output_layers
        of_state = first.weight[:, : states.shape[1]]
        hidden = linear(states, of_state) + embedding(tokens, by_token) + by_latent[rows]
        return linear(hidden.tanh(), last.weight, last.bias)

    @property
    def output_layers(self) -> tuple[nn.Linear, nn.Linear]:
        """The two linear layers of the MLP, with a tanh between them."""
        first, last = self.token_output_layer[0], self.token_output_layer[2]
        assert isinstance(first, nn.Linear)
        assert isinstance(last, nn.Linear)
        return first, last

    def output_parts(self, latents: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Terms of each token, (51, hidden), and each latent in the MLP's linear first layer."""
        first, _ = self.output_layers
        width = latents.shape[1]
        _, of_token, of_latent = torch.split(first.weight, [width, N_TOKENS, width], dim=1)
        return linear(self.token_encoder.weight, of_token), linear(latents, of_latent, first.bias)

    def input_parts(self, latents: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Terms of each token, (51, 3*hidden), and each latent, with biases, in the gates."""
        parameters = parameters_of(self.gru)
        of_token, of_latent = torch.split(parameters.of_input, [N_TOKENS, latents.shape[1]], dim=1)
        by_latent = linear(latents, of_latent, parameters.input_bias)
        return linear(self.token_encoder.weight, of_token), by_latent


class VAE(nn.Module):
    """Encoder, decoder, and the heads of the latent distribution."""

    def __init__(self, hidden: int) -> None:
        super().__init__()
        self.encoder = Encoder(hidden)
        self.decoder = Decoder(hidden)
        self._enc_mu = nn.Linear(hidden, hidden)
        self._enc_log_sigma = nn.Linear(hidden, hidden)

    def distribution(self, tokens: PackedSequence) -> tuple[torch.Tensor, torch.Tensor]:
        """Mean and log-sigma of the latents of packed programs, each (B, hidden)."""
        encoded = self.encoder(tokens)
        return self._enc_mu(encoded), self._enc_log_sigma(encoded)


class NeuralExecutor(nn.Module):
    """A policy conditioned on a latent: LEAPS's "neural executor", `pi(a | z, s)`."""

    def __init__(self, hidden: int) -> None:
        super().__init__()
        self.gru = _gru(hidden + hidden + N_ACTIONS, hidden)
        self.action_encoder = nn.Embedding(N_ACTIONS, N_ACTIONS)
        gain = nn.init.calculate_gain("relu")
        self.state_encoder = nn.Sequential(
            _initialized(nn.Conv2d(N_PLANES, CHANNELS, 3), gain),
            nn.ReLU(),
            _initialized(nn.Conv2d(CHANNELS, CHANNELS, 3), gain),
            nn.ReLU(),
            nn.Flatten(),
            _initialized(nn.Linear(CHANNELS * MAP, hidden), gain),
            nn.ReLU(),
        )
        self.mlp = nn.Sequential(
            _initialized(nn.Linear(hidden, hidden), gain),
            nn.Tanh(),
            _initialized(nn.Linear(hidden, hidden), gain),
            nn.Tanh(),
            _initialized(nn.Linear(hidden, N_ACTIONS), gain),
        )

    def forward(
        self,
        latents: torch.Tensor,
        grids: torch.Tensor,
        which: torch.Tensor,
        actions: PackedSequence,
    ) -> torch.Tensor:
        """Logits of the next actions, float32, (S, 6), STOP last (teacher forcing).

        Args:
            latents: float32, (M, hidden); those of the M demonstrations, in packed order.
            grids: float32, (U, 16, 8, 8); the distinct states.
            which: int64, (S,); the index in `grids` at each packed step.
            actions: The packed actions before each step, STOP before the first.
        """
        width = latents.shape[1]
        parameters = parameters_of(self.gru)
        widths = [width, width, N_ACTIONS]
        by_latent, by_state, by_action = torch.split(parameters.of_input, widths, dim=1)
        of_state = linear(self.state_encoder(grids), by_state)  # (U, 3*hidden)
        of_action = linear(self.action_encoder.weight, by_action, parameters.input_bias)
        gates = embedding(which, of_state) + embedding(actions.data, of_action)
        constant = linear(latents, by_latent)
        states = run_gru(self.gru, gates, actions.batch_sizes, latents, constant)
        logits: torch.Tensor = self.mlp(states)
        return logits


def _gru(inputs: int, hidden: int) -> nn.GRU:
    gru = nn.GRU(inputs, hidden, batch_first=True)
    for name, parameter in gru.named_parameters():
        if "weight" in name:
            nn.init.orthogonal_(parameter)
        else:
            nn.init.zeros_(parameter)
    return gru


def _initialized(layer: Layer, gain: float) -> Layer:
    nn.init.orthogonal_(layer.weight, gain)
    assert layer.bias is not None
    nn.init.zeros_(layer.bias)
    return layer
