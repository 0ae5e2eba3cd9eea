"""Programs and demonstrations that train the embedding; HDF5 files with settings as JSON."""

from __future__ import annotations

import hashlib
import io
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import h5py
import numpy as np
from numpy.typing import NDArray

from karel_gym.simulation.rng import states_of, stream_of
from karel_gym.world import WorldBatch
from programmatic.dsl.tokens import MAX_PROGRAM_TOKENS, PAD
from programmatic.leaps.data.demonstrations import STOP, behaviour_match, checked
from programmatic.leaps.data.original_dataset import DATA_FILE, ID_FILE, read_original
from programmatic.machine.bytecode import compile_tokens
from programmatic.runs import RunError, replacing

PARTS = ("train", "valid", "test")
"""The names of the parts, by number."""
SHARES = (70, 15, 15)
"""The shares of the parts, in percent."""
CONFIG = "config"
BLOCK, MARK = 512, b"a data set of karel-gym, SHA-256 of all that follows: "
"""The number of bytes in front of HDF5's, and their beginning."""
CHUNK = 256  # programs read and compressed together

DTYPES = {
    "tokens": np.int8,
    "cells": np.uint8,
    "robots": np.int16,
    "actions": np.int8,
    "lengths": np.int8,
    "split": np.uint8,
}


def shapes_of(n: int, d: int, t: int, n_cells: int) -> dict[str, tuple[int, ...]]:
    """The arrays' shapes, for n programs with d demonstrations of t actions."""
    return {
        "tokens": (n, MAX_PROGRAM_TOKENS),
        "cells": (n, d, n_cells),
        "robots": (n, d, 2),
        "actions": (n, d, t),
        "lengths": (n, d),
        "split": (n,),
    }


@dataclass(frozen=True, eq=False)
class ProgramDataset:
    """N programs, each with D demonstrations of at most T actions.

    Args:
        tokens: int8, (N, 45); programs from DEF on, padded with 50.
        cells: uint8, (N, D, H*W); the worlds in which the demonstrations start.
        robots: int16, (N, D, 2); position (row * W + column) and heading at the start.
        actions: int8, (N, D, T); padded with 5.
        lengths: int8, (N, D); numbers of actions.
        split: uint8, (N,); 0 train, 1 valid, 2 test.
        config: The settings that it was made with, as JSON values, with `height` and `width`.

    Raises:
        ValueError: An array has another shape or type.
    """

    tokens: NDArray[np.int8]
    cells: NDArray[np.uint8]
    robots: NDArray[np.int16]
    actions: NDArray[np.int8]
    lengths: NDArray[np.int8]
    split: NDArray[np.uint8]
    config: dict[str, Any]

    def __post_init__(self) -> None:
        n, d, t = self.actions.shape if self.actions.ndim == 3 else (len(self.actions), 0, 0)
        shapes = shapes_of(n, d, t, self.height * self.width)
        for name, shape in shapes.items():
            array = getattr(self, name)
            if array.shape != shape or array.dtype != DTYPES[name]:
                raise ValueError(
                    f"{name} must be {np.dtype(DTYPES[name])} of shape {shape}, "
                    f"got {array.dtype} of shape {array.shape}"
                )

    @property
    def height(self) -> int:
        """Height of the worlds, walls included."""
        return int(self.config["height"])

    @property
    def width(self) -> int:
        """Width of the worlds, walls included."""
        return int(self.config["width"])

    @property
    def n_tokens(self) -> NDArray[np.int64]:
        """The programs' numbers of tokens: int64, (N,)."""
        return np.asarray((self.tokens != PAD).sum(axis=1))

    def __len__(self) -> int:
        return len(self.tokens)

    def subset(self, rows: Any) -> ProgramDataset:
        """The programs `rows`: indices, a slice or a mask."""
        arrays = {name: getattr(self, name)[rows] for name in DTYPES}
        return ProgramDataset(**arrays, config=self.config)

    def part(self, name: Literal["train", "valid", "test"]) -> ProgramDataset:
        """The programs of a part; ValueError if there is no such part."""
        if name not in PARTS:
            raise ValueError(f"part must be one of {', '.join(map(repr, PARTS))}, got {name!r}")
        return self.subset(self.split == PARTS.index(name))

    def behaviour_match(self, tokens: NDArray[Any], rows: Any = slice(None)) -> NDArray[np.float64]:
        """The match of programs, (P, L), with the demonstrations of P `rows`: float64, (P, D)."""
        return behaviour_match(
            tokens,
            self.cells[rows],
            self.width,
            self.robots[rows],
            self.actions[rows],
            self.lengths[rows],
        )

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write an HDF5 file, completely or not at all; RunError if that fails."""
        path = Path(path)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            # In memory: HDF5 crashes the interpreter if it cannot write a file completely.
            whole = io.BytesIO()
            with h5py.File(whole, "w", userblock_size=BLOCK) as file:
                file.attrs[CONFIG] = json.dumps(self.config)
                for name in DTYPES:
                    array = getattr(self, name)
                    chunks = (min(CHUNK, len(self)), *array.shape[1:])
                    file.create_dataset(
                        name, data=array, chunks=chunks, compression="gzip", shuffle=True
                    )
            contents = whole.getvalue()[BLOCK:]
            with replacing(path) as temporary:
                temporary.write_bytes(_mark(contents).ljust(BLOCK) + contents)
        except OSError as error:
            raise RunError(f"{path} cannot be written: {error.strerror or error}") from None

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> ProgramDataset:
        """Read a data set.

        Args:
            path: A file that `save` wrote, or the original data set of LEAPS: its folder, or its
                data.hdf5 with id.txt beside it (see `programmatic.leaps.data.original_dataset`).

        Raises:
            RunError: There is no data set, or it is damaged.
        """
        path = Path(path)
        file = path / DATA_FILE if path.is_dir() else path
        if not file.exists():
            what = f"it has no {DATA_FILE}" if path.is_dir() else "there is no such file"
            raise RunError(
                f"{path} is no data set: {what}; `karel-gym dataset --out FILE` makes one"
            )
        with _reading(file):
            _check_mark(file)
        with _reading(file), h5py.File(file, "r") as opened:
            if CONFIG in opened.attrs:
                dataset = _read(opened)
            elif (file.parent / ID_FILE).exists():
                arrays, config = read_original(opened, file.parent / ID_FILE)
                split = split_of(len(arrays["tokens"]), 0)
                dataset = cls(**arrays, split=split, config=config)
            else:
                raise ValueError(
                    f"it has neither the attribute {CONFIG!r} of a file of karel-gym nor, beside "
                    f"it, the {ID_FILE} of the original data set"
                )
            _check_contents(dataset)
        return dataset


def split_of(n: int, seed: int, extra: int = 0) -> NDArray[np.uint8]:
    """The part of each program: uint8, (n + extra,).

    The first `n` are split at random by `SHARES`; the others are training programs.
    """
    order = np.argsort(states_of(int(stream_of(seed)), n), kind="stable")
    bounds = np.cumsum(SHARES)[:-1] * n // sum(SHARES)
    split = np.zeros(n + extra, dtype=np.uint8)
    for number, rows in enumerate(np.split(order, bounds)):
        split[rows] = number
    return split


def _mark(contents: bytes) -> bytes:
    return MARK + hashlib.sha256(contents).hexdigest().encode()


def _check_mark(path: Path) -> None:
    """Raise a ValueError if a file was cut off or changed: HDF5 may never end reading it."""
    with path.open("rb") as file:
        block = file.read(BLOCK)
        if block.startswith(MARK) and block.rstrip() != _mark(file.read()):
            raise ValueError("it was cut off or changed since it was written")


@contextmanager
def _reading(path: Path) -> Iterator[None]:
    try:
        yield
    except (OSError, KeyError, RuntimeError, ValueError) as error:  # all that HDF5 raises
        raise RunError(f"{path} is no data set, or it is damaged: {error}") from None


def _read(file: h5py.File) -> ProgramDataset:
    config = json.loads(file.attrs[CONFIG])
    if not isinstance(config, dict) or not {"height", "width"} <= config.keys():
        raise ValueError(f"its {CONFIG} lacks the size of the worlds")
    missing = [name for name in DTYPES if not isinstance(file.get(name), h5py.Dataset)]
    if missing:
        raise ValueError(f"it lacks the arrays {', '.join(missing)}")
    return ProgramDataset(**{name: file[name][()] for name in DTYPES}, config=config)


def _check_contents(dataset: ProgramDataset) -> None:
    """Raise a ValueError if a program, world or action is invalid: kernels do not check them."""
    if not len(dataset):
        raise ValueError("it has no programs")
    compile_tokens(dataset.tokens)
    n = dataset.lengths.size
    robots = dataset.robots.reshape(n, 2)
    cells, _, actions, lengths = checked(
        dataset.cells.reshape(n, -1),
        dataset.width,
        robots,
        dataset.actions.reshape(n, -1),
        dataset.lengths.ravel(),
    )
    places = np.stack([*np.divmod(robots[:, 0], dataset.width), robots[:, 1]], axis=1)
    WorldBatch(
        cells.reshape(n, dataset.height, dataset.width), places, np.zeros(n, dtype=np.uint64)
    )
    if (actions[np.arange(actions.shape[1]) >= lengths[:, None]] != STOP).any():
        raise ValueError(f"actions must be {STOP} after their end")
    if (dataset.split >= len(PARTS)).any():
        raise ValueError(f"split must be in 0 to {len(PARTS) - 1}")
