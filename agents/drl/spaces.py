"""Flat observation spaces and discrete action spaces as JSON values."""

from __future__ import annotations

from typing import Any

import gymnasium
import numpy as np
from gymnasium import spaces


def space_to_json(space: gymnasium.Space[Any]) -> dict[str, Any]:
    """A space as JSON values (bounds of a Box as texts); a `ValueError` for other kinds."""
    match space:
        case spaces.Box():
            low, high = ([str(x) for x in b.ravel().tolist()] for b in (space.low, space.high))
            shape, dtype = list(space.shape), str(space.dtype)
            return {"type": "Box", "low": low, "high": high, "shape": shape, "dtype": dtype}
        case spaces.Discrete():
            return {"type": "Discrete", "n": int(space.n), "start": int(space.start)}
        case spaces.MultiBinary():
            return {"type": "MultiBinary", "n": list(space.shape)}
        case spaces.MultiDiscrete():
            nvec, start = space.nvec.tolist(), space.start.tolist()
            return {"type": "MultiDiscrete", "nvec": nvec, "start": start}
    raise ValueError(f"a model of the space {space} cannot be saved")


def space_from_json(values: dict[str, Any]) -> gymnasium.Space[Any]:
    """The space that `space_to_json` wrote; if damaged, a KeyError, TypeError or ValueError."""
    match values["type"]:
        case "Box":
            shape, dtype = tuple(values["shape"]), np.dtype(values["dtype"]).type
            low, high = (
                np.array([float(x) for x in values[name]], dtype).reshape(shape)
                for name in ("low", "high")
            )
            return spaces.Box(low, high, shape, dtype)
        case "Discrete":
            return spaces.Discrete(values["n"], start=values["start"])
        case "MultiBinary":
            n = values["n"]
            return spaces.MultiBinary(n[0] if len(n) == 1 else n)
        case "MultiDiscrete":
            return spaces.MultiDiscrete(values["nvec"], start=values["start"])
    raise ValueError(f"there is no space {values['type']!r}")
