"""Search for a program that solves a task: one interface, several methods."""

from __future__ import annotations

from typing import TYPE_CHECKING

from karel_gym.lazy import lazy_imports

if TYPE_CHECKING:
    from programmatic.search.configs import (
        METHODS,
        BestSampledConfig,
        CEBSConfig,
        CEMConfig,
        CGCEMConfig,
        CGHCConfig,
        HCConfig,
        LatentHCConfig,
        LatentRandomConfig,
        RandomConfig,
        SearchConfig,
        SHCConfig,
    )
    from programmatic.search.plots import plot_search
    from programmatic.search.result import SearchResult
    from programmatic.search.searching import resume, search

__all__ = [
    "METHODS",
    "BestSampledConfig",
    "CEBSConfig",
    "CEMConfig",
    "CGCEMConfig",
    "CGHCConfig",
    "HCConfig",
    "LatentHCConfig",
    "LatentRandomConfig",
    "RandomConfig",
    "SHCConfig",
    "SearchConfig",
    "SearchResult",
    "plot_search",
    "resume",
    "search",
]

# torch is slow to import.
__getattr__, __dir__ = lazy_imports(__name__)
