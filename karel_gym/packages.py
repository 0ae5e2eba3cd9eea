"""The four packages of this distribution, and a warning if others hide them."""

from __future__ import annotations

import importlib.util
import warnings
from pathlib import Path

ROOMS = ("karel_gym", "programmatic", "agents", "benchmarks")


def shadowing(room: str) -> str | None:
    """The place of another package that hides ours of this name, without importing it, or None."""
    ours = Path(__file__).resolve().parent.parent / room
    spec = importlib.util.find_spec(room)
    if spec is None:
        return None if not ours.exists() else f"nothing, though it is at {ours}"
    if spec.origin is not None:
        found = Path(spec.origin).resolve()
        found = found.parent if found.name == "__init__.py" else found
    else:
        found = Path(next(iter(spec.submodule_search_locations or [room]))).resolve()
    return None if found == ours else str(found)


def explain(room: str, found: str) -> str:
    """The message for a package of ours that `found` hides."""
    return (
        f"the package {room!r} of karel-gym is hidden: Python finds {found} under that name first. "
        f"Rename it, or run from another directory, to use karel-gym's {room}"
    )


def warn_if_shadowed() -> None:
    """Warn of each hidden package."""
    for room in ROOMS:
        found = shadowing(room)
        if found is not None:
            warnings.warn(explain(room, found), RuntimeWarning, stacklevel=3)
