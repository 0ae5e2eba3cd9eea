"""The supported algorithms of Stable-Baselines3 and sb3-contrib."""

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
"""The class of each algorithm, 'module:NAME', by its name in RL Baselines3 Zoo or maskable_ppo.
Algorithms with special networks come first: SB3 refuses to load another model as one of them."""


def algorithm_class(algo: str, known: Sequence[str] = tuple(ALGORITHMS)) -> type[BaseAlgorithm]:
    """The class of an algorithm; a `ValueError` if it is not one of `known`."""
    if algo not in known:
        raise ValueError(unknown("there is no algorithm", algo, known))
    module, _, name = ALGORITHMS[algo].partition(":")
    return getattr(importlib.import_module(module), name)
