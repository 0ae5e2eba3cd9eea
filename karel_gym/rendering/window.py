"""A window for images, and the keys that drive the robot."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from karel_gym.rendering.renderer import Image, import_pygame
from karel_gym.robot import MOVE, PICK_MARKER, PUT_MARKER, TURN_LEFT, TURN_RIGHT

if TYPE_CHECKING:
    import pygame

Command = int | Literal["reset", "quit"]
"""The command of a key: an action, a new episode, or the end."""

KEYS: dict[str, Command] = {
    "UP": MOVE,
    "LEFT": TURN_LEFT,
    "RIGHT": TURN_RIGHT,
    "p": PICK_MARKER,
    "SPACE": PICK_MARKER,
    "o": PUT_MARKER,
    "u": PUT_MARKER,
    "r": "reset",
    "q": "quit",
    "ESCAPE": "quit",
}
"""The command of each key, by pygame's name of the key: "UP" is `pygame.K_UP`."""

REPEAT_DELAY, REPEAT_INTERVAL = 300, 80  # milliseconds that a key is held
LARGEST_SHARE = 0.9  # of the screen's sides; larger images are scaled down
MOST_COMMANDS = 64  # that are kept; older ones are dropped
SERVERS = ("DISPLAY", "WAYLAND_DISPLAY")  # environment variables that name a display
UNSEEN = ("offscreen", "dummy")  # SDL's drivers that draw into memory
GROUND = (24, 30, 43)


def command_of(event: pygame.event.Event) -> Command | None:
    """The command of an event; None for other events."""
    pygame = import_pygame()
    if event.type == pygame.QUIT:
        return "quit"
    if event.type == pygame.KEYDOWN:
        return keys_to_commands().get(event.key)
    return None


def keys_to_commands() -> dict[int, Command]:
    """The command of each key, by its number in pygame."""
    pygame = import_pygame()
    return {getattr(pygame, f"K_{name}"): command for name, command in KEYS.items()}


def check_display() -> None:
    """Raise a `RuntimeError` if there is no display: without one SDL draws into memory."""
    if "SDL_VIDEODRIVER" in os.environ:
        return
    pygame = import_pygame()
    needs_server = sys.platform.startswith("linux")
    found = not needs_server or any(os.environ.get(name) for name in SERVERS)
    if found:
        pygame.display.init()
        found = pygame.display.get_driver() not in UNSEEN
    if not found:
        raise RuntimeError(
            "there is no display to open a window on: DISPLAY or WAYLAND_DISPLAY must name one"
        )


class Window:
    """A window that shows images at a steady rate, at most `fps` per second; 0: no limit.

    It opens at the first image. Closing it, or pressing Esc or q, sets `closed`; later images are
    ignored. pygame has one window per process: the `Window` that shows an image takes it over.
    """

    _owner: ClassVar[Window | None] = None  # the one that shows on the process' only window

    def __init__(self, fps: float = 10, title: str = "Karel") -> None:
        self.closed = False
        self._fps = fps
        self._title = title
        self._commands: list[Command] = []
        self._image_size: tuple[int, int] | None = None
        self._surface: pygame.Surface | None = None
        self._clock: pygame.time.Clock | None = None

    def __reduce__(self) -> tuple[Any, ...]:
        return Window, (self._fps, self._title)

    def show(self, image: Image) -> None:
        """Show an image, uint8, (height, width, 3), and wait to keep the rate.

        Raises:
            ImportError: pygame is not installed.
            pygame.error: There is no display to open a window on.
        """
        if self.closed:
            return
        pygame = import_pygame()
        size = (image.shape[1], image.shape[0])
        if not self._is_open() or size != self._image_size:
            self._open(size)
        self._blit(pygame.image.frombuffer(image.tobytes(), size, "RGB"))
        pygame.display.flip()
        self._read_events()
        if self._clock is not None and not self.closed:
            self._clock.tick(self._fps)

    def commands(self) -> list[Command]:
        """The commands since the last call, in order; the last one may be "quit"."""
        self._read_events()
        commands, self._commands = self._commands, []
        return commands

    def close(self) -> None:
        """Close the window. Closing it again does nothing."""
        if self._is_open():
            pygame = import_pygame()
            pygame.display.quit()
            Window._owner = None
        self._surface = None
        self.closed = True

    def _is_open(self) -> bool:
        """Whether the window of the process is this one."""
        if self._surface is None or Window._owner is not self:
            return False
        pygame = import_pygame()
        return pygame.display.get_init() and pygame.display.get_surface() is self._surface

    def _open(self, size: tuple[int, int]) -> None:
        pygame = import_pygame()
        pygame.display.init()
        pygame.display.set_caption(self._title)
        screen = pygame.display.get_desktop_sizes()[0]
        scale = min(1.0, *(LARGEST_SHARE * screen[i] / size[i] for i in range(2)))
        self._surface = pygame.display.set_mode(_scaled(size, scale), pygame.RESIZABLE)
        pygame.key.set_repeat(REPEAT_DELAY, REPEAT_INTERVAL)
        self._image_size = size
        self._clock = self._clock or pygame.time.Clock()
        Window._owner = self

    def _blit(self, picture: pygame.Surface) -> None:
        """Draw a picture in the middle of the window, as large as fits."""
        if self._surface is None:
            return
        pygame = import_pygame()
        room, size = self._surface.get_size(), picture.get_size()
        scale = min(room[0] / size[0], room[1] / size[1])
        if _scaled(size, scale) != size:
            picture = pygame.transform.smoothscale(picture, _scaled(size, scale))
        self._surface.fill(GROUND)
        self._surface.blit(picture, picture.get_rect(center=self._surface.get_rect().center))

    def _read_events(self) -> None:
        if not self._is_open():
            return
        pygame = import_pygame()
        for event in pygame.event.get():
            command = command_of(event)
            if command is not None:
                self._commands.append(command)
                del self._commands[:-MOST_COMMANDS]
            if command == "quit":
                self.close()
                return


def _scaled(size: tuple[int, int], scale: float) -> tuple[int, int]:
    return max(1, round(size[0] * scale)), max(1, round(size[1] * scale))
