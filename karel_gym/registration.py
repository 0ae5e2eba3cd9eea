"""The table of ids, and lookups by id."""

from __future__ import annotations

import importlib
import operator
import re
from collections.abc import Sequence
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

import gymnasium
from gymnasium.envs.registration import EnvSpec, get_env_id, parse_env_id

from karel_gym.specs import OwnHorizonSpec, task_named

if TYPE_CHECKING:
    from karel_gym.tasks.task import Task
    from karel_gym.world import WorldBatch

TASKS = {
    "Karel-StairClimber-v0": "karel_gym.tasks.stairclimber:V0",
    "Karel-FourCorners-v0": "karel_gym.tasks.fourcorners:V0",
    "Karel-TopOff-v0": "karel_gym.tasks.topoff:V0",
    "Karel-Maze-v0": "karel_gym.tasks.maze:V0",
    "Karel-CleanHouse-v0": "karel_gym.tasks.cleanhouse:V0",
    "Karel-Harvester-v0": "karel_gym.tasks.harvester:V0",
    "Karel-StairClimber-v1": "karel_gym.tasks.stairclimber:V1",
    "Karel-FourCorners-v1": "karel_gym.tasks.fourcorners:V1",
    "Karel-TopOff-v1": "karel_gym.tasks.topoff:V1",
    "Karel-Maze-v1": "karel_gym.tasks.maze:V1",
    "Karel-CleanHouse-v1": "karel_gym.tasks.cleanhouse:V1",
    "Karel-Harvester-v1": "karel_gym.tasks.harvester:V1",
    "Karel-DoorKey-v0": "karel_gym.tasks.doorkey:V0",
    "Karel-OneStroke-v0": "karel_gym.tasks.onestroke:V0",
    "Karel-Seeder-v0": "karel_gym.tasks.seeder:V0",
    "Karel-Snake-v0": "karel_gym.tasks.snake:V0",
    "Karel-PathFollow-v0": "karel_gym.tasks.pathfollow:V0",
    "Karel-WallAvoider-v0": "karel_gym.tasks.wallavoider:V0",
    "Karel-Seesaw-v0": "karel_gym.tasks.long.seesaw:V0",
    "Karel-UpNDown-v0": "karel_gym.tasks.long.upndown:V0",
    "Karel-Farmer-v0": "karel_gym.tasks.long.farmer:V0",
    "Karel-InfDoorKey-v0": "karel_gym.tasks.long.infdoorkey:V0",
    "Karel-InfHarvester-v0": "karel_gym.tasks.long.infharvester:V0",
}

CARTPOLE = "CartPole-MORL-v0"
FRESH_SEED = 1_000_000
"""The seed of fresh worlds for the evaluation of programs and networks, far from usual seeds."""
FRESH_WORLDS = 1000
"""The usual number of fresh worlds in comparisons of policies."""

BOUND = {"percepts": "percepts", "percepts+action": "percepts-action"}
"""The observations that an id can bind, and the part of such an id before its version."""
BOUND_PART = re.compile(r"-percepts(-action)?(?=(-v\d+)?$)")


def register(env_id: str, task: str) -> None:
    """Register a Karel task with Gymnasium.

    Beside 'Karel-Maze-v0' this registers 'Karel-Maze-percepts-v0' and
    'Karel-Maze-percepts-action-v0', which bind the observation.

    Args:
        env_id: The id for `gymnasium.make`.
        task: The place of the `Task`, 'module:NAME'; it is imported when the first env is made.
    """
    envs = "karel:KarelEnv", "karel_vector:KarelVectorEnv"
    _register(env_id, *envs, {"task": task})
    namespace, name, version = parse_env_id(env_id)
    for obs, part in BOUND.items():
        bound_id = get_env_id(namespace, f"{name}-{part}", version)
        _register(bound_id, *envs, {"task": task, "obs": obs})


def register_all() -> None:
    """Register the ids of this package."""
    for env_id, task in TASKS.items():
        register(env_id, task)
    _register(
        CARTPOLE,
        "cartpole:CartPoleMORLEnv",
        "cartpole:CartPoleVectorEnv",
        {"max_steps": 200},
        reward_threshold=195.0,
    )


def _register(
    env_id: str,
    single: str,
    vector: str,
    kwargs: dict[str, Any],
    reward_threshold: float | None = None,
) -> None:
    gymnasium.register(
        env_id,
        entry_point=f"karel_gym.envs.{single}",
        vector_entry_point=f"karel_gym.envs.{vector}",
        reward_threshold=reward_threshold,
        kwargs=kwargs,
    )
    gymnasium.registry[env_id] = OwnHorizonSpec.of(gymnasium.registry[env_id])


def task_of(env_id: str) -> Task:
    """The Karel task of an id; the module in 'module:ID' is imported first.

    Raises:
        ValueError: There is no such Karel task or module; the message suggests similar ids.
    """
    return task_named(_arguments_of(env_id)["task"])


def spec_of(env_id: str) -> EnvSpec:
    """The spec of any env's id, and of 'module:ID'; errors are those of `task_of`."""
    try:
        return gymnasium.spec(_registered_name(env_id))
    except gymnasium.error.Error:
        known = list(gymnasium.registry)
        raise ValueError(f"there is no env {env_id!r}{_suggestion(env_id, known)}") from None


def is_karel(env_id: str) -> bool:
    """Whether an id is that of a Karel task; errors are those of `spec_of`."""
    return "task" in spec_of(env_id).kwargs


def obs_of(env_id: str) -> str | None:
    """The observation that a Karel task's id binds, or None; errors are those of `task_of`.

    Example:
        >>> obs_of("Karel-Maze-percepts-action-v0")
        'percepts+action'
    """
    obs: str | None = _arguments_of(env_id).get("obs")
    return obs


def unbound_id(env_id: str) -> str:
    """The id of the same task without an observation."""
    return BOUND_PART.sub("", env_id)


def plain_id(env_id: str) -> str:
    """An id without module and observation; the module is not imported.

    Example:
        >>> plain_id("my_tasks:Karel-Ring-v0"), plain_id("Karel-Maze-percepts-v0")
        ('Karel-Ring-v0', 'Karel-Maze-v0')
    """
    return unbound_id(env_id).rpartition(":")[2]


def _arguments_of(env_id: str) -> dict[str, Any]:
    """The registered arguments of a Karel task's id."""
    spec = gymnasium.registry.get(_registered_name(env_id))
    if spec is None or "task" not in spec.kwargs:
        known = [i for i, s in gymnasium.registry.items() if "task" in s.kwargs]
        raise ValueError(f"{env_id!r} is no Karel task{_suggestion(env_id, known)}")
    return spec.kwargs


def _registered_name(env_id: str) -> str:
    """An id without its module; imports the module."""
    if not isinstance(env_id, str):
        of_env = f", whose id is {env_id.spec.id!r}" if getattr(env_id, "spec", None) else ""
        raise TypeError(
            f"an env's id is a str, such as 'Karel-Maze-v0'; got a {type(env_id).__name__}{of_env}"
        )
    module, _, name = env_id.rpartition(":")
    if module:
        try:
            importlib.import_module(module)
        except (ImportError, TypeError, ValueError) as error:  # such as an invalid module name
            raise ValueError(f"the module of {env_id!r} cannot be imported: {error}") from None
    return name


def _suggestion(env_id: str, known: Sequence[str]) -> str:
    """The end of an error message: known ids that are similar to a wrong one."""
    names = {i: _plain_name(i) for i in known if i == unbound_id(i)}
    name = _plain_name(env_id)
    like = get_close_matches(name, set(names.values()), n=3) if name else []
    like = like or [other for other in names.values() if name and name in other]
    found = [known_id for known_id, other in names.items() if other in like][:4]
    meant = f"did you mean {' or '.join(found)}? " if found else ""
    return (
        f"; {meant}karel-gym tasks lists the tasks, and module:ID names one that a module registers"
    )


def _plain_name(env_id: str) -> str:
    """The part that all ids of a task share, such as maze of Karel-Maze-v0."""
    return re.sub(r"^karel-|-v\d+$", "", plain_id(env_id).lower())


def sample_worlds(
    env_id: str, n: int, seed: int = 0, height: int | None = None, width: int | None = None
) -> WorldBatch:
    """Random start worlds of a task: those of an env from `reset(seed=seed)` on.

    Args:
        env_id: The task's id.
        n: Their number, from 1 up; world i does not depend on it.
        seed: 0 .. 2**64 - 1.
        height, width: Size, walls included; None: the task's.

    Raises:
        ValueError: The task is unknown, it has no worlds of this size, or `n` is below 1.
    """
    from karel_gym.simulation.episodes import sample_task_worlds

    if operator.index(n) < 1:
        raise ValueError(f"n must be at least 1, got {n}")
    return sample_task_worlds(task_of(env_id), operator.index(n), seed, height, width)
