"""Recurrent policies of percepts whose episodes run in a kernel, in worlds of any size."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from sb3_contrib.common.recurrent.policies import RecurrentActorCriticPolicy
from stable_baselines3.common.torch_layers import FlattenExtractor
from torch import nn

from agents.kernels.kernel_episodes import ALL_ACTIONS, act_in, choose, run_episodes
from karel_gym.envs.observations import N_PERCEPTS
from karel_gym.robot import sense
from karel_gym.simulation.kernels import inner, kernel
from karel_gym.tasks.task import Task
from karel_gym.world import WorldBatch
from programmatic.rollout import Outcomes

Layers = tuple[tuple[NDArray[np.float32], NDArray[np.float32]], ...]
"""Linear layers: weights (inputs, outputs) and biases (outputs,), tanh between them."""


@inner
def add_product(vector: Any, weights: Any, total: Any) -> None:
    """Add `vector @ weights` to `total`: (I,) @ (I, J) to (J,)."""
    for i in range(len(vector)):
        for j in range(len(total)):
            total[j] += vector[i] * weights[i, j]


@inner
def remember(gates: Any, hidden: Any, memory: Any) -> None:
    """Change the hidden state and the memory of an LSTM, (H,), as its gates, (4 H,), say."""
    size = len(hidden)
    one = np.float32(1)
    for k in range(size):
        take = one / (one + np.exp(-gates[k]))
        keep = one / (one + np.exp(-gates[size + k]))
        show = one / (one + np.exp(-gates[3 * size + k]))
        memory[k] = keep * memory[k] + take * np.tanh(gates[2 * size + k])
        hidden[k] = show * np.tanh(memory[k])


@kernel
def act_recurrently(
    first: int,
    last: int,
    greedy: bool,
    inputs: Any,
    recurrent: Any,
    biases: Any,
    layers: Any,
    cells: Any,
    width: int,
    robots: Any,
    rngs: Any,
    counters: Any,
    draws: Any,
    max_steps: int,
    returns: Any,
    lengths: Any,
    terminated: Any,
) -> None:
    """Let an LSTM and the layers after it act in the episodes `first` to `last - 1`.

    Args:
        first, last: The episodes, which have begun.
        greedy: Whether the most probable action is taken.
        inputs: float32, (P, 4 H); the LSTM's weights of 5 percepts, or also of 5 previous actions;
            its gates are in torch's order.
        recurrent: float32, (H, 4 H).
        biases: float32, (4 H,).
        layers: See `Layers`; from H to the logits of the actions.
        cells: uint8, (N, H*W). Changed, as the next five.
        width: W.
        robots: int64, (N, 2).
        rngs: uint64, (N, 1).
        counters: int32, (N, N_COUNTERS).
        draws: uint64, (N, 1); where the uniform numbers come from.
        max_steps: Horizon.
        returns, lengths, terminated: float64, int64 and bool, each (N,); written.
    """
    size = len(recurrent)
    hidden, memory = np.empty(size, np.float32), np.empty(size, np.float32)
    gates = np.empty(4 * size, np.float32)
    for i in range(first, last):
        returns[i], lengths[i], terminated[i] = 0.0, 0, False
        hidden[:] = 0
        memory[:] = 0
        previous = -1
        while lengths[i] < max_steps and not terminated[i]:
            gates[:] = biases
            percepts = sense(cells[i], width, robots[i, 0], robots[i, 1])
            for k in range(N_PERCEPTS):
                if (percepts >> k) & 1:
                    gates += inputs[k]
            if previous >= 0 and len(inputs) > N_PERCEPTS:
                gates += inputs[N_PERCEPTS + previous]
            add_product(hidden, recurrent, gates)
            remember(gates, hidden, memory)
            features = hidden
            for k in range(len(layers)):
                weights, bias = layers[k]
                values = bias.copy()
                add_product(features, weights, values)
                if k < len(layers) - 1:
                    values = np.tanh(values)
                features = values
            chances = np.exp(features - features.max())
            action = choose(chances, ALL_ACTIONS, greedy, draws[i])
            gain, terminated[i] = act_in(cells[i], width, robots[i], rngs[i], counters[i], action)
            returns[i] += gain
            lengths[i] += 1
            previous = action


def is_lstm(policy: Any) -> bool:
    """Whether a policy of percepts is an SB3 model of one LSTM layer and an MLP of tanh layers."""
    network = getattr(policy, "policy", None)
    return (
        isinstance(network, RecurrentActorCriticPolicy)
        and network.lstm_actor.num_layers == 1
        and isinstance(network.features_extractor, FlattenExtractor)
        and all(isinstance(part, (nn.Linear, nn.Tanh)) for part in network.mlp_extractor.policy_net)
    )


@torch.no_grad()
def run_recurrent(
    policy: Any, deterministic: bool, task: Task, worlds: WorldBatch, seed: int, max_steps: int
) -> Outcomes:
    """Let a recurrent policy act from each of N start worlds, on all cores.

    Args:
        policy: One that `is_lstm`, and observes percepts or also previous actions.
        deterministic: Whether it takes its most probable action.
        task: The task that judges.
        worlds: N start worlds.
        seed: Of the draws; episode i's are the same whatever N is.
        max_steps: Horizon.
    """
    network, lstm = policy.policy, policy.policy.lstm_actor
    linear = [part for part in network.mlp_extractor.policy_net if isinstance(part, nn.Linear)]
    layers: Layers = tuple(
        (_array(part.weight.T), _array(part.bias)) for part in (*linear, network.action_net)
    )
    gates = _array(lstm.weight_ih_l0.T), _array(lstm.weight_hh_l0.T)
    biases = _array(lstm.bias_ih_l0 + lstm.bias_hh_l0)
    settings = deterministic, *gates, biases, layers
    return run_episodes(act_recurrently, settings, task, worlds, seed, max_steps)


def _array(tensor: torch.Tensor) -> NDArray[np.float32]:
    return np.ascontiguousarray(tensor.cpu().numpy())
