"""Oracles whose networks are one layer, with weights from the field's own rule for the pole."""

from __future__ import annotations

from typing import Any

import torch
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.vec_env import VecEnv

from agents.morl.models import new_model
from karel_gym.envs.sb3 import MORLVecEnv, make_sb3_vec_env

CARTPOLE = "CartPole-MORL-v0"
TOWARDS_RIGHT = torch.tensor([0.1, 0.2, 1.0, 0.3])  # where the pole leans, or will lean
VALUES = torch.tensor([0.0, 0.0, 50.0, 7.0])  # of a critic that likes poles to lean to the right


def cartpole(num_envs: int = 10, **options: Any) -> MORLVecEnv:
    """CartPole-MORL without reports on constraints."""
    return make_sb3_vec_env(CARTPOLE, num_envs, seed=0, constraints=(), **options)


def balancer(algo: str, env: VecEnv) -> BaseAlgorithm:
    """A model of CartPole that pushes right where `TOWARDS_RIGHT` is positive, else left."""
    model = new_model(algo, env, net_arch=())
    policy: Any = model.policy
    with torch.no_grad():
        for parameter in policy.parameters():
            parameter.zero_()
        if algo == "dqn":
            policy.q_net.q_net[0].weight.copy_(torch.stack([-TOWARDS_RIGHT, TOWARDS_RIGHT]))
        elif algo == "qrdqn":
            rows = policy.quantile_net.quantile_net[0].weight.view(-1, 2, 4)
            rows.copy_(torch.stack([-TOWARDS_RIGHT, TOWARDS_RIGHT]))
            offsets = torch.linspace(-1, 1, len(rows))[:, None]  # their mean is 0
            policy.quantile_net.quantile_net[0].bias.view(-1, 2).copy_(offsets)
        else:
            policy.action_net.weight.copy_(10 * torch.stack([-TOWARDS_RIGHT, TOWARDS_RIGHT]))
            policy.value_net.weight.copy_(VALUES[None])
    return model
