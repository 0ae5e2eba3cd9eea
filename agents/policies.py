"""Adapters that give every kind of policy one interface: name, observation, action."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from inspect import signature
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
from numpy.typing import NDArray

from agents.hierarchy.actions import PRIMITIVE, of_envs
from agents.morl.run_folder import MODEL_FILE, load_program
from agents.morl.run_folder import PROGRAM_FILE as TREE_FILE
from agents.program import PROGRAM_FILE, RESULT_FILE, ProgramAgent
from karel_gym.envs.karel_vector import KarelVectorEnv
from karel_gym.envs.observations import PERCEPT_SIGNATURE, SIGNATURES, kind_of
from karel_gym.envs.signature import signature_of
from karel_gym.registration import is_karel, plain_id
from karel_gym.robot import ACTIONS
from karel_gym.tasks.task import Task
from karel_gym.world import WorldBatch
from programmatic import Program, ProgramPolicy
from programmatic.machine.policy import Policy
from programmatic.options import split_name, unknown
from programmatic.rollout import Outcomes
from programmatic.trees.policy import TreePolicy
from programmatic.trees.program import TREE_SUFFIX, TreeProgram

FEATURES = "features"
"""The flat observation of an env that is not a Karel task."""
ANY_KAREL_TASK = "Karel-Maze-v0"
"""All have the same percepts and actions."""
POLICY_SUFFIX = ".safetensors"
"""Of the files of exported policies."""
PRETRAINED = "pretrained:"
"""The start of the names of this package's trained policies; the algorithm follows."""
PRETRAINED_FOLDER = Path(__file__).parent / "pretrained"
"""Their files, ALGO-ID.safetensors."""


class RandomPolicy:
    """Uniformly random actions; `seed` is that of the draws."""

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
    """A policy and its needs.

    Args:
        name: Its name in tables.
        policy: The policy.
        obs: The kind of observation it was made for.
        shape: The only size of worlds it can take; None: all sizes.
        deterministic: Whether it takes its most probable action by default.
        takes_masks: Whether `predict` takes `action_masks`, as a MaskablePPO's does.
        radius: How far it sees on grids, in cells; None: the whole world.
        within: Returns the policy for episodes of a horizon, in actions; None: it is the same.
    """

    name: str
    policy: Policy
    obs: str = "percepts"
    shape: tuple[int, int] | None = None
    deterministic: bool = True
    takes_masks: bool = False
    radius: int | None = None
    within: Callable[[int], Policy] | None = None

    @property
    def program(self) -> Program | None:
        """The program that acts, if it is one."""
        return self.policy.program if isinstance(self.policy, ProgramPolicy) else None

    @property
    def programs(self) -> tuple[Program, ...]:
        """The programs that act: the program, or the options that a policy chooses from."""
        if self.program is not None:
            return (self.program,)
        skills = getattr(self.policy, "skills", None)
        return () if skills is None else skills.programs

    @property
    def make_envs(self) -> Callable[..., KarelVectorEnv]:
        """The class of its envs, without the radius if it sees only so far."""
        if self.radius is None:
            return KarelVectorEnv
        from agents.drl.fcn import LocalVectorEnv

        return partial(LocalVectorEnv, self.radius)

    def decides(self, deterministic: bool | None) -> bool:
        """Whether it takes its most probable action; None: its default."""
        return self.deterministic if deterministic is None else deterministic

    def kernel(
        self, deterministic: bool | None = None
    ) -> Callable[[Task, WorldBatch, int, int], Outcomes] | None:
        """The kernel in which a network or tree can run; see `agents.kernels.compiled`."""
        from agents.kernels.compiled import kernel_of  # torch is slow to import

        return kernel_of(self.policy, self.obs, self.decides(deterministic))


def load(path: str | os.PathLike[str], env_id: str | None = None) -> Any:
    """Load an agent.

    Args:
        path: A run folder (of a training, a search or MORL), an SB3 model's zip, a policy's
            .safetensors file, or "pretrained:ALGO" for a trained policy of this package. The agent
            of a MORL loop is its program, as a `TreePolicy`; that of a folder in it, such as
            iteration-01/optimised, is the model.
        env_id: The task of "pretrained:ALGO".

    Raises:
        RunError: There is no agent, or it is damaged.
        ValueError: There is no trained policy of this algorithm for this task.

    Example:
        >>> type(load("pretrained:ppo", "Karel-Maze-v0")).__name__
        'PPO'
    """
    if os.fspath(path).startswith(PRETRAINED):
        path = pretrained_file(os.fspath(path).removeprefix(PRETRAINED), env_id)
    path = Path(path)
    if path.suffix == POLICY_SUFFIX and not path.is_dir():
        from agents.drl.policy_files import read_policy

        return read_policy(path)
    if (path / TREE_FILE).exists():
        return TreePolicy(load_program(path))
    if (path / MODEL_FILE).exists():
        from agents.morl.models import load_policy

        return load_policy(path)
    if any((path / name).exists() for name in (PROGRAM_FILE, RESULT_FILE)):
        return ProgramAgent.load(path)
    from agents.drl.training import load as load_model

    return load_model(path)


def pretrained_file(algo: str, env_id: str | None) -> Path:
    """The file of a trained policy of this package; a `ValueError` if there is none."""
    if env_id is None:
        raise ValueError(f"name the task of {PRETRAINED}{algo} as env_id")
    files = {file.stem: file for file in sorted(PRETRAINED_FOLDER.glob(f"*{POLICY_SUFFIX}"))}
    name = f"{algo}-{plain_id(env_id)}"
    if name not in files:
        raise ValueError(unknown(f"{PRETRAINED}{algo}: there is no trained policy", name, files))
    return files[name]


def contestants(policies: Any, seed: int = 0, env_id: str | None = None) -> list[Contestant]:
    """Adapters of policies.

    Args:
        policies: One policy, several, or a mapping from names to policies. A policy is a `Program`,
            a `TreeProgram`, an object with SB3's `predict`, or a string: a program's text,
            "random", a program's file (*.tree for trees), or what `load` takes.
        seed: Of random policies.
        env_id: Their env, which defines the features and actions of trees, and whose
            "pretrained:ALGO" is meant; None: a Karel task.

    Raises:
        ValueError: A policy is none of these, or there is no policy.
        RunError: A run folder is damaged.
    """
    if isinstance(policies, Mapping):
        named: Iterable[tuple[str | None, Any]] = policies.items()
    elif isinstance(policies, (str, os.PathLike, Program)) or hasattr(policies, "predict"):
        named = [(None, policies)]
    else:
        named = [(None, policy) for policy in policies]
    found = [_contestant(name, policy, env_id, seed) for name, policy in named]
    if not found:
        raise ValueError("there is no policy to evaluate")
    names = [contestant.name for contestant in found]
    return [
        replace(c, name=f"{c.name} #{names[: i + 1].count(c.name)}")
        if names.count(c.name) > 1
        else c
        for i, c in enumerate(found)
    ]


def _contestant(name: str | None, policy: Any, env_id: str | None, seed: int) -> Contestant:
    if isinstance(policy, Contestant):
        return policy
    task = env_id or ANY_KAREL_TASK
    if isinstance(policy, (str, os.PathLike)):
        given, text = split_name(os.fspath(policy))
        label, policy = _read(text, env_id, seed)
        name = name or given or label
    if isinstance(policy, Program):
        policy = ProgramPolicy(policy)
    elif isinstance(policy, TreeProgram):
        policy = TreePolicy(policy)
    if isinstance(policy, ProgramPolicy):
        return Contestant(name or "program", policy)
    if isinstance(policy, TreePolicy):
        kinds = {known: kind for kind, known in SIGNATURES.items()}
        obs = kinds.get(policy.program.signature, FEATURES)
        return Contestant(name or policy.program.name, policy, obs)
    if isinstance(policy, RandomPolicy):
        return Contestant(name or "random", policy, "percepts" if is_karel(task) else FEATURES)
    if not hasattr(policy, "predict"):
        raise ValueError(
            "a policy is a program, a model with predict(), or a string that names one; "
            f"got {type(policy).__name__}"
        )
    return _of_model(name or type(policy).__name__, policy)


def _read(text: str, env_id: str | None, seed: int) -> tuple[str | None, Any]:
    """The policy that a string names, and its label if that is a file's name."""
    task = env_id or ANY_KAREL_TASK
    if text == "random":
        return None, RandomPolicy(seed, len(signature_of(task).actions))
    if text.startswith(PRETRAINED):
        return text, load(text, env_id)
    path = Path(text)
    if _exists(path):
        if path.suffix == TREE_SUFFIX:
            return path.name, _tree(path, task)
        is_program = not path.is_dir() and path.suffix not in (".zip", POLICY_SUFFIX)
        return path.name, Program.load(path) if is_program else load(path)
    if text.split()[:1] == ["DEF"]:
        return None, Program.parse(text)
    raise ValueError(
        f"{text!r} is neither a program (DEF run m( ... m)), nor a run folder, nor an existing "
        "file of a program or a model (.zip, .safetensors), nor 'pretrained:ALGO', nor 'random'"
    )


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except (OSError, ValueError):  # a program's text is too long for a file's name
        return False


def _tree(path: Path, env_id: str) -> TreeProgram:
    """The tree in a file; in Karel tasks it may test the previous action too."""
    signature = signature_of(env_id)
    try:
        return TreeProgram.load(path, signature)
    except ValueError:
        if signature != PERCEPT_SIGNATURE:
            raise
        with suppress(ValueError):
            return TreeProgram.load(path, SIGNATURES["percepts+action"])
        raise


def _of_model(name: str, model: Any) -> Contestant:
    """The contestant of an SB3 model; its observation space determines what it observes."""
    from agents.drl.fcn import AnySize, fcn_radius  # torch is slow to import
    from agents.drl.models import SETTINGS

    settings = getattr(model, SETTINGS, {})
    deterministic = bool(getattr(model, "acts_deterministically", True))
    if settings.get("action", PRIMITIVE) != PRIMITIVE:
        from agents.hierarchy.skill_policy import SkillPolicy
        from agents.hierarchy.skills import skills_of

        horizon, obs = settings["horizon"], settings["obs"]
        skills = partial(SkillPolicy, model, skills_of(settings), horizon, obs=obs)
        shape = (settings["height"], settings["width"]) if obs == "grid" else None
        policy = skills(settings["max_steps"])
        return Contestant(name, policy, of_envs(obs), shape, deterministic, within=skills)
    space = getattr(model, "observation_space", None)
    kind = kind_of(space) if isinstance(space, gymnasium.Space) else None
    if kind is None and isinstance(space, gymnasium.spaces.Box) and len(space.shape) == 1:
        kind = FEATURES
    if kind is None:
        raise ValueError(f"{name} observes {space}, which is not an observation of a known env")
    takes_masks = "action_masks" in signature(type(model).predict).parameters
    found = Contestant(name, model, kind, None, deterministic, takes_masks)
    if kind != "grid":
        return found
    radius = fcn_radius(model)
    if radius is not None:
        return replace(found, policy=AnySize(model), radius=radius)
    return replace(found, shape=model.observation_space.shape[1:])
