"""Policies as the comparison sees them: a name, what they observe, how they act."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

import gymnasium
import numpy as np
from numpy.typing import NDArray

from agents.program import PROGRAM_FILE, RESULT_FILE, ProgramAgent
from karel_gym.robot import ACTIONS, PERCEPTS
from programmatic import Program, ProgramPolicy


class Predictor(Protocol):
    """Anything with SB3's `predict`."""

    def predict(
        self,
        observation: Any,
        state: Any = None,
        episode_start: Any = None,
        deterministic: bool = True,
    ) -> tuple[Any, Any]:
        """Actions for a batch of observations, and the state for the next call."""


class RandomPolicy:
    """Uniformly random actions.

    Args:
        seed: Of its random numbers.
    """

    def __init__(self, seed: int = 0) -> None:
        self._rng = np.random.default_rng(seed)

    def predict(
        self,
        observation: NDArray[Any],
        state: Any = None,
        episode_start: Any = None,
        deterministic: bool = True,
    ) -> tuple[NDArray[np.int64], Any]:
        """Actions int64, (N,), for observations (N, ...)."""
        return self._rng.integers(len(ACTIONS), size=len(observation)), state


@dataclass(frozen=True)
class Contestant:
    """A policy in a comparison.

    Args:
        name: What the table calls it.
        policy: What acts.
        obs: The kind of observation it was made for.
        shape: The only size of worlds it can take; None if it can take all.
        deterministic: How it acts unless the user says otherwise.
    """

    name: str
    policy: Predictor
    obs: str = "percepts"
    shape: tuple[int, int] | None = None
    deterministic: bool = True

    @property
    def program(self) -> Program | None:
        """The program that acts, if it is one."""
        return self.policy.program if isinstance(self.policy, ProgramPolicy) else None


def load(path: str | os.PathLike[str]) -> Any:
    """The agent in a run folder, of a training or a search, or the SB3 model in a zip.

    Raises:
        RunError: There is none, or it is damaged; the message says what, and where.
    """
    if any((Path(path) / name).exists() for name in (PROGRAM_FILE, RESULT_FILE)):
        return ProgramAgent.load(path)
    from agents.drl import load as load_model

    return load_model(path)


def contestants(policies: Any, seed: int = 0) -> list[Contestant]:
    """The contestants that `policies` names.

    Args:
        policies: One policy, several, or a mapping from names to policies. A policy is a `Program`,
            anything with SB3's `predict`, or a string: a program's text, "random", a run folder, a
            file with a program, or the zip of an SB3 model.
        seed: Of random policies.

    Raises:
        ValueError: A string is none of these, or an object has no `predict`; or there is none.
        RunError: A run folder is damaged.
    """
    if isinstance(policies, Mapping):
        named: Iterable[tuple[str | None, Any]] = policies.items()
    elif isinstance(policies, (str, os.PathLike, Program)) or hasattr(policies, "predict"):
        named = [(None, policies)]
    else:
        named = [(None, policy) for policy in policies]
    found = [_contestant(name, policy, seed) for name, policy in named]
    if not found:
        raise ValueError("there is no policy to evaluate")
    names = [contestant.name for contestant in found]
    return [
        replace(c, name=f"{c.name} #{names[: i + 1].count(c.name)}")
        if names.count(c.name) > 1
        else c
        for i, c in enumerate(found)
    ]


def _contestant(name: str | None, policy: Any, seed: int) -> Contestant:
    if isinstance(policy, Contestant):
        return policy
    if isinstance(policy, Program):
        return Contestant(name or "program", ProgramPolicy(policy))
    if isinstance(policy, (str, os.PathLike)):
        return _from_text(name, os.fspath(policy), seed)
    if isinstance(policy, RandomPolicy):
        return Contestant(name or "random", policy)
    if not hasattr(policy, "predict"):
        raise ValueError(
            "a policy is a Program, a model with predict(), or a string that names one; "
            f"got {type(policy).__name__}"
        )
    if isinstance(policy, ProgramPolicy):
        return Contestant(name or "program", policy)
    return _from_model(name or type(policy).__name__, policy)


def _from_text(name: str | None, text: str, seed: int) -> Contestant:
    if text == "random":
        return Contestant(name or "random", RandomPolicy(seed))
    path = Path(text)
    if _exists(path):
        label = name or path.name
        if not path.is_dir() and path.suffix != ".zip":
            return Contestant(label, ProgramPolicy(Program.load(path)))
        return _contestant(label, load(path), seed)
    if text.split()[:1] == ["DEF"]:
        return Contestant(name or "program", ProgramPolicy(Program.parse(text)))
    raise ValueError(
        f"{text!r} is neither a program (DEF run m( ... m)), nor a run folder, a program's file or "
        "a model's zip that is there, nor 'random'"
    )


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except (OSError, ValueError):  # a program's text is too long for a file's name
        return False


def _from_model(name: str, model: Any) -> Contestant:
    """The contestant that an SB3 model is: what it observes is told by its observation space."""
    space = getattr(model, "observation_space", None)
    deterministic = bool(getattr(model, "acts_deterministically", True))
    if isinstance(space, gymnasium.spaces.MultiBinary) and space.shape == (len(PERCEPTS),):
        return Contestant(name, model, "percepts", None, deterministic)
    if isinstance(space, gymnasium.spaces.Box) and len(space.shape) == 3:
        return Contestant(name, model, "grid", (space.shape[1], space.shape[2]), deterministic)
    raise ValueError(f"{name} observes {space}, which is no observation of a Karel task")
