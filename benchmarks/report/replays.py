"""Episodes as data for the report's player: start worlds and the changes of each step."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from agents.policies import Contestant
from agents.rollout import KarelRollout
from karel_gym.registration import task_of
from karel_gym.simulation.episodes import Episodes
from karel_gym.tasks import doorkey, snake
from karel_gym.tasks.task import Task
from karel_gym.world import MARKERS, WALL, WorldBatch
from programmatic.dsl import pretty_lines
from programmatic.threads import torch_threads

WALL_CELL, BODY_CELL = 16, 32
"""Added to a cell's number of markers if it has a wall or a part of a snake."""
ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
"""Digits for the contents of cells, a letter per cell."""
DIGITS = 6  # of a reward


@dataclass
class Episode:
    """The part of an episode that is shown.

    Attributes:
        robots: `4 * cell + heading` after each step; a cell's number is `row * W + column`.
        rewards: Step and reward of each step with a reward.
        changes: Step, cell and its new contents, of each change.
        lines: The program's line of each step; empty without a program.
        end: "solved", "failed", "halted", "out of steps" or, if more steps follow, "cut".
    """

    robots: list[int] = field(default_factory=list)
    rewards: list[float] = field(default_factory=list)
    changes: list[int] = field(default_factory=list)
    lines: list[int] = field(default_factory=list)
    end: str = "cut"


@torch_threads(1)
def record(
    contestant: Contestant, env_id: str, worlds: WorldBatch, seed: int, max_frames: int
) -> list[Episode]:
    """Record an episode per world. The episode of a program ends when it halts.

    Args:
        contestant: The policy; its `shape` is None or the worlds'.
        env_id: The task's id.
        worlds: Start worlds.
        seed: Of stochastic policies.
        max_frames: Longer episodes are cut at this step.
    """
    task = task_of(env_id)
    rollout = KarelRollout(contestant, task, worlds, seed)
    episodes = rollout.envs.episodes
    line_of = _lines_of_tokens(contestant)
    shown = [Episode() for _ in worlds]
    running = np.ones(len(worlds), dtype=np.bool_)
    before = cells_of(task, episodes)
    for step in range(max_frames):
        rewards, ended, infos = rollout.step()
        if line_of is not None:
            for i in np.flatnonzero(running & (rollout.state.executing < 0)):
                shown[i].end, running[i] = "halted", False
        if not running.any():
            break
        after = cells_of(task, episodes)
        for i in np.flatnonzero(running):
            episode = shown[i]
            position, heading = episodes.robots[i].tolist()
            episode.robots.append(4 * position + heading)
            if rewards[i]:
                episode.rewards += [step, round(float(rewards[i]), DIGITS)]
            for cell in np.flatnonzero(after[i] != before[i]).tolist():
                episode.changes += [step, cell, int(after[i, cell])]
            if line_of is not None:
                episode.lines.append(line_of[rollout.state.executing[i]])
            if ended[i]:
                was_cut = infos[i]["TimeLimit.truncated"]
                failed = "out of steps" if was_cut else "failed"
                episode.end = "solved" if infos[i]["is_success"] else failed
        running &= ~ended
        before = after
    return shown


def start_of(env_id: str, worlds: WorldBatch, index: int) -> dict[str, Any]:
    """A start world as JSON values: `cells`, `robot` and `landmarks`."""
    task = task_of(env_id)
    episodes = Episodes(task, 1, *worlds.shape)
    episodes.load(0, worlds[index])
    cells = cells_of(task, episodes)[0]
    position, heading = episodes.robots[0].tolist()
    return {
        "cells": "".join(ALPHABET[code] for code in cells),
        "robot": 4 * position + heading,
        "landmarks": landmarks(task, worlds, index),
    }


def landmarks(task: Task, worlds: WorldBatch, index: int) -> dict[str, list[int]]:
    """Cells with a meaning in a task, by kind: door, key, goal, food."""
    height, width = worlds.shape
    marked = np.flatnonzero(worlds.markers[index]).tolist()
    if task is doorkey.V0:
        column = int(doorkey.door_column(width))
        door = [row * width + column for row in doorkey.DOOR_ROWS if row < height - 1]
        key = [cell for cell in marked if cell % width < column]
        return {"door": door, "key": key, "goal": [cell for cell in marked if cell not in key]}
    return {"food": []} if task is snake.V0 else {}


def cells_of(task: Task, episodes: Episodes) -> NDArray[np.uint8]:
    """The contents of cells, uint8, (N, H*W): markers, `WALL_CELL` and `BODY_CELL`."""
    cells = episodes.cells
    held = (cells & MARKERS) + np.where(cells & WALL, WALL_CELL, 0)
    if task is snake.V0:
        held += np.where(cells & snake.BODY, BODY_CELL, 0)
    return held.astype(np.uint8)


def as_json(episodes: Sequence[Episode]) -> list[dict[str, Any]]:
    """Episodes as JSON values."""
    return [vars(episode) for episode in episodes]


def _lines_of_tokens(contestant: Contestant) -> list[int] | None:
    """The line number of each token of a program; None without a program."""
    if contestant.program is None:
        return None
    lines = pretty_lines(contestant.program.tokens)
    return [number for number, line in enumerate(lines) for _ in range(*line.span)]
