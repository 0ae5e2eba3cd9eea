"""The pages of the docs that are made from the code when they are built; mkdocs.yml names it.

tasks.md         the tasks, from their docstrings, with pictures of start worlds
commands.md      the help of every command
contributing.md  and changelog.md: the files of the repository's root
"""

from __future__ import annotations

import contextlib
import inspect
import io
import os
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from unittest import mock

import gymnasium
import imageio.v3 as iio
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

from karel_gym import sample_worlds
from karel_gym.cli import COMMANDS, main
from karel_gym.envs import cartpole as cartpole_env
from karel_gym.registration import CARTPOLE, TASKS, task_of
from karel_gym.rendering.layout import Frame
from karel_gym.rendering.renderer import Image, Renderer, image_grid
from programmatic.references import reference_program, reference_return

ROOT = Path(__file__).resolve().parent.parent
ROOT_PAGES = {"contributing.md": "CONTRIBUTING.md", "changelog.md": "CHANGELOG.md"}
PICTURE_EXTENT = 360  # pixels of a world's longer side
WORLD_SEED = 0  # of the start worlds that are shown
HELP_COLUMNS = 92

TASKS_INTRO = """\
# The tasks

Twelve Karel tasks, six of them in two definitions, and CartPole for MORL. `-v0` of the first six is
LEAPS's definition, `-v1` that of the literature since 2024; the newer tasks have only the latter.
`gymnasium.make(id)` makes one, `karel-gym tasks Maze` prints what stands here of Maze, and
`karel-gym play --env Karel-Maze-v0` lets you drive the robot. Observations, actions and options are
the same in all: see [Getting started](index.md#a-task-is-an-environment).

The last column is the mean return of the task's reference program, the best readable one that is
known; it stands below with each task.
"""


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the generated pages and pictures to those of the folder."""
    pages: dict[str, str | bytes] = {"tasks.md": tasks_page(), "commands.md": commands_page()}
    pages |= {name: (ROOT / file).read_text(encoding="utf-8") for name, file in ROOT_PAGES.items()}
    pages |= {f"tasks/{name}.png": png(image) for name, image in pictures()}
    for name, content in pages.items():
        files.append(File.generated(config, name, content=content))
    return files


def tasks_page() -> str:
    """The page of the tasks, in Markdown."""
    rows = [
        "| id | size | the robot must | reference program |",
        "|---|---|---|---|",
    ]
    sections = []
    for name, env_ids in ids_by_name().items():
        height, width = task_of(env_ids[0]).shape
        purpose = task_of(env_ids[0]).doc.partition(": ")[2].partition(".\n")[0]
        returns = {f"{reference_return(env_id)[0]:.3f}" for env_id in env_ids}
        rows.append(
            f"| [{', '.join(env_ids)}](#{name.lower()}) | {height}x{width} | {purpose} "
            f"| {', '.join(sorted(returns))} |"
        )
        sections.append(task_section(name, env_ids))
    page = described("CartPole-MORL", [CARTPOLE], cartpole_env.__doc__ or "")
    return "\n\n".join([TASKS_INTRO, "\n".join(rows), *sections, page])


@cache
def ids_by_name() -> dict[str, list[str]]:
    """The ids of each Karel task's definitions."""
    found: dict[str, list[str]] = {}
    for env_id in TASKS:
        found.setdefault(env_id.split("-")[1], []).append(env_id)
    return found


def task_section(name: str, env_ids: list[str]) -> str:
    """What there is to know of a task: its docstring, its start worlds, its reference program."""
    file = f"karel_gym/tasks/programs/{name.lower()}.karel"
    told = []
    for env_id in env_ids:
        mean, worlds, seed = reference_return(env_id)
        told.append(
            f"karel-gym run {file} --env {env_id} \\\n"
            f"    --worlds {worlds} --seed {seed}  # {mean:.3f}"
        )
    return "\n\n".join(
        [
            described(name, env_ids, task_of(env_ids[0]).doc),
            f'```text title="{file}"\n{reference_program(env_ids[0]).pretty()}\n```',
            "Its mean return:",
            "```\n" + "\n".join(told) + "\n```",
        ]
    )


def described(name: str, env_ids: list[str], doc: str) -> str:
    """A section with a docstring of the tasks' headings, as a list of definitions."""
    title, *lines = inspect.cleandoc(doc).splitlines()
    purpose = title.partition(": ")[2]
    items: list[str] = []
    for line in lines:
        if line.startswith("    "):
            items[-1] += f"\n{line}"
        elif line:
            items.append(f"{line}\n:" + " " * 3)
    ids = ", ".join(f"`{env_id}`" for env_id in env_ids)
    picture = f"![Start worlds of {', '.join(env_ids)}](tasks/{name.lower()}.png)"
    parts = [f"## {name}", f"{ids}: {purpose}", picture]
    return "\n\n".join([*parts, *(item.replace(":   \n    ", ":   ") for item in items)])


def pictures() -> Iterator[tuple[str, Image]]:
    """For each task its name in lower case, and a start world of each definition."""
    for name, env_ids in ids_by_name().items():
        yield name.lower(), image_grid([[world_image(env_id) for env_id in env_ids]])
    env = gymnasium.make(CARTPOLE, render_mode="rgb_array")
    env.reset(seed=WORLD_SEED)
    image: Image = env.render()  # type: ignore[assignment]
    env.close()
    yield "cartpole-morl", image


def world_image(env_id: str) -> Image:
    """A start world of a task."""
    world = sample_worlds(env_id, 1, WORLD_SEED)[0]
    return Renderer(world.shape, PICTURE_EXTENT).draw(world, Frame(title=env_id))


def png(image: Image) -> bytes:
    """An image as the content of a PNG file."""
    content: bytes = iio.imwrite("<bytes>", image, extension=".png")
    return content


def commands_page() -> str:
    """The page of the command line: the help of every command, in Markdown."""
    rows = [f"| [`{name}`](#{name}) | {text} |" for name, (_, text) in COMMANDS.items()]
    parts = [
        "# Command line",
        "`karel-gym COMMAND --help` shows what stands here. Results go to a run folder with "
        "`config.json`, tables, TensorBoard events and checkpoints; `--resume` goes on with an "
        "interrupted run.",
        "\n".join(["| command | what it does |", "|---|---|", *rows]),
    ]
    for name in COMMANDS:
        parts += [f"## {name}", f"```text\n{help_of(name)}\n```"]
    return "\n\n".join(parts)


def help_of(name: str) -> str:
    """The help text of a command."""
    shown = io.StringIO()
    columns = mock.patch.dict(os.environ, COLUMNS=str(HELP_COLUMNS))
    with columns, contextlib.redirect_stdout(shown), contextlib.suppress(SystemExit):
        main([name, "--help"])
    return shown.getvalue().strip()
