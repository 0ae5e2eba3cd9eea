"""Everything that acts, deep RL baselines and programs, behind one `predict`."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from agents.drl.training import train
    from agents.evaluation import evaluate, evaluate_episodes, summarise
    from agents.hierarchy.latent_env import LatentProgramEnv
    from agents.policies import load
    from agents.program import ProgramAgent
    from programmatic.runs import RunError

__all__ = [
    "LatentProgramEnv",
    "ProgramAgent",
    "RunError",
    "evaluate",
    "evaluate_episodes",
    "load",
    "summarise",
    "train",
]

# torch, Stable-Baselines3 and pandas are slow to import: what needs them is imported when used.
_LAZY = {
    "LatentProgramEnv": "agents.hierarchy.latent_env",
    "ProgramAgent": "agents.program",
    "RunError": "programmatic.runs",
    "evaluate": "agents.evaluation",
    "evaluate_episodes": "agents.evaluation",
    "load": "agents.policies",
    "summarise": "agents.evaluation",
    "train": "agents.drl.training",
}


def __getattr__(name: str) -> Any:
    if name in _LAZY:
        return getattr(importlib.import_module(_LAZY[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
