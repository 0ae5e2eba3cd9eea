import gzip
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import gymnasium
import numpy as np
import pytest
from numpy.typing import NDArray

from karel_gym.rendering.layout import Frame, Layout, PanelLine
from karel_gym.rendering.play import LEGEND, play, play_in
from karel_gym.rendering.renderer import Image, Renderer, ansi, image_grid
from karel_gym.rendering.window import KEYS, Command, Window, command_of
from karel_gym.world import World

pygame = pytest.importorskip("pygame")

GOLDEN = Path(__file__).parents[1] / "data" / "karel_v0.jsonl.gz"
PROGRAM = tuple(PanelLine(i % 3, f"IF c( line {i} c)") for i in range(60))


@pytest.fixture(autouse=True)
def no_screen(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("SDL_VIDEODRIVER", "dummy")
    monkeypatch.setenv("SDL_AUDIODRIVER", "dummy")
    yield
    pygame.display.quit()


def golden_worlds() -> dict[str, tuple[World, World]]:
    """One start world a task, and what became of it."""
    pairs = {}
    with gzip.open(GOLDEN, "rt") as lines:
        for line in lines:
            run = json.loads(line)
            if run["final"] != run["world"]:
                pairs[run["task"]] = World.from_json(run["world"]), World.from_json(run["final"])
    return pairs


WORLDS = golden_worlds()


def random_world(height: int, width: int, seed: int = 0) -> World:
    rng = np.random.default_rng(seed)
    walls = np.pad(rng.random((height - 2, width - 2)) < 0.2, 1, constant_values=True)
    row, col = int(rng.integers(1, height - 1)), int(rng.integers(1, width - 1))
    walls[row, col] = False
    markers = np.where(walls, 0, rng.integers(0, 11, (height, width)))
    return World.from_parts(walls, markers, (row, col, int(rng.integers(4))))


def with_robot(world: World, row: int, col: int, heading: int) -> World:
    return World(world.cells, row, col, heading)


def room(
    markers: int = 0, heading: int = 1, under: int = 0, shape: tuple[int, int] = (8, 8)
) -> World:
    """An empty room: the robot at (2, 2), `markers` at (4, 5), `under` below the robot."""
    walls = np.pad(np.zeros((shape[0] - 2, shape[1] - 2), dtype=bool), 1, constant_values=True)
    counts = np.zeros(shape, dtype=int)
    counts[4, 5], counts[2, 2] = markers, under
    return World.from_parts(walls, counts, (2, 2, heading))


def shown_pixels() -> Image:
    """The window's pixels: uint8, (height, width, 3)."""
    return pygame.surfarray.array3d(pygame.display.get_surface()).swapaxes(0, 1)


def cell_of(image: Image, shape: tuple[int, int], row: int, col: int) -> Image:
    layout = Layout(shape, with_panel=False)
    (left, top), side = layout.world, layout.cell
    return image[top + row * side : top + (row + 1) * side, left + col * side :][:, :side]


@pytest.mark.parametrize("task", sorted(WORLDS))
def test_draws_every_task(task: str) -> None:
    start, final = WORLDS[task]
    renderer = Renderer(start.shape)
    first = renderer.draw(start, Frame(title=task))
    kept = first.copy()
    last = renderer.draw(final, Frame(title=task))
    assert first.dtype == np.uint8
    assert first.shape == last.shape
    assert (first != last).any()
    assert (first == kept).all(), "an image must not change when the next one is drawn"


@pytest.mark.parametrize("with_panel", [False, True])
def test_shape_is_constant_through_an_episode(with_panel: bool) -> None:
    renderer = Renderer((8, 8))
    shapes = set()
    for step, status in enumerate(["", "", "", "solved", "failed"] * 3):
        panel = PROGRAM[: 3 + 4 * step] if with_panel else ()
        frame = Frame(10**step, -(10.0**step), "a title " * step, status, "a hint " * step, panel)
        shapes.add(renderer.draw(random_world(8, 8, step), frame).shape)
    assert len(shapes) == 1


@pytest.mark.parametrize(
    ("height", "width"), [(3, 3), (8, 5), (8, 8), (12, 12), (14, 22), (5, 30), (100, 100), (4, 999)]
)
@pytest.mark.parametrize("with_panel", [False, True])
def test_images_have_a_size_for_screens(height: int, width: int, with_panel: bool) -> None:
    frame = Frame(panel=PROGRAM if with_panel else ())
    image = Renderer((height, width)).draw(random_world(height, width), frame)
    panel = 360 if with_panel else 0
    assert 60 + height <= image.shape[0] <= 1000 + panel
    assert 400 <= image.shape[1] <= 1000 + panel


def test_large_worlds_are_as_wide_as_they_should_be() -> None:
    assert Renderer((100, 100)).draw(random_world(100, 100)).shape == (960, 900, 3)


def test_extent_makes_small_images() -> None:
    image = Renderer((8, 8), extent=320).draw(room())
    assert image.shape == (380, 320, 3)
    with pytest.raises(ValueError, match="at least 240 pixels, got 100"):
        Renderer((8, 8), extent=100)


@pytest.mark.parametrize("shape", [(8, 8), (14, 22), (40, 40), (100, 100), (200, 200)])
def test_what_was_drawn_before_leaves_no_trace(shape: tuple[int, int]) -> None:
    """Only changed cells are drawn anew: the image must be a fresh renderer's all the same."""
    used = Renderer(shape)
    world = random_world(*shape)
    rng = np.random.default_rng(1)
    places = np.argwhere(~world.walls)
    for step in range(30):
        row, col = (int(x) for x in rng.choice(places))
        moved = with_robot(world, row, col, int(rng.integers(4)))
        panel = tuple(line._replace(highlighted=i == 2 * step) for i, line in enumerate(PROGRAM))
        frame = Frame(step, step / 7, panel=panel if step % 7 else (), status="x" * (step % 3))
        image = used.draw(moved, frame)
        if step % 5 == 4:
            assert (image == Renderer(shape).draw(moved, frame)).all()


def test_walls_that_appear_are_drawn_with_their_neighbours() -> None:
    used = Renderer((8, 8))
    used.draw(room())
    cells = room().cells.copy()
    cells[4, 4] = 0x80
    world = World(cells, 2, 2, 1)
    assert (used.draw(world) == Renderer((8, 8)).draw(world)).all()


@pytest.mark.parametrize("side", [8, 14, 22, 40, 100, 300])
@pytest.mark.parametrize("under", [0, 1, 7])
def test_heading_is_seen(side: int, under: int) -> None:
    renderer = Renderer((side, side))
    images = [renderer.draw(room(0, h, under, (side, side))).astype(int) for h in range(4)]
    for a in range(4):
        for b in range(a):
            changed = (abs(images[a] - images[b]).sum(axis=2) > 100).sum()
            assert changed > 12


def test_headings_are_turns_of_one_picture() -> None:
    renderer = Renderer((8, 8))
    north, east, south, west = (
        cell_of(renderer.draw(room(heading=h)), (8, 8), 2, 2)[4:-4, 4:-4].astype(int)
        for h in range(4)
    )
    for turns, picture in enumerate((north, west, south, east)):
        assert abs(np.rot90(north, turns) - picture).max() <= 2


@pytest.mark.parametrize("side", [8, 22, 40, 100, 300])
def test_number_of_markers_is_seen(side: int) -> None:
    renderer = Renderer((side, side))
    images = [renderer.draw(room(n, shape=(side, side))) for n in range(11)]
    assert len({image.tobytes() for image in images}) == 11
    box = cell_of(np.zeros_like(images[0]), (side, side), 4, 5)
    for image in images[1:]:
        assert (image != images[0]).any(axis=2).sum() <= box.shape[0] * box.shape[1]


@pytest.mark.parametrize("side", [8, 22, 40, 100, 300])
def test_markers_under_the_robot_are_seen(side: int) -> None:
    renderer = Renderer((side, side))
    images = [renderer.draw(room(under=n, shape=(side, side))) for n in range(11)]
    assert len({image.tobytes() for image in images}) == 11


def test_marker_counts_are_written_where_they_exceed_one() -> None:
    renderer = Renderer((8, 8))
    dark = [
        (cell_of(renderer.draw(room(n)), (8, 8), 4, 5)[20:60, 20:60].sum(axis=2) < 250).sum()
        for n in (1, 2)
    ]
    assert dark[0] == 0
    assert dark[1] > 50


@pytest.mark.parametrize(
    "change",
    [
        {"step": 1},
        {"episode_return": 0.001},
        {"title": "LEAPS"},
        {"status": "solved"},
        {"hint": "r"},
    ],
)
def test_caption_tells(change: dict[str, Any]) -> None:
    renderer = Renderer((8, 8))
    before = renderer.draw(room(), Frame(title="PPO"))
    after = renderer.draw(room(), Frame(**{"title": "PPO", **change}))
    assert (before[:60] != after[:60]).any()
    assert (before[60:] == after[60:]).all()


def test_statuses_have_different_colours() -> None:
    renderer = Renderer((8, 8))
    images = [renderer.draw(room(), Frame(status=s)) for s in ("solved", "failed", "ended")]
    backgrounds = {tuple(image[33 + 3, 14 + 10].tolist()) for image in images}
    assert len(backgrounds) == 3


def test_long_titles_do_not_reach_the_numbers() -> None:
    renderer = Renderer((8, 5))
    images = [renderer.draw(random_world(8, 5), Frame(title=title)) for title in ("", "W" * 200)]
    assert (images[0][:60, -130:] == images[1][:60, -130:]).all()
    assert (images[0][:60] != images[1][:60]).any()


def test_highlighted_line_is_seen_and_stays_in_view() -> None:
    renderer = Renderer((8, 8))
    world = room()

    def highlighted_rows(index: int | None) -> tuple[NDArray[np.int64], Image]:
        panel = [line._replace(highlighted=i == index) for i, line in enumerate(PROGRAM)]
        image = renderer.draw(world, Frame(panel=tuple(panel)))
        left = Layout((8, 8), with_panel=True).panel[0]
        bar = (image[:, left + 100 :] == (62, 84, 124)).all(axis=2)  # captions.HIGHLIGHT
        return np.flatnonzero(bar.any(axis=1)), image

    images = set()
    for index in range(len(PROGRAM)):
        rows, image = highlighted_rows(index)
        assert 10 < len(rows) < 30
        assert rows.max() < image.shape[0] - 8
        images.add(image.tobytes())
    assert len(images) == len(PROGRAM)
    assert len(highlighted_rows(None)[0]) == 0


def test_panel_type_shrinks_to_show_all_lines() -> None:
    from karel_gym.rendering.captions import Panel

    surface, heights = pygame.Surface((360, 700)), []
    for lines in (5, 40, 200):
        panel = Panel()
        panel.draw(surface, pygame.Rect(0, 0, 360, 700), Frame(panel=PROGRAM[:1] * lines))
        heights.append(panel._measured[1])
    assert heights[0] > heights[1]  # 200 lines scroll: there is no need to shrink them
    assert heights[2] >= heights[1]


def test_panel_needs_no_monospace_font(monkeypatch: pytest.MonkeyPatch) -> None:
    from karel_gym.rendering import captions

    monkeypatch.setattr(captions, "_monospace", lambda: None)
    image = Renderer((8, 8)).draw(room(), Frame(panel=PROGRAM))
    assert (image[:, -340:] == captions.TEXT).all(axis=2).sum() > 100


def test_draws_on_after_others_quit_pygame() -> None:
    renderer = Renderer((8, 8))
    frame = Frame(3, 0.5, "PPO", "solved", "hint", PROGRAM)
    before = renderer.draw(room(3), frame)
    pygame.quit()
    renderer.draw(room(4), Frame(4, 1.5, "other", panel=PROGRAM[::-1]))
    pygame.init()
    pygame.quit()
    assert (renderer.draw(room(3), frame) == before).all()


def test_worlds_of_other_sizes_are_refused() -> None:
    with pytest.raises(ValueError, match="worlds of 8x8 cells, got 12x12"):
        Renderer((8, 8)).draw(room(shape=(12, 12)))


def test_pygame_is_imported_by_renderers_only_and_silently(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("PYGAME_HIDE_SUPPORT_PROMPT", raising=False)
    code = (
        "import sys, karel_gym, karel_gym.rendering.renderer, karel_gym.rendering.window\n"
        "import karel_gym.rendering.play\n"
        "assert 'pygame' not in sys.modules\n"
        "karel_gym.rendering.renderer.Renderer((8, 8))\n"
        "assert 'pygame' in sys.modules\n"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (run.returncode, run.stdout, run.stderr) == (0, "", "")


def test_a_row_of_images_is_padded_to_the_highest() -> None:
    red = np.full((10, 20, 3), (255, 0, 0), np.uint8)
    blue = np.full((30, 10, 3), (0, 0, 255), np.uint8)
    image = image_grid([[red, blue]], gap=4)
    assert image.dtype == np.uint8
    assert image.shape == (30, 34, 3)
    assert (image[10:20, :20] == red).all()
    assert (image[:, 24:] == blue).all()
    assert (image[:10, :24] == 255).all()
    assert (image[:, 20:24] == 255).all()


def test_image_grid_aligns_rows_and_columns() -> None:
    def block(height: int, width: int, value: int) -> Image:
        return np.full((height, width, 3), value, np.uint8)

    grid = image_grid([[block(10, 10, 1), block(10, 30, 2)], [block(20, 10, 3)]], gap=2)
    assert grid.shape == (32, 42, 3)
    assert (grid[:10, :10] == 1).all()
    assert (grid[:10, 12:] == 2).all()
    assert (grid[12:, :10] == 3).all()
    assert (grid[12:, 12:] == 255).all()


@pytest.mark.parametrize(
    "images", [[], [np.zeros((4, 4), np.uint8)], [np.zeros((4, 4, 3), np.float32)]]
)
def test_a_grid_refuses_what_is_no_image(images: list[Any]) -> None:
    with pytest.raises(ValueError, match=r"no image|must be uint8"):
        image_grid([images])


def test_ansi() -> None:
    world = World.from_text("#####\n#>.2#\n#####\nmarkers under the robot: 3")
    assert ansi(world, Frame(12, -0.0001, "PPO", "failed")) == (
        "#####\n#>.2#\n#####\nmarkers under the robot: 3\nPPO  step 12  return 0.000  failed"
    )
    assert ansi(world).endswith("\nstep 0  return 0.000")


@pytest.mark.parametrize("_", range(2))
def test_window_opens_shows_and_closes(_: int) -> None:
    window = Window(fps=0)
    assert not pygame.display.get_init()
    image = Renderer((8, 8), extent=320).draw(room(3))
    window.show(image)
    assert not window.closed
    assert (shown_pixels() == image).all()
    window.show(image[::-1])
    assert (shown_pixels() == image[::-1]).all()
    window.close()
    window.close()
    assert window.closed
    assert not pygame.display.get_init()
    window.show(image)
    assert not pygame.display.get_init()
    assert window.commands() == []


def test_window_scales_images_down_to_the_screen() -> None:
    image = np.full((4000, 2000, 3), (200, 100, 50), np.uint8)
    window = Window(fps=0)
    window.show(image)
    shown = shown_pixels()
    screen_width, screen_height = pygame.display.get_desktop_sizes()[0]
    assert shown.shape[0] <= screen_height
    assert shown.shape[1] <= screen_width
    assert shown.shape[0] / shown.shape[1] == pytest.approx(2, rel=0.01)
    assert abs(shown[10:-10, 10:-10].astype(int) - (200, 100, 50)).max() <= 4  # it rounds


def test_window_keeps_its_pace() -> None:
    window = Window(fps=50)
    image = np.zeros((40, 40, 3), np.uint8)
    window.show(image)
    start = pygame.time.get_ticks()
    for _ in range(10):
        window.show(image)
    assert pygame.time.get_ticks() - start >= 150


@pytest.mark.parametrize(
    "event",
    [
        pygame.event.Event(pygame.QUIT),
        pygame.event.Event(pygame.KEYDOWN, key=pygame.K_ESCAPE),
        pygame.event.Event(pygame.KEYDOWN, key=pygame.K_q),
    ],
)
def test_window_is_closed_by_the_person(event: Any) -> None:
    window = Window(fps=0)
    image = np.zeros((40, 40, 3), np.uint8)
    window.show(image)
    pygame.event.post(event)
    window.show(image)
    assert window.closed
    assert not pygame.display.get_init()
    window.show(image)
    assert window.commands() == ["quit"]


def test_the_window_that_shows_takes_over() -> None:
    image = np.zeros((40, 40, 3), np.uint8)
    first, second = Window(fps=0), Window(fps=0)
    first.show(image)
    second.show(image)
    first.close()
    assert pygame.display.get_init(), "the window is the second one's now"
    second.show(image)
    assert not second.closed


def test_window_opens_again_when_others_quit_pygame() -> None:
    window = Window(fps=0)
    image = np.zeros((40, 40, 3), np.uint8)
    window.show(image)
    pygame.quit()
    window.show(image)
    assert pygame.display.get_surface().get_size() == (40, 40)


@pytest.mark.parametrize(
    ("key", "command"),
    [
        ("UP", 0),
        ("LEFT", 1),
        ("RIGHT", 2),
        ("p", 3),
        ("SPACE", 3),
        ("o", 4),
        ("u", 4),
        ("r", "reset"),
        ("q", "quit"),
        ("ESCAPE", "quit"),
        ("x", None),
    ],
)
def test_keys(key: str, command: Command | None) -> None:
    code = getattr(pygame, f"K_{key}")
    window = Window(fps=0)
    window.show(np.zeros((40, 40, 3), np.uint8))
    window.commands()
    pygame.event.post(pygame.event.Event(pygame.KEYDOWN, key=code))
    pygame.event.post(pygame.event.Event(pygame.KEYUP, key=code))
    assert window.commands() == ([] if command is None else [command])
    assert command_of(pygame.event.Event(pygame.KEYUP, key=code)) is None
    assert KEYS.get(key) == command


class Corridor(gymnasium.Env[np.int64, np.int64]):
    """Three cells in a row: +0.5 a move, and the episode is solved at the third cell."""

    observation_space = gymnasium.spaces.Discrete(1)
    action_space = gymnasium.spaces.Discrete(5)
    seeds: ClassVar[list[int | None]] = []

    def reset(self, *, seed: int | None = None, options: Any = None) -> Any:
        self.seeds.append(seed)
        self.world = World.from_text("#####\n#>..#\n#####")
        self.actions: list[int] = []
        return 0, {}

    def step(self, action: Any) -> Any:
        self.actions.append(action)
        if action == 0:
            self.world = with_robot(self.world, 1, self.world.col + 1, 1)
        solved = self.world.col == 3
        return 0, 0.5 * (action == 0), solved, False, {"is_success": solved}


class Recorder(Window):
    """A window whose keys are given, a list for each image."""

    def __init__(self, *keys: list[Command]) -> None:
        super().__init__(fps=0)
        self.keys = list(keys)
        self.images: list[Image] = []

    def show(self, image: Image) -> None:
        self.images.append(image)

    def commands(self) -> list[Command]:
        if not self.keys:
            self.close()
            return ["quit"]
        return self.keys.pop(0)


def test_play_follows_the_keys() -> None:
    Corridor.seeds = []
    env, window = Corridor(), Recorder([0], [3, 0, 0, 0], ["reset"], [0], [])
    assert play_in(env, window, seed=5) == [1.0]
    assert Corridor.seeds == [5, None]
    assert env.actions == [0]
    expected = [
        (1, Frame(0, 0.0)),
        (2, Frame(1, 0.5)),
        (3, Frame(3, 1.0, status="solved", hint="press r for a new world")),
        (1, Frame(0, 0.0)),
    ]
    renderer = Renderer((3, 5))
    for image, (col, frame) in zip(window.images, expected, strict=False):
        world = World.from_text("#####\n#>..#\n#####")
        told = Frame(frame.step, frame.episode_return, "", frame.status, frame.hint, LEGEND, "keys")
        assert (image == renderer.draw(with_robot(world, 1, col, 1), told)).all()


def test_play_tells_the_goal(capsys: pytest.CaptureFixture[str]) -> None:
    env: Any = gymnasium.make("Karel-DoorKey-v0").unwrapped
    window = Recorder([], [1], [])
    play_in(env, window, seed=5, title="DoorKey")
    goal = "fetch the key, go through the door, mark the goal."
    assert capsys.readouterr().out == f"DoorKey: {goal}\n"
    lines = ("fetch the key, go through the", "door, mark the goal.", "")
    panel = *(PanelLine(0, line) for line in lines), *LEGEND
    frame = Frame(1, 0.0, "DoorKey", panel=panel, panel_title="goal and keys")
    assert (window.images[-1] == Renderer(env.shape).draw(env.world, frame, env.looks)).all()


def test_play_in_a_real_window() -> None:
    pygame.display.init()
    for key in (pygame.K_p, pygame.K_UP, pygame.K_r, pygame.K_p, pygame.K_q):
        pygame.event.post(pygame.event.Event(pygame.KEYDOWN, key=key))
    gymnasium.register("Corridor-v0", lambda **_: Corridor())
    try:
        assert play("Corridor-v0", seed=0, fps=0) == []
    finally:
        gymnasium.registry.pop("Corridor-v0")
    assert not pygame.display.get_init()
