"""Evaluation of policies on the same start worlds."""

from __future__ import annotations

import time
from contextlib import nullcontext
from typing import Any

import numpy as np
import pandas as pd

from agents.comparison import COLUMNS, Comparison
from agents.confidence import bootstrap_interval, mean_of_rows
from agents.policies import FEATURES, Contestant, contestants
from agents.rollout import prepared, prepared_in_env
from karel_gym.registration import is_karel, sample_worlds
from karel_gym.world import WorldBatch
from programmatic.threads import torch_threads


def evaluate(
    policies: Any,
    env_id: str,
    episodes: int = 100,
    seed: int = 0,
    height: int | None = None,
    width: int | None = None,
    deterministic: bool | None = None,
    max_steps: int | None = None,
    max_markers: int | None = None,
) -> Comparison:
    """Evaluate policies on the same start worlds; see `evaluate_episodes` for the arguments.

    Returns:
        A data frame that prints as a narrow table, with a row per policy: `policy`; `obs`, its
        observation; `episodes`; `mean_return` with its bootstrap 95 % confidence interval `ci_low`
        to `ci_high`; `success_rate`; `mean_length` in actions; `ms_per_episode`, wall time; `note`,
        the reason if a policy was not evaluated.

    Example:
        >>> sweep = "DEF run m( WHILE c( markersPresent c) w( pickMarker move w) m)"
        >>> table = evaluate([sweep, "random"], "Karel-Harvester-v0", episodes=10)
        >>> table[["policy", "success_rate"]].values.tolist()
        [['program', 0.0], ['random', 0.0]]
    """
    size = height, width
    results = evaluate_episodes(
        policies,
        env_id,
        episodes,
        seed,
        *size,
        deterministic,
        max_steps=max_steps,
        max_markers=max_markers,
    )
    return summarise(results, seed)


def evaluate_episodes(
    policies: Any,
    env_id: str,
    episodes: int = 100,
    seed: int = 0,
    height: int | None = None,
    width: int | None = None,
    deterministic: bool | None = None,
    compiled: bool = False,
    max_steps: int | None = None,
    max_markers: int | None = None,
) -> pd.DataFrame:
    """Run policies from the same start worlds, one episode per world.

    A policy that cannot act in worlds of this size, or with the observations of this task, is not
    run; the `note` in its row gives the reason. In an env that is not a Karel task, episode i is
    seeded with `seed + i` and solved if its return is at least the env's `reward_threshold`;
    an episode that a `max_steps` below the env's own truncates is not solved.

    Args:
        policies: One, several, or a mapping from names; see `agents.policies.contestants`.
        env_id: The id of a Karel task, or of an env with flat observations and numbered actions,
            such as CartPole-MORL-v0.
        episodes: Number of episodes, from 1 up.
        seed: Of the start worlds, `karel_gym.sample_worlds(env_id, episodes, seed)`, and of
            stochastic policies.
        height, width: Size of the worlds, walls included; default the task's own.
        deterministic: Whether models take their most probable action; None: the default of each.
        compiled: Whether policies of percepts run in kernels if possible. That is many times
            faster, but the draws differ, and the seconds are not those of a network.
        max_steps: Horizon of an episode, in actions; None: the task's own.
        max_markers: The number of markers, 1 to 10, that fill a cell; None: the task's own.

    Returns:
        A row per episode: `policy`, `obs`, `episode`, `return`, `length` in actions, `solved`,
        `seconds`, `note`.

    Raises:
        ValueError: The task, the size of its worlds, a policy, `max_steps` or `max_markers` is
            invalid.
    """
    if max_steps is not None and max_steps < 1:
        raise ValueError(f"max_steps must be at least 1, got {max_steps}")
    if not is_karel(env_id) and (height, width, max_markers) != (None, None, None):
        raise ValueError(f"{env_id} has no worlds: height, width and max_markers cannot be set")
    worlds = sample_worlds(env_id, episodes, seed, height, width) if is_karel(env_id) else None
    frames = []
    for contestant in contestants(policies, seed, env_id):
        note = _obstacle(contestant, worlds)
        if note:
            frame = pd.DataFrame({"episode": [-1], "return": np.nan, "note": note})
        else:
            with nullcontext() if contestant.program is not None else torch_threads(1):
                how = contestant.decides(deterministic)
                if worlds is None:
                    play = prepared_in_env(contestant, env_id, episodes, seed, how, max_steps)
                else:
                    play = prepared(
                        contestant, env_id, worlds, seed, how, max_steps, compiled, max_markers
                    )
                start = time.perf_counter()
                outcomes = play()
                seconds = time.perf_counter() - start
            frame = pd.DataFrame(
                {
                    "episode": np.arange(episodes),
                    "return": outcomes.returns,
                    "length": outcomes.lengths,
                    "solved": outcomes.solved,
                    "seconds": seconds / episodes,
                    "note": "",
                }
            )
        frame.insert(0, "policy", contestant.name)
        frame.insert(1, "obs", contestant.obs)
        frames.append(frame)
    return pd.concat(frames, ignore_index=True)


def summarise(episodes: pd.DataFrame, seed: int = 0) -> Comparison:
    """Summarise the episodes of `evaluate_episodes` as the table of `evaluate`.

    `seed` is that of the bootstrap.
    """
    rows = []
    for (policy, obs), group in episodes.groupby(["policy", "obs"], sort=False):
        row = {"policy": policy, "obs": obs, "note": group["note"].iloc[0]}
        done = group[group["episode"] >= 0]
        row["episodes"] = len(done)
        if len(done):
            returns = done["return"].to_numpy(float)
            low, high = bootstrap_interval(mean_of_rows, returns, seed=seed)
            row |= {
                "mean_return": done["return"].mean(),
                "ci_low": low,
                "ci_high": high,
                "success_rate": done["solved"].mean(),
                "mean_length": done["length"].mean(),
                "ms_per_episode": 1000 * done["seconds"].mean(),
            }
        rows.append(row)
    return Comparison(rows, columns=list(COLUMNS))


def _obstacle(contestant: Contestant, worlds: WorldBatch | None) -> str:
    """Why a contestant cannot act in these worlds; empty if it can."""
    if (contestant.obs == FEATURES) != (worlds is None):
        return f"n/a: made for an env with the observation {contestant.obs}"
    if worlds is None or contestant.shape in (None, worlds.shape):
        return ""
    (height, width), (h, w) = contestant.shape or (0, 0), worlds.shape
    return f"n/a: made for worlds of {height}x{width}, these are {h}x{w}"
