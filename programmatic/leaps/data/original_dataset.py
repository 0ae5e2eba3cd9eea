"""Reader of LEAPS's published data set.

It is a folder with `id.txt`, one program's id per line, and `data.hdf5`, with one group per id:

    program   integers, (L,); its tokens, numbered as ours
    s_h       bool, (D, T, H, W, 16); the states of its demonstrations, as grids
    s_h_len   integers, (D,); their numbers of states
    a_h       integers, (D, T-1); their actions, numbered as ours
    a_h_len   integers, (D,); their numbers of actions

Only the first states are read: the actions give the others. Cells hold at most 9 markers in the
original, 10 here. Source: Trivedi et al., NeurIPS 2021, github.com/clvrai/leaps.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from karel_gym.envs.observations import N_PLANES
from programmatic.dsl.tokens import MAX_PROGRAM_TOKENS, PAD
from programmatic.leaps.data.demonstrations import STOP, worlds_of

DATA_FILE, ID_FILE = "data.hdf5", "id.txt"
NAMES = ("program", "s_h", "s_h_len", "a_h", "a_h_len")
N_ACTIONS = 19  # of the longest demonstration that LEAPS generates


def read_original(file: h5py.File, id_file: Path) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
    """The arrays of a `ProgramDataset`, without `split`, and the settings.

    Programs of more than 45 tokens are left out. ValueError: The arrays lack the layout above.
    """
    lines = id_file.read_text(encoding="utf-8").splitlines()
    ids = [line.split()[0] for line in lines if line.strip()]
    if not ids:
        raise ValueError(f"{id_file} names no program")
    programs: list[dict[str, NDArray[Any]]] = []
    for name in tqdm(ids, desc="reading programs", unit="programs", disable=None):
        arrays = _arrays(file, name)
        if programs and arrays["starts"].shape != programs[0]["starts"].shape:
            raise ValueError(
                "all programs must have as many demonstrations, in worlds of one size: the first "
                f"has {programs[0]['starts'].shape[:3]}, {name} has {arrays['starts'].shape[:3]}"
            )
        if len(arrays["program"]) <= MAX_PROGRAM_TOKENS:
            programs.append(arrays)
    if not programs:
        raise ValueError(f"all programs have more than {MAX_PROGRAM_TOKENS} tokens")
    n = len(programs)
    n_demonstrations, height, width, _ = programs[0]["starts"].shape
    lengths = np.stack([arrays["a_h_len"] for arrays in programs])
    if lengths.max() > np.iinfo(np.int8).max:
        raise ValueError(f"a demonstration has {lengths.max()} actions; at most 127 can be read")
    tokens = np.full((n, MAX_PROGRAM_TOKENS), PAD, dtype=np.int8)
    actions = np.full((n, n_demonstrations, max(N_ACTIONS, lengths.max())), STOP, dtype=np.int8)
    for i, arrays in enumerate(programs):
        tokens[i, : len(arrays["program"])] = arrays["program"]
        columns = arrays["a_h"].shape[1]
        done = np.arange(columns) < lengths[i, :, None]
        actions[i, :, :columns] = np.where(done, arrays["a_h"], STOP)[:, : actions.shape[2]]
    starts = np.stack([arrays["starts"] for arrays in programs])  # (N, D, H, W, 16)
    cells, robots = worlds_of(np.moveaxis(starts, -1, -3))
    config = {"source": "LEAPS", "programs": n, "demonstrations": n_demonstrations}
    config |= {"height": height, "width": width, "left_out": len(ids) - n}
    return {
        "tokens": tokens,
        "cells": cells,
        "robots": robots.astype(np.int16),
        "actions": actions,
        "lengths": lengths.astype(np.int8),
    }, config


def _arrays(file: h5py.File, name: str) -> dict[str, NDArray[Any]]:
    """The arrays of a program's group, checked; `starts` are the first states of s_h."""
    group = file.get(name)
    if not isinstance(group, h5py.Group):
        raise ValueError(f"{ID_FILE} names the program {name}, but there is no group of it")
    missing = [array for array in NAMES if not isinstance(group.get(array), h5py.Dataset)]
    if missing:
        raise ValueError(f"the group {name} lacks {', '.join(missing)}")
    arrays = {key: group[key][()] for key in NAMES if key != "s_h"}
    states = group["s_h"]
    d = len(arrays["a_h_len"])
    if (
        arrays["program"].ndim != 1
        or states.ndim != 5
        or (states.shape[0], states.shape[4]) != (d, N_PLANES)
        or arrays["a_h"].ndim != 2
        or len(arrays["a_h"]) != d
        or arrays["a_h_len"].shape != (d,)
        or arrays["s_h_len"].shape != (d,)
    ):
        shapes = {key: group[key].shape for key in NAMES}
        raise ValueError(
            f"the group {name} must have program of shape (L,), s_h (D, T, H, W, {N_PLANES}), "
            f"a_h (D, T-1), s_h_len and a_h_len (D,), got {shapes}"
        )
    if (arrays["s_h_len"] != arrays["a_h_len"] + 1).any() or (
        arrays["a_h_len"] > arrays["a_h"].shape[1]
    ).any():
        raise ValueError(f"the lengths in the group {name} do not fit its states and actions")
    arrays["starts"] = states[:, 0]
    return arrays
