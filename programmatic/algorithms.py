"""The algorithms of Stable-Baselines3 and sb3-contrib that learn policies here, by name."""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from typing import TYPE_CHECKING

from programmatic.options import unknown

if TYPE_CHECKING:
    from stable_baselines3.common.base_class import BaseAlgorithm

ALGORITHMS = {
    "ppo_lstm": "sb3_contrib:RecurrentPPO",
    "maskable_ppo": "sb3_contrib:MaskablePPO",
    "qrdqn": "sb3_contrib:QRDQN",
    "dqn": "stable_baselines3:DQN",
    "trpo": "sb3_contrib:TRPO",
    "ppo": "stable_baselines3:PPO",
    "a2c": "stable_baselines3:A2C",
}
"""The class of each algorithm, 'module:NAME', by its name in RL Baselines3 Zoo, which has no
maskable_ppo. Those whose networks are of a kind of their own come first: SB3 refuses to load any
other model as one of them."""


def algorithm_class(algo: str, known: Sequence[str] = tuple(ALGORITHMS)) -> type[BaseAlgorithm]:
    """The class of an algorithm.

    Args:
        algo: Its name.
        known: The names that may be.

    Raises:
        ValueError: There is no such algorithm; the message lists those that are.
    """
    if algo not in known:
        raise ValueError(unknown("there is no algorithm", algo, known))
    module, _, name = ALGORITHMS[algo].partition(":")
    return getattr(importlib.import_module(module), name)
