"""Which actions are of use now: the masks that sb3-contrib's MaskablePPO learns with."""

from __future__ import annotations

from typing import Any

import numpy as np

from karel_gym.envs.observations import write_bits
from karel_gym.robot import ACTIONS, useful
from karel_gym.simulation.devices import CPU, Device
from karel_gym.simulation.kernels import index, kernel


@kernel
def write_masks(
    first: int, last: int, step: int, cells: Any, width: int, robots: Any, masks: Any
) -> None:
    """Write action masks: bool, (N, 5)."""
    for k in range(first, last, step):
        i = index(k)
        write_bits(useful(cells[i], width, robots[i, 0], robots[i, 1]), masks[i])


def action_masks(cells: Any, robots: Any, width: int, device: Device = CPU) -> Any:
    """The actions that are of use, bool, (N, 5); see `karel_gym.robot.useful`.

    Args:
        cells: The worlds, (N, H*W).
        robots: Positions and headings, (N, 2).
        width: Of the worlds.
        device: Where these arrays are, and the result is.
    """
    masks = device.zeros((len(cells), len(ACTIONS)), np.bool_)
    device.kernel(write_masks)(len(cells), cells, width, robots, masks)
    return masks
