"""Searches as jobs: each has a run folder, and a record of the returns of the program it found."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache, cached_property
from pathlib import Path
from typing import Any

from benchmarks.runs.ledger import RUNS_FOLDER, Columns, Job, Record
from karel_gym.registration import FRESH_SEED, plain_id, sample_worlds, task_of
from programmatic import Program, execute
from programmatic.horizon import PUBLISHED, Limits, limits_of
from programmatic.leaps.model.checkpoints import weights_path
from programmatic.leaps.model.vae import torch_device
from programmatic.runs import RunError, checkpoints
from programmatic.search import SearchResult, search
from programmatic.search.configs import METHODS, ProgramClimbingConfig, SearchConfig
from programmatic.search.programs.space import SPACES
from programmatic.search.run_settings import config_of
from programmatic.search.searching import RESULT_FILE

LARGE_SIDE, LARGE_WORLDS = 100, 10
LARGE_MAX_CALLS = 100 * LARGE_SIDE**2
"""Calls of a run in a large world, with the published horizon: 100 per cell, where a program that
visits every cell once takes about five."""
COMPILING_BUDGET = 200  # programs: enough to compile all kernels of every method
ADDED_OPTIONS: Mapping[str, Any] = {
    **{"crossed": 0.0, "dictionary": 0.0, "given_share": 1.0, "max_markers": None, "members": 1},
    **{"seconds": None, "simplify_budget": 1_000_000, "target": None, "temperature": 0.0},
}
"""Options that kept searches did not store, with their values."""
NUMBERS = ("search_return", "fresh_return", "large_return", "seconds")
SEARCH_COLUMNS = Columns(
    (
        *("id", "method", "env_id", "seed", "model", "model_sha256", "device", "budget"),
        *("search_return", "fresh_return", "large_return"),
        *("iterations", "evaluations", "seconds", "program", "config", "run"),
    ),
    texts=("id", "model_sha256"),
    numbers=NUMBERS,
    counts=("budget",),
)
"""Mean returns are those in the search's own worlds, in 1000 fresh ones and in 10 of 100x100."""


@dataclass(frozen=True)
class SearchJob(Job):
    """A search; an interrupted one continues from its checkpoint."""

    method: str
    env_id: str
    seed: int
    model: str = "default"
    budget: int | None = None
    device: str = "auto"
    options: Mapping[str, Any] = field(default_factory=dict)
    label: str = ""  # the search's name in the tables

    @cached_property
    def config(self) -> SearchConfig:
        """All options. Climbs have one member by default: other searches use the other cores."""
        alone = {"members": 1} if hasattr(METHODS.get(self.method), "members") else {}
        return config_of(self.method, self.env_id, alone | dict(self.options))

    @cached_property
    def identity(self) -> Record:
        """The settings as JSON values, without `ADDED_OPTIONS` that have their earlier values.

        The digest is that of the model's file. In place of a file of programs stands its digest.

        Raises:
            RunError: The model's file is missing.
            ValueError: The task, the method or an option is unknown or invalid, or the file of
                programs has none.
        """
        task_of(self.env_id)
        options = self.config.to_json().items()
        config = {n: v for n, v in options if n not in ADDED_OPTIONS or v != ADDED_OPTIONS[n]}
        if isinstance(self.config, ProgramClimbingConfig) and self.config.programs is not None:
            config["programs"] = programs_digest(self.config.programs, self.config.space)
        return {
            "method": self.method,
            "env_id": self.env_id,
            "seed": self.seed,
            "model_sha256": file_digest(self.model) if self.config.NEEDS_MODEL else "",
            "device": torch_device(self.device).type,
            "budget": self.budget,
            "config": json.dumps(config, sort_keys=True),
        }

    def run(self, folder: Path) -> Record:
        """Do the search and evaluate its program; returns a row of `SEARCH_COLUMNS`."""
        run = f"{RUNS_FOLDER}/{self.method}-{plain_id(self.env_id)}-{self.seed}-{self.id}"
        compile_for(self.method, self.env_id, self.model)
        result = search(
            self.method,
            self.env_id,
            seed=self.seed,
            budget=self.budget,
            model=self.model,
            run_dir=folder / run,
            resume=bool(checkpoints(folder / run)),
            overwrite=True,
            device=self.device,
            **self.config.to_json(),
        )
        return {
            "id": self.id,
            "model": self.model,
            **self.identity,
            "search_return": result.mean_return,
            "fresh_return": result.fresh_return,
            "large_return": large_return(result.program, self.env_id, self.config),
            "iterations": len(result.iterations),
            "evaluations": result.evaluations,
            "seconds": round(result.seconds, 3),
            "program": str(result.program),
            "run": run,
        }

    def summary(self, record: Record) -> str:
        """The line that is printed when the search has ended."""
        return (
            f"{self.method}, {self.env_id}, seed {self.seed}: "
            f"return {record['search_return']:.3f}, in fresh worlds {record['fresh_return']:.3f}; "
            f"{record['evaluations']:,} programs, {record['seconds']:.1f} s"
        )


@cache
def compile_for(method: str, env_id: str, model: str) -> None:
    """Compile a method's kernels, so that the seconds of its searches do not include it."""
    search(method, env_id, budget=COMPILING_BUDGET, model=model, progress=False)


def result_of(row: Record, folder: Path) -> SearchResult:
    """The result of the search of a row, with its history."""
    return SearchResult.load(folder / row["run"] / RESULT_FILE)


def large_return(program: Program, env_id: str, config: SearchConfig) -> float:
    """The mean return in fresh worlds of 100x100; NaN if the task has none of that size.

    With the published horizon in the search's config, the limit here is `LARGE_MAX_CALLS`.
    """
    try:
        worlds = sample_worlds(env_id, LARGE_WORLDS, FRESH_SEED, LARGE_SIDE, LARGE_SIDE)
    except ValueError:
        return float("nan")
    limits = limits_of(config.horizon, task_of(env_id).horizon(*worlds.shape))
    if config.horizon == PUBLISHED:
        limits = Limits(LARGE_MAX_CALLS)
    run = execute([program], worlds, env_id, *limits, max_markers=config.max_markers)
    return float(run.returns.mean())


@cache
def programs_digest(file: str, space: str) -> str:
    """The first 16 digits of the SHA-256 of the programs of a space in a file or folder."""
    programs = SPACES[space].read_programs(file).programs
    return hashlib.sha256("\n".join(map(str, programs)).encode()).hexdigest()[:16]


def file_digest(model: str) -> str:
    """The first 16 digits of the SHA-256 of a model's weights."""
    path = weights_path(model)
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()[:16]
    except OSError as error:
        raise RunError(f"the weights {path} cannot be read: {error.strerror}") from None
