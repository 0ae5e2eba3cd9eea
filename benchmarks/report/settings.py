"""How a report is made."""

from __future__ import annotations

from dataclasses import dataclass, fields

from karel_gym.registration import FRESH_SEED

MAX_FRAMES = 400


@dataclass(frozen=True)
class Settings:
    """How a report is made.

    Raises:
        ValueError: A number is too small; the message says which.
    """

    episodes: int = 100
    """Fresh worlds, of each size, in which policies without results are evaluated."""
    worlds: int = 3
    """Start worlds, of each size, that replays can be seen in."""
    larger: int | None = None
    """Side of the larger worlds in cells, walls included; by default twice the task's own."""
    max_frames: int = MAX_FRAMES
    """Longer episodes are shown up to this step."""
    seed: int = FRESH_SEED
    """Of fresh worlds and of policies that draw."""

    def __post_init__(self) -> None:
        for name in ("episodes", "worlds", "max_frames"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, got {getattr(self, name)}")

    def arguments(self) -> list[str]:
        """The options of the command that give these settings.

        Example:
            >>> Settings(worlds=5).arguments()
            ['--worlds', '5']
        """
        differing = [f for f in fields(self) if getattr(self, f.name) != f.default]
        return [
            text
            for field in differing
            for text in (f"--{field.name.replace('_', '-')}", str(getattr(self, field.name)))
        ]
