"""The settings of a search, and of its method in a task."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

import tyro
import yaml

from karel_gym.registration import plain_id
from programmatic.flags import Count
from programmatic.options import check_whole, unknown
from programmatic.search.configs import METHODS, SearchConfig
from programmatic.settings import RunSettings

if TYPE_CHECKING:
    from typing_extensions import Self  # in typing from Python 3.11 on

SETTINGS = Path(__file__).parent / "settings"
TASK_NAME = re.compile(r"Karel-(\w+)-v\d+")


@dataclass(frozen=True)
class SearchSettings(RunSettings):
    """The settings of a search."""

    COMMAND: ClassVar[str] = "search"
    MAY_DIFFER: ClassVar[tuple[str, ...]] = (
        *("budget", "device", "config.save_interval", "config.seconds"),
    )

    method: Annotated[str, tyro.conf.Positional] = "cghc"
    """The method: cghc, hc or shc, which climb over programs; cem (LEAPS), cgcem, cebs,
    latent_hc, latent_random or best_sampled, which search a latent space; hipo, which finds
    options; or random."""
    env_id: Annotated[str, tyro.conf.arg(name="env")] = ""
    """The task's id."""
    seed: int = 0
    """Seed of the start worlds and of all random numbers."""
    budget: Count | None = None
    """Most programs to evaluate; by default until the method ends by itself, or 1,000,000 if it
    does not."""
    model: Annotated[str | None, tyro.conf.arg(metavar="FILE")] = "default"
    """The file of the model whose latent space is searched, or default."""
    device: Literal["auto", "cpu", "cuda"] = "auto"
    """Where latents, decoding and, with numba-cuda, programs are."""
    config: Annotated[SearchConfig, tyro.conf.Suppress] = field(default_factory=SearchConfig)
    """The method's options."""

    def check(self) -> None:
        """Raise a `ValueError` if a setting is invalid."""
        super().check()
        check_whole(self, "seed", least=0)
        if self.seed >= 2**64:
            raise ValueError(f"seed must be a whole number below 2**64, got {self.seed}")
        if self.budget is not None:
            check_whole(self, "budget")
        if self.device == "cuda" and self.config.CPU_ONLY:
            raise ValueError(f"{self.method} runs on the processor only; device cannot be cuda")

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> Self:
        """The settings in what `to_json` returned; see `RunSettings.from_json`."""
        settings = super().from_json(stored)
        options = dict(stored["config"])
        if hasattr(METHODS.get(settings.method), "members"):
            options = {"members": 1} | options  # runs of earlier versions did not store it
        config = config_of(settings.method, settings.env_id, options)
        return replace(settings, config=config)


def config_of(method: str, env_id: str, options: Mapping[str, Any]) -> SearchConfig:
    """The options of a search: the user's, then the task's, then the defaults.

    Args:
        method: One of `METHODS`.
        env_id: The task's id.
        options: Names and values.

    Raises:
        ValueError: The method or an option is unknown, or a value is invalid.

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
    return config_class(**task_settings(method, env_id) | dict(options))


def task_settings(method: str, env_id: str) -> dict[str, Any]:
    """The settings that the method's YAML file has for a task; empty if it has none."""
    file = SETTINGS / f"{METHODS[method].TASK_SETTINGS or method}.yml"
    match = TASK_NAME.fullmatch(plain_id(env_id))
    if match is None or not file.exists():
        return {}
    settings = yaml.safe_load(file.read_text(encoding="utf-8")).get(match[1], {})
    same = METHODS[method].SAME_IN_ALL_TASKS
    return {name: value for name, value in settings.items() if name not in same}
