"""Make docs/gallery.gif: the reference programs act in all Karel tasks.

python docs/gallery.py
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from itertools import count, islice
from pathlib import Path

import numpy as np
import pygame
from matplotlib.font_manager import FontProperties, findfont
from task_pictures import name_of, reference_images

from agents.animation import write_animation
from karel_gym.registration import TASKS, task_of
from karel_gym.rendering.captions import BACKGROUND, MUTED, TEXT, render
from karel_gym.rendering.layout import CAPTION_HEIGHT, LEAST_EXTENT
from karel_gym.rendering.renderer import Image, image_grid
from programmatic.runs import replacing

FILE = Path(__file__).with_name("gallery.gif")
SHORT = [env_id for env_id in TASKS if task_of(env_id).fixed_horizon is None]  # not Karel-Long
ENV_IDS = tuple({name_of(env_id): env_id for env_id in SHORT}.values())  # the newest definitions
COLUMNS, GAP = 4, 8
FRAMES, FPS = 100, 10
PAUSE = 8  # frames that show the end of an episode
MOST_STEPS = 3  # of an episode in a frame
BOLD, REGULAR = (findfont(FontProperties(weight=weight)) for weight in ("bold", "normal"))
NAME_SIZE, GOAL_SIZE = 17, 12
MARGIN, GOAL_LETTERS = 12, 34  # pixels; letters in a line


def images(env_id: str) -> Iterator[Image]:
    """One episode after the other; long ones skip some steps, and then begin late."""
    for seed in count():
        episode = list(reference_images(env_id, seed))
        steps = min(-(-len(episode) // (FRAMES - PAUSE)), MOST_STEPS)
        shown = episode[::-1][::steps][: FRAMES - PAUSE][::-1]
        yield from [*shown, *[shown[-1]] * PAUSE]


def heading(env_id: str) -> Image:
    """The name and the goal of a task."""
    surface = pygame.Surface((LEAST_EXTENT, CAPTION_HEIGHT))
    surface.fill(BACKGROUND)
    surface.blit(render(name_of(env_id), NAME_SIZE, TEXT, BOLD), (MARGIN, 5))
    goal = task_of(env_id).goal.removesuffix(".")
    for number, line in enumerate(textwrap.wrap(goal, GOAL_LETTERS)):
        surface.blit(render(line, GOAL_SIZE, MUTED, REGULAR), (MARGIN, 26 + number * 15))
    return np.asarray(pygame.surfarray.array3d(surface).swapaxes(0, 1))


def frames() -> Iterator[Image]:
    """The grid of all tasks."""
    headings = [heading(env_id) for env_id in ENV_IDS]
    for tiles in islice(zip(*map(images, ENV_IDS), strict=True), FRAMES):
        placed = [np.concatenate(part) for part in zip(headings, tiles, strict=True)]
        rows = [placed[k : k + COLUMNS] for k in range(0, len(placed), COLUMNS)]
        yield image_grid(rows, GAP)


if __name__ == "__main__":
    with replacing(FILE) as temporary:
        write_animation(frames(), temporary, FPS)
    print(f"{FILE}: {FILE.stat().st_size:,} bytes")
