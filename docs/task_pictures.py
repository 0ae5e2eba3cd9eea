"""Pictures of the tasks: start worlds, and episodes of the reference programs."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import gymnasium
import imageio.v3 as iio
import numpy as np

from agents.animation import animate, episode_images, write_animation
from agents.policies import contestants
from karel_gym import sample_worlds
from karel_gym.registration import CARTPOLE
from karel_gym.rendering.layout import LEAST_EXTENT, Layout
from karel_gym.rendering.renderer import Image
from programmatic.examples import program_file
from programmatic.references import reference_program

WORLD_SEED = 0  # of the start worlds that are shown
MAX_FRAMES = 120  # of an animation
FPS, CARTPOLE_FPS = 8, 25
CARTPOLE_PROGRAM = "near_optimal"  # the example program that is shown


def animation(env_id: str) -> bytes:
    """An episode of the reference program as a GIF, in a world of the task's own size."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "episode.gif"
        if env_id == CARTPOLE:
            write_animation(islice(cartpole_images(), 0, 2 * MAX_FRAMES, 2), file, CARTPOLE_FPS)
        else:
            program, worlds = reference_program(env_id), sample_worlds(env_id, 1, WORLD_SEED)
            policies = {name_of(env_id): program}
            animate(policies, env_id, worlds, file, fps=FPS, max_frames=MAX_FRAMES)
        return file.read_bytes()


def thumbnail(env_id: str) -> bytes:
    """A square PNG: the middle of an episode of the reference program, without the caption."""
    if env_id == CARTPOLE:
        image = next(cartpole_images())[130:370, 180:420]
    else:
        images = list(islice(reference_images(env_id, WORLD_SEED), 2 * MAX_FRAMES))
        image = images[len(images) // 2]
    content: bytes = iio.imwrite("<bytes>", image, extension=".png")
    return content


def reference_images(env_id: str, seed: int) -> Iterator[Image]:
    """Square images of the world in an episode of a Karel task's reference program."""
    (contestant,) = contestants(reference_program(env_id))
    (world,) = sample_worlds(env_id, 1, seed)
    layout = Layout(world.shape, with_panel=False, extent=LEAST_EXTENT)
    left, top = layout.world
    right = left + world.shape[1] * layout.cell
    for image in episode_images(contestant, env_id, world, extent=LEAST_EXTENT, with_panel=False):
        yield on_ground(image[top:, left:right], (LEAST_EXTENT, LEAST_EXTENT))


def cartpole_images() -> Iterator[Image]:
    """The images of an episode of CartPole with the example program."""
    policies = {CARTPOLE: str(program_file(CARTPOLE_PROGRAM))}
    (contestant,) = contestants(policies, env_id=CARTPOLE)
    env = gymnasium.make(CARTPOLE, render_mode="rgb_array")
    observation, _ = env.reset(seed=WORLD_SEED)
    ended = False
    while not ended:
        yield np.asarray(env.render(), np.uint8)
        (action,), _ = contestant.policy.predict(observation[None])
        observation, _, terminated, truncated, _ = env.step(action)
        ended = terminated or truncated
    env.close()


def on_ground(image: Image, size: tuple[int, int]) -> Image:
    """An image in the middle of one of this height and width, in the color of its corner."""
    ground = np.full((*size, 3), image[0, 0], np.uint8)
    top, left = ((size[axis] - image.shape[axis]) // 2 for axis in (0, 1))
    ground[top : top + image.shape[0], left : left + image.shape[1]] = image
    return ground


def name_of(env_id: str) -> str:
    """The name of a task: "Maze" for "Karel-Maze-v0"."""
    return env_id.removeprefix("Karel-").rpartition("-")[0]
