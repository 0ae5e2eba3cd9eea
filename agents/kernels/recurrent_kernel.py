"""Recurrent policies of percepts, which act in a kernel in worlds of any size."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from sb3_contrib.common.recurrent.policies import RecurrentActorCriticPolicy
from stable_baselines3.common.torch_layers import FlattenExtractor
from torch import nn

from agents.kernels.kernel_episodes import ALL_ACTIONS, act_in, choose, run_episodes
from karel_gym.envs.observations import N_PERCEPTS
from karel_gym.robot import sense
from karel_gym.simulation.episode_arrays import world_at
from karel_gym.simulation.kernels import allocating_kernel, inner
from karel_gym.tasks.task import Task
from karel_gym.world import WorldBatch
from programmatic.rollout import Outcomes


class Recurrent(NamedTuple):
    """The weights of an LSTM and of the layers after it."""

    inputs: NDArray[np.float32]
    """(P, 4 H), for 5 percepts, or also for 5 previous actions; the gates in torch's order."""
    recurrent: NDArray[np.float32]
    """(H, 4 H)."""
    biases: NDArray[np.float32]
    """(4 H,)."""
    layers: tuple[tuple[NDArray[np.float32], NDArray[np.float32]], ...]
    """Linear layers from H to the logits of the actions, with tanh between them: weights
    (inputs, outputs) and biases (outputs,)."""


@inner
def add_product(vector: Any, weights: Any, total: Any) -> None:
    """Add `vector @ weights` to `total`: (I,) @ (I, J) to (J,)."""
    for i in range(len(vector)):
        for j in range(len(total)):
            total[j] += vector[i] * weights[i, j]


@inner
def remember(gates: Any, hidden: Any, memory: Any) -> None:
    """Update the hidden state and the memory of an LSTM, (H,), by its gates, (4 H,)."""
    size = len(hidden)
    one = np.float32(1)
    for k in range(size):
        take = one / (one + np.exp(-gates[k]))
        keep = one / (one + np.exp(-gates[size + k]))
        show = one / (one + np.exp(-gates[3 * size + k]))
        memory[k] = keep * memory[k] + take * np.tanh(gates[2 * size + k])
        hidden[k] = show * np.tanh(memory[k])


@allocating_kernel
def act_recurrently(first: int, last: int, network: Any, episodes: Any) -> None:
    """Let a `Recurrent` policy act in the `KernelEpisodes` `first` to `last - 1`."""
    size = len(network.recurrent)
    hidden, memory = np.empty(size, np.float32), np.empty(size, np.float32)
    gates = np.empty(4 * size, np.float32)
    for i in range(first, last):
        world, draws = world_at(episodes.worlds, i), episodes.draws[i]
        total, length, terminated, previous = 0.0, 0, False, -1
        hidden[:] = 0
        memory[:] = 0
        while length < episodes.max_steps and not terminated:
            gates[:] = network.biases
            percepts = sense(world.cells, world.width, world.robots[0], world.robots[1])
            for k in range(N_PERCEPTS):
                if (percepts >> k) & 1:
                    gates += network.inputs[k]
            if previous >= 0 and len(network.inputs) > N_PERCEPTS:
                gates += network.inputs[N_PERCEPTS + previous]
            add_product(hidden, network.recurrent, gates)
            remember(gates, hidden, memory)
            features = hidden
            for k in range(len(network.layers)):
                weights, bias = network.layers[k]
                values = bias.copy()
                add_product(features, weights, values)
                if k < len(network.layers) - 1:
                    values = np.tanh(values)
                features = values
            chances = np.exp(features - features.max())
            previous = choose(chances, ALL_ACTIONS, episodes.greedy, draws)
            gain, terminated = act_in(world, previous)
            total += gain
            length += 1
        episodes.returns[i], episodes.lengths[i], episodes.terminated[i] = total, length, terminated


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
    policy: Any, greedy: bool, task: Task, worlds: WorldBatch, seed: int, max_steps: int
) -> Outcomes:
    """Let a policy that `is_lstm` act from each of N start worlds; see `run_episodes`."""
    network, lstm = policy.policy, policy.policy.lstm_actor
    linear = [part for part in network.mlp_extractor.policy_net if isinstance(part, nn.Linear)]
    weights = Recurrent(
        _array(lstm.weight_ih_l0.T),
        _array(lstm.weight_hh_l0.T),
        _array(lstm.bias_ih_l0 + lstm.bias_hh_l0),
        tuple((_array(part.weight.T), _array(part.bias)) for part in (*linear, network.action_net)),
    )
    return run_episodes(act_recurrently, weights, greedy, task, worlds, seed, max_steps)


def _array(tensor: torch.Tensor) -> NDArray[np.float32]:
    return np.ascontiguousarray(tensor.cpu().numpy())
