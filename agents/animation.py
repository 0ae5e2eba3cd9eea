"""Animations of policies side by side in the same worlds."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import count, zip_longest
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image as PillowImage

from agents.hierarchy.skill_policy import SkillPolicy
from agents.policies import Contestant, contestants
from agents.rollout import KarelRollout
from karel_gym.registration import task_of
from karel_gym.rendering.layout import Frame
from karel_gym.rendering.renderer import Image, Renderer, image_grid
from karel_gym.world import World, WorldBatch
from programmatic import ProgramPolicy
from programmatic.runs import replacing
from programmatic.threads import torch_threads

FORMATS = (".gif", ".png", ".mp4")
CELL_EXTENT = 320  # pixels of a world's longer side
MAX_FRAMES = 240
COLOURS = 256
FAR = 64  # the difference of red, green or blue at which another palette is made
HOLD = 8  # frames that show the end


@torch_threads(1)
def animate(
    policies: Any,
    env_id: str,
    worlds: list[World],
    path: str | os.PathLike[str],
    seed: int = 0,
    deterministic: bool | None = None,
    fps: int = 8,
    max_frames: int = MAX_FRAMES,
    max_steps: int | None = None,
    max_markers: int | None = None,
) -> None:
    """Write an animation with a row per world and a column per policy.

    Args:
        policies: As for `agents.evaluate`.
        env_id: The task's id.
        worlds: Start worlds of one size.
        path: Ends in .gif, .png (an animated PNG) or .mp4 (needs the extra `video`).
        seed: Of stochastic policies.
        deterministic: Whether models take their most probable action; None: the default of each.
        fps: Frames per second.
        max_frames: Longer episodes are shown up to this frame, then their end.
        max_steps, max_markers: As for `agents.evaluate`.

    Raises:
        ValueError: The path has another suffix, or no policy can act in these worlds.
        RuntimeError: imageio-ffmpeg, which .mp4 needs, is not installed.
    """
    path = Path(path)
    if path.suffix not in FORMATS:
        raise ValueError(f"an animation's file must end in {', '.join(FORMATS)}; got {path}")
    able = [c for c in contestants(policies, seed, env_id) if c.shape in (None, worlds[0].shape)]
    if not able:
        raise ValueError("no policy can act in worlds of this size")
    rows = [
        [
            episode_images(c, env_id, world, seed, deterministic, max_steps, max_markers)
            for c in able
        ]
        for world in worlds
    ]
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path) as temporary:
        write_animation(_composed(rows, max_frames), temporary, fps)


def episode_images(
    contestant: Contestant,
    env_id: str,
    world: World,
    seed: int = 0,
    deterministic: bool | None = None,
    max_steps: int | None = None,
    max_markers: int | None = None,
    extent: int = CELL_EXTENT,
    with_panel: bool = True,
) -> Iterator[Image]:
    """The images of one episode; `with_panel` shows the running program beside its world."""
    task = task_of(env_id).with_max_markers(max_markers)
    worlds = WorldBatch.from_worlds([world])
    rollout = KarelRollout(contestant, task, worlds, seed, deterministic, max_steps)
    renderer = Renderer(world.shape, extent)
    policy: Any = contestant.policy
    total, status = 0.0, ""
    for step in count():
        shows = with_panel and isinstance(policy, ProgramPolicy | SkillPolicy)
        panel = policy.panel(rollout.state) if shows else ()
        frame = Frame(step, total, contestant.name, status, panel=panel)
        yield renderer.draw(rollout.envs.worlds[0], frame, rollout.envs.episodes.looks(0))
        if status:
            return
        (reward,), (ended,), (info,) = rollout.step()
        total += float(reward)
        if ended:
            status = "solved" if info["is_success"] else "failed"


def _composed(rows: list[list[Iterator[Image]]], max_frames: int) -> Iterator[Image]:
    """Frames of all episodes together; one that has ended shows its last frame."""
    flat = [episode for row in rows for episode in row]
    n_columns = len(rows[0])
    last: list[Image] = []
    for number, images in enumerate(zip_longest(*flat)):
        last = [image if image is not None else last[k] for k, image in enumerate(images)]
        if number < max_frames:
            yield _grid(last, n_columns)
    for _ in range(HOLD):
        yield _grid(last, n_columns)


def _grid(images: list[Image], n_columns: int) -> Image:
    return image_grid([images[k : k + n_columns] for k in range(0, len(images), n_columns)])


def write_animation(frames: Iterable[Image], path: Path, fps: int) -> None:
    """Write frames as the animation that the path's suffix names, one of `FORMATS`."""
    if path.suffix == ".mp4":
        _write_video(frames, path, fps)
        return
    first, *rest = _in_few_colors(frames)
    first.save(path, save_all=True, append_images=rest, duration=1000 // fps, loop=0)


def _in_few_colors(frames: Iterable[Image]) -> Iterator[PillowImage.Image]:
    """Frames with a palette of `COLOURS`, which keeps the file and the list of frames small.

    One palette serves until a frame has a color that is far from all of them: finding a palette
    takes much longer than using one, and equal palettes are stored once. A palette is that of all
    frames that needed one; roots of the pixels' numbers keep rare colors.
    """
    palette: PillowImage.Image | None = None
    known: Counter[Any] = Counter()
    for frame in frames:
        picture = PillowImage.fromarray(frame)
        if palette is None or _farthest(_drawn(picture, palette), frame) > FAR:
            known.update({color: n for n, color in picture.getcolors(frame.size) or ()})
            colors, numbers = np.array([*known], np.uint8), np.sqrt([*known.values()])
            swatches = PillowImage.fromarray(colors.repeat(numbers.astype(int), axis=0)[None])
            palette = swatches.quantize(COLOURS, dither=PillowImage.Dither.NONE)
        yield _drawn(picture, palette)


def _drawn(picture: PillowImage.Image, palette: PillowImage.Image) -> PillowImage.Image:
    return picture.quantize(palette=palette, dither=PillowImage.Dither.NONE)


def _farthest(drawn: PillowImage.Image, frame: Image) -> int:
    """The largest difference in red, green or blue of any pixel."""
    return int(np.abs(np.asarray(drawn.convert("RGB"), np.int16) - frame).max())


def _write_video(frames: Iterable[Image], path: Path, fps: int) -> None:
    import imageio

    try:
        writer = imageio.get_writer(path, format="FFMPEG", fps=fps, macro_block_size=2)
    except ImportError:
        raise RuntimeError(
            "writing .mp4 needs imageio-ffmpeg: pip install 'karel-gym[video]', "
            "or write a .gif or .png"
        ) from None
    with writer:
        for frame in frames:
            writer.append_data(frame)
