"""Generator of data sets: random programs, with demonstrations that cover every branch."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray
from tqdm import tqdm

from karel_gym.simulation.devices import in_parallel
from karel_gym.simulation.rng import states_of
from programmatic.dsl.sampling import draw_programs
from programmatic.dsl.tokens import TOKEN_IDS, W_CLOSE, W_OPEN
from programmatic.leaps.data.coverage import CERTAIN, demonstrate_programs
from programmatic.leaps.data.dataset import DTYPES, ProgramDataset, shapes_of, split_of
from programmatic.leaps.data.demonstrations import STOP
from programmatic.leaps.settings import DatasetConfig
from programmatic.runs import versions

AT_ONCE = 8_192
"""Programs drawn at a time."""
MOST_IN_VAIN = 32
"""Draws in a row without any program that has demonstrations, after which that is an error."""


def generate(config: DatasetConfig | None = None) -> ProgramDataset:
    """Make a data set, on all cores.

    Each program is drawn once. It is dropped unless `max_trials` random worlds give enough whole
    runs that make each condition of an IF, IFELSE or WHILE both true and false. Program i and its
    demonstrations do not depend on the number of programs and of cores.

    The defaults are those of LEAPS. One difference from its generator: an impossible action, such
    as a move into a wall, has the same effect as in every env; the original drops the run.

    The `config` of the data set also has the numbers of programs drawn, repeated (drawn before) and
    dropped, and the versions of the packages.

    Raises:
        ValueError: A setting is out of range, or hardly any program has such demonstrations.

    Example:
        >>> dataset = generate(DatasetConfig(programs=5, seed=1))
        >>> dataset.lengths.shape, dataset.part("train").tokens.shape
        ((5, 10), (3, 45))
    """
    config = config or DatasetConfig()
    config.check()
    n = config.programs + config.extra
    found = _empty(config, n)
    seen: set[bytes] = set()
    n_found, n_drawn, n_repeated, in_vain = 0, 0, 0, 0
    with tqdm(total=n, desc="programs", unit="programs", disable=None) as bar:
        while n_found < n:
            batch, fresh, has_demonstrations = _draw(config, n_drawn, seen)
            rows = np.flatnonzero(has_demonstrations)[: n - n_found]
            for name, array in found.items():
                array[n_found : n_found + len(rows)] = batch[name][rows]
            n_found += len(rows)
            used = AT_ONCE if n_found < n else int(rows[-1]) + 1
            n_drawn += used
            n_repeated += used - int(np.searchsorted(fresh, used))
            in_vain = 0 if len(rows) else in_vain + 1
            if in_vain == MOST_IN_VAIN:
                raise ValueError(
                    f"of the last {MOST_IN_VAIN * AT_ONCE:,} programs that were drawn, none has "
                    f"{config.demonstrations} demonstrations of {config.min_states} to "
                    f"{config.max_states} states that cover its branches: allow other lengths, "
                    "more demonstrations or more trials"
                )
            bar.update(len(rows))
    record = {
        "drawn": n_drawn,
        "repeated": n_repeated,
        "dropped": n_drawn - n_repeated - n,
        "versions": versions(("karel-gym", "numba", "numpy")),
    }
    return ProgramDataset(
        **found,
        split=split_of(config.programs, config.seed, config.extra),
        config=asdict(config) | record,
    )


def _empty(config: DatasetConfig, n: int) -> dict[str, NDArray[Any]]:
    """The arrays of a data set of n programs, without `split`."""
    cells, actions = config.height * config.width, config.max_states - 1
    shapes = shapes_of(n, config.demonstrations, actions, cells)
    return {name: np.empty(shapes[name], DTYPES[name]) for name in shapes if name != "split"}


def _draw(
    config: DatasetConfig, first: int, seen: set[bytes]
) -> tuple[dict[str, NDArray[Any]], NDArray[np.int64], NDArray[np.bool_]]:
    """Draw `AT_ONCE` programs from `first` on: arrays, new rows, and which have demonstrations."""
    batch = _empty(config, AT_ONCE)
    tokens, n_tokens = batch["tokens"], np.empty(AT_ONCE, dtype=np.int64)
    rngs = states_of(config.seed, first + AT_ONCE)[first:, None]

    limits = config.max_tokens, config.sequences, config.min_times, config.max_times

    def draw(start: int, end: int) -> None:
        draw_programs(tokens[start:end], n_tokens[start:end], rngs[start:end], *limits)

    in_parallel(draw, AT_ONCE)
    is_new = np.zeros(AT_ONCE, dtype=bool)
    for i, row in enumerate(tokens):
        key = row.tobytes()
        is_new[i] = key not in seen
        seen.add(key)
    fresh = np.flatnonzero(is_new)
    trials = np.zeros(AT_ONCE, dtype=np.int64)

    def demonstrate(start: int, end: int) -> None:
        demonstrate_programs(
            start,
            end,
            fresh,
            tokens,
            n_tokens,
            rngs,
            config.width,
            round(config.wall_probability * CERTAIN),
            round(config.marker_probability * CERTAIN),
            config.min_states - 1,
            config.max_trials,
            batch["cells"],
            batch["robots"],
            batch["actions"],
            batch["lengths"],
            trials,
        )

    in_parallel(demonstrate, len(fresh))
    return batch, fresh, (trials > 0) & _is_wanted(config, tokens, batch["actions"])


def _is_wanted(
    config: DatasetConfig, tokens: NDArray[np.int8], actions: NDArray[np.int8]
) -> NDArray[np.bool_]:
    """Whether the filters of `config` keep each program: bool, (N,)."""
    first, second, third = tokens[:, :-2], tokens[:, 1:-1], tokens[:, 2:]
    left, right, put = (TOKEN_IDS[word] for word in ("turnLeft", "turnRight", "putMarker"))
    wanted = np.ones(len(tokens), dtype=np.bool_)
    if config.drop_turn_pairs:
        pairs = (first == left) & (second == right) | (first == right) & (second == left)
        wanted &= ~pairs.any(axis=1)
    if config.drop_marker_loops:
        loops = (first == W_OPEN) & (second == put) & (third == W_CLOSE)
        wanted &= ~loops.any(axis=1)
    if config.max_repeats is not None and config.max_repeats < actions.shape[2]:
        same = (actions[..., 1:] == actions[..., :-1]) & (actions[..., 1:] != STOP)
        runs = sliding_window_view(same, config.max_repeats, axis=2).all(axis=3)
        wanted &= ~np.any(runs, axis=(1, 2))
    return wanted
