"""The networks of LEAPS: program encoder, program decoder, and neural executor.

Source: Trivedi et al., NeurIPS 2021, section 4.1 and appendix. Modules and parameters have the
authors' names and shapes, so that their checkpoints load. Z is the size of the latents, U the
number of units of the program GRUs, which is Z unless the layout compresses.
"""

from __future__ import annotations

import math
from typing import TypeVar

import torch
from torch import nn
from torch.nn.functional import embedding, linear
from torch.nn.utils.rnn import PackedSequence

from programmatic.leaps.data.demonstrations import STOP
from programmatic.leaps.model.grammar import N_TOKENS
from programmatic.leaps.model.layouts import Layout
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

    def __init__(self, latent_dim: int, layout: Layout) -> None:
        super().__init__()
        self.token_encoder = nn.Embedding(N_TOKENS, layout.embedding_dim)
        self.gru = _gru(layout.embedding_dim, layout.units or latent_dim)
        self.fc = _between(layout.units, latent_dim)

    def forward(self, tokens: PackedSequence) -> torch.Tensor:
        """The GRU's last states, compressed to (B, Z), for the packed tokens of B programs."""
        parameters = parameters_of(self.gru)
        of_token = linear(self.token_encoder.weight, parameters.of_input, parameters.input_bias)
        start = of_token.new_zeros(int(tokens.batch_sizes[0]), self.gru.hidden_size)
        gates = embedding(tokens.data, of_token)
        states = run_gru(self.gru, gates, tokens.batch_sizes, start)
        compressed: torch.Tensor = self.fc(states[last_steps(tokens.batch_sizes)])
        return compressed


class Decoder(nn.Module):
    """GRU from codes (bounded latents) to programs.

    The code, expanded to U numbers if the layout compresses, is the first state and in each input.
    """

    def __init__(self, latent_dim: int, layout: Layout) -> None:
        super().__init__()
        self.layout = layout
        units, embedded = layout.units or latent_dim, layout.embedding_dim
        self.fc = _between(latent_dim, layout.units)
        self.token_encoder = nn.Embedding(N_TOKENS, embedded)
        self.gru = _gru(embedded + units, units)
        self.token_output_layer = nn.Sequential(
            _initialized(nn.Linear(units + embedded + units, units), math.sqrt(2)),
            nn.Tanh(),
            _initialized(nn.Linear(units, N_TOKENS), math.sqrt(2)),
        )

    def forward(self, codes: torch.Tensor, tokens: PackedSequence) -> torch.Tensor:
        """The states, float32, (S, U), after each of S packed tokens (teacher forcing)."""
        expanded = self.fc(codes)
        by_token, by_code = self.input_parts(expanded)
        gates = embedding(tokens.data, by_token)
        return run_gru(self.gru, gates, tokens.batch_sizes, expanded, by_code)

    def logits(
        self, states: torch.Tensor, tokens: torch.Tensor, codes: torch.Tensor, rows: torch.Tensor
    ) -> torch.Tensor:
        """Logits of the next tokens, float32, (S, 51); `rows`, (S,), index the codes."""
        by_token, by_code = self.output_parts(self.fc(codes))
        first, last = self.output_layers
        of_state = first.weight[:, : states.shape[1]]
        hidden = linear(states, of_state) + embedding(tokens, by_token) + by_code[rows]
        return linear(hidden.tanh(), last.weight, last.bias)

    @property
    def output_layers(self) -> tuple[nn.Linear, nn.Linear]:
        """The two linear layers of the MLP, with a tanh between them."""
        first, last = self.token_output_layer[0], self.token_output_layer[2]
        assert isinstance(first, nn.Linear)
        assert isinstance(last, nn.Linear)
        return first, last

    def output_parts(self, expanded: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Terms of each token, (51, U), and each expanded code in the MLP's linear first layer."""
        first, _ = self.output_layers
        sizes = [expanded.shape[1], self.layout.embedding_dim, expanded.shape[1]]
        _, of_token, of_code = torch.split(first.weight, sizes, dim=1)
        return linear(self.token_encoder.weight, of_token), linear(expanded, of_code, first.bias)

    def input_parts(self, expanded: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Terms of each token, (51, 3*U), and each expanded code, with biases, in the gates."""
        parameters = parameters_of(self.gru)
        sizes = [self.layout.embedding_dim, expanded.shape[1]]
        of_token, of_code = torch.split(parameters.of_input, sizes, dim=1)
        by_code = linear(expanded, of_code, parameters.input_bias)
        return linear(self.token_encoder.weight, of_token), by_code


class VAE(nn.Module):
    """Encoder, decoder, and the heads of the latent distribution."""

    def __init__(self, latent_dim: int, layout: Layout) -> None:
        super().__init__()
        self.layout = layout
        self.encoder = Encoder(latent_dim, layout)
        self.decoder = Decoder(latent_dim, layout)
        self._enc_mu = nn.Linear(latent_dim, latent_dim)
        self._enc_log_sigma = nn.Linear(latent_dim, latent_dim)

    def distribution(self, tokens: PackedSequence) -> tuple[torch.Tensor, torch.Tensor]:
        """Mean and log-sigma of the latents of packed programs, each (B, Z)."""
        encoded = self.encoder(tokens)
        return self._enc_mu(encoded), self._enc_log_sigma(encoded)

    def bounded(self, latents: torch.Tensor, tanh: bool | None = None) -> torch.Tensor:
        """The codes that decoder and executor take, (B, Z): latents or, by layout, their tanh."""
        return latents.tanh() if (self.layout.tanh if tanh is None else tanh) else latents

    def draw(self, mean: torch.Tensor, log_sigma: torch.Tensor) -> torch.Tensor:
        """Draw codes from the latents' distributions, with torch's generator; all (B, Z)."""
        noise = torch.randn_like(mean)
        return self.bounded(mean + self.layout.noise * log_sigma.exp() * noise)


class NeuralExecutor(nn.Module):
    """A policy conditioned on a code: LEAPS's "neural executor", `pi(a | z, s)`."""

    def __init__(self, hidden: int, layout: Layout) -> None:
        super().__init__()
        self.planes = layout.planes
        self.gru = _gru(hidden + hidden + N_ACTIONS, hidden)
        self.action_encoder = nn.Embedding(N_ACTIONS, N_ACTIONS)
        gain = nn.init.calculate_gain("relu")
        self.state_encoder = nn.Sequential(
            _initialized(nn.Conv2d(layout.planes, CHANNELS, 3), gain),
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

    def views(self, grids: torch.Tensor) -> torch.Tensor:
        """The views of U states, float32, (U, Z); `grids` is float32, (U, 16, 8, 8)."""
        last = self.planes - 1
        seen = torch.cat([grids[:, :last], grids[:, last:].amax(dim=1, keepdim=True)], dim=1)
        views: torch.Tensor = self.state_encoder[:-1](seen)  # the ReLU is in `forward`
        return views

    def forward(
        self, codes: torch.Tensor, views: torch.Tensor, which: torch.Tensor, actions: PackedSequence
    ) -> torch.Tensor:
        """Logits of the next actions, float32, (S, 6), STOP last (teacher forcing).

        Args:
            codes: float32, (M, Z); those of the M demonstrations, in packed order.
            views: float32, (U, Z); those of the distinct states.
            which: int64, (S,); the index in `views` at each packed step.
            actions: The packed actions before each step, STOP before the first.
        """
        width = codes.shape[1]
        parameters = parameters_of(self.gru)
        widths = [width, width, N_ACTIONS]
        by_code, by_state, by_action = torch.split(parameters.of_input, widths, dim=1)
        of_state = linear(views.relu(), by_state)  # (U, 3*Z)
        of_action = linear(self.action_encoder.weight, by_action, parameters.input_bias)
        gates = embedding(which, of_state) + embedding(actions.data, of_action)
        constant = linear(codes, by_code)
        states = run_gru(self.gru, gates, actions.batch_sizes, codes, constant)
        logits: torch.Tensor = self.mlp(states)
        return logits


def _between(inputs: int | None, outputs: int | None) -> nn.Module:
    """A linear layer between GRU and latents, or nothing if one of them has no size of its own."""
    return nn.Identity() if inputs is None or outputs is None else nn.Linear(inputs, outputs)


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
