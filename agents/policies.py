"""Policies as the comparison sees them: a name, what they observe, how they act."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from inspect import signature
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
from numpy.typing import NDArray

from agents.hierarchy.actions import PRIMITIVE
from agents.morl.run_folder import POLICY_FILE, load_program
from agents.morl.run_folder import PROGRAM_FILE as TREE_FILE
from agents.program import PROGRAM_FILE, RESULT_FILE, ProgramAgent
from karel_gym.envs.karel_vector import KarelVectorEnv
from karel_gym.envs.observations import PERCEPT_SIGNATURE, SIGNATURES, kind_of
from karel_gym.envs.signature import signature_of
from karel_gym.registration import is_karel
from karel_gym.robot import ACTIONS
from programmatic import Program, ProgramPolicy
from programmatic.machine.policy import Policy
from programmatic.trees.policy import TreePolicy
from programmatic.trees.program import TREE_SUFFIX, TreeProgram

FEATURES = "features"
"""The flat observation of an env that is no Karel task."""
ANY_KAREL_TASK = "Karel-Maze-v0"
"""Percepts and actions are the same in all."""


class RandomPolicy:
    """Uniformly random actions.

    Args:
        seed: Of its random numbers.
        n_actions: How many there are to choose from.
    """

    def __init__(self, seed: int = 0, n_actions: int = len(ACTIONS)) -> None:
        self._rng = np.random.default_rng(seed)
        self._n_actions = n_actions

    def predict(
        self,
        observation: NDArray[Any],
        state: Any = None,
        episode_start: Any = None,
        deterministic: bool = True,
    ) -> tuple[NDArray[np.int64], Any]:
        """Actions int64, (N,), for observations (N, ...)."""
        return self._rng.integers(self._n_actions, size=len(observation)), state


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
    policy: Policy
    obs: str = "percepts"
    shape: tuple[int, int] | None = None
    deterministic: bool = True

    @property
    def program(self) -> Program | None:
        """The program that acts, if it is one."""
        return self.policy.program if isinstance(self.policy, ProgramPolicy) else None

    def within(self, max_steps: int) -> Policy:
        """What acts in episodes of this horizon: a policy of skills shares it among them."""
        within = getattr(self.policy, "within", None)
        return self.policy if within is None else within(max_steps)

    @property
    def envs(self) -> Callable[..., KarelVectorEnv]:
        """What makes the envs it acts in: those of a fully convolutional network are local."""
        radius = getattr(self.policy, "radius", None)
        if radius is None:
            return KarelVectorEnv
        from agents.drl.fcn import LocalVectorEnv

        return partial(LocalVectorEnv, radius)

    def decides(self, deterministic: bool | None) -> bool:
        """How it acts where a user says `deterministic`, or None: nothing."""
        return self.deterministic if deterministic is None else deterministic

    @property
    def takes_masks(self) -> bool:
        """Whether `predict` takes `action_masks`, as a MaskablePPO's does."""
        model: Any = self.policy
        if hasattr(model, "radius"):  # an AnySize, which passes masks on to its model
            model = model.model
        return "action_masks" in signature(type(model).predict).parameters


def load(path: str | os.PathLike[str]) -> Any:
    """The agent in a run folder, of a training, a search or MORL, or the SB3 model in a zip.

    Of a run folder of MORL's loop it is the program, as a `TreePolicy`; of a folder in it with a
    policy, such as iteration-01/optimised, the model.

    Raises:
        RunError: There is none, or it is damaged; the message says what, and where.
    """
    path = Path(path)
    if (path / TREE_FILE).exists():
        return TreePolicy(load_program(path))
    if (path / POLICY_FILE).exists():
        from agents.morl.policy_files import load_policy

        return load_policy(path)
    if any((path / name).exists() for name in (PROGRAM_FILE, RESULT_FILE)):
        return ProgramAgent.load(path)
    from agents.drl.training import load as load_model

    return load_model(path)


def contestants(policies: Any, seed: int = 0, env_id: str | None = None) -> list[Contestant]:
    """The contestants that `policies` names.

    Args:
        policies: One policy, several, or a mapping from names to policies. A policy is a `Program`,
            a `TreeProgram`, anything with SB3's `predict`, or a string: a program's text, "random",
            a run folder, a file with a program (a tree's is *.tree), or the zip of an SB3 model.
        seed: Of random policies.
        env_id: Where they are to act, which says what a tree's features and actions are; None: in a
            Karel task.

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
    place = _Place(env_id, seed)
    found = [place.contestant(name, policy) for name, policy in named]
    if not found:
        raise ValueError("there is no policy to evaluate")
    names = [contestant.name for contestant in found]
    return [
        replace(c, name=f"{c.name} #{names[: i + 1].count(c.name)}")
        if names.count(c.name) > 1
        else c
        for i, c in enumerate(found)
    ]


class _Place:
    """Where contestants are to act.

    Args:
        env_id: The env; None: a Karel task.
        seed: Of random policies.
    """

    def __init__(self, env_id: str | None, seed: int) -> None:
        self.env_id = env_id or ANY_KAREL_TASK
        self.seed = seed

    @property
    def obs(self) -> str:
        """What a policy observes there that can take any observation."""
        return "percepts" if is_karel(self.env_id) else FEATURES

    def seen_by(self, program: TreeProgram) -> str:
        """What a tree observes: what its signature is of."""
        kinds = (kind for kind, known in SIGNATURES.items() if known == program.signature)
        return next(kinds, FEATURES)

    def tree(self, path: Path) -> TreeProgram:
        """The tree in a file; in Karel tasks it may test the previous action too."""
        signature = signature_of(self.env_id)
        if signature != PERCEPT_SIGNATURE:
            return TreeProgram.load(path, signature)
        try:
            return TreeProgram.load(path, signature)
        except ValueError as error:
            try:
                return TreeProgram.load(path, SIGNATURES["percepts+action"])
            except ValueError:
                raise error from None

    def contestant(self, name: str | None, policy: Any) -> Contestant:
        """The contestant that a policy is."""
        if isinstance(policy, Contestant):
            return policy
        if isinstance(policy, Program):
            return Contestant(name or "program", ProgramPolicy(policy))
        if isinstance(policy, TreeProgram):
            return self.contestant(name, TreePolicy(policy))
        if isinstance(policy, (str, os.PathLike)):
            return self.named(name, os.fspath(policy))
        if isinstance(policy, RandomPolicy):
            return Contestant(name or "random", policy, self.obs)
        if not hasattr(policy, "predict"):
            raise ValueError(
                "a policy is a program, a model with predict(), or a string that names one; "
                f"got {type(policy).__name__}"
            )
        if isinstance(policy, ProgramPolicy):
            return Contestant(name or "program", policy)
        if isinstance(policy, TreePolicy):
            return Contestant(name or policy.program.name, policy, self.seen_by(policy.program))
        return _from_model(name or type(policy).__name__, policy)

    def named(self, name: str | None, text: str) -> Contestant:
        """The contestant that a string names."""
        if text == "random":
            n_actions = len(signature_of(self.env_id).actions)
            return self.contestant(name, RandomPolicy(self.seed, n_actions))
        path = Path(text)
        if _exists(path):
            label = name or path.name
            if path.suffix == TREE_SUFFIX:
                return self.contestant(label, self.tree(path))
            if not path.is_dir() and path.suffix != ".zip":
                return self.contestant(label, Program.load(path))
            return self.contestant(label, load(path))
        if text.split()[:1] == ["DEF"]:
            return self.contestant(name, Program.parse(text))
        raise ValueError(
            f"{text!r} is neither a program (DEF run m( ... m)), nor a run folder, a program's "
            "file or a model's zip that is there, nor 'random'"
        )


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except (OSError, ValueError):  # a program's text is too long for a file's name
        return False


def _from_model(name: str, model: Any) -> Contestant:
    """The contestant that an SB3 model is: what it observes is told by its observation space."""
    from agents.drl.fcn import AnySize, takes_any_size  # torch is slow to import
    from agents.drl.models import SETTINGS

    settings = getattr(model, SETTINGS, {})
    if settings.get("action", PRIMITIVE) != PRIMITIVE:
        return _of_skills(name, model, settings)
    space = getattr(model, "observation_space", None)
    deterministic = bool(getattr(model, "acts_deterministically", True))
    kind = kind_of(space) if isinstance(space, gymnasium.Space) else None
    if kind == "grid" and takes_any_size(model):
        return Contestant(name, AnySize(model), kind, None, deterministic)
    if kind == "grid":
        _, height, width = model.observation_space.shape
        return Contestant(name, model, kind, (height, width), deterministic)
    if kind is not None:
        return Contestant(name, model, kind, None, deterministic)
    if isinstance(space, gymnasium.spaces.Box) and len(space.shape) == 1:
        return Contestant(name, model, FEATURES, None, deterministic)
    raise ValueError(f"{name} observes {space}, which is no observation of a known env")


def _of_skills(name: str, model: Any, settings: Mapping[str, Any]) -> Contestant:
    """The contestant that a policy of skills is, which sees grids of one size, or percepts."""
    from agents.hierarchy.skill_policy import SkillPolicy
    from agents.hierarchy.skills import skills_named

    skills = skills_named(settings["action"])
    policy = SkillPolicy(model, skills, settings["horizon"], settings["max_steps"])
    shape = (settings["height"], settings["width"]) if settings["obs"] == "grid" else None
    return Contestant(name, policy, settings["obs"], shape, model.acts_deterministically)
