"""Episodes as data for the report's player: start worlds and the changes of each step."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import accumulate
from typing import Any

import numpy as np
from numpy.typing import NDArray

from agents.policies import Contestant
from agents.rollout import KarelRollout
from karel_gym.registration import task_of
from karel_gym.simulation.episodes import Episodes
from karel_gym.world import MARKERS, WALL, WorldBatch
from programmatic.dsl import pretty_lines
from programmatic.threads import torch_threads

WALL_CELL, LOOK_SHIFT = 16, 5
"""Contents of a cell: its number of markers, `WALL_CELL` if it is a wall, and above its look."""
ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
"""Digits, a letter per cell."""
DIGITS = 6  # of a reward


@dataclass
class Episode:
    """The part of an episode that is shown.

    Attributes:
        robots: `4 * cell + heading` after each step; a cell's number is `row * W + column`.
        rewards: Step and reward of each step with a reward.
        changes: Step, cell and its new contents, of each change.
        lines: The line of each step in the listing of the program or options, -1 for a turn
            without one; empty for other policies.
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
    line_of, is_program = _lines_of_tokens(contestant), contestant.program is not None
    shown = [Episode() for _ in worlds]
    running = np.ones(len(worlds), dtype=np.bool_)
    before = contents_of(episodes)
    for step in range(max_frames):
        rewards, ended, infos = rollout.step()
        halted = rollout.state.executing < 0 if is_program else rollout.halted
        for i in np.flatnonzero(running & halted):
            shown[i].end, running[i] = "halted", False
        if not running.any():
            break
        after = contents_of(episodes)
        for i in np.flatnonzero(running):
            episode = shown[i]
            position, heading = episodes.robots[i].tolist()
            episode.robots.append(4 * position + heading)
            if rewards[i]:
                episode.rewards += [step, round(float(rewards[i]), DIGITS)]
            for cell in np.flatnonzero(after[i] != before[i]).tolist():
                episode.changes += [step, cell, int(after[i, cell])]
            if line_of:
                option = 0 if is_program else rollout.state.chosen[i]
                episode.lines.append(line_of[option].get(int(rollout.state.executing[i]), -1))
            if ended[i]:
                was_cut = infos[i]["TimeLimit.truncated"]
                failed = "out of steps" if was_cut else "failed"
                episode.end = "solved" if infos[i]["is_success"] else failed
        running &= ~ended
        before = after
    return shown


def start_of(env_id: str, worlds: WorldBatch, index: int) -> dict[str, Any]:
    """A start world as JSON values: `cells`, `looks` ("" without any) and `robot`."""
    episodes = Episodes(task_of(env_id), 1, *worlds.shape)
    episodes.load(0, worlds[index])
    (contents,) = contents_of(episodes)
    position, heading = episodes.robots[0].tolist()
    looks = contents >> LOOK_SHIFT
    return {
        "cells": _letters(contents & (2**LOOK_SHIFT - 1)),
        "looks": _letters(looks) if looks.any() else "",
        "robot": 4 * position + heading,
    }


def contents_of(episodes: Episodes) -> NDArray[np.int32]:
    """The contents of cells: int32, (N, H*W)."""
    cells = episodes.cells.astype(np.int32)
    contents: NDArray[np.int32] = (cells & MARKERS) + WALL_CELL * (cells >= WALL)
    for i in range(len(episodes)):
        looks = episodes.looks(i)
        if looks is not None:
            contents[i] |= looks.ravel().astype(np.int32) << LOOK_SHIFT
    return contents


def _letters(digits: NDArray[np.int32]) -> str:
    return "".join(ALPHABET[digit] for digit in digits)


def as_json(episodes: Sequence[Episode]) -> list[dict[str, Any]]:
    """Episodes as JSON values."""
    return [vars(episode) for episode in episodes]


def _lines_of_tokens(contestant: Contestant) -> list[dict[int, int]]:
    """For each of the policy's programs, the line in their listing of each token's index."""
    listed = [pretty_lines(program.tokens) for program in contestant.programs]
    firsts = accumulate(map(len, listed), initial=0)
    return [
        {token: number for number, line in enumerate(lines, first) for token in range(*line.span)}
        for first, lines in zip(firsts, listed, strict=False)
    ]
