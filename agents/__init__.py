"""Deep RL baselines and programs with one interface, SB3's `predict`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from karel_gym.lazy import lazy_imports

if TYPE_CHECKING:
    from agents.drl.training import train
    from agents.evaluation import evaluate, evaluate_episodes, summarise
    from agents.exporting import export
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
    "export",
    "load",
    "summarise",
    "train",
]

# torch, Stable-Baselines3 and pandas are slow to import: what needs them is imported when used.
__getattr__, __dir__ = lazy_imports(__name__)
