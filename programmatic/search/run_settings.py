"""The settings of a search."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

import tyro

from programmatic.flags import Count
from programmatic.options import check_whole
from programmatic.search.configs import SearchConfig, config_of
from programmatic.settings import RunSettings

if TYPE_CHECKING:
    from typing_extensions import Self  # in typing from Python 3.11 on


@dataclass(frozen=True)
class SearchSettings(RunSettings):
    """The settings of a search."""

    COMMAND: ClassVar[str] = "search"
    MAY_DIFFER: ClassVar[tuple[str, ...]] = ("budget", "device", "config.save_interval")

    method: Annotated[str, tyro.conf.Positional] = "cghc"
    """The method: cghc, hc or shc, which climb over programs; cem (LEAPS), cgcem, cebs,
    latent_hc, latent_random or best_sampled, which search a latent space; or random."""
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
        if self.device == "cuda" and self.config.ONE_THREAD:
            raise ValueError(f"{self.method} runs on the processor only; device cannot be cuda")

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> Self:
        """The settings in what `to_json` returned; see `RunSettings.from_json`."""
        settings = super().from_json(stored)
        config = config_of(settings.method, settings.env_id, stored["config"])
        return replace(settings, config=config)
