"""Driving the robot with the keyboard."""

from __future__ import annotations

from dataclasses import replace
from textwrap import wrap
from typing import Any

import gymnasium

from karel_gym.registration import spec_of
from karel_gym.rendering.layout import Frame, PanelLine
from karel_gym.rendering.renderer import Renderer
from karel_gym.rendering.window import Window, check_display
from karel_gym.world import World

LEGEND = tuple(
    PanelLine(0, f"{keys:<8}{meaning}")
    for keys, meaning in (
        ("up", "move"),
        ("left", "turnLeft"),
        ("right", "turnRight"),
        ("p space", "pickMarker"),
        ("o u", "putMarker"),
        ("", ""),
        ("r", "new world"),
        ("q esc", "quit"),
    )
)
"""The keys of `karel_gym.rendering.window.KEYS` as lines of the panel."""
GOAL_WIDTH = 32  # characters
NEW_WORLD_HINT = "press r for a new world"


def play(env_id: str, *, seed: int | None = None, fps: float = 30, **options: Any) -> list[float]:
    """Open a window in which the user drives the robot; return the returns of finished episodes.

    Args:
        env_id: The task's id, such as "Karel-Maze-v0".
        seed: The seed of the worlds; None draws one at random.
        fps: Images per second.
        options: Further arguments of `gymnasium.make`, such as `height` and `width`.

    Raises:
        ValueError: The task is unknown or has no robot, or an argument is out of its range.
        ImportError: pygame is not installed.
        RuntimeError: There is no display to open a window on.
    """
    spec_of(env_id)
    check_display()
    given = {name: value for name, value in options.items() if value is not None}
    env = gymnasium.make(env_id, render_mode=None, **given)
    window = Window(fps, title=env_id)
    try:
        return play_in(env, window, seed=seed, title=env_id)
    finally:
        window.close()
        env.close()


def play_in(
    env: gymnasium.Env[Any, Any], window: Window, *, seed: int | None = None, title: str = ""
) -> list[float]:
    """Let the user drive the robot of `env`, a Karel task, until `window` is closed; see `play`.

    Prints the goal of the task and shows it beside the world.
    """
    returns: list[float] = []
    karel: Any = env.unwrapped
    env.reset(seed=seed)
    if not isinstance(getattr(karel, "world", None), World):
        raise ValueError(f"{title or env} is no Karel task: it has no robot to drive")
    renderer = Renderer(karel.world.shape)
    goal = karel.task.goal if hasattr(karel, "task") else ""
    panel = LEGEND
    if goal:
        print(f"{title}: {goal}", flush=True)
        panel = *(PanelLine(0, line) for line in wrap(goal, GOAL_WIDTH)), PanelLine(0, ""), *LEGEND
    new = Frame(title=title, panel=panel, panel_title="goal and keys" if goal else "keys")
    frame = new
    while not window.closed:
        window.show(renderer.draw(karel.world, frame, getattr(karel, "looks", None)))
        for command in window.commands():
            if command == "reset":
                env.reset()
                frame = new
            elif isinstance(command, int) and not frame.status:
                frame = _after(env, command, frame)
                if frame.status:
                    returns.append(frame.episode_return)
    return returns


def _after(env: gymnasium.Env[Any, Any], action: int, frame: Frame) -> Frame:
    """Do an action; returns the texts of the next image."""
    _, reward, terminated, truncated, info = env.step(action)
    status = ""
    if terminated or truncated:
        status = "solved" if info.get("is_success", False) else "ended"
    return replace(
        frame,
        step=frame.step + 1,
        episode_return=frame.episode_return + float(reward),
        status=status,
        hint=NEW_WORLD_HINT if status else "",
    )
