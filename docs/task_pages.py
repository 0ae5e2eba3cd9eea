"""The pages of the tasks: an index with thumbnails, tasks.md, and a page per task in tasks/."""

from __future__ import annotations

import inspect
import re
from collections.abc import Sequence
from functools import cache

from task_pictures import CARTPOLE_PROGRAM, animation, name_of, thumbnail
from task_returns import in_lines, morl_section, paper_url, returns_section

from agents.policies import POLICY_SUFFIX, PRETRAINED, PRETRAINED_FOLDER
from karel_gym.envs import cartpole as cartpole_env
from karel_gym.envs.observations import observation_space
from karel_gym.registration import BOUND, CARTPOLE, TASKS, task_of
from karel_gym.robot import ACTIONS
from programmatic.examples import program_file
from programmatic.references import reference_program, reference_return

CARTPOLE_RETURN = 200.0  # of the example program
CITED = re.compile(r"\w+ et al\.(,\s+\w+ \d{4}|\s+\(\w+ \d{4}\))")
INTRO = """\
# The tasks

Seventeen Karel tasks, six of them in two definitions, and CartPole for MORL. `-v0` of the first
six is LEAPS's definition, `-v1` that of the literature since 2024; the newer tasks have only the
latter. Seesaw, UpNDown, Farmer, InfDoorKey and InfHarvester are Karel-Long, in which each action
costs. Each page has the task's rules, an episode and the text of its reference program, and the
returns of searches and networks beside the published ones.

`gymnasium.make(id)` makes an env, `karel-gym tasks Maze` prints the rules of Maze, and
`karel-gym play --env Karel-Maze-v0` lets you drive the robot. Observations, actions and options are
the same in all tasks: see [Getting started](index.md#a-task-is-an-environment).
"""
AFTER_TABLE = (
    "The horizon is the number of actions after which an episode is truncated. The column of the "
    "reference program has its mean return over 1,000 worlds within that horizon."
)


def task_pages() -> dict[str, str | bytes]:
    """The pages and pictures of all tasks, by their paths in the docs."""
    pages: dict[str, str | bytes] = {"tasks.md": index_page()}
    for name, env_ids in ids_by_name().items():
        path = f"tasks/{name.lower()}"
        pages[f"{path}.md"] = task_page(name, env_ids)
        pages[f"{path}.gif"] = animation(env_ids[0])
        pages[f"{path}.png"] = thumbnail(env_ids[0])
    return pages


@cache
def ids_by_name() -> dict[str, list[str]]:
    """The ids of each task's definitions."""
    found: dict[str, list[str]] = {}
    for env_id in (*TASKS, CARTPOLE):
        found.setdefault(name_of(env_id), []).append(env_id)
    return found


def index_page() -> str:
    """The index of the tasks."""
    cards: list[str] = []
    rows = ["| ids | worlds | horizon | reference program | its tokens |", "|---|---|---|---|---|"]
    for name, env_ids in ids_by_name().items():
        path = f"tasks/{name.lower()}"
        cards.append(
            f"-   [![An episode of {name}]({path}.png){{ loading=lazy }}]({path}.md)\n\n"
            f"    **[{name}]({path}.md)** <br>{purpose(env_ids[0])}"
        )
        if env_ids == [CARTPOLE]:
            continue
        height, width = task_of(env_ids[0]).shape
        returns = {f"{reference_return(env_id)[0]:.3f}" for env_id in env_ids}
        rows.append(
            f"| [{', '.join(env_ids)}]({path}.md) | {height}x{width} "
            f"| {task_of(env_ids[0]).horizon(height, width):,} | {', '.join(sorted(returns))} "
            f"| {len(reference_program(env_ids[0]).tokens)} |"
        )
    gallery = '<div class="grid cards tasks" markdown>\n\n' + "\n\n".join(cards) + "\n\n</div>"
    return "\n\n".join([INTRO, gallery, "\n".join(rows), AFTER_TABLE])


def document(env_id: str) -> str:
    """The documentation of a task: a line of purpose, and headings with indented text."""
    text = cartpole_env.__doc__ or "" if env_id == CARTPOLE else task_of(env_id).doc
    return inspect.cleandoc(text)


def purpose(env_id: str) -> str:
    """The purpose of a task, a sentence."""
    line = document(env_id).partition("\n")[0].partition(": ")[2]
    return line[:1].upper() + line[1:]


def task_page(name: str, env_ids: Sequence[str]) -> str:
    """The page of a task."""
    shown = f"![An episode of the reference program in {env_ids[0]}]({name.lower()}.gif)"
    ids = ", ".join(f"`{env_id}`" for env_id in env_ids)
    parts = [f"# {name}", f"{purpose(env_ids[0])} {ids}", shown, definitions(env_ids[0])]
    if env_ids[0] == CARTPOLE:
        return "\n\n".join([*parts, cartpole_program_section(), morl_section()])
    sections = program_section(name, env_ids), returns_section(name, env_ids)
    sections = *sections, trained_section(env_ids), spaces_section(env_ids)
    return "\n\n".join(filter(None, [*parts, *sections]))


def definitions(env_id: str) -> str:
    """The documentation of a task as a list of definitions."""
    items: list[str] = []
    for line in document(env_id).splitlines()[1:]:
        if line.startswith("    "):
            items[-1] += f"\n{line}"
        elif line:
            items.append(f"{line}\n:" + " " * 3)
    text = "\n\n".join(item.replace(":   \n    ", ":   ") for item in items)
    return CITED.sub(lambda match: f"[{match[0]}]({paper_url(match[0].rstrip(')'))})", text)


def spaces_section(env_ids: Sequence[str]) -> str:
    """The section of a Karel task's ids and spaces."""
    task = task_of(env_ids[0])
    height, width = task.shape
    ids = [f"| `{env_id}` | `obs=`, by default `grid` |" for env_id in env_ids]
    for env_id in env_ids:
        stem, _, version = env_id.rpartition("-")
        ids += [f"| `{stem}-{part}-{version}` | `{obs}` |" for obs, part in BOUND.items()]
    other_sizes = "" if task.fixed_shape else ", or `height=` and `width=`"
    other_sizes += ", which are equal" if task.is_square else ""
    facts = {
        "Worlds": f"{height}x{width}{other_sizes}",
        "Horizon": f"{task.horizon(height, width):,} actions, or `max_steps=`",
        "Actions": f"`Discrete({len(ACTIONS)})`: "
        + ", ".join(f"{number} `{action}`" for number, action in enumerate(ACTIONS)),
    }
    for obs in ("grid", *BOUND):
        space = observation_space(obs, height, width)
        facts[f'`obs="{obs}"`'] = f"{space.dtype}, {space.shape}"
    return "\n\n".join(
        [
            "## Ids and spaces",
            "\n".join(["| id | observation |", "|---|---|", *ids]),
            "\n".join(["| | |", "|---|---|", *(f"| {k} | {v} |" for k, v in facts.items())]),
        ]
    )


def program_section(name: str, env_ids: Sequence[str]) -> str:
    """The section of a task's reference program: its text and its return."""
    file = f"karel_gym/tasks/programs/{name.lower()}.karel"
    commands = []
    for env_id in env_ids:
        mean, worlds, seed = reference_return(env_id)
        commands.append(
            f"karel-gym run {file} --env {env_id} \\\n"
            f"    --worlds {worlds} --seed {seed}  # {mean:.3f}"
        )
    return "\n\n".join(
        [
            "## Reference program",
            f'```text title="{file}"\n{reference_program(env_ids[0]).pretty()}\n```',
            f"It has {len(reference_program(env_ids[0]).tokens)} tokens. Its mean return:",
            "```\n" + "\n".join(commands) + "\n```",
        ]
    )


def trained_section(env_ids: Sequence[str]) -> str:
    """The section of the trained policies in the package; empty if there are none."""
    commands = []
    for env_id in env_ids:
        files = sorted(PRETRAINED_FOLDER.glob(f"*-{env_id}{POLICY_SUFFIX}"))
        names = " ".join(f"{PRETRAINED}{file.name.partition('-')[0]}" for file in files)
        commands += [in_lines(f"karel-gym evaluate {names} --env {env_id}")] if files else []
    if not commands:
        return ""
    text = "The package has [trained policies](../baselines.md#trained-policies) of this task:"
    return "\n\n".join(["## Trained policies", text, "```\n" + "\n".join(commands) + "\n```"])


def cartpole_program_section() -> str:
    """The section of CartPole's example program."""
    path = program_file(CARTPOLE_PROGRAM)
    file = f"programmatic/examples/{path.name}"
    return "\n\n".join(
        [
            "## Example program",
            f'```text title="{file}"\n{path.read_text(encoding="utf-8").strip()}\n```',
            "Its mean return:",
            f"```\nkarel-gym evaluate {file} \\\n"
            f"    --env {CARTPOLE} --episodes 1000  # {CARTPOLE_RETURN}\n```",
        ]
    )
