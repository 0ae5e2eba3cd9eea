"""Settings of a report."""

from __future__ import annotations

from dataclasses import dataclass, fields

from karel_gym.registration import FRESH_SEED
from programmatic.options import check_whole


@dataclass(frozen=True)
class Settings:
    """Settings of a report."""

    episodes: int = 100
    """Number of fresh worlds of each size in which policies without results are evaluated."""
    worlds: int = 3
    """Number of start worlds of each size in the replays."""
    larger: int | None = None
    """Side of the larger worlds in cells, walls included; default: twice the task's own."""
    max_frames: int = 400
    """Maximum number of steps in a replay."""
    seed: int = FRESH_SEED
    """Seed of the fresh worlds and of policies that draw their actions."""

    def __post_init__(self) -> None:
        check_whole(self, "episodes", "worlds", "max_frames")

    def arguments(self) -> list[str]:
        """The options of the command that give these settings.

        Example:
            >>> Settings(worlds=5).arguments()
            ['--worlds', '5']
        """
        return [
            text
            for field in fields(self)
            if getattr(self, field.name) != field.default
            for text in (f"--{field.name.replace('_', '-')}", str(getattr(self, field.name)))
        ]
