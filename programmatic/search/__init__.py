"""Search for a program that solves a task: one interface, several methods."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from programmatic.search.configs import (
        METHODS,
        BestSampledConfig,
        CEBSConfig,
        CEMConfig,
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

# torch is slow to import: what needs it is imported when used.
_LAZY = {
    "METHODS": "configs",
    "BestSampledConfig": "configs",
    "CEBSConfig": "configs",
    "CEMConfig": "configs",
    "CGHCConfig": "configs",
    "HCConfig": "configs",
    "LatentHCConfig": "configs",
    "LatentRandomConfig": "configs",
    "RandomConfig": "configs",
    "SHCConfig": "configs",
    "SearchConfig": "configs",
    "SearchResult": "result",
    "plot_search": "plots",
    "resume": "searching",
    "search": "searching",
}


def __getattr__(name: str) -> Any:
    if name in _LAZY:
        return getattr(importlib.import_module(f"programmatic.search.{_LAZY[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
