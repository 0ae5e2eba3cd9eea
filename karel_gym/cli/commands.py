"""The commands `karel-gym tasks` and `karel-gym play`."""

from __future__ import annotations

import inspect
from typing import Annotated

import tyro

from karel_gym.registration import BOUND_PART, CARTPOLE, TASKS, task_of


def tasks(name: Annotated[str, tyro.conf.Positional] = "") -> None:
    """List the tasks, or describe one.

    Args:
        name: Task id, module:ID, or part of an id such as Maze; by default all tasks are listed.
    """
    env_ids = [*TASKS, CARTPOLE]
    if not name:
        print(_listing(env_ids))
        return
    part = BOUND_PART.sub("", name).lower()
    found = [env_id for env_id in env_ids if part in env_id.lower()]
    if not found:
        task_of(name)  # may be in a user's module
        found = [name]
    pages: dict[str, list[str]] = {}
    for env_id in found:
        pages.setdefault(_page(env_id), []).append(env_id)
    for page, env_ids in pages.items():
        print(f"{', '.join(env_ids)}\n\n{page}\n")


def _listing(env_ids: list[str]) -> str:
    from karel_gym.simulation.cartpole import MAX_STEPS  # numba is slow to import

    width = max(map(len, env_ids))
    lines = [f"{'id':<{width}}  size   horizon  goal"]
    for env_id in env_ids:
        size, horizon = "-", MAX_STEPS
        if env_id != CARTPOLE:
            task = task_of(env_id)
            size, horizon = "{}x{}".format(*task.shape), task.horizon(*task.shape)
        goal = _page(env_id).splitlines()[0].partition(": ")[2]
        lines.append(f"{env_id:<{width}}  {size:<5}  {horizon:>7,}  {goal}")
    return "\n".join(
        [
            *lines,
            "\nHorizons are in actions. karel-gym tasks NAME describes a task.",
            "Each task also has ids with a fixed observation: Karel-Maze-percepts-v0,",
            "Karel-Maze-percepts-action-v0.",
        ]
    )


def _page(env_id: str) -> str:
    """The documentation of a task."""
    if env_id == CARTPOLE:
        from karel_gym.envs import cartpole

        return inspect.cleandoc(cartpole.__doc__ or "")
    return inspect.cleandoc(task_of(env_id).doc)


def play(env: str, height: int | None = None, width: int | None = None, seed: int = 0) -> None:
    """Control the robot with the keyboard.

    Args:
        env: Task id.
        height: Height of the worlds in cells, walls included; by default the task's.
        width: Width of the worlds in cells, walls included; by default the task's.
        seed: Seed of the first world.
    """
    from karel_gym.rendering.play import play as play_in_window

    returns = play_in_window(env, height=height, width=width, seed=seed)
    task = task_of(env)
    size = (side or own for side, own in zip((height, width), task.shape, strict=True))
    print(f"{env}, at most {task.horizon(*size):,} actions per episode")
    for number, episode_return in enumerate(returns, 1):
        print(f"episode {number}: return {episode_return:.3f}")
