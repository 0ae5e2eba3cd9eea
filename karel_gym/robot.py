"""The rules of Karel: percepts and actions. They are written only here.

Inside kernels a world is `cells`, uint8, (H*W,), row by row (see `karel_gym.world` for the bits),
its `width`, and the robot's `position` (an index into `cells`) and `heading` (N, E, S, W = 0..3).
"""

from __future__ import annotations

from typing import Any, NamedTuple

from karel_gym.simulation.kernels import index, inner
from karel_gym.world import MARKERS, MAX_MARKERS, WALL

ACTIONS = ("move", "turnLeft", "turnRight", "pickMarker", "putMarker")
"""The actions by number."""
MOVE, TURN_LEFT, TURN_RIGHT, PICK_MARKER, PUT_MARKER = range(5)

PERCEPTS = ("frontIsClear", "leftIsClear", "rightIsClear", "markersPresent", "noMarkersPresent")
"""The percepts by number."""

NORTH, EAST, SOUTH, WEST = range(4)


class Effect(NamedTuple):
    """The effect of an action, an argument of every task's `reward`."""

    action: int  # the action's number
    origin: int  # the robot's position before
    position: int  # the robot's position after; equal to `origin` unless the robot moved
    heading: int  # the robot's heading after
    change: int  # markers added to the robot's cell: +1 put, -1 picked, 0 neither


@inner
def ahead(position: int, heading: int, width: int) -> int:
    """The position in front of a robot."""
    stride = 1 if heading & 1 else width
    return position + stride if (heading + 1) & 2 else position - stride


@inner
def is_clear(cells: Any, position: int) -> bool:
    """Whether a cell is not a wall."""
    return cells[index(position)] & WALL == 0


@inner
def sense(cells: Any, width: int, position: int, heading: int) -> int:
    """All percepts at once: bit k of the result is percept k."""
    left = ahead(position, (heading + 3) & 3, width)
    percepts = 8 if cells[index(position)] & MARKERS else 16
    if is_clear(cells, ahead(position, heading, width)):
        percepts |= 1
    if is_clear(cells, left):
        percepts |= 2
    if is_clear(cells, 2 * position - left):
        percepts |= 4
    return percepts


@inner
def useful(cells: Any, width: int, position: int, heading: int) -> int:
    """The useful actions: bit k is action k; useless are those without an effect or into a wall."""
    markers = cells[index(position)] & MARKERS
    actions = 1 << TURN_LEFT | 1 << TURN_RIGHT
    if is_clear(cells, ahead(position, heading, width)):
        actions |= 1 << MOVE
    if markers > 0:
        actions |= 1 << PICK_MARKER
    if markers < MAX_MARKERS:
        actions |= 1 << PUT_MARKER
    return actions


@inner
def act(cells: Any, width: int, position: int, heading: int, action: int) -> Effect:
    """Do one action: change `cells` and return the `Effect`."""
    # All uses of `cells` are outside the branches: numba then counts no references per action.
    origin = position
    ahead_of_it = ahead(position, heading, width)
    is_free = is_clear(cells, ahead_of_it)
    here = int(cells[index(origin)])
    markers = here & MARKERS
    change = 0
    if action == MOVE:
        if is_free:
            position = ahead_of_it
        else:
            heading = (heading + 2) & 3
    elif action == TURN_LEFT:
        heading = (heading + 3) & 3
    elif action == TURN_RIGHT:
        heading = (heading + 1) & 3
    elif action == PICK_MARKER:
        change = -1 if markers > 0 else 0
    else:
        change = 1 if markers < MAX_MARKERS else 0
    cells[index(origin)] = here + change
    return Effect(action, origin, position, heading, change)
