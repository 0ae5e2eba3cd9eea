"""Animations of policies side by side."""

from __future__ import annotations

import sys
from pathlib import Path

import imageio.v3
import numpy as np
import pytest
from PIL import Image, ImageSequence

from agents.animation import HOLD, animate
from agents.policies import Contestant, RandomPolicy
from agents.program import ProgramAgent
from karel_gym import sample_worlds
from programmatic import Program

WALK = Program.parse("DEF run m( REPEAT R=5 r( move turnLeft r) m)")
WORLDS = list(sample_worlds("Karel-Maze-v0", 2, seed=5))


def read(file: Path) -> list[np.ndarray]:
    if file.suffix == ".mp4":
        return list(imageio.v3.imread(file))
    with Image.open(file) as picture:
        return [np.asarray(frame.convert("RGB")) for frame in ImageSequence.Iterator(picture)]


@pytest.mark.parametrize("suffix", [".gif", ".png", ".mp4"])
def test_an_animation_has_a_frame_a_step(tmp_path: Path, suffix: str) -> None:
    file = tmp_path / "new" / f"walk{suffix}"
    animate([WALK, "random"], "Karel-Maze-v0", WORLDS, file, max_frames=12)
    frames = read(file)
    # Pictures hold a frame that does not change instead of repeating it.
    assert 12 < len(frames) <= 12 + HOLD
    assert min(frames[0].shape[:2]) > 600
    assert not np.array_equal(frames[0], frames[6])
    assert [path.name for path in file.parent.iterdir()] == [file.name]


def test_animations_show_what_cells_mean(tmp_path: Path) -> None:
    worlds = list(sample_worlds("Karel-DoorKey-v0", 1, seed=5))
    animate([WALK], "Karel-DoorKey-v0", worlds, tmp_path / "a.png", max_frames=2)
    doors = np.abs(read(tmp_path / "a.png")[0].astype(int) - (150, 98, 48)).sum(axis=2) < 40
    assert doors.sum() > 100


def test_policies_that_cannot_act_there_are_left_out(tmp_path: Path) -> None:
    large = Contestant("large", RandomPolicy(), "grid", shape=(16, 16))
    animate([large, WALK], "Karel-Maze-v0", WORLDS[:1], tmp_path / "a.gif", max_frames=3)
    with pytest.raises(ValueError, match="no policy can act"):
        animate([large], "Karel-Maze-v0", WORLDS[:1], tmp_path / "b.gif")


def test_what_a_search_found_is_animated(tmp_path: Path) -> None:
    agent = ProgramAgent(env_id="Karel-Maze-v0", method="random")
    agent.learn(total_evaluations=100, run_dir=tmp_path / "search")
    file = tmp_path / "a.gif"
    animate([str(tmp_path / "search"), agent], "Karel-Maze-v0", WORLDS[:1], file, max_frames=3)
    assert file.exists()


def test_mp4_without_ffmpeg_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "imageio_ffmpeg", None)
    monkeypatch.delitem(sys.modules, "imageio.plugins.ffmpeg", raising=False)
    with pytest.raises(RuntimeError, match=r"pip install 'karel-gym\[video\]'"):
        animate([WALK], "Karel-Maze-v0", WORLDS[:1], tmp_path / "a.mp4")


def test_other_formats_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"\.gif, \.png, \.mp4"):
        animate([WALK], "Karel-Maze-v0", WORLDS, tmp_path / "a.webp")
