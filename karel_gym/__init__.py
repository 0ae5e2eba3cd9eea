"""Karel tasks for Gymnasium; importing registers the ids: `gymnasium.make("Karel-Maze-v0")`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from karel_gym.lazy import lazy_imports
from karel_gym.registration import register, register_all, sample_worlds
from karel_gym.world import World, WorldBatch, WorldError

if TYPE_CHECKING:
    from karel_gym.envs.karel import KarelEnv
    from karel_gym.envs.karel_vector import KarelVectorEnv
    from karel_gym.envs.safety import Bound
    from karel_gym.envs.sb3 import KarelSB3VecEnv, make_sb3_vec_env
    from karel_gym.envs.signature import signature_of
    from karel_gym.envs.wrappers import LastAction, MORLWrapper

__version__ = "0.1.0"
__all__ = [
    "Bound",
    "KarelEnv",
    "KarelSB3VecEnv",
    "KarelVectorEnv",
    "LastAction",
    "MORLWrapper",
    "World",
    "WorldBatch",
    "WorldError",
    "make_sb3_vec_env",
    "register",
    "sample_worlds",
    "signature_of",
]

# numba, pygame and stable-baselines3 are slow to import.
__getattr__, __dir__ = lazy_imports(__name__)
register_all()
