"""The options of each search method: dataclasses with the papers' values as defaults.

Papers: LEAPS (Trivedi et al., NeurIPS 2021), whose settings of each task are in settings/cem.yml;
CEBS and HC (Carvalho et al., ICLR 2024), with the values of the authors' published run files;
Scheduled HC: LLM-GS (Liu et al., ICLR 2025).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import yaml

from karel_gym.registration import plain_id
from programmatic.horizon import TASK, checked_horizon
from programmatic.options import (
    check_choice,
    check_number,
    check_share,
    check_truth,
    check_types,
    check_whole,
    unknown,
)

SETTINGS = Path(__file__).parent / "settings"
TASK_NAME = re.compile(r"Karel-(\w+)-v\d+")
INIT_TYPES = ("normal", "tiny_normal", "ones", "zeros")
SPACE_NAMES = ("published", "larger")
REDUCTIONS = ("mean", "weighted_mean", "max")


@dataclass(frozen=True)
class SearchConfig:
    """The options that all methods have: how a program is judged, and when a run is saved."""

    n_worlds: int = 10
    """Start worlds in which each program runs; its return is the mean over them."""
    height: int | None = None
    """Height of the worlds in cells, walls included; None: the task's own."""
    width: int | None = None
    """Width of the worlds in cells, walls included; None: the task's own."""
    distinct_worlds: bool = False
    """Whether no two of the start worlds may be equal; a task that has fewer gives them all."""
    horizon: str | int = TASK
    """The limit of a run: task, the task's own horizon, in which envs run too; published, the
    10,000 calls (actions and percepts) of the literature; or a number of actions."""
    save_interval: int = 100
    """Iterations between two checkpoints in the run folder."""

    def __post_init__(self) -> None:
        check_whole(self, "n_worlds", "save_interval")
        object.__setattr__(self, "horizon", checked_horizon(self.horizon))
        check_truth(self, "distinct_worlds")
        for name in ("height", "width"):
            if getattr(self, name) is not None:
                check_whole(self, name)

    def to_json(self) -> dict[str, Any]:
        """The options as JSON values."""
        return asdict(self)


@dataclass(frozen=True)
class CEMConfig(SearchConfig):
    """The cross-entropy method, as in LEAPS."""

    population_size: int = 32
    """Latents sampled in an iteration."""
    elitism_rate: float = 0.1
    """Share of the population that the next mean is made of; at least one latent is."""
    sigma: float = 0.5
    """Standard deviation of the population around the mean, at first."""
    init_type: str = "normal"
    """The first mean: normal, N(0, 1); tiny_normal, N(0, 0.1); ones, 0.01 everywhere; zeros."""
    reduction: str = "weighted_mean"
    """How elites become the next mean: mean, weighted_mean (by their returns) or max."""
    use_exp_sig_decay: bool = True
    """Whether sigma falls exponentially to final_sigma over the first half of the iterations."""
    final_sigma: float = 0.1
    """Where it falls to."""
    iterations: int = 1000
    """How many iterations, at most."""
    patience: int = 10
    """Iterations in a row whose mean is a solution, after which the search ends."""

    def __post_init__(self) -> None:
        super().__post_init__()
        check_whole(self, "population_size", "iterations", "patience")
        check_number(self, "sigma", "final_sigma")
        _check_rate(self, "elitism_rate")
        check_choice(self, "init_type", INIT_TYPES)
        check_choice(self, "reduction", REDUCTIONS)
        check_truth(self, "use_exp_sig_decay")


@dataclass(frozen=True)
class CEBSConfig(SearchConfig):
    """The cross-entropy beam search."""

    n_worlds: int = 16
    """Start worlds in which each program runs; its return is the mean over them."""
    population_size: int = 64
    """Latents sampled in an iteration: the paper's K."""
    elites: int = 16
    """Latents that stay in the beam: the paper's E."""
    sigma: float = 0.25
    """Standard deviation of a candidate around the elite that it is made from."""
    patience: int = 5
    """Iterations in a row without a better mean return of the elites, after which the search
    starts again from random latents."""

    def __post_init__(self) -> None:
        super().__post_init__()
        check_whole(self, "population_size", "elites", "patience")
        check_number(self, "sigma")
        if self.elites > self.population_size:
            raise ValueError(
                f"elites must be at most population_size, {self.population_size}; got {self.elites}"
            )


@dataclass(frozen=True)
class LatentHCConfig(SearchConfig):
    """Hill climbing in the latent space."""

    n_worlds: int = 16
    """Start worlds in which each program runs; its return is the mean over them."""
    neighbours: int = 250
    """Neighbours without a better one among them, after which the search starts again from a random
    latent: the paper's K."""
    sigma: float = 0.25
    """Standard deviation of a neighbour around the current latent."""
    batch_size: int = 25
    """Neighbours evaluated at once. The search goes to the first better one; those behind it in the
    batch were evaluated in vain. 1: one after the other, as in the paper, and slow."""

    def __post_init__(self) -> None:
        super().__post_init__()
        check_whole(self, "neighbours", "batch_size")
        check_number(self, "sigma")


@dataclass(frozen=True)
class LatentRandomConfig(SearchConfig):
    """Random latents: LEAPS-rand-64, or with n_latents=8 LEAPS-rand-8."""

    n_latents: int = 64
    """How many are sampled."""
    batch_size: int = 250
    """Programs evaluated at once, at most."""

    def __post_init__(self) -> None:
        super().__post_init__()
        check_whole(self, "n_latents", "batch_size")


@dataclass(frozen=True)
class BestSampledConfig(LatentRandomConfig):
    """Random latents: the baseline Best-Sampled of LEAPS's successor HPRL."""

    n_latents: int = 1000
    """How many are sampled."""


@dataclass(frozen=True)
class RandomConfig(SearchConfig):
    """Random programs, drawn as those of LEAPS's data set are; no latent space is needed."""

    n_programs: int = 50_000
    """How many are drawn; LEAPS's data set has as many."""
    batch_size: int = 1000
    """Programs evaluated at once, at most."""

    def __post_init__(self) -> None:
        super().__post_init__()
        check_whole(self, "n_programs", "batch_size")


@dataclass(frozen=True)
class ProgramClimbingConfig(SearchConfig):
    """What hill climbing over programs has in common, however many neighbours it tries."""

    n_worlds: int = 32
    """Start worlds in which each program runs; its return is the mean over them."""
    space: str = "published"
    """The programs: published, those of Carvalho et al.; or larger, see
    `programmatic.search.programs.space`."""
    sideways: bool = False
    """Whether the search also moves to neighbours of an equal return; a climb then ends when so
    many neighbours in a row brought no gain."""
    programs: str | None = None
    """File of programs, one a line, that the climbs start from, the best first, in turn; None: from
    random ones."""
    simplify: bool = False
    """Whether the best program is shortened in the end, as far as its return stays the same in each
    world of the search and in 1,000 others."""
    batch_size: int = 10_000
    """Programs evaluated in an iteration, a row of the log each; of no effect on the result."""

    def __post_init__(self) -> None:
        super().__post_init__()
        check_whole(self, "batch_size")
        check_truth(self, "sideways", "simplify")
        check_choice(self, "space", SPACE_NAMES)
        if self.programs is not None and not isinstance(self.programs, str):
            raise ValueError(f"programs must be the name of a file, got {self.programs!r}")


@dataclass(frozen=True)
class HCConfig(ProgramClimbingConfig):
    """Hill climbing over programs (Carvalho et al., ICLR 2024)."""

    neighbours: int = 250
    """Neighbours without a better one among them, after which the search starts again: the paper's
    K."""

    def __post_init__(self) -> None:
        super().__post_init__()
        check_whole(self, "neighbours")


@dataclass(frozen=True)
class CGHCConfig(HCConfig):
    """Counterexample-guided hill climbing over programs, with the values that an ablation chose."""

    n_worlds: int = 1000
    """Start worlds that a solution must solve; a program's return is the mean over them."""
    distinct_worlds: bool = True
    """Whether no two of the start worlds may be equal; a task that has fewer gives them all."""
    climb_worlds: int = 32
    """How many of them the programs of a climb run in: one evaluation. That a program runs in all
    of them counts as the evaluations that so many worlds would make."""
    sideways: bool = True
    """Whether the search also moves to neighbours of an equal return; a climb then ends when so
    many neighbours in a row brought no gain."""
    neighbours: int = 4000
    """Neighbours without a better one among them, after which the search starts again."""
    edits: float = 0.3
    """Share of the neighbors that an edit makes, see `programmatic.search.programs.edits`."""

    def __post_init__(self) -> None:
        super().__post_init__()
        check_whole(self, "climb_worlds")
        check_share(self, "edits")


@dataclass(frozen=True)
class SHCConfig(ProgramClimbingConfig):
    """Scheduled hill climbing: LLM-GS (Liu et al., ICLR 2025)."""

    first_neighbours: int = 32
    """Neighbours without a better one among them, after which the search starts again, at its
    beginning."""
    last_neighbours: int = 2048
    """The same from the end of the schedule on."""
    schedule: int = 1_000_000
    """Programs evaluated by the end of the schedule."""

    def __post_init__(self) -> None:
        super().__post_init__()
        check_whole(self, "first_neighbours", "last_neighbours", "schedule")


METHODS: dict[str, type[SearchConfig]] = {
    "cem": CEMConfig,
    "cebs": CEBSConfig,
    "latent_hc": LatentHCConfig,
    "latent_random": LatentRandomConfig,
    "best_sampled": BestSampledConfig,
    "random": RandomConfig,
    "hc": HCConfig,
    "shc": SHCConfig,
    "cghc": CGHCConfig,
}
"""The options' class of each method."""


def config_of(method: str, env_id: str, options: Mapping[str, Any]) -> SearchConfig:
    """The options of a search: the user's; where there are none, the task's, then the defaults.

    Args:
        method: One of `METHODS`.
        env_id: The task's id.
        options: Names and values.

    Raises:
        ValueError: There is no such method or option, or it has a value that cannot be; the message
            lists those known.

    Example:
        >>> config_of("cem", "Karel-Maze-v0", {"sigma": 0.2})  # doctest: +ELLIPSIS
        CEMConfig(n_worlds=10, ..., population_size=16, elitism_rate=0.1, sigma=0.2, ...)
    """
    if method not in METHODS:
        raise ValueError(unknown("there is no search method", method, METHODS))
    config_class = METHODS[method]
    known = [field.name for field in fields(config_class)]
    for name in options:
        if name not in known:
            raise ValueError(unknown(f"{method} has no option", name, known))
    config = config_class(**task_settings(method, env_id) | dict(options))
    check_types(config)
    return config


def task_settings(method: str, env_id: str) -> dict[str, Any]:
    """The settings that the method's YAML file has for a task; empty if it has none."""
    file = SETTINGS / f"{method}.yml"
    match = TASK_NAME.fullmatch(plain_id(env_id))
    if match is None or not file.exists():
        return {}
    return yaml.safe_load(file.read_text(encoding="utf-8")).get(match[1], {})


def _check_rate(config: SearchConfig, name: str) -> None:
    check_number(config, name)
    if getattr(config, name) > 1:
        raise ValueError(f"{name} must be at most 1, got {getattr(config, name)!r}")
