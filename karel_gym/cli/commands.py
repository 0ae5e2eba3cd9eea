"""The commands `karel-gym tasks` and `karel-gym play`."""

from __future__ import annotations

import inspect
from typing import Annotated

import tyro

from karel_gym.registration import BOUND_PART, CARTPOLE, TASKS, task_of
from karel_gym.rendering.play import play as play_in_window
from karel_gym.simulation.cartpole import MAX_STEPS


def tasks(name: Annotated[str, tyro.conf.Positional] = "") -> None:
    """List the tasks, or describe one.

    Args:
        name: A task's id or a part of it, such as Maze, or module:ID; without it all tasks are
            listed.
    """
    env_ids = [*TASKS, CARTPOLE]
    if not name:
        width = max(map(len, env_ids))
        print(f"{'id':<{width}}  size   horizon  what must be done")
        for env_id in env_ids:
            size, horizon = "-", MAX_STEPS
            if env_id != CARTPOLE:
                task = task_of(env_id)
                size, horizon = "{}x{}".format(*task.shape), task.horizon(*task.shape)
            purpose = _page(env_id).splitlines()[0].partition(": ")[2]
            print(f"{env_id:<{width}}  {size:<5}  {horizon:>7,}  {purpose}")
        print("\nHorizons are in actions. karel-gym tasks NAME describes one.")
        print("Each has ids that bind the observation, such as Karel-Maze-percepts[-action]-v0.")
        return
    part = BOUND_PART.sub("", name).lower()
    found = [env_id for env_id in env_ids if part in env_id.lower()]
    if not found:
        task_of(name)  # which may be in a module of its own
        found = [name]
    pages: dict[str, list[str]] = {}
    for env_id in found:
        pages.setdefault(_page(env_id), []).append(env_id)
    for page, env_ids in pages.items():
        print(f"{', '.join(env_ids)}\n\n{page}\n")


def _page(env_id: str) -> str:
    """What a task's module says of it."""
    if env_id == CARTPOLE:
        from karel_gym.envs import cartpole as cartpole_env

        return inspect.cleandoc(cartpole_env.__doc__ or "")
    return inspect.cleandoc(task_of(env_id).doc)


def play(env: str, height: int | None = None, width: int | None = None, seed: int = 0) -> None:
    """Drive the robot with the keyboard.

    Args:
        env: The task's id.
        height: Height of the worlds in cells, walls included; the task's own by default.
        width: Width of the worlds in cells, walls included; the task's own by default.
        seed: Of the first world.
    """
    returns = play_in_window(env, height=height, width=width, seed=seed)
    task = task_of(env)
    size = (side or own for side, own in zip((height, width), task.shape, strict=True))
    print(f"{env}, at most {task.horizon(*size):,} actions an episode")
    for number, episode_return in enumerate(returns, 1):
        print(f"episode {number}: return {episode_return:.3f}")
